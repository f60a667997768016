"""Units of a table on scales that no outlier changes."""

import numpy as np

# Shares of the values at each end that are set to the innermost of them. The larger
# share is more robust. The smaller one is for columns of nearly equal values.
_SHARES = 0.1, 0.01
# What the indicator of a category is: two categories are 1.5 scales apart.
_INDICATOR = 0.75


class RobustUnits:
    """Columns on the scale of their winsorised standard deviation, about the median.

    A hole is 0, the median. A column of categories becomes one indicator for each.

    Parameters
    ----------
    location, scale : ndarray of shape (n_columns,), float64
    sizes : ndarray of shape (n_columns,), int
        Number of categories; 0 for a column of numbers.
    """

    def __init__(self, location, scale, sizes):
        self.location, self.scale, self.sizes = location, scale, sizes

    @classmethod
    def fit(cls, X, sizes):
        """Learn location and scale of the columns.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            NaN where a number is missing. Categories are numbered from 0.
        sizes : ndarray of shape (n_columns,), int
        """
        X = np.asarray(X, np.float64)
        facts = [_location_and_scale(np.sort(x[~np.isnan(x)])) for x in X.T]
        return cls(*np.transpose(facts), np.asarray(sizes))

    @property
    def n_columns(self):
        """Number of columns of the table."""
        return len(self.sizes)

    @property
    def columns(self):
        """The column of each unit, ndarray of int of shape (n_units,)."""
        return np.repeat(np.arange(self.n_columns), np.maximum(self.sizes, 1))

    @property
    def is_category(self):
        """Whether each unit is the indicator of a category."""
        return self.sizes[self.columns] > 0

    def encode(self, X):
        """Return the rows as units, float64, shape (n, n_units)."""
        X = np.asarray(X, np.float64)
        Z = np.nan_to_num((X - self.location) / self.scale, nan=0.0)
        if not self.sizes.any():
            return Z
        Z, columns = Z[:, self.columns], self.columns
        for j in self.sizes.nonzero()[0]:
            categories = np.arange(self.sizes[j])
            Z[:, columns == j] = _INDICATOR * (X[:, [j]] == categories)
        return Z

    def by_column(self, parts):
        """Return sums over the units of each column, shape (n, n_columns)."""
        first = np.searchsorted(self.columns, np.arange(self.n_columns))
        return np.add.reduceat(parts, first, axis=1)


def _location_and_scale(x):
    """Return the median and the scale of a sorted column."""
    n = len(x)
    if n == 0:
        return 0.0, 1.0
    location = np.median(x)
    for share in _SHARES:
        n_cut = max(1, round(n * share))
        if n > 2 * n_cut and x[n_cut] < x[-n_cut - 1]:
            return location, _above_0(np.clip(x, x[n_cut], x[-n_cut - 1]).std())
    # The standard deviation of equal values may be a rounding error.
    return location, (_above_0(x.std()) if x[0] < x[-1] else 1.0)


def _above_0(scale):
    """Return a scale, or 1 where it is 0 or its inverse would overflow."""
    return scale if scale > np.finfo(np.float64).tiny else 1.0
