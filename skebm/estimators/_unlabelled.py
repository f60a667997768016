"""Rows without a label in the fit of a classifier."""

import warnings

import numpy as np

from skebm.tables import (
    MISSING,
    DiskLabels,
    check_classes,
    is_labelled,
    label_numbers,
    plain_labels,
    refuse_structure,
    settled_classes,
    without_missing,
)
from skebm.utils._validation import is_auto

# Largest weight of the joint likelihood that "auto" stands for if rows lack a label. It
# is 1 over the root of the number of labels, as the error of what they teach is. On
# rows of the training digits, 0.1 is best for 100 labels among 0.01, 0.03, 0.1, 0.2 and
# 0.5, and 0.03 for 1000 (asv_bench/compare/semi_supervised.py).
_LARGEST_SHARE = 0.1
_REMEDY = (
    "y has rows without a label (-1 or None), and energy={energy!r} has no density of "
    "rows to learn from them. Set energy='rbm', or generative_weight=0 to learn from "
    "rows with a label alone, or wrap the classifier in "
    "sklearn.semi_supervised.SelfTrainingClassifier."
)
_NO_CLASS = (
    "y has the label -1 beside at least two others, so it stands for a missing label, "
    "as in sklearn.semi_supervised. Set generative_weight to a number to have no "
    "warning, such as 0.05. If -1 is a class, give it another number."
)
_NO_LABEL = (
    "y has rows without a label only (-1 or None), among those of a weight above 0. "
    "Pass at least one row with a label in each call."
)


class UnlabelledMixin:
    """The steps of a fit of a classifier that are others for rows without a label."""

    @property
    def _has_unlabelled(self):
        """Whether this training has had rows without a label."""
        return getattr(self, "_automatic_share", 0.0) > 0

    @property
    def _share(self):
        """The weight of the joint likelihood, a number."""
        if not is_auto(self.generative_weight):
            return self.generative_weight
        return getattr(self, "_automatic_share", 0.0)

    def _labels_on_disk(self, y, source, weight, go_on, classes=None, groups=None):
        """Settle the classes by the labels of rows on disk, and return the labels."""
        refuse_structure(self._structure, groups)
        labels = DiskLabels.of(y, source, weight, self.classes_ if go_on else None)
        if not go_on:
            self._is_sparse, self._automatic_share = False, 0.0
            self._labels, self.classes_ = None, labels.classes
            facts = np.arange(len(labels.classes)), labels.masses
            check_classes(self.classes_, *facts, type(self).__name__)
        return labels

    def _note_unlabelled(self, y, classes, go_on):
        """Note whether this training has had rows without a label; return labels."""
        y = without_missing(y)
        there = is_labelled(
            np.ravel(np.asarray(y)), self.classes_ if go_on else classes
        )
        # A training that goes on keeps its objective.
        share = getattr(self, "_automatic_share", 0.0) if go_on else 0.0
        if there is not None and share == 0:
            share = min(1 / np.sqrt(max(there.sum(), 1)), _LARGEST_SHARE)
        self._automatic_share = float(share)
        if self._automatic_share > 0 and not go_on:
            self._tell_of_numbers(y)
        if self._share > 0 and not self._recipe().is_joint and there is not None:
            raise ValueError(_REMEDY.format(energy=self.energy))
        return y

    def _tell_of_numbers(self, y):
        """Warn that -1 is no class, unless the user has set a weight."""
        if is_auto(self.generative_weight) and np.asarray(y).dtype.kind in "if":
            warnings.warn(_NO_CLASS, UserWarning, stacklevel=8)

    def _numbered(self, y, classes, go_on):
        """Return the number of the class of each row; -1 for rows without a label."""
        there = is_labelled(y, self.classes_ if go_on else classes)
        if there is None:
            self.classes_ = settled_classes(go_on and self.classes_, classes, y)
            return label_numbers(self.classes_, y)
        if not there.any():
            raise ValueError(_NO_LABEL)
        labels, numbers = plain_labels(y[there]), np.full(len(y), MISSING)
        self.classes_ = settled_classes(go_on and self.classes_, classes, labels)
        numbers[there] = label_numbers(self.classes_, labels)
        return numbers

    def _learnable(self, rows):
        """Return the rows that training can learn from."""
        if not (rows.labels >= 0).any():
            raise ValueError(_NO_LABEL)
        if self._share > 0 or (rows.labels >= 0).all():
            return rows
        there = rows.labels >= 0
        weight = None if rows.weight is None else rows.weight[there]
        return rows._replace(X=rows.X[there], weight=weight, labels=rows.labels[there])
