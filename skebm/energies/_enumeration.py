"""The configurations of small energies, one by one."""

from functools import cached_property

import numpy as np


class Enumeration:
    """The configurations of an energy of finitely many, one by one.

    Parameters
    ----------
    energy : Energy
    layer : layer
        Finite; its ``states`` are what is enumerated.
    """

    def __init__(self, energy, layer):
        self._energy, self._layer = energy, layer

    @property
    def n_states(self):
        """Number of states; infinite also where a float cannot hold it."""
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
        """The energy in float64, where it can be had: sums need the digits."""
        try:
            return self._energy.astype(np.float64)
        except TypeError:
            return self._energy

    def draw(self, numbers, random):
        """Return configurations that have the states with these numbers."""
        return self._states(numbers)

    def _states(self, numbers):
        distinct, which = np.unique(numbers, return_inverse=True)
        states = [self._layer.states(i, i + 1) for i in distinct]
        return np.concatenate(states).astype(self._energy.dtype, copy=False)[which]
