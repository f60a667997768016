"""Levels of ratings, from a normal number by thresholds."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from skebm.utils._stored import public

# Less than this probability is not told from none.
_TINY = 1e-12


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
    """

    levels: np.ndarray
    thresholds: np.ndarray
    spread: float

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
        if len(midpoints) == 0:
            return cls(levels, midpoints, 1.0)
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
        return cls(levels, _thresholds(found.x), float(np.exp(found.x[-1])))

    def expected(self, mean, variance):
        """Return the expected rating for normal numbers.

        Parameters
        ----------
        mean, variance : ndarray of the same shape
        """
        scale = np.sqrt(self.spread * variance)
        total = np.full(np.shape(mean), self.levels[0])
        steps = np.diff(self.levels)
        for step, threshold in zip(steps, self.thresholds, strict=True):
            total += step * ndtr((mean - threshold) / scale)
        return total

    def log_proba(self, mean, variance):
        """Return the log-probability of each level, of shape (n, n_levels)."""
        scale = np.sqrt(self.spread * variance)[:, None]
        z = (self.thresholds - mean[:, None]) / scale
        proba = np.empty((len(z), len(self.levels)))
        proba[:, 0] = ndtr(z[:, 0]) if z.shape[1] else 1.0
        # The difference of the smaller tails keeps its digits.
        sign = np.where(z[:, 1:] + z[:, :-1] > 0, -1.0, 1.0)
        proba[:, 1:-1] = sign * (ndtr(sign * z[:, 1:]) - ndtr(sign * z[:, :-1]))
        proba[:, -1] = ndtr(-z[:, -1]) if z.shape[1] else 1.0
        proba = np.maximum(proba, _TINY)
        return np.log(proba / proba.sum(axis=1, keepdims=True))


def _thresholds(theta):
    """Return thresholds from the first one and the logarithms of their distances."""
    return theta[0] + np.append(0.0, np.cumsum(np.exp(theta[1:-1])))


def _loss(theta, mean, scale, codes):
    """Return the mean negative log-likelihood and its gradient."""
    edges = np.concatenate([[-np.inf], _thresholds(theta), [np.inf]])
    sd = scale * np.exp(theta[-1] / 2)
    below, above = (edges[codes] - mean) / sd, (edges[codes + 1] - mean) / sd
    sign = np.where(below + above > 0, -1.0, 1.0)
    p = np.maximum(sign * (ndtr(sign * above) - ndtr(sign * below)), _TINY)
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
