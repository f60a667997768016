"""Several minibatches of plain gradient descent in one call.

Steps of the weights are added to them as they are summed up, so their gradient is never
stored; and of a small model, whose update takes a tenth of a millisecond, the
interpreter sees one call only.
"""

import numpy as np
from numba import njit

from skebm.energies._binary import (
    SERIAL_UPDATE,
    fill_gathered,
    fill_minibatch,
    model_of,
    update,
)
from skebm.energies._products import fill_product
from skebm.utils._math import fill_average, fill_step


def descend(energy, X, batches, steps, resample, chains, offsets, offset_rate, random):
    """Do several updates of plain gradient descent in one call.

    Parameters
    ----------
    energy : RBM
        Updated in place.
    X : ndarray of shape (n, n_visible)
    batches : list of ndarray of int
        Rows of each minibatch.
    steps : ndarray of shape (n_batches, 2)
        The rate of each, and the share of the weights that it keeps: below 1 where they
        decay.
    resample : bool
        Whether values of X are probabilities.
    chains : Chains or None
        None starts chains at the minibatch.
    offsets : tuple of ndarray
        mu and lam.
    offset_rate : float
    random : tuple
        Keys, streams of shape (n_batches, n_sweeps, 2, 2), uint32, and those of the
        data, of shape (n_batches, 2).

    Returns
    -------
    chains, offsets : tuple of ndarray
    """
    n_rows, n_hidden = max(map(len, batches)), energy.weights.shape[1]
    inputs = np.empty((0, n_hidden), energy.dtype)
    if chains is not None:
        inputs = np.ascontiguousarray(chains.inputs)
    n_chains = n_rows if chains is None else len(inputs)
    offsets, steps = (offsets[0][None].copy(), offsets[1].copy()), steps.astype(X.dtype)
    keys, streams, data_streams = random
    given = X, resample, keys, chains is not None
    model, offset_rate = model_of(energy), energy.dtype.type(offset_rate)
    if (n_rows + n_chains) * energy.work < SERIAL_UPDATE:
        order, edges = np.concatenate(batches), np.cumsum([0, *map(len, batches)])
        plan = order, edges, steps, streams, data_streams
        state = _descend(*plan, inputs, *given, model, offsets, offset_rate)
    else:
        visible = None
        for b, rows in enumerate(batches):
            own = rows, streams[b], data_streams[b], inputs
            walk, data = _begin(*own, *given, model[0])
            rate, kept = steps[b]
            local = update(walk, data, model, offsets, -rate, kept, model[0])
            _end(model, offsets, local, rate, offset_rate)
            visible, inputs = walk[5:]
        state = visible, inputs
    return state, (offsets[0][0], offsets[1])


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(
    order,
    edges,
    steps,
    streams,
    data_streams,
    inputs,
    X,
    resample,
    keys,
    is_persistent,
    model,
    offsets,
    offset_rate,
):
    weights = model[0]
    visible = np.empty((0, len(weights)), dtype=X.dtype)
    for b in range(len(steps)):
        rows = order[edges[b] : edges[b + 1]]
        own = rows, streams[b], data_streams[b], inputs
        walk, data = _begin(*own, X, resample, keys, is_persistent, weights)
        rate, kept = steps[b]
        local = fill_minibatch(walk, data, model, offsets, -rate, kept, weights)
        _end(model, offsets, local, rate, offset_rate)
        visible, inputs = walk[5], walk[6]
    return visible, inputs


@njit(cache=True, nogil=True, error_model="numpy")
def _begin(
    rows, stream, data_stream, inputs, X, resample, keys, is_persistent, weights
):
    """Return what :func:`update` needs of chains and of data."""
    (n, n_visible), n_hidden = (len(rows), X.shape[1]), weights.shape[1]
    x, received = np.empty((n, n_visible), X.dtype), np.empty((n, n_hidden), X.dtype)
    if not is_persistent:
        fill_gathered(X, rows, resample, keys, data_stream, 0, n, x)
        fill_product(x, weights, received)
        inputs, rows = received, rows[:0]
    m = len(inputs)
    visible, moved = np.empty((m, n_visible), X.dtype), np.empty_like(inputs)
    share, walk_share = np.full(n, 1 / n), np.full(m, -1 / m)
    walk = inputs, walk_share.astype(X.dtype), keys, stream, 0, visible, moved
    source = X, rows, resample, keys, data_stream
    return walk, (source, x, share.astype(X.dtype), not is_persistent, received)


@njit(cache=True, nogil=True, error_model="numpy")
def _end(model, offsets, local, rate, offset_rate):
    """Step along the gradient of the biases, and move the offsets."""
    (_, _, hidden_bias, _, visible_bias, _), (mu, lam) = model, offsets
    visible, hidden, mean, hidden_mean = local
    fill_step(visible_bias, visible, rate)
    fill_step(hidden_bias, hidden, rate)
    fill_average(mu[0], mean, offset_rate)
    fill_average(lam, hidden_mean, offset_rate)
