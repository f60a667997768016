"""Labels of rows on disk: the number of the class of each row."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d

from skebm.tables.labels import (
    class_factors,
    label_numbers,
    unique_labels,
    with_labels,
)
from skebm.tables.structured import is_indicator
from skebm.tables.unlabelled import is_labelled, without_missing

# Labels of a block of a pass through them.
_BLOCK_ROWS = 2**20


class DiskLabels(NamedTuple):
    """The classes of all rows, which take a byte each if there are at most 256.

    Attributes
    ----------
    numbers : ndarray of int of shape (n_rows,)
        The number of the class of each row.
    classes : ndarray of shape (n_classes,)
        In increasing order.
    masses : ndarray of shape (n_classes,), float64
        Number or total weight of the rows of each class.
    """

    numbers: np.ndarray
    classes: np.ndarray
    masses: np.ndarray

    @classmethod
    def of(cls, y, source, weight, known=None):
        """Read the labels in one pass.

        Parameters
        ----------
        y : array-like of shape (n_rows,), or str
            Labels, or the name of their column.
        source : MappedRows or DatasetRows
        weight : ndarray of shape (n_rows,) or None
        known : ndarray of shape (n_classes,), default=None
            The classes of a model that goes on. None takes those of ``y``.

        Raises
        ------
        ValueError
            If a row has no label, several labels, or one that is not known.
        """
        numbers, classes = _numbered(_blocks(y, source), source.shape[0])
        if is_labelled(classes, known) is not None:
            raise ValueError(_MISSING)
        if known is not None:
            numbers = label_numbers(known, classes)[numbers]
            classes = known
        numbers = numbers.astype(np.min_scalar_type(len(classes) - 1))
        masses = np.bincount(numbers, weights=weight, minlength=len(classes))
        return cls(numbers, classes, masses.astype(np.float64))

    def at(self, rows):
        """Return the labels of some rows."""
        return self.classes[self.numbers[rows]]

    def behind(self, units, positions):
        """Return the units of some rows with their labels behind them."""
        return with_labels(units, self.numbers[positions], len(self.classes))

    def weights(self, class_weight, weight):
        """Return the weights of all rows, multiplied by the weights of their classes.

        Parameters
        ----------
        class_weight : dict, "balanced" or None
        weight : ndarray of shape (n_rows,) or None
        """
        if class_weight is None:
            return weight
        numbers = np.arange(len(self.classes))
        facts = class_weight, self.classes, numbers, self.masses
        factors = class_factors(*facts)[self.numbers]
        return factors if weight is None else factors * weight


def refuse_structure(structure, groups):
    """Raise a sentence if the labels of rows depend on each other."""
    if structure is not None or groups is not None:
        raise ValueError(
            "Labels that depend on each other need rows in memory. From disk, the "
            "classifier learns one label a row: set energy to an energy of classes, "
            "such as 'mlp', and leave groups out."
        )


_MISSING = (
    "y has rows without a label (-1 or None). From disk, the classifier learns from "
    "rows with a label: write these to a file of their own."
)


def all_labels(y, source):
    """Return the labels of all rows as an array.

    Parameters
    ----------
    y, source
        As for :class:`DiskLabels`.
    """
    return np.concatenate([np.asarray(without_missing(b)) for b in _blocks(y, source)])


def _blocks(y, source):
    """Yield the labels in order."""
    if isinstance(y, str):
        yield from source.labels()
        return
    n_rows = source.shape[0]
    if is_indicator(y):
        raise ValueError(
            "y has several labels for each row. From disk, the classifier learns one "
            "label a row: fit to rows in memory, or fit one classifier for each label."
        )
    y = column_or_1d(without_missing(y), warn=True)
    if len(y) != n_rows:
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: X has "
            f"{n_rows} rows, but y has {len(y)}."
        )
    for lo in range(0, n_rows, _BLOCK_ROWS):
        yield y[lo : lo + _BLOCK_ROWS]


def _numbered(blocks, n_rows):
    """Return the number of the class of each row, and the classes in order."""
    codes, known, found, first = np.empty(n_rows, np.int32), {}, [], 0
    for block in blocks:
        labels = np.asarray(without_missing(block))
        if labels.dtype == object and any(label is None for label in labels):
            raise ValueError(_MISSING)
        assert_all_finite(labels, input_name="y")
        values, position = np.unique(labels, return_inverse=True)
        # Labels are few: real numbers are refused before all of them are listed.
        unique_labels(np.repeat(values, 2))
        at = [known.setdefault(value, len(known)) for value in values.tolist()]
        codes[first : first + len(labels)] = np.array(at, np.int32)[position]
        found.append(values)
        first += len(labels)
    # Each twice, since scikit-learn warns of labels of which most occur once.
    classes = unique_labels(np.repeat(np.concatenate(found), 2))
    ranks = np.empty(len(known), np.int32)
    ranks[[known[value] for value in classes.tolist()]] = np.arange(len(classes))
    return ranks[codes], classes
