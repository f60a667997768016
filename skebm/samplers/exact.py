"""Exact draws from models small enough to enumerate."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._parallel import map_blocks

_BLOCK = 4096


def finite_side(energy):
    """Return the model seen from its smaller finite side, or None.

    Summing over that side is all it takes for log Z: the other side is summed out in
    its free energy.
    """
    sides = [side for side in (energy, energy.T) if side.visible.finite]
    return min(sides, key=lambda side: side.visible.n_states, default=None)


def log_weights(side):
    """Return minus the free energy of every configuration of ``side``, float64."""
    side = side.astype(np.float64)

    def rows(part):
        return -side.energy(side.visible.states(part.start, part.stop))

    n_states = int(side.visible.n_states)
    return np.concatenate(map_blocks(rows, n_states, side.weights.size, size=_BLOCK))


class Exact(BaseEstimator):
    """Independent exact draws, by enumeration of the smaller finite side.

    Parameters
    ----------
    max_states : int, default=2**20
        Largest number of configurations that are enumerated.
    """

    requires = ("gibbs_sweep", "T")

    def __init__(self, max_states=2**20):
        self.max_states = max_states

    def accepts(self, energy):
        """Tell whether the energy is small enough."""
        side = finite_side(energy)
        return side is not None and side.visible.n_states <= self.max_states

    def init(self, energy, n_chains, random):
        """Draw chains that are independent and exact from the start."""
        if not self.accepts(energy):
            raise ValueError(
                f"No side of {energy!r} has at most {self.max_states} configurations "
                "to enumerate. Use another sampler."
            )
        side = finite_side(energy)
        cumulative = np.exp(_normalised(log_weights(side))).cumsum()
        uniform = random.fold(0).uniform((n_chains, 1)).ravel() * cumulative[-1]
        number, which = np.unique(
            np.searchsorted(cumulative, uniform), return_inverse=True
        )
        states = np.concatenate([side.visible.states(i, i + 1) for i in number])
        states = states.astype(energy.dtype, copy=False)[which]
        if side is energy:
            return energy.chains(states)
        inputs = energy.coupling * (states @ energy.weights.T)
        inputs = inputs.astype(energy.dtype, copy=False)
        return energy.chains(energy.visible.sample(inputs, random.fold(1)))

    def step(self, energy, chains, random):
        """Draw all chains anew."""
        return self.init(energy, len(chains.visible), random)


def _normalised(log_weight):
    return log_weight - np.logaddexp.reduce(log_weight)
