"""Holes in rows, filled with draws of a model."""

import numpy as np

from skebm.samplers._base import sweep
from skebm.utils._validation import require


class Completion:
    """Rows with holes, and what a model has drawn for the holes so far.

    A visit draws the holes of some rows together with the hidden units, on from what
    they were at the last visit: data augmentation [1]_. Along with parameters that
    learn from the drawn rows this is a stochastic approximation of EM.

    Parameters
    ----------
    energy : energy with ``clamped``
    X : ndarray of shape (n, n_units)
        NaN in all units of a variable that is missing. A copy is made.
    random : Random

    Attributes
    ----------
    X : ndarray of shape (n, n_units)
        The rows without holes.

    References
    ----------
    .. [1] M. Tanner, W. Wong. "The calculation of posterior distributions by data
       augmentation". JASA 82 (1987).
    """

    requires = ("clamped",)

    def __init__(self, energy, X, random):
        require(energy, self, "Fill in missing values first.")
        self.holes, self.X = np.isnan(X), X.copy()
        self.some = self.holes.any(axis=1)
        self.restart(energy, random)

    def restart(self, energy, random):
        """Draw all holes from the marginals of the data."""
        self.X[:] = energy.clamped.start(self.X, self.holes, random).visible

    def visit(self, energy, rows, n_steps, random):
        """Draw the holes of these rows anew; return the rows."""
        rows = np.arange(len(self.X))[rows]
        part = rows[self.some[rows]]
        if len(part):
            clamped = energy.clamped
            chains = clamped.chains(self.X[part], self.holes[part])
            self.X[part] = sweep(clamped, chains, n_steps, random).visible
        return self.X[rows]
