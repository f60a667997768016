"""Updates of an RBM whose units all take two values, without the interpreter.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, in phases that
threads go through together: rows of data; hidden units of chains, their fields, visible
units; columns of the gradient. Many minibatches are one call, since the interpreter and
its lock cost more than the arithmetic of a small one. Steps of plain gradient descent
are added to the weights as they are summed up, so their gradient is never stored.
"""

import numpy as np
from numba import njit

from skebm.energies.rbm._binary import (
    FEW,
    fill_chances,
    fill_draws,
    model_of,
    words_of,
)
from skebm.utils._math import fill_average, fill_step
from skebm.utils._parallel import blocks, blocks_of, meet, run_phases, take, take_next
from skebm.utils._products import (
    GRADIENT_ROWS,
    fill_product,
    fill_product_of_columns,
)
from skebm.utils._random import fill_uniform

# Multiply-adds of an update below which its phases are not worth a second thread.
SERIAL_UPDATE = 24_000_000


def contrast_after(energy, data, chains, offsets, randoms):
    """Move chains and return the gradient of -log p at data and chains.

    Parameters
    ----------
    energy : RBM
        With Bernoulli or Spin units on both sides.
    data : tuple
        Rows of shape (n, n_visible), what the hidden units receive of them, of shape
        (n, n_hidden), or None, and weights of shape (n,).
    chains : tuple
        What the hidden units receive, of shape (n_chains, n_hidden), and weights of
        shape (n_chains,), with the sign that they have in the gradient.
    offsets : tuple of ndarray
        mu and lam of the centered gradient.
    randoms : list of Random
        One for each sweep.

    Returns
    -------
    gradient : dict of str to ndarray
    chains : tuple of ndarray
        Visible units and inputs.
    means : tuple of ndarray
        Weighted sums of the visible and hidden units over the data.
    """
    (x, received, x_weight), (inputs, chain_weight) = data, chains
    is_known = received is not None
    received = received if is_known else np.empty((len(x), inputs.shape[1]), x.dtype)
    keys, streams = words_of(randoms)
    room = _Room(energy, len(x), len(inputs))
    moved = room.visible, np.array(inputs, order="C")
    walk = chain_weight, keys, streams, randoms[0].row, room.hidden, *moved
    source = x, np.empty(0, dtype=np.int64), False, keys, streams[0, 0]
    given = source, x, x_weight, is_known, received
    weights, offsets = np.empty_like(energy.weights), (offsets[0][None], offsets[1])
    one, zero = energy.dtype.type(1), energy.dtype.type(0)
    step = one, zero, weights
    room.run(_contrast, 1, len(streams), walk, given, model_of(energy), offsets, step)
    visible, hidden, *means = room.local
    gradient = {"weights": weights, "visible.bias": visible, "hidden.bias": hidden}
    return gradient, moved, tuple(means)


def descend(
    energy,
    X,
    batches,
    steps,
    resample,
    chains,
    offsets,
    offset_rate,
    averages,
    random,
):
    """Do several updates of plain gradient descent in one call.

    Parameters
    ----------
    energy : RBM
        Updated in place.
    X : ndarray of shape (n, n_visible)
    batches : list of ndarray of int
        Rows of each minibatch.
    steps : ndarray of shape (n_batches, 3)
        The rate of each; the share of the weights that it keeps: below 1 where they
        decay; and how far averages then go on to the parameters, as a share of the way.
    resample : bool
        Whether values of X are probabilities.
    chains : Chains or None
        None starts chains at the minibatch.
    offsets : tuple of ndarray
        mu and lam.
    offset_rate : float
    averages : dict of str to ndarray
        Updated in place.
    random : tuple
        Keys, streams of shape (n_batches, n_sweeps, 2, 2), uint32, and those of the
        data, of shape (n_batches, 2).

    Returns
    -------
    chains, offsets : tuple of ndarray
    """
    n_rows = max(map(len, batches))
    room = _Room(energy, n_rows, n_rows if chains is None else len(chains.inputs))
    x = np.empty((n_rows, X.shape[1]), X.dtype)
    received = np.empty((n_rows, energy.weights.shape[1]), X.dtype)
    # Chains that start at the data move on what the data sent to the hidden units.
    inputs = received if chains is None else np.array(chains.inputs, order="C")
    offsets = offsets[0][None].copy(), offsets[1].copy()
    rows = X, np.concatenate(batches), np.cumsum([0, *map(len, batches)]), resample
    room.run(
        _descend,
        len(batches),
        random[1].shape[1],
        (rows, x, received),
        (chains is not None, room.hidden, room.visible, inputs),
        steps.astype(X.dtype),
        random,
        model_of(energy),
        offsets,
        energy.dtype.type(offset_rate),
        tuple(averages[name] for name in ("weights", "visible.bias", "hidden.bias")),
    )
    n_chains = len(batches[-1]) if chains is None else len(inputs)
    return (room.visible[:n_chains], inputs[:n_chains]), (offsets[0][0], offsets[1])


