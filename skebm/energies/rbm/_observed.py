"""The exact energy of the observed units of a row, with its holes summed out."""

import numpy as np
from scipy.special import logsumexp

from skebm.energies._sites import MAX_HOLE_STATES
from skebm.energies.rbm._enumeration import hidden_log_weights, missing
from skebm.energies.rbm._normal import integral_of_normal
from skebm.utils._parallel import map_blocks

# Largest number of hidden configurations that are summed over, and
MAX_HIDDEN = 2**12
# the largest number if visible units are coupled, where each has a sum of its own.
_MAX_HIDDEN_OF_COUPLED = 2**8
# Number of terms of these sums that are in memory at a time.
_TERMS_AT_ONCE = 2**22


def has_few_hidden_states(energy):
    """Tell whether the hidden configurations are few enough to sum over them."""
    limit = _MAX_HIDDEN_OF_COUPLED if energy.visible.coupled else MAX_HIDDEN
    return energy.hidden.finite and energy.hidden.n_states <= limit


def exact_energy(energy, x, holes):
    """Return the exact ``-log sum(exp(-F(x)))`` over the holes of each row, or NaN.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
        0 in the holes.
    holes : ndarray of bool of shape (n, n_visible)

    Returns
    -------
    ndarray of shape (n,), float64
        In nats. NaN if the hidden states and the configurations of the holes of the row
        are too many, and the density is not normal.
    """
    out = np.full(len(x), np.nan)
    is_complete = ~holes.any(axis=1)
    out[is_complete] = energy.energy(x[is_complete])
    todo = np.flatnonzero(~is_complete)
    if len(todo) and has_few_hidden_states(energy):
        out[todo] = _sum_over_hidden(energy, x[todo], holes[todo])
        return out
    if energy.visible.coupled:
        return out
    patterns, group = np.unique(holes[todo], axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        rows = todo[group.ravel() == k]
        if energy.is_normal:
            out[rows] = integral_of_normal(energy, x[rows], pattern)
        elif (alternatives := _alternatives(energy, pattern)) is not None:
            out[rows] = _sum_over_holes(energy, x[rows], *alternatives)
    return out


def _sum_over_hidden(energy, x, holes):
    """Return the energies by a sum over all hidden states."""
    size = max(1, _TERMS_AT_ONCE // int(energy.hidden.n_states))
    work = energy.weights.size * int(energy.hidden.n_states)

    def block_sums(block):
        _, log_weight = hidden_log_weights(energy, x[block], holes[block])
        return logsumexp(log_weight, axis=1)

    return -np.concatenate(map_blocks(block_sums, len(x), work, size=size))


def _alternatives(energy, pattern):
    """Return all values of the holes and their log weights; None if too many."""
    layer = energy.visible
    values = np.zeros((1, layer.n_units), dtype=energy.dtype)
    log_weight = np.zeros(1)
    for variable in np.flatnonzero(missing(layer, pattern[None])[0]):
        alternatives = energy.alternatives(variable)
        if alternatives is None or len(values) * len(alternatives[1]) > MAX_HOLE_STATES:
            return None
        columns, new_values, new_weight = alternatives
        repeated = np.repeat(values, len(new_values), axis=0)
        repeated[:, columns] = np.tile(new_values, (len(values), 1))
        new_weight = np.broadcast_to(new_weight, len(new_values))
        log_weight = np.add.outer(log_weight, new_weight).ravel()
        values = repeated
    return values, log_weight


def _sum_over_holes(energy, x, values, log_weight):
    """Return the energies by a sum over all values of the holes."""
    observed = np.asarray(energy.visible.energy(x), dtype=np.float64)
    log_weight = log_weight - energy.visible.energy(values)
    from_observed, from_holes = energy.inputs(x), energy.inputs(values)
    n_hidden = from_observed.shape[1]

    def block_sums(block):
        received = (from_observed[block, None] + from_holes).reshape(-1, n_hidden)
        received *= energy.dtype.type(energy.coupling)
        cgf = energy.hidden.cgf(received).reshape(-1, len(values))
        return logsumexp(cgf + log_weight, axis=1)

    size = max(1, _TERMS_AT_ONCE // (len(values) * n_hidden))
    work = 10 * len(values) * n_hidden
    return observed - np.concatenate(map_blocks(block_sums, len(x), work, size=size))
