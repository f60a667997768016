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
from skebm.utils._parallel import blocks_of, map_blocks, map_parts
from skebm.utils._random import fill_uniform


def sweeps(energy, chains, randoms):
    """Return visible units and inputs after a sweep for each ``Random`` given."""
    inputs = np.ascontiguousarray(chains.inputs)
    visible = np.empty((len(inputs), energy.n_features), dtype=energy.dtype)
    out = np.empty_like(inputs)
    model, words, row = _model(energy), _words(randoms), randoms[0].row

    def block(part):
        _sweeps(inputs, *model, *words, row, part.start, part.stop, visible, out)

    map_blocks(block, len(inputs), energy.work)
    return visible, out


def contrast_after(energy, data, chains, offsets, randoms):
    """Move chains and return the gradient of -log p at data and chains.

    Parameters
    ----------
    energy : RBM
        With Bernoulli or Spin units on both sides.
    data, chains : tuple
        Rows of shape (n, n_visible), or None where ``inputs`` stand for chains that
        are to be moved; inputs of shape (n, n_hidden) or None; weights of the rows.
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
    dtype, (n_visible, n_hidden) = energy.dtype, energy.weights.shape
    mu, lam = offsets
    n, m = len(x), len(inputs)
    visible = np.empty((m, n_visible), dtype=dtype)
    out = np.empty((m, n_hidden), dtype=dtype)
    shares = np.empty((n + m + 1, n_hidden), dtype=dtype)
    model, words, row = _model(energy), _words(randoms), randoms[0].row
    factor = dtype.type(-energy.coupling)
    known = received is not None
    received = np.empty((n, n_hidden), dtype=dtype) if received is None else received
    parts = [(True, part) for part in blocks_of(m, energy.work)]
    parts += [(False, part) for part in blocks_of(n, energy.work)]
    sums = np.zeros((len(parts), n_visible + n_hidden), dtype=dtype)

    def rows(k):
        is_chain, part = parts[k]
        lo, hi = part.start, part.stop
        if is_chain:
            _sweeps(inputs, *model, *words, row, lo, hi, visible, out)
            own = visible, out, chain_weight, lam, factor, lo, hi
            _shares(*own, *model[1:4], shares[n : n + m], sums[k])
        else:
            if not known:
                _receive(x, model[0], lo, hi, received)
            own = x, received, x_weight, lam, factor, lo, hi
            _shares(*own, *model[1:4], shares[:n], sums[k])

    map_parts(rows, range(len(parts)), (n + m) * energy.work)
    from_chains = np.array([is_chain for is_chain, _ in parts])
    positive = sums[~from_chains].sum(axis=0)
    total = positive + sums[from_chains].sum(axis=0)
    # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
    weight = x_weight.sum() + chain_weight.sum()
    shares[-1] = -factor * (total[n_visible:] - weight * lam)
    weights = np.empty_like(energy.weights)
    back, forth = np.empty(n_visible, dtype=dtype), []

    def columns(part):
        own = np.empty(n_hidden, dtype=dtype)
        lo, hi = part.start, part.stop
        _columns(x, visible, mu[None], lam, shares, lo, hi, weights, back, own)
        return own

    forth = map_blocks(columns, n_visible, shares.size, size=GRADIENT_ROWS)
    gradient = {
        "weights": weights,
        "visible.bias": -total[:n_visible] - back,
        "hidden.bias": -total[n_visible:] - sum(forth),
    }
    means = positive[:n_visible], positive[n_visible:]
    return gradient, (visible, out), means


def _model(energy):
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
    hidden, units, received = inputs[lo:hi].copy(), visible[lo:hi], out[lo:hi]
    for t in range(len(streams)):
        given = inputs[lo:hi] if t == 0 else received
        _draw(
            given,
            coupling,
            hidden_bias,
            hidden_values,
            keys,
            streams[t, 0],
            row + lo,
            hidden,
        )
        field = np.dot(hidden, weights.T)
        _draw(
            field,
            coupling,
            visible_bias,
            visible_values,
            keys,
            streams[t, 1],
            row + lo,
            units,
        )
        fill_product(units, weights, received)


@njit(cache=True, nogil=True, error_model="numpy")
def _receive(x, weights, lo, hi, out):
    fill_product(x[lo:hi], weights, out[lo:hi])


# Every loop writes to a line that it does not read: so the compiler may vectorise it.
@njit(cache=True, nogil=True, error_model="numpy")
def _draw(inputs, coupling, bias, values, keys, stream, row, out):
    low, high = values
    field, probability = np.empty_like(bias), np.empty_like(bias)
    uniform = np.empty((1, len(bias)), dtype=bias.dtype)
    for r in range(len(out)):
        given, line = inputs[r], out[r]
        for j in range(len(bias)):
            field[j] = (coupling * given[j] + bias[j]) * (high - low)
        fill_sigmoid(field, probability)
        fill_uniform(keys, stream[0], stream[1], row + r, uniform)
        for j in range(len(bias)):
            line[j] = high if uniform[0, j] < probability[j] else low


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(
    x, inputs, weight, lam, factor, lo, hi, coupling, bias, values, shares, sums
):
    """Fill the shares of rows in the gradient, and sum up their units."""
    low, high = values
    field, mean = np.empty_like(bias), np.empty_like(bias)
    n_visible = x.shape[1]
    of_visible, of_hidden = sums[:n_visible], sums[n_visible:]
    for r in range(lo, hi):
        given, line, share, own = inputs[r], shares[r], factor * weight[r], weight[r]
        for j in range(len(bias)):
            field[j] = (coupling * given[j] + bias[j]) * (high - low)
        fill_sigmoid(field, mean)
        for j in range(len(bias)):
            mean[j] = low + (high - low) * mean[j]
        for j in range(len(bias)):
            line[j] = share * (mean[j] - lam[j])
        for j in range(len(bias)):
            of_hidden[j] += own * mean[j]
        units = x[r]
        for i in range(n_visible):
            of_visible[i] += own * units[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _columns(x, y, mu, lam, shares, lo, hi, weights, back, forth):
    """Fill rows ``lo`` to ``hi`` of the gradient, and its products with the offsets."""
    own = weights[lo:hi]
    fill_product_of_columns(x, y, mu, shares, lo, hi, own)
    np.dot(own, lam, back[lo:hi])
    np.dot(mu[0, lo:hi], own, forth)
