"""Draws and means of an RBM whose units all take two values.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, without arrays
in between: a block of chains goes through all of its sweeps in one call.

numba does not see that a kernel of another file has changed: after an edit of one that
is called here, ``tests/conftest.py`` drops what was compiled of this file.
"""

import numpy as np
from numba import njit

from skebm.utils._math import fill_sigmoid
from skebm.utils._parallel import map_blocks
from skebm.utils._products import fill_product
from skebm.utils._random import fill_uniform

# Numbers that a kernel takes at a time: they fit the first level of the cache, and
# are enough to pay for a call.
FEW = 2048


def sweeps(energy, chains, randoms):
    """Return visible units and inputs after a sweep for each ``Random`` given."""
    inputs = np.ascontiguousarray(chains.inputs)
    visible = np.empty((len(inputs), energy.n_features), dtype=energy.dtype)
    out = np.empty_like(inputs)
    model, words, row = model_of(energy), words_of(randoms), randoms[0].row

    def block(part):
        _sweeps(inputs, *model, *words, row, part.start, part.stop, visible, out)

    map_blocks(block, len(inputs), energy.work)
    return visible, out


def means(energy, x):
    """Return the expectations of the hidden units given rows."""
    out = np.empty((len(x), energy.weights.shape[1]), dtype=energy.dtype)
    _means(x, *model_of(energy)[:4], out)
    return out


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


def words_of(randoms):
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
    hidden = np.empty_like(received)
    for t in range(len(streams)):
        given, stream = inputs[lo:hi] if t == 0 else received, streams[t]
        side = coupling, hidden_bias, hidden_values, keys
        fill_draws(given, *side, stream[0], row + lo, hidden)
        # weights @ hidden.T takes three quarters of the time of hidden @ weights.T
        field = np.dot(weights, hidden.T)
        side = coupling, visible_bias, visible_values, keys
        fill_draws(field.T, *side, stream[1], row + lo, units)
        fill_product(units, weights, received)


# Every loop writes to an array that it does not read: so the compiler may vectorise it.
@njit(cache=True, nogil=True, error_model="numpy")
def fill_chances(inputs, coupling, bias, values, field, out):
    """Fill ``out`` with the probabilities of the higher value; ``field`` is scratch."""
    low, high = values
    for r in range(len(out)):
        for j in range(len(bias)):
            field[r, j] = (coupling * inputs[r, j] + bias[j]) * (high - low)
    fill_sigmoid(field.reshape(-1), out.reshape(-1))


@njit(cache=True, nogil=True, error_model="numpy")
def fill_draws(inputs, coupling, bias, values, keys, stream, row, out):
    """Draw units from what they receive; the first row is number ``row``."""
    low, high = values
    n_rows = max(1, FEW // len(bias))
    field = np.empty((min(n_rows, len(out)), len(bias)), dtype=bias.dtype)
    chances, uniforms = np.empty_like(field), np.empty_like(field)
    for lo in range(0, len(out), n_rows):
        n = min(n_rows, len(out) - lo)
        own, uniform = chances[:n], uniforms[:n]
        fill_chances(inputs[lo : lo + n], coupling, bias, values, field[:n], own)
        fill_uniform(keys, stream[0], stream[1], row + lo, uniform)
        for r in range(n):
            for j in range(len(bias)):
                out[lo + r, j] = high if uniform[r, j] < own[r, j] else low


@njit(cache=True, nogil=True, error_model="numpy")
def _means(x, weights, coupling, bias, values, out):
    low, high = values
    inputs, field, chances = np.empty_like(out), np.empty_like(out), np.empty_like(out)
    fill_product(x, weights, inputs)
    fill_chances(inputs, coupling, bias, values, field, chances)
    for r in range(len(out)):
        for j in range(len(bias)):
            out[r, j] = low + (high - low) * chances[r, j]
