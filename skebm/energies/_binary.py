"""The update of an RBM whose units all take two values, without the interpreter.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, in two regions
that threads share: rows of chains and of data first, columns of the gradient then. In
between nobody waits for the interpreter's lock, which cost more than the arithmetic.

numba does not see that a kernel of another file has changed: after an edit of one that
is called here, ``tests/conftest.py`` drops what was compiled of this file.
"""

import numpy as np
from numba import njit

from skebm.energies._products import (
    GRADIENT_ROWS,
    fill_product,
    fill_product_of_columns,
)
from skebm.utils._math import fill_sigmoid
from skebm.utils._parallel import blocks, blocks_of, map_blocks, map_parts
from skebm.utils._random import fill_uniform

# Multiply-adds of an update below which its two regions are not worth a second thread:
# with 784 x 500 weights, batches of 10 take 0.9 ms on one thread and 1.0 on two.
SERIAL_UPDATE = 24_000_000


def sweeps(energy, chains, randoms):
    """Return visible units and inputs after a sweep for each ``Random`` given."""
    inputs = np.ascontiguousarray(chains.inputs)
    visible = np.empty((len(inputs), energy.n_features), dtype=energy.dtype)
    out = np.empty_like(inputs)
    model, words, row = model_of(energy), _words(randoms), randoms[0].row

    def block(part):
        _sweeps(inputs, *model, *words, row, part.start, part.stop, visible, out)

    map_blocks(block, len(inputs), energy.work)
    return visible, out


def means(energy, x):
    """Return the expectations of the hidden units given rows."""
    out = np.empty((len(x), energy.weights.shape[1]), dtype=energy.dtype)
    _means(x, *model_of(energy)[:4], out)
    return out


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
    moved = np.empty((len(inputs), x.shape[1]), x.dtype), np.empty_like(inputs)
    keys, streams = _words(randoms)
    walk = inputs, chain_weight, keys, streams, randoms[0].row, *moved
    source = x, np.empty(0, dtype=np.int64), False, keys, streams[0, 0]
    given = source, x, x_weight, is_known, received
    weights, zero, one = np.empty_like(energy.weights), *energy.dtype.type((0, 1))
    offsets = offsets[0][None], offsets[1]
    local = update(walk, given, model_of(energy), offsets, one, zero, weights)
    gradient = {"weights": weights, "visible.bias": local[0], "hidden.bias": local[1]}
    return gradient, moved, local[2:]


def update(walk, given, model, offsets, factor, kept, weights):
    """Do the work of a minibatch, shared by threads if it is much.

    Parameters
    ----------
    walk : tuple
        Inputs and weights of chains, keys, streams and row of the draws, and arrays to
        fill with visible units and inputs.
    given : tuple
        What :func:`fill_gathered` makes rows of, an array for them (filled already if
        it names none), weights, whether inputs are known, and an array for those.
    model : tuple
        See :func:`model_of`.
    offsets : tuple of ndarray
        mu of shape (1, n_visible), and lam.
    factor, kept, weights
        The gradient of the weights times a factor fills this array, beside the share of
        it that is kept.

    Returns
    -------
    tuple of ndarray
        Gradients of the biases; means of visible and hidden units over the data.
    """
    n, m, work = len(given[1]), len(walk[0]), 2 * weights.size
    if (n + m) * work < SERIAL_UPDATE:
        return fill_minibatch(walk, given, model, offsets, factor, kept, weights)
    dtype, shape = weights.dtype, weights.shape
    shares = np.empty((n + m + 1, shape[1]), dtype=dtype)
    local = tuple(np.empty(n, dtype=dtype) for n in shape * 2)
    parts = [(part.start, part.stop, True) for part in blocks_of(m, work)]
    n_walks = len(parts)
    parts += [(part.start, part.stop, False) for part in blocks_of(n, work)]
    sums = np.zeros((len(parts), 2, sum(shape)), dtype=dtype)
    map_parts(
        lambda k: _rows(*parts[k], walk, given, model, offsets, shares, sums[k]),
        range(len(parts)),
    )
    _join(sums, n_walks, walk, given, model, offsets, shares, *local)
    rows = given[1], walk[5], offsets[0], shares
    map_parts(
        lambda part: fill_product_of_columns(
            *rows, part.start, part.stop, factor, kept, weights[part]
        ),
        blocks(shape[0], GRADIENT_ROWS),
    )
    return local


