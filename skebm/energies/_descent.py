"""Several minibatches of plain gradient descent in one call, for small models.

Their update takes a tenth of a millisecond, of which the interpreter would have most.
"""

import numpy as np
from numba import njit

from skebm.energies._binary import fill_minibatch, model_of
from skebm.energies._products import fill_product
from skebm.utils._math import fill_step
from skebm.utils._random import fill_uniform


def descend(energy, X, batches, rates, resample, chains, offsets, offset_rate, random):
    """Do several updates of plain gradient descent in one call.

    Parameters
    ----------
    energy : RBM
        Updated in place.
    X : ndarray of shape (n, n_visible)
    batches : list of ndarray of int
        Rows of each minibatch.
    rates : ndarray of shape (n_batches,)
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
    dtype = energy.dtype
    edges = np.cumsum([0] + [len(rows) for rows in batches])
    moved = (offsets[0][None].copy(), offsets[1].copy())
    starts = np.empty((0, energy.weights.shape[1]), dtype=dtype)
    state = _descend(
        X,
        np.concatenate(batches),
        edges,
        rates.astype(dtype),
        resample,
        chains is not None,
        starts if chains is None else np.ascontiguousarray(chains.inputs),
        *random,
        model_of(energy),
        moved,
        dtype.type(offset_rate),
    )
    return state, (moved[0][0], moved[1])


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(
    X,
    order,
    edges,
    rates,
    resample,
    is_persistent,
    inputs,
    keys,
    streams,
    data_streams,
    model,
    offsets,
    offset_rate,
):
    weights, _, hidden_bias, _, visible_bias, _ = model
    (mu, lam), (n_visible, n_hidden) = offsets, weights.shape
    visible = np.empty((len(inputs), n_visible), dtype=X.dtype)
    own, step = np.empty((2, n_visible), X.dtype), np.empty_like(weights)
    own_hidden = np.empty((2, n_hidden), X.dtype)
    for b in range(len(rates)):
        x = _gather(X, order[edges[b] : edges[b + 1]], resample, keys, data_streams[b])
        received = np.empty((len(x), n_hidden), dtype=X.dtype)
        share = np.full(len(x), 1 / len(x)).astype(X.dtype)
        if not is_persistent:
            fill_product(x, weights, received)
            inputs = received
        m = len(inputs)
        visible, moved = np.empty((m, n_visible), X.dtype), np.empty_like(inputs)
        walk_share = np.full(m, -1 / m).astype(X.dtype)
        fill_minibatch(
            (inputs, walk_share, keys, streams[b], 0, visible, moved),
            (x, share, not is_persistent, received),
            model,
            offsets,
            np.empty((len(x) + m + 1, n_hidden), dtype=X.dtype),
            step,
            own[0],
            own_hidden[0],
            own[1],
            own_hidden[1],
        )
        fill_step(weights.reshape(-1), step.reshape(-1), rates[b])
        fill_step(visible_bias, own[0], rates[b])
        fill_step(hidden_bias, own_hidden[0], rates[b])
        _move(mu[0], own[1], offset_rate)
        _move(lam, own_hidden[1], offset_rate)
        inputs = moved
    return visible, inputs


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(X, rows, resample, keys, stream):
    x = np.empty((len(rows), X.shape[1]), dtype=X.dtype)
    uniform = np.empty((1, X.shape[1]), dtype=X.dtype)
    for r in range(len(rows)):
        given, line = X[rows[r]], x[r]
        if resample:
            fill_uniform(keys, stream[0], stream[1], r, uniform)
            for i in range(len(line)):
                line[i] = 1 if uniform[0, i] < given[i] else 0
        else:
            for i in range(len(line)):
                line[i] = given[i]
    return x


@njit(cache=True, nogil=True, error_model="numpy")
def _move(mean, new, rate):
    for i in range(mean.size):
        mean[i] += rate * (new[i] - mean[i])
