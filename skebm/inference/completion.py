"""Holes in rows, filled with draws of a model."""

import numpy as np

from skebm.energies import Energy
from skebm.samplers import resolve_kernel, sweep
from skebm.utils._random import Random
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
    kernel : str or sampler, default="gibbs"
        Moves the holes.

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

    def __init__(self, energy, X, random, kernel="gibbs"):
        energy = Energy.of(energy)
        require(energy, self, "Fill in missing values first.")
        self.kernel = resolve_kernel(kernel, energy.clamped)
        self.holes, self.X = np.isnan(X), X.copy()
        self.has_holes = self.holes.any(axis=1)
        self.restart(energy, random)

    def restart(self, energy, random):
        """Draw all holes from the marginals of the data."""
        clamped = energy.clamped
        chains = clamped.start(self.X, self.holes, random)
        self.X[:] = clamped.configurations(chains)

    def visit(self, energy, rows, n_steps, random):
        """Draw the holes of these rows anew; return the rows."""
        rows = np.arange(len(self.X))[rows]
        incomplete = rows[self.has_holes[rows]]
        if len(incomplete):
            clamped = energy.clamped
            chains = clamped.chains(self.X[incomplete], self.holes[incomplete])
            chains = sweep(clamped, chains, self.kernel, n_steps, random)
            self.X[incomplete] = clamped.configurations(chains)
        return self.X[rows]


def completed(energy, rows, n_steps):
    """Return the rows with their holes drawn, the same way at each call.

    Parameters
    ----------
    energy : energy with ``clamped``
    rows : ndarray of shape (n, n_units)
        NaN in the holes.
    n_steps : int
        Moves, from the marginals on.
    """
    if not np.isnan(rows).any():
        return rows
    random = Random(0)
    completion = Completion(energy, rows, random.fold(0))
    return completion.visit(energy, slice(None), n_steps, random.fold(1))
