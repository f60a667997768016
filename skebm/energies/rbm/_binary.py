"""Draws and means of an RBM whose units all take two values.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, without arrays
in between: a block of chains goes through all of its sweeps in one call.

numba does not see that a kernel of another file has changed: after an edit of one that
is called here, ``tests/conftest.py`` drops what was compiled of this file.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from skebm.energies.rbm._records import Inputs, LeafCalls, Model, Stream, Units
from skebm.utils._addresses import INNER, address_of, call
from skebm.utils._math import fill_sigmoid
from skebm.utils._parallel import map_blocks
from skebm.utils._products import fill_product, fill_product_of_columns
from skebm.utils._random import fill_uniform

# Numbers that a kernel takes at a time: they fit the first level of the cache, and
# are enough to pay for a call.
TILE = 2048


def sweeps(energy, chains, randoms):
    """Return visible units and inputs after one sweep for each ``Random``."""
    inputs = np.ascontiguousarray(chains.inputs)
    visible = np.empty((len(inputs), energy.n_features), dtype=energy.dtype)
    out = inputs.copy()
    calls, model = leaf_calls(energy.dtype.char), model_of(energy)
    keys, streams = words_of(randoms)
    row = randoms[0].row

    def block(part):
        first = Stream(keys, streams[0, 0], row + part.start)
        _sweeps(calls, model, first, streams, visible[part], out[part])

    map_blocks(block, len(inputs), energy.work)
    return visible, out


def means(energy, x):
    """Return the expectations of the hidden units given rows."""
    inputs = np.empty((len(x), energy.weights.shape[1]), dtype=energy.dtype)
    out = np.empty_like(inputs)
    fill_product(x, energy.weights, inputs)
    _means(inputs, model_of(energy).hidden, out)
    return out


def model_of(energy):
    """Return the record of an RBM for kernels."""
    coupling = energy.dtype.type(energy.coupling)
    visible, hidden = (
        Units(layer.bias, *map(layer.bias.dtype.type, layer.values), coupling)
        for layer in (energy.visible, energy.hidden)
    )
    return Model(energy.weights, visible, hidden)


def words_of(randoms):
    """Return the keys, and for each sweep the streams of hidden and visible units."""
    words = [(random.fold(0).words(), random.fold(1).words()) for random in randoms]
    streams = [[hidden[1:], visible[1:]] for hidden, visible in words]
    return words[0][0][0], np.array(streams, dtype=np.uint32)


@lru_cache
def leaf_calls(char):
    """Return the addresses of the kernels for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    units = Units(line, one, one, one)
    stream = Stream(np.empty(20, np.uint32), np.empty(2, np.uint32), 0)
    return LeafCalls(
        address_of(fill_product, rows, rows, rows),
        address_of(fill_product_of_columns, rows, (0, 1), rows, (one, one), rows),
        address_of(fill_field, rows, rows, rows),
        address_of(fill_draws, Inputs(rows, True, 0), units, stream, rows),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _sweeps(calls, model, first, streams, visible, inputs):
    """Move chains that stand at ``inputs``; fill ``visible`` and ``inputs``."""
    hidden = np.empty_like(inputs)
    field = np.empty((len(model.weights), len(inputs)), dtype=inputs.dtype)
    for t in range(len(streams)):
        stream = Stream(first.keys, streams[t, 0], first.row)
        call(calls.draws, (Inputs(inputs, False, 0), model.hidden, stream, hidden))
        call(calls.field, (model.weights, hidden, field))
        stream = Stream(first.keys, streams[t, 1], first.row)
        call(calls.draws, (Inputs(field, True, 0), model.visible, stream, visible))
        call(calls.product, (visible, model.weights, inputs))


# This takes three quarters of the time of hidden @ weights.T.
@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def fill_field(weights, hidden, out):
    """Fill ``out`` with ``weights @ hidden.T``: a column is a chain."""
    np.dot(weights, hidden.T, out)


# Every loop writes to an array that it does not read: so the compiler may vectorise it.
@njit(cache=True, nogil=True, error_model="numpy")
def fill_chances(inputs, units, field, out):
    """Fill ``out`` with the probabilities of the higher value; ``field`` is scratch."""
    bias, low, high, coupling = units
    for r in range(len(out)):
        for j in range(len(bias)):
            field[r, j] = (coupling * inputs[r, j] + bias[j]) * (high - low)
    fill_sigmoid(field.reshape(-1), out.reshape(-1))


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def fill_draws(inputs, units, stream, out):
    """Draw as many units as ``out`` has from what they receive.

    Parameters
    ----------
    inputs : Inputs
    units : Units
    stream : Stream
    out : ndarray of shape (n, n_units)
    """
    (values, is_transposed, first), width = inputs, len(units.bias)
    n_rows = max(1, TILE // width)
    scratch = np.empty((3, min(n_rows, len(out)), width), dtype=out.dtype)
    field, chances, uniforms = scratch[0], scratch[1], scratch[2]
    for lo in range(0, len(out), n_rows):
        n = min(n_rows, len(out) - lo)
        chance, uniform = chances[:n], uniforms[:n]
        received = chance
        if is_transposed:
            for r in range(n):
                for j in range(width):
                    chance[r, j] = values[j, first + lo + r]
        else:
            received = values[first + lo : first + lo + n]
        fill_chances(received, units, field[:n], chance)
        fill_uniform(
            stream.keys, stream.words[0], stream.words[1], stream.row + lo, uniform
        )
        for r in range(n):
            for j in range(width):
                is_high = uniform[r, j] < chance[r, j]
                out[lo + r, j] = units.high if is_high else units.low


@njit(cache=True, nogil=True, error_model="numpy")
def _means(inputs, units, out):
    scratch = np.empty((2, len(out), len(units.bias)), dtype=out.dtype)
    field, chances = scratch[0], scratch[1]
    fill_chances(inputs, units, field, chances)
    for r in range(len(out)):
        for j in range(len(units.bias)):
            out[r, j] = units.low + (units.high - units.low) * chances[r, j]
