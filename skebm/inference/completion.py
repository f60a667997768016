"""Fill holes in rows with draws of a model."""

import numpy as np

from skebm.energies import Energy
from skebm.samplers import resolve_kernel, sweep
from skebm.utils._random import Random
from skebm.utils._validation import require

# How many times as many moves holes get that start anew at each visit.
_FRESH_STEPS = 5


class Completion:
    """Rows with holes, and the values of the holes that a model has drawn.

    A visit of rows draws their holes together with the hidden units, and starts from
    the values of the last visit. This is data augmentation [1]_. If the parameters
    learn from the drawn rows, it is a stochastic approximation of EM.

    Parameters
    ----------
    energy : energy with ``clamped``
    X : ndarray of shape (n, n_units)
        NaN in all units of a variable that is missing. A copy is made.
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the holes.

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

    @classmethod
    def of(cls, energy, X, *facts):
        """Return the completion of rows, or None if they have no holes."""
        has_holes = isinstance(X, np.ndarray) and np.isnan(X).any()
        return cls(energy, X, *facts) if has_holes else None

    def __init__(self, energy, X, random, kernel="gibbs"):
        energy = Energy.of(energy)
        require(energy, self, "Fill in missing values first.")
        self.kernel = resolve_kernel(kernel, energy.clamped)
        self.holes, self.X = np.isnan(X), X.copy()
        self.has_holes = self.holes.any(axis=1)
        self.restart(energy, random)

    def restart(self, energy, random):
        """Draw all holes from the marginals of the reference."""
        clamped = energy.clamped
        chains = clamped.start(self.X, self.holes, random)
        self.X[:] = clamped.configurations(chains)

    def visit(self, energy, rows, n_steps, random):
        """Draw the holes of these rows again, and return the rows."""
        rows = np.arange(len(self.X))[rows]
        incomplete = rows[self.has_holes[rows]]
        if len(incomplete):
            clamped = energy.clamped
            chains = clamped.chains(self.X[incomplete], self.holes[incomplete])
            chains = sweep(clamped, chains, self.kernel, n_steps, random)
            self.X[incomplete] = clamped.configurations(chains)
        return self.X[rows]


class FreshCompletion:
    """Rows with holes that are not visited often enough to remember their values.

    Each visit draws the holes from the marginals of the reference, and moves them.

    Parameters
    ----------
    X : Buffer
    kernel : str or sampler, default="gibbs"
    """

    @classmethod
    def of(cls, X, kernel="gibbs"):
        """Return the completion of rows, or None if they have no holes."""
        numbers = X.numbers
        is_float = numbers.dtype.kind == "f"
        return cls(X, kernel) if is_float and np.isnan(numbers).any() else None

    def __init__(self, X, kernel="gibbs"):
        self.X, self.kernel = X, kernel

    def visit(self, energy, rows, n_steps, random):
        """Return the rows with their holes drawn."""
        batch = self.X[rows]
        completion = Completion.of(energy, batch, random.fold(0), self.kernel)
        if completion is None:
            return batch
        n_steps = _FRESH_STEPS * n_steps
        return completion.visit(energy, slice(None), n_steps, random.fold(1))


def completed(energy, rows, n_steps):
    """Return the rows with their holes drawn.

    Each call uses the same random numbers.

    Parameters
    ----------
    energy : energy with ``clamped``
    rows : ndarray of shape (n, n_units)
        NaN in the holes.
    n_steps : int
        Moves of the holes, which start at draws from the marginals.
    """
    if not np.isnan(rows).any():
        return rows
    random = Random(0)
    completion = Completion(energy, rows, random.fold(0))
    return completion.visit(energy, slice(None), n_steps, random.fold(1))
