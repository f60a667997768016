"""Levels of ratings, from a normal number by thresholds."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from skebm.utils._stored import public

# Less than this probability is not told from none.
_TINY = 1e-12
# Standard deviations below this one overflow, and mean the same.
_LEAST_SD = 1e-100
# The habits of a user are learned as if so many more ratings had been as expected.
_HABIT_RATINGS = 40.0
_LEAST_SHARE = 1e-3


@public("skebm.energies.ratings")
class Levels(NamedTuple):
    """Ordered ratings: the interval between thresholds in which a normal number falls.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
    thresholds : ndarray of shape (n_levels - 1,)
        In increasing order.
    spread : float
        The factor of the variance of the normal number.
    shares : ndarray of shape (n_levels,)
        How frequent levels are.
    """

    levels: np.ndarray
    thresholds: np.ndarray
    spread: float
    shares: np.ndarray

    @classmethod
    def fitted(cls, levels, mean, variance, codes):
        """Return the most likely thresholds and spread.

        Parameters
        ----------
        levels : ndarray of shape (n_levels,)
        mean, variance : ndarray of shape (n,)
            Of the normal numbers.
        codes : ndarray of int of shape (n,)
            The numbers of the levels.
        """
        midpoints = (levels[1:] + levels[:-1]) / 2
        shares = np.bincount(codes, minlength=len(levels)) / max(len(codes), 1)
        if len(midpoints) == 0:
            return cls(levels, midpoints, 1.0, shares)
        parts = np.diff(midpoints, prepend=0.0)
        start = np.append(np.log(parts[1:]), 0.0)
        found = minimize(
            _loss,
            np.append(midpoints[0], start),
            args=(mean, np.sqrt(variance), codes),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 100},
        )
        spread = float(np.exp(found.x[-1]))
        return cls(levels, _thresholds(found.x), spread, shares)

    def expected(self, mean, variance, habits):
        """Return the expected rating for normal numbers.

        Parameters
        ----------
        mean, variance : ndarray of the same shape
        habits : ndarray of shape (..., n_levels)
            What is added to the logarithms of the probabilities of levels. The first
            dimensions are broadcast against those of ``mean``.
        """
        total, weight = np.zeros_like(mean), np.zeros_like(mean)
        masses = self._masses(mean, variance, habits)
        for level, p in zip(self.levels, masses, strict=True):
            total += level * p
            weight += p
        return total / weight

    def log_proba(self, mean, variance, habits):
        """Return the log-probability of each level, of shape (n, n_levels)."""
        proba = np.column_stack(list(self._masses(mean, variance, habits)))
        return np.log(proba / proba.sum(axis=1, keepdims=True))

    def _masses(self, mean, variance, habits):
        """Yield the masses of levels, which do not sum to 1."""
        scale = np.sqrt(self.spread * variance)
        factor, below = np.exp(habits), np.zeros_like(mean)
        for level in range(len(self.levels)):
            above = np.ones_like(mean)
            if level < len(self.thresholds):
                above = ndtr((self.thresholds[level] - mean) / scale)
            yield np.maximum(above - below, _TINY) * factor[..., level]
            below = above

    def habits(self, rows, n_rows, codes, moments):
        """Return how much more often users choose levels than is expected of them.

        A user who gives extreme ratings, or none, has ratings that a normal number and
        common thresholds do not explain.

        Parameters
        ----------
        rows : ndarray of int of shape (n_ratings,)
            The user of each rating.
        n_rows : int
            Number of users.
        codes : ndarray of int of shape (n_ratings,)
            The numbers of the levels.
        moments : tuple of ndarray of shape (n_ratings,)
            Mean and variance of the normal number of each rating.

        Returns
        -------
        ndarray of shape (n_rows, n_levels)
            Logarithms of the ratios of both numbers, which are shrunk to 0.
        """
        n_levels = len(self.levels)
        found, due = np.zeros((2, n_rows, n_levels))
        masses = self._masses(*moments, np.zeros(n_levels))
        for level, p in enumerate(masses):
            found[:, level] = np.bincount(rows, codes == level, n_rows)
            due[:, level] = np.bincount(rows, p, n_rows)
        # A level without ratings must not divide 0 by 0.
        more = _HABIT_RATINGS * np.maximum(self.shares, _LEAST_SHARE)
        return np.log((found + more) / (due + more))


def _thresholds(theta):
    """Return thresholds from the first one and the logarithms of their distances."""
    return theta[0] + np.append(0.0, np.cumsum(np.exp(theta[1:-1])))


def _loss(theta, mean, scale, codes):
    """Return the mean negative log-likelihood and its gradient."""
    edges = np.concatenate([[-np.inf], _thresholds(theta), [np.inf]])
    sd = np.maximum(scale * np.exp(theta[-1] / 2), _LEAST_SD)
    below, above = (edges[codes] - mean) / sd, (edges[codes + 1] - mean) / sd
    sign = np.where(below + above > 0, -1.0, 1.0)
    p = np.maximum(sign * (ndtr(sign * above) - ndtr(sign * below)), _TINY)
    with np.errstate(over="ignore"):  # far from all thresholds the density is 0
        slopes = [np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / p for z in (below, above)]
    n_edges = len(edges)
    by_edge = np.bincount(codes + 1, slopes[1] / sd, n_edges)
    by_edge -= np.bincount(codes, slopes[0] / sd, n_edges)
    by_edge = by_edge[1:-1]
    # A distance moves all thresholds after it.
    moved = np.cumsum(by_edge[::-1])[::-1]
    gradient = np.empty_like(theta)
    gradient[0] = moved[0]
    gradient[1:-1] = moved[1:] * np.exp(theta[1:-1])
    finite = [np.where(np.isfinite(z), z, 0.0) for z in (below, above)]
    gradient[-1] = -(slopes[1] * finite[1] - slopes[0] * finite[0]).sum() / 2
    return -np.log(p).mean(), -gradient / len(p)
