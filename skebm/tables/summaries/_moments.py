"""Means and sums of squares of parts, which merge."""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """The moments of columns.

    Attributes
    ----------
    mass : ndarray of shape (n_columns,), float64
        Number or total weight of the values that are not missing.
    mean, square : ndarray of shape (n_columns,), float64
        Weighted mean, and weighted sum of ``(x - mean)**2``.
    """

    mass: np.ndarray
    mean: np.ndarray
    square: np.ndarray

    @classmethod
    def of(cls, X, weight):
        """Return the moments of numbers of shape (n, n_columns), NaN in the holes."""
        X = X.astype(np.float64)
        weight = np.ones(len(X)) if weight is None else weight
        hole = np.isnan(X)
        mass = np.full(X.shape[1], weight.sum())
        if hole.any():
            mass -= weight @ hole
            X[hole] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is refused later
            mean = weight @ X / np.where(mass > 0, mass, 1.0)
            X -= mean
            X[hole] = 0.0
            return cls(mass, mean, weight @ np.square(X, out=X))

    @classmethod
    def of_bits(cls, n_rows, n_ones):
        """Return the moments of rows of 0 and 1 without holes."""
        mean = n_ones / max(n_rows, 1)
        return cls(np.full(len(n_ones), float(n_rows)), mean, n_ones * (1 - mean))

    def merged(self, other):
        """Return the moments of the values of both [1]_.

        References
        ----------
        .. [1] T. Chan, G. Golub, R. LeVeque. "Algorithms for computing the sample
           variance: analysis and recommendations". American Statistician 37 (1983).
        """
        mass = self.mass + other.mass
        share = other.mass / np.where(mass > 0, mass, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            step = other.mean - self.mean
            square = self.square + other.square + step**2 * share * self.mass
            return Moments(mass, self.mean + share * step, square)

    @property
    def variance(self):
        """The weighted mean of ``(x - mean)**2``."""
        return self.square / np.where(self.mass > 0, self.mass, 1.0)