class _Room:
    """The arrays that threads share, and the number of parts of each phase."""

    def __init__(self, energy, n, m):
        (n_visible, n_hidden), dtype = energy.weights.shape, energy.dtype
        n_parts = 1, 1, 1
        if (n + m) * energy.work >= SERIAL_UPDATE:
            rows = (len(blocks_of(k, energy.work)) for k in (n, m))
            n_parts = *rows, len(blocks(n_visible, GRADIENT_ROWS))
        self.n_parts = n_parts
        self.hidden = np.empty((m, n_hidden), dtype=dtype)
        self.visible = np.empty((m, n_visible), dtype=dtype)
        self.field = np.empty(n_visible * m, dtype=dtype)
        self.shares = np.empty((n + m + 1, n_hidden), dtype=dtype)
        self.sums = np.empty((sum(n_parts[:2]), 2, n_visible + n_hidden), dtype=dtype)
        self.local = tuple(
            np.empty(width, dtype=dtype) for width in energy.weights.shape * 2
        )

    def run(self, kernel, n_batches, n_sweeps, *args):
        """Call a kernel on all threads that its parts can use."""
        room = self.n_parts, self.field, self.shares, self.sums, self.local
        # Data, three phases a sweep, what is joined, columns, biases, and an average.
        n_phases = n_batches * (5 + 3 * n_sweeps)
        run_phases(kernel, n_phases, max(self.n_parts), room, *args)


@njit(cache=True, nogil=True, error_model="numpy")
def _contrast(crew, room, walk, given, model, offsets, step):
    fill_minibatch(crew, 0, room, walk, given, model, offsets, step)


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(
    crew, room, data, walk, steps, random, model, offsets, offset_rate, averages
):
    (rows, x, received), (is_persistent, hidden, visible, inputs) = data, walk
    (X, order, edges, resample), (keys, streams, data_streams) = rows, random
    weights, phase = model[0], 0
    for b in range(len(steps)):
        n = edges[b + 1] - edges[b]
        m = len(inputs) if is_persistent else n
        share, walk_share = np.full(n, 1 / n), np.full(m, -1 / m)
        own = keys, streams[b], 0, hidden[:m], visible[:m], inputs[:m]
        source = X, order[edges[b] : edges[b + 1]], resample, keys, data_streams[b]
        given = source, x[:n], share.astype(X.dtype), False, received[:n]
        walk_now = walk_share.astype(X.dtype), *own
        rate, kept, move = steps[b]
        step = -rate, kept, weights
        phase = fill_minibatch(crew, phase, room, walk_now, given, model, offsets, step)
        k = take(crew, phase)
        while k < 1:
            _end(model, offsets, room[4], rate, offset_rate)
            fill_average(averages[1], model[4], move)
            fill_average(averages[2], model[2], move)
            k = take_next(crew, phase)
        phase = meet(crew, phase, 1)
        if move > 0:
            n_parts = room[0][2]
            k = take(crew, phase)
            while k < n_parts:
                lo, hi = _part(len(weights), n_parts, k)
                for i in range(lo, hi):
                    fill_average(averages[0][i], weights[i], move)
                k = take_next(crew, phase)
            phase = meet(crew, phase, n_parts)