def model_of(energy):
    """Return what kernels need of the energy: weights, coupling, biases and values."""
    return (
        energy.weights,
        energy.dtype.type(energy.coupling),
        energy.hidden.bias,
        _values(energy.hidden),
        energy.visible.bias,
        _values(energy.visible),
    )


def _values(layer):
    return tuple(map(layer.bias.dtype.type, layer.values))


def _words(randoms):
    """Return the keys, and for each sweep the streams of hidden and visible units."""
    words = [(random.fold(0).words(), random.fold(1).words()) for random in randoms]
    streams = [[hidden[1:], visible[1:]] for hidden, visible in words]
    return words[0][0][0], np.array(streams, dtype=np.uint32)


@njit(cache=True, nogil=True, error_model="numpy")
def _sweeps(
    inputs,
    weights,
    coupling,
    hidden_bias,
    hidden_values,
    visible_bias,
    visible_values,
    keys,
    streams,
    row,
    lo,
    hi,
    visible,
    out,
):
    """Move the chains ``lo`` to ``hi``, from their inputs on."""
    units, received = visible[lo:hi], out[lo:hi]
    hidden, field = np.empty_like(received), np.empty_like(units)
    for t in range(len(streams)):
        given, stream = inputs[lo:hi] if t == 0 else received, streams[t]
        side = coupling, hidden_bias, hidden_values
        _draw(given, *side, keys, stream[0], row + lo, hidden)
        # weights @ hidden.T takes three quarters of the time of hidden @ weights.T
        _transpose(np.dot(weights, _transposed(hidden)), field)
        side = coupling, visible_bias, visible_values
        _draw(field, *side, keys, stream[1], row + lo, units)
        fill_product(units, weights, received)


