"""Enumeration of the states of the hidden units of an RBM."""

import numpy as np

from skebm.energies._enumeration import Enumeration


class HiddenEnumeration(Enumeration):
    """The states of the hidden side, with the visible side summed out."""

    def log_weights(self, start, stop):
        """Return minus the free energies of hidden states, float64."""
        return -self._double.T.energy(self._double.hidden.states(start, stop))

    def draw(self, numbers, random):
        """Draw configurations given the hidden states with these numbers."""
        energy = self._energy
        inputs = energy.coupling * (self._states(numbers) @ energy.weights.T)
        return energy.visible.sample(inputs.astype(energy.dtype, copy=False), random)


def hidden_log_weights(energy, x, holes):
    """Return all hidden states, and their log weights given each row.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
    holes : ndarray of bool of shape (n, n_visible)
        The units that are summed out.

    Returns
    -------
    states : ndarray of shape (n_states, n_hidden)
    log_weight : ndarray of shape (n, n_states)
    """
    states = energy.hidden.states(0, int(energy.hidden.n_states))
    back = energy.coupling * (states @ energy.weights.T)
    back = back.astype(energy.dtype, copy=False)
    received = energy.coupling * energy.inputs(np.where(holes, 0, x))
    log_weight = received.astype(np.float64) @ states.T - energy.hidden.energy(states)
    if energy.visible.coupled:
        log_weight += _sums_over_holes(energy.visible.given(x, holes), back, len(x))
    else:
        log_weight += missing(energy.visible, holes) @ energy.visible.cgfs(back).T
        log_weight -= energy.visible.energy(np.where(holes, 0, x))[:, None]
    return states, log_weight


def _sums_over_holes(given, back, n_rows):
    """Return the log sums over the holes of each row for each hidden state."""
    out = np.empty((n_rows, len(back)))
    for k, inputs in enumerate(back):
        out[:, k] = given.cgf(np.tile(inputs, (n_rows, 1)))
    return out


def missing(layer, holes):
    """Return which variables are missing, bool, shape (n, n_variables)."""
    first_units = np.unique(layer.variables, return_index=True)[1]
    return holes[:, first_units]
