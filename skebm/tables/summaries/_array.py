"""What has to be known of arrays of numbers to settle their columns."""

from typing import NamedTuple

import numpy as np

from skebm.tables.kinds import MOST_LEVELS, Facts
from skebm.tables.summaries._moments import Moments

_BYTE = 255


class ArraySummary(NamedTuple):
    """Facts about the columns of an array, each of shape (n_features,).

    Attributes
    ----------
    n_rows : int
    n_seen, n_zeros, n_ones : ndarray of float64
        Numbers of values that are not missing, that are 0, and that are 1.
    low, high : ndarray of float64
        Smallest and largest value; infinity and minus infinity if there is none.
    broken, between : ndarray of float64
        A value that is not a whole number, and one between 0 and 1. NaN if there is
        none.
    moments : Moments
    levels : dict of int to ndarray
        The distinct values of columns whose values are numbered.
    """

    n_rows: int
    n_seen: np.ndarray
    n_zeros: np.ndarray
    n_ones: np.ndarray
    low: np.ndarray
    high: np.ndarray
    broken: np.ndarray
    between: np.ndarray
    moments: Moments
    levels: dict

    @classmethod
    def of(cls, X, weight=None, numbered=()):
        """Return the summary of a part.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Numbers or booleans; NaN is a hole.
        weight : ndarray of shape (n,) or None
            Rows of weight 0 are left out.
        numbered : sequence of int
            The columns whose values are numbered.
        """
        if weight is not None and not (there := weight > 0).all():
            X, weight = X[there], weight[there]
        n_rows, n_features = X.shape
        if X.dtype == bool:
            X = X.view(np.uint8)
        nothing = np.full(n_features, np.nan)
        if not n_rows:
            ends, none = np.full(n_features, np.inf), np.zeros(n_features)
            moments = Moments(none, none, none)
            levels = {j: np.empty(0) for j in numbered}
            facts = none, none, none, ends, -ends, nothing, nothing
            return cls(0, *facts, moments, levels)
        low, high = _ends(X)
        is_float = X.dtype.kind == "f"
        n_seen = np.full(n_features, float(n_rows))
        if is_float:
            n_seen -= _count(np.isnan(X))
        levels = {j: _distinct(X[:, j]) for j in numbered}
        is_bits = not is_float and low.min() >= 0 and high.max() <= 1
        if is_bits:
            n_ones = _count(X)
            n_zeros = n_rows - n_ones
        else:
            n_zeros, n_ones = _count(X == 0), _count(X == 1)
        if is_bits and weight is None:
            moments = Moments.of_bits(n_rows, n_ones)
        else:
            moments = Moments.of(X, weight)
        broken = between = nothing
        if is_float:
            with np.errstate(invalid="ignore"):
                broken = _example(X, np.floor(X) != X)
                between = _example(X, (X > 0) & (X < 1))
        facts = n_seen, n_zeros, n_ones, low, high, broken, between
        return cls(n_rows, *facts, moments, levels)

    def merged(self, other):
        """Return the summary of the rows of both."""
        return ArraySummary(
            self.n_rows + other.n_rows,
            self.n_seen + other.n_seen,
            self.n_zeros + other.n_zeros,
            self.n_ones + other.n_ones,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            np.where(np.isnan(self.broken), other.broken, self.broken),
            np.where(np.isnan(self.between), other.between, self.between),
            self.moments.merged(other.moments),
            {j: _distinct(np.r_[v, other.levels[j]]) for j, v in self.levels.items()},
        )

    @property
    def is_empty(self):
        """Which columns have no value."""
        return self.n_seen == 0

    @property
    def n_holes(self):
        """Number of missing values of each column."""
        return self.n_rows - self.n_seen

    @property
    def are_binary(self):
        """Which columns hold both 0 and 1, and no other number."""
        return (self.n_zeros + self.n_ones == self.n_seen) & (self.low < self.high)

    def are_bytes(self, table):
        """Tell whether the numbers of the table are whole and fit one byte each."""
        facts = self.facts(table)
        whole = np.isnan(self.broken) | (table.sizes > 0)
        fits = whole & (self.n_holes == 0) & (facts.low >= 0) & (facts.high <= _BYTE)
        return bool(fits.all())

    def facts(self, table):
        """Return :class:`Facts` about the numbers of a table."""
        moments, between = self.moments, ~np.isnan(self.between)
        low, high = self.low.copy(), self.high.copy()
        for j, column in enumerate(table.columns):
            if column.size:
                low[j], high[j] = 0, column.size - 1
        return Facts(moments.mean, moments.variance, low, high, between)

    def witnesses(self, dtype):
        """Return a few rows of values that lie outside of a domain if any value does.

        They hold the ends of each column, 0 and 1 if these occur, a value that is not
        a whole number, and a hole.
        """
        none = np.isnan
        low, high = (np.where(self.is_empty, np.nan, x) for x in (self.low, self.high))
        rows = [
            low,
            high,
            np.where(self.n_zeros > 0, 0.0, low),
            np.where(self.n_ones > 0, 1.0, low),
            np.where(none(self.broken), low, self.broken),
            np.where(none(self.between), low, self.between),
            np.where(self.n_holes > 0, np.nan, low),
        ]
        return np.array(rows).astype(dtype)


def _ends(X):
    if X.dtype.kind != "f":
        return X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
    low, high = np.fmin.reduce(X, axis=0), np.fmax.reduce(X, axis=0)
    low, high = low.astype(np.float64), high.astype(np.float64)
    empty = np.isnan(low)
    return np.where(empty, np.inf, low), np.where(empty, -np.inf, high)


def _count(mask):
    """Return the sums of columns of 0 and 1, float64.

    A product is four times as fast as a sum of booleans along the rows.
    """
    ones = np.ones(len(mask), np.float32)  # exact for up to 2**24 rows
    return (ones @ mask.astype(np.float32)).astype(np.float64)


def _example(X, mask):
    """Return a value of each column where the mask is true, else NaN."""
    row = mask.argmax(axis=0)
    columns = np.arange(X.shape[1])
    return np.where(mask[row, columns], X[row, columns], np.nan).astype(np.float64)


def _distinct(values):
    """Return distinct values, but no more than are needed to see that they are many."""
    return np.unique(values[~np.isnan(values)])[: MOST_LEVELS + 1]
