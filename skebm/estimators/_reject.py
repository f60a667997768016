"""Rows that a classifier does not decide."""

import numpy as np

from skebm.estimators._lowest_energy import LowestEnergyMixin
from skebm.utils._types import TableLike

# The label of a rejected row among numbers, and among other labels.
_NUMBER, _OTHER = -1, None
_THRESHOLDS = "probability", "score"


class RejectMixin(LowestEnergyMixin):
    """``predict`` with rejected rows."""

    def predict(self, X: TableLike, *, groups=None) -> np.ndarray:
        """Return the class of lowest energy for each row, or that it is rejected.

        Several labels of a row, and the labels of a chain of rows, have the lowest
        energy together.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        groups : array-like of shape (n_samples,), default=None
            Which rows are a chain, as for :meth:`fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or an indicator matrix. A row that ``reject_below`` rejects
            gets the label -1 if the classes are numbers, and else None, in an array of
            objects.
        """
        if self.reject_below is None:
            return self._of_lowest_energy(X, groups)
        rows, thresholds = self._read(X), _checked(self.reject_below)
        labels = self._of_lowest_energy(rows, groups)
        if labels.ndim > 1:
            raise ValueError(
                "reject_below is for one label a row, and y has several. Set "
                "reject_below=None, and decide by predict_proba."
            )
        is_rejected = np.zeros(len(labels), bool)
        if "probability" in thresholds:
            largest = self.predict_proba(rows, groups=groups).max(axis=1)
            is_rejected |= largest < thresholds["probability"]
        if "score" in thresholds:
            is_rejected |= self.score_samples(rows) < thresholds["score"]
        return _with_rejections(labels, is_rejected, self.classes_)


def _checked(thresholds):
    """Return the thresholds by name, or raise a sentence."""
    for name, value in thresholds.items():
        is_number = np.isscalar(value) and not isinstance(value, str)
        if name not in _THRESHOLDS or not is_number or np.isnan(value):
            raise ValueError(
                f"reject_below={thresholds!r} must map 'probability' to a number in "
                "[0, 1], 'score' to a log-density in nats, or both to such numbers."
            )
    return thresholds


def _with_rejections(labels, is_rejected, classes):
    """Return the labels with -1 or None in place of the labels of rejected rows."""
    if classes.dtype.kind not in "iuf":
        return np.where(is_rejected, _OTHER, labels.astype(object))
    if _NUMBER in classes:
        raise ValueError(
            "reject_below gives rejected rows the label -1, but -1 is a class. Use "
            "another number or a string for that class."
        )
    signed = labels.astype(np.int64) if classes.dtype.kind == "u" else labels
    return np.where(is_rejected, np.array(_NUMBER, signed.dtype), signed)