@njit(cache=True, nogil=True, error_model="numpy")
def _end(model, offsets, local, rate, offset_rate):
    """Step along the gradient of the biases, and move the offsets."""
    (_, _, hidden_bias, _, visible_bias, _), (mu, lam) = model, offsets
    visible, hidden, mean, hidden_mean = local
    fill_step(visible_bias, visible, rate)
    fill_step(hidden_bias, hidden, rate)
    fill_average(mu[0], mean, offset_rate)
    fill_average(lam, hidden_mean, offset_rate)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_minibatch(crew, phase, room, walk, given, model, offsets, step):
    """Do the work of a minibatch, together with all threads of the crew.

    Parameters
    ----------
    crew, phase
        See :func:`skebm.utils._parallel.run_phases`.
    room : tuple
        Numbers of parts and arrays of a :class:`_Room`. The last ones are filled with
        gradients of the biases, and with means of both kinds of units over the data.
    walk : tuple
        Weights of chains, keys, streams and first row of their draws, and arrays for
        hidden units, visible units, and inputs, where the chains start.
    given : tuple
        What :func:`_gather` makes rows of, an array for them (filled already if it
        names none), weights, whether inputs are known, and an array for those.
    model : tuple
        See :func:`skebm.energies.rbm._binary.model_of`.
    offsets : tuple of ndarray
        mu of shape (1, n_visible), and lam.
    step : tuple
        The gradient of the weights times the first fills the last, beside the share of
        it that the second says is kept.

    Returns
    -------
    int
        The phase that comes next.
    """
    phase = _visit(crew, phase, room, given, model, offsets)
    for t in range(len(walk[2])):
        phase = _sweep(crew, phase, room, t, walk, len(given[1]), model, offsets)
    (n_data, _, n_columns), _, shares, sums, local = room
    _, x, weight, _, _ = given
    n, visible, chain_weight = len(x), walk[5], walk[0]
    k = take(crew, phase)
    while k < 1:
        total, last = weight.sum() + chain_weight.sum(), shares[n + len(visible)]
        _join(sums, n_data, total, model, offsets, last, *local)
        k = take_next(crew, phase)
    phase = meet(crew, phase, 1)
    factor, kept, out = step
    k = take(crew, phase)
    while k < n_columns:
        lo, hi = _part(len(out), n_columns, k)
        rows = x, visible, offsets[0], shares[: n + len(visible) + 1]
        fill_product_of_columns(*rows, lo, hi, factor, kept, out[lo:hi])
        k = take_next(crew, phase)
    return meet(crew, phase, n_columns)


@njit(cache=True, nogil=True, error_model="numpy")
def _part(n, n_parts, k):
    return n * k // n_parts, n * (k + 1) // n_parts


