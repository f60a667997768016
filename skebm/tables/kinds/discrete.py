"""Columns of counts, and columns of categories."""

import numpy as np

from skebm.layers import Categorical, Count
from skebm.tables.kinds._base import Kind
from skebm.utils._moments import largest_eigenvalue, moments
from skebm.utils._sparse import dense

# The limit of a column of counts is this number times the largest count of fit.
_HEADROOM = 2
# Time and memory grow with the number of categories, and with the largest count.
MOST_LEVELS, _MOST = 1000, 10_000


class CountKind(Kind):
    """Whole numbers from 0 to ``sizes - 1``.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_columns,), default=()
        Number of values of each column.
    variance : float, default=0.0
        The largest variance of a column.
    joint_variance : float, default=0.0
        The largest eigenvalue of the covariance of the columns.
    """

    layer_class = Count
    domain = "whole numbers from 0 to twice the largest that fit has seen"
    learns_limits = True
    outside_is_unknown = True

    def __init__(self, sizes=(), variance=0.0, joint_variance=0.0):
        super().__init__(len(sizes))
        self.sizes, self.variance = sizes, variance
        self.joint_variance = joint_variance

    def n_values(self, n_numbered, high):
        """Return the number of whole numbers from 0 to the limit."""
        return int(high) + 1

    def check_largest(self, high, label):
        """Raise an error if a count is too large."""
        if high > _MOST:
            raise ValueError(
                f"{label} of X holds {high:g}, but counts may be at most {_MOST}. Use "
                "visible='real' for it."
            )

    def limits(self, low, high):
        """Return 0, and twice the largest count."""
        return np.zeros(len(low)), np.maximum(_HEADROOM * np.floor(high), 1)

    def outside(self, X, low, high):
        """Return which numbers are not whole, or not within the limits."""
        return (low > X) | (high < X) | (np.abs(X - np.floor(X)) > 0)

    def fit(self, X, sizes, weight):
        """Return the kind with the numbers of values and the largest variances."""
        variance = float(moments(X, weight)[1].max())
        return CountKind(sizes, variance, largest_eigenvalue(X))

    def best_guess(self, Z, decoded):
        """Return the whole number next to the mean."""
        return np.rint(Z)

    @property
    def structure(self):
        """The largest count of each column."""
        return {"maximum": self.sizes - 1}


class CategoricalKind(Kind):
    """Categories, numbered from 0 to ``sizes - 1``, as blocks of one-hot units.

    Parameters
    ----------
    sizes : ndarray of int of shape (n_columns,), default=()
        Number of categories of each column.
    """

    layer_class = Categorical
    takes_text = True
    numbers_categories = True
    holds_numbers = False

    def __init__(self, sizes=()):
        super().__init__(len(sizes))
        self.sizes = sizes

    def is_numbered(self, is_auto, is_numeric):
        """Return True: categories are always numbered."""
        return True

    def check_values(self, values, label):
        """Raise an error if there are too many categories."""
        if len(values) > MOST_LEVELS:
            raise ValueError(
                f"{label} of X has {len(values)} levels, but a column of categories "
                f"may have at most {MOST_LEVELS}. Make one level of the rare "
                "ones, or leave the column out."
            )

    def unit_names(self, name, values):
        """Return one name for each category."""
        return [f"{name}={value}" for value in values]

    def fit(self, X, sizes, weight):
        """Return the kind with the numbers of categories."""
        return CategoricalKind(sizes)

    @property
    def variables(self):
        """The column that each unit belongs to."""
        return np.repeat(np.arange(self.n_columns), self.sizes)

    @property
    def structure(self):
        """The sizes of the blocks."""
        return {"sizes": self.sizes}

    @property
    def _blocks(self):
        ends = self.sizes.cumsum()
        return [slice(*pair) for pair in zip(ends - self.sizes, ends, strict=True)]

    def encode(self, X):
        """Return one-hot blocks."""
        X = dense(X)
        out = np.zeros((len(X), self.sizes.sum()), dtype=X.dtype)
        for number, block in zip(X.T, self._blocks, strict=True):
            rows = np.flatnonzero(~np.isnan(number))
            out[rows, block.start + number[rows].astype(np.intp)] = 1
            out[np.isnan(number), block] = np.nan
        return out

    def decode(self, Z):
        """Return the number of the most probable category."""
        out = np.empty((len(Z), self.n_columns), dtype=Z.dtype)
        for j, block in enumerate(self._blocks):
            hole = np.isnan(Z[:, block.start])
            out[:, j] = np.where(hole, np.nan, Z[:, block].argmax(axis=1))
        return out
