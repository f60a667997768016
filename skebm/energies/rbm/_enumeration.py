"""Enumeration of the states of the hidden units of an RBM."""

import numpy as np

from skebm.energies._enumeration import Enumeration

# Copies of rows that are in memory at a time.
_COPIES_AT_ONCE = 2**11


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


def hidden_log_weights(energy, x, holes, states=None):
    """Return hidden states, and their log weights given each row.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
    holes : ndarray of bool of shape (n, n_visible)
        The units that are summed out.
    states : ndarray of shape (n_states, n_hidden), default=None
        None takes all hidden states.

    Returns
    -------
    states : ndarray of shape (n_states, n_hidden)
    log_weight : ndarray of shape (n, n_states)
    """
    if states is None:
        states = energy.hidden.states(0, int(energy.hidden.n_states))
    back = energy.coupling * (states @ energy.weights.T)
    back = back.astype(energy.dtype, copy=False)
    received = energy.coupling * energy.inputs(np.where(holes, 0, x))
    log_weight = received.astype(np.float64) @ states.T - energy.hidden.energy(states)
    if energy.visible.coupled:
        for rows, given, inputs in each_state(energy.visible, x, holes, back):
            log_weight[rows] += given.cgf(inputs).reshape(-1, len(states))
    else:
        log_weight += missing(energy.visible, holes) @ energy.visible.cgfs(back).T
        log_weight -= energy.visible.energy(np.where(holes, 0, x))[:, None]
    return states, log_weight


def each_state(layer, x, holes, back):
    """Yield blocks of rows, with the distribution of their holes for each hidden state.

    The copies of a row lie side by side, so that layers which factor a matrix for the
    holes of a row do it once.

    Parameters
    ----------
    layer : layer with ``given``
    x : ndarray of shape (n, n_units)
    holes : ndarray of bool of shape (n, n_units)
    back : ndarray of shape (n_states, n_units)
        The inputs of the units from each hidden state.

    Yields
    ------
    rows : slice
    given : object
        What ``layer.given`` returns for ``n_states`` copies of each row.
    inputs : ndarray of shape (n_rows * n_states, n_units)
    """
    size = max(1, _COPIES_AT_ONCE // len(back))
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        copies = [np.repeat(array[rows], len(back), axis=0) for array in (x, holes)]
        n_rows = len(copies[0]) // len(back)
        yield rows, layer.given(*copies), np.tile(back, (n_rows, 1))


def missing(layer, holes):
    """Return which variables are missing, bool, shape (n, n_variables)."""
    first_units = np.unique(layer.variables, return_index=True)[1]
    return holes[:, first_units]