@njit(cache=True, nogil=True, error_model="numpy")
def _visit(crew, phase, room, given, model, offsets):
    """Take rows of data, and their shares of the gradient."""
    (n_parts, _, _), _, shares, sums, _ = room
    source, x, weight, is_known, received = given
    k = take(crew, phase)
    while k < n_parts:
        lo, hi = _part(len(x), n_parts, k)
        _gather(*source, lo, hi, x)
        if not is_known:
            fill_product(x[lo:hi], model[0], received[lo:hi])
        _shares(lo, hi, (x, received, weight), model, offsets, shares, sums[k])
        k = take_next(crew, phase)
    return meet(crew, phase, n_parts)


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(crew, phase, room, t, walk, n, model, offsets):
    """Move chains by the sweep number ``t``; after the last, take their shares."""
    (n_data, n_parts, n_columns), space, shares, sums, _ = room
    chain_weight, keys, streams, row, hidden, visible, inputs = walk
    weights, coupling, hidden_bias, hidden_values, visible_bias, visible_values = model
    m, n_visible = visible.shape
    field = space[: n_visible * m].reshape(n_visible, m)
    k = take(crew, phase)
    while k < n_parts:
        lo, hi = _part(m, n_parts, k)
        side = coupling, hidden_bias, hidden_values, keys, streams[t, 0]
        fill_draws(inputs[lo:hi], *side, row + lo, hidden[lo:hi])
        k = take_next(crew, phase)
    phase = meet(crew, phase, n_parts)
    k = take(crew, phase)
    while k < n_columns:
        lo, hi = _part(n_visible, n_columns, k)
        np.dot(weights[lo:hi], hidden.T, field[lo:hi])
        k = take_next(crew, phase)
    phase = meet(crew, phase, n_columns)
    own = visible, inputs, chain_weight
    k = take(crew, phase)
    while k < n_parts:
        lo, hi = _part(m, n_parts, k)
        side = coupling, visible_bias, visible_values, keys, streams[t, 1]
        fill_draws(field[:, lo:hi].T, *side, row + lo, visible[lo:hi])
        fill_product(visible[lo:hi], weights, inputs[lo:hi])
        if t + 1 == len(streams):
            _shares(lo, hi, own, model, offsets, shares[n:], sums[n_data + k])
        k = take_next(crew, phase)
    return meet(crew, phase, n_parts)


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(X, order, resample, keys, stream, lo, hi, out):
    """Copy the rows ``order[lo:hi]``, if any; draw them if X has probabilities."""
    uniform = np.empty((1, X.shape[1]), dtype=X.dtype)
    for r in range(lo, min(hi, len(order))):
        given, line = X[order[r]], out[r]
        if resample:
            fill_uniform(keys, stream[0], stream[1], r, uniform)
            for i in range(len(line)):
                line[i] = 1 if uniform[0, i] < given[i] else 0
        else:
            for i in range(len(line)):
                line[i] = given[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(lo, hi, own, model, offsets, shares, sums):
    """Fill the shares of rows in the gradient of the weights; add up those of biases.

    The first sums are of the units; the second, what the offsets take off the biases:
    ``G @ lam`` and ``mu @ G``, where the gradient ``G`` of the weights is a sum over
    rows of ``outer(units, share)``. So it need not be there.
    """
    (x, inputs, weight), (mu, lam) = own, offsets
    (_, coupling, bias, values, _, _), split = model, x.shape[1]
    low, high = values
    n_rows = max(1, FEW // len(bias))
    field = np.empty((min(n_rows, hi - lo), len(bias)), dtype=bias.dtype)
    chances = np.empty_like(field)
    of_visible, of_hidden = sums[0, :split], sums[0, split:]
    back, forth = sums[1, :split], sums[1, split:]
    for i in range(sums.shape[1]):
        sums[0, i] = 0
        sums[1, i] = 0
    for r in range(lo, hi):
        k, w = (r - lo) % n_rows, weight[r]
        if k == 0:
            n = min(n_rows, hi - r)
            few = inputs[r : r + n], coupling, bias, values, field[:n], chances[:n]
            fill_chances(*few)
        chance, line, units = chances[k], shares[r], x[r]
        for j in range(len(bias)):
            line[j] = -coupling * w * (low + (high - low) * chance[j] - lam[j])
        along_lam, along_mu = np.dot(line, lam), np.dot(units, mu[0])
        for j in range(len(bias)):
            of_hidden[j] += w * (low + (high - low) * chance[j])
        for j in range(len(bias)):
            forth[j] += along_mu * line[j]
        for i in range(split):
            of_visible[i] += w * units[i]
        for i in range(split):
            back[i] += along_lam * units[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _join(
    sums, n_data, total, model, offsets, share, visible, hidden, mean, hidden_mean
):
    """Turn the sums of all blocks into gradients of biases and means of the data."""
    (mu, lam), coupling, split = offsets, model[1], len(visible)
    for i in range(split):
        mean[i] = sums[:n_data, 0, i].sum()
        visible[i] = -sums[:, 0, i].sum()
    for j in range(len(hidden)):
        hidden_mean[j] = sums[:n_data, 0, split + j].sum()
        hidden[j] = -sums[:, 0, split + j].sum()
        # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
        share[j] = coupling * (-hidden[j] - total * lam[j])
    along_lam, along_mu = np.dot(share, lam), np.dot(mu[0], mu[0])
    for i in range(split):
        visible[i] -= sums[:, 1, i].sum() + along_lam * mu[0, i]
    for j in range(len(hidden)):
        hidden[j] -= sums[:, 1, split + j].sum() + along_mu * share[j]
