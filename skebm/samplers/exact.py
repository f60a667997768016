"""Exact draws from models that are small enough to enumerate."""

import numpy as np

from skebm.energies import Energy
from skebm.samplers._base import Sampler
from skebm.utils._parallel import map_blocks

# Configurations that one thread enumerates at a time.
_BLOCK = 4096


def log_weights(enumeration):
    """Return the log weights of all states, float64.

    Parameters
    ----------
    enumeration : Enumeration
    """

    def block_weights(block):
        return enumeration.log_weights(block.start, block.stop)

    n_states = int(enumeration.n_states)
    return np.concatenate(
        map_blocks(block_weights, n_states, enumeration.work // 2, size=_BLOCK)
    )


class Exact(Sampler):
    """Independent and exact draws, by enumeration of the configurations.

    If the model has hidden units, the side with fewer configurations is enumerated.

    Parameters
    ----------
    max_states : int, default=2**20
        Largest number of configurations that are enumerated.
    """

    requires = ("enumerable",)

    def __init__(self, max_states=2**20):
        self.max_states = max_states

    def accepts(self, energy):
        """Tell whether the energy is small enough."""
        enumeration = Energy.of(energy).enumerable
        return enumeration is not None and enumeration.n_states <= self.max_states

    def spread(self, energy, chains, random):
        """Return as many exact and independent draws as there are chains."""
        return self._chains(energy, energy.n_chains(chains), random)

    def step(self, energy, chains, random):
        """Return new draws of all chains."""
        energy = Energy.of(energy)
        return self._chains(energy, energy.n_chains(chains), random)

    def draw(self, energy, n_rows, random):
        """Return independent and exact draws.

        Raises
        ------
        ValueError
            If there are more than ``max_states`` configurations.
        """
        if not self.accepts(energy):
            raise ValueError(
                f"No side of {energy!r} has at most {self.max_states} configurations "
                "to enumerate. Use another sampler."
            )
        enumeration = energy.enumerable
        log_weight = log_weights(enumeration)
        cumulative = np.exp(log_weight - np.logaddexp.reduce(log_weight)).cumsum()
        uniform = random.fold(0).uniform((n_rows, 1)).ravel() * cumulative[-1]
        numbers = np.searchsorted(cumulative, uniform)
        return enumeration.draw(numbers, random.fold(1))

    def _chains(self, energy, n_chains, random):
        return energy.chains(self.draw(energy, n_chains, random))
