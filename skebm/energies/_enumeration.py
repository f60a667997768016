"""Enumeration of the configurations of small energies."""

from functools import cached_property

import numpy as np


class Enumeration:
    """The numbered configurations of an energy, if they are finitely many.

    Parameters
    ----------
    energy : Energy
    layer : layer
        A finite layer, whose ``states`` are enumerated.
    """

    def __init__(self, energy, layer):
        self._energy, self._layer = energy, layer

    @property
    def n_states(self):
        """Number of states. It is infinite if it is larger than any float."""
        return self._layer.n_states

    @property
    def work(self):
        """Multiply-adds for each state."""
        return self._energy.work

    def log_weights(self, start, stop):
        """Return minus the energies of states ``start`` to ``stop - 1``, float64."""
        states = self._layer.states(start, stop).astype(self._double.dtype, copy=False)
        return -self._double.energy(states)

    @cached_property
    def _double(self):
        """The energy in float64 if it can be converted, since sums need the digits."""
        try:
            return self._energy.astype(np.float64)
        except TypeError:
            return self._energy

    def draw(self, numbers, random):
        """Return configurations that have the states with these numbers."""
        return self._states(numbers)

    def _states(self, numbers):
        distinct, positions = np.unique(numbers, return_inverse=True)
        states = [self._layer.states(i, i + 1) for i in distinct]
        states = np.concatenate(states).astype(self._energy.dtype, copy=False)
        return states[positions]
