"""Metropolis-Hastings with whole rows of the reference as proposals."""

from skebm.energies import redrawn
from skebm.samplers._base import Sampler


class Independence(Sampler):
    """Proposes whole rows of the reference, wherever a chain stands [1]_.

    With the reference ``q`` and the energy ``E``, a proposal ``y`` takes the place of a
    row ``x`` with the probability ``min(1, exp(E(x) - E(y)) q(x) / q(y))``. It serves
    energies that are near their reference, as a hybrid is, and columns of any kind: a
    chain that accepts is at once independent of its past.

    Parameters
    ----------
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] L. Tierney. "Markov chains for exploring posterior distributions". The Annals
       of Statistics 22 (1994).
    """

    requires = ("reference",)

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def move(self, energy, chains, random):
        """Return the chains after a proposal for each of them."""
        return redrawn(energy, chains, random)
