"""The weighted distribution of the numbers of a column, in few points."""

from typing import NamedTuple

import numpy as np

# Largest number of points. More numbers are summarised by this number of quantiles.
_N_POINTS = 2000


class Sample(NamedTuple):
    """Distinct numbers and their shares of the weight.

    It does not depend on the order of rows, and a weight counts as a repetition.

    Attributes
    ----------
    values : ndarray of shape (n,)
        In ascending order.
    share : ndarray of shape (n,)
        They sum to 1.
    size : float
        The total weight, or the number of distinct numbers if that is larger.
    low, high : float
        The smallest and the largest number.
    is_whole : bool
        Whether all numbers are whole.
    """

    values: np.ndarray
    share: np.ndarray
    size: float
    low: float
    high: float
    is_whole: bool

    @classmethod
    def of(cls, x, weight=None):
        """Return the sample of numbers without NaN.

        Parameters
        ----------
        x : ndarray of shape (n,)
        weight : ndarray of shape (n,) or None
        """
        x = np.asarray(x, dtype=np.float64)
        values, numbers = np.unique(x, return_inverse=True)
        share = np.bincount(numbers, weights=weight).astype(np.float64)
        is_there = share > 0
        values, share = values[is_there], share[is_there]
        size = max(share.sum(), len(values))
        share /= share.sum()
        ends = values[0], values[-1], bool((values == np.floor(values)).all())
        if len(values) > _N_POINTS:
            levels = (np.arange(_N_POINTS) + 0.5) / _N_POINTS
            points = values[np.searchsorted(share.cumsum(), levels)]
            values, share = np.unique(points, return_counts=True)
            share = share / _N_POINTS
        return cls(values, share, size, *ends)

    @property
    def mirrored(self):
        """The sample of the negative numbers."""
        values, share = -self.values[::-1], self.share[::-1]
        return self._replace(values=values, share=share, low=-self.high, high=-self.low)

    @property
    def piles(self):
        """Whether rows pile up at the smallest number, and at the largest.

        At least two rows have this number, and more than twice the rows of the next.
        """
        first, second = self.share[[0, -1]], self.share[[1, -2]]
        is_point = self.values[[0, -1]] == [self.low, self.high]
        return is_point & (first * self.size >= 2) & (first > 2 * second)

    def quantile(self, level):
        """Return the smallest number with at least this share up to it."""
        k = np.searchsorted(self.share.cumsum(), level)
        return self.values[min(k, len(self.values) - 1)]


def mean_loss(y, log_slope, share):
    """Return the mean negative normal log-likelihood of numbers, up to a constant.

    Parameters
    ----------
    y : ndarray of shape (..., n)
        Transforms of the numbers.
    log_slope : ndarray of shape (..., n)
        The log of the slopes of the transform.
    share : ndarray of shape (n,)

    Returns
    -------
    ndarray of shape (...)
    """
    variance = np.square(y - (y @ share)[..., None]) @ share
    # As in `standards`, a constant has the scale 1.
    variance = np.where(variance > 0, variance, 1.0)
    return np.log(variance) / 2 - log_slope @ share