@njit(cache=True, nogil=True, error_model="numpy")
def _transposed(x):
    out = np.empty((x.shape[1], x.shape[0]), dtype=x.dtype)
    _transpose(x, out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _transpose(x, out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = x[j, i]


# Every loop writes to a line that it does not read: so the compiler may vectorise it.
@njit(cache=True, nogil=True, error_model="numpy")
def _fill_chances(given, coupling, bias, values, field, out):
    """Fill ``out`` with the probabilities of the higher value; ``field`` is scratch."""
    low, high = values
    for j in range(len(bias)):
        field[j] = (coupling * given[j] + bias[j]) * (high - low)
    fill_sigmoid(field, out)


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_mean(given, coupling, bias, values, field, out):
    low, high = values
    _fill_chances(given, coupling, bias, values, field, out)
    for j in range(len(bias)):
        out[j] = low + (high - low) * out[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(inputs, coupling, bias, values, keys, stream, row, out):
    low, high = values
    field, probability = np.empty_like(bias), np.empty_like(bias)
    uniform = np.empty((1, len(bias)), dtype=bias.dtype)
    for r in range(len(out)):
        line = out[r]
        _fill_chances(inputs[r], coupling, bias, values, field, probability)
        fill_uniform(keys, stream[0], stream[1], row + r, uniform)
        for j in range(len(bias)):
            line[j] = high if uniform[0, j] < probability[j] else low


@njit(cache=True, nogil=True, error_model="numpy")
def _means(x, weights, coupling, bias, values, out):
    inputs, field = np.empty_like(out), np.empty_like(bias)
    fill_product(x, weights, inputs)
    for r in range(len(out)):
        _fill_mean(inputs[r], coupling, bias, values, field, out[r])


@njit(cache=True, nogil=True, error_model="numpy")
def fill_minibatch(walk, given, model, offsets, factor, kept, weights):
    """Do what :func:`update` does on one thread: small models would only wait."""
    (n_visible, n_hidden), dtype = weights.shape, weights.dtype
    n, m = len(given[1]), len(walk[0])
    shares = np.empty((n + m + 1, n_hidden), dtype=dtype)
    visible, mean = np.empty(n_visible, dtype), np.empty(n_visible, dtype)
    hidden, hidden_mean = np.empty(n_hidden, dtype), np.empty(n_hidden, dtype)
    sums = np.zeros((2, 2, n_visible + n_hidden), dtype=dtype)
    _rows(0, m, True, walk, given, model, offsets, shares, sums[0])
    _rows(0, n, False, walk, given, model, offsets, shares, sums[1])
    local = visible, hidden, mean, hidden_mean
    _join(sums, 1, walk, given, model, offsets, shares, *local)
    rows = given[1], walk[5], offsets[0], shares
    fill_product_of_columns(*rows, 0, n_visible, factor, kept, weights)
    return local


@njit(cache=True, nogil=True, error_model="numpy")
def _rows(lo, hi, is_chain, walk, given, model, offsets, shares, sums):
    """Move a block of chains or take one of data; sum up what the gradient needs."""
    inputs, chain_weight, keys, streams, row, moved, received = walk
    source, x, weight, is_known, data_inputs = given
    n = len(x)
    if is_chain:
        _sweeps(inputs, *model, keys, streams, row, lo, hi, moved, received)
        own = moved, received, chain_weight, shares[n : n + len(inputs)]
    else:
        fill_gathered(*source, lo, hi, x)
        if not is_known:
            fill_product(x[lo:hi], model[0], data_inputs[lo:hi])
        own = x, data_inputs, weight, shares[:n]
    _shares(lo, hi, own, model, offsets, sums)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_gathered(X, order, resample, keys, stream, lo, hi, out):
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
def _shares(lo, hi, own, model, offsets, sums):
    """Fill the shares of rows in the gradient of the weights; add up those of biases.

    The first sums are of the units; the second, what the offsets take off the biases:
    ``G @ lam`` and ``mu @ G``, where the gradient ``G`` of the weights is a sum over
    rows of ``outer(units, share)``. So it need not be there.
    """
    (x, inputs, weight, shares), (mu, lam) = own, offsets
    _, coupling, bias, values, _, _ = model
    field, mean, split = np.empty_like(bias), np.empty_like(bias), x.shape[1]
    of_visible, of_hidden = sums[0, :split], sums[0, split:]
    back, forth = sums[1, :split], sums[1, split:]
    for r in range(lo, hi):
        line, units, w = shares[r], x[r], weight[r]
        _fill_mean(inputs[r], coupling, bias, values, field, mean)
        for j in range(len(bias)):
            line[j] = -coupling * w * (mean[j] - lam[j])
        along_lam, along_mu = np.dot(line, lam), np.dot(units, mu[0])
        for j in range(len(bias)):
            of_hidden[j] += w * mean[j]
        for j in range(len(bias)):
            forth[j] += along_mu * line[j]
        for i in range(split):
            of_visible[i] += w * units[i]
        for i in range(split):
            back[i] += along_lam * units[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _join(
    sums,
    n_walks,
    walk,
    given,
    model,
    offsets,
    shares,
    visible,
    hidden,
    mean,
    hidden_mean,
):
    """Turn the sums of all blocks into gradients of biases and means of the data."""
    (mu, lam), coupling, split = offsets, model[1], len(visible)
    weight = walk[1].sum() + given[2].sum()
    for i in range(split):
        mean[i] = sums[n_walks:, 0, i].sum()
        visible[i] = -sums[:, 0, i].sum()
    for j in range(len(hidden)):
        hidden_mean[j] = sums[n_walks:, 0, split + j].sum()
        hidden[j] = -sums[:, 0, split + j].sum()
        # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
        shares[-1, j] = coupling * (-hidden[j] - weight * lam[j])
    along_lam, along_mu = np.dot(shares[-1], lam), np.dot(mu[0], mu[0])
    for i in range(split):
        visible[i] -= sums[:, 1, i].sum() + along_lam * mu[0, i]
    for j in range(len(hidden)):
        hidden[j] -= sums[:, 1, split + j].sum() + along_mu * shares[-1, j]
