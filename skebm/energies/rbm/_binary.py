"""Draws and means of an RBM whose units all take two values.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, without arrays
in between: a block of chains goes through all of its sweeps in one call.

numba does not see that a kernel of another file has changed: after an edit of one that
is called here, ``tests/conftest.py`` drops what was compiled of this file.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from skebm.energies.rbm._records import Calls, Inputs, Model, Stream, Units
from skebm.utils._addresses import BORROWS, INNER, KERNEL, address_of, call
from skebm.utils._math import sigmoid_kernel
from skebm.utils._parallel import map_blocks
from skebm.utils._products import fill_product, fill_product_of_columns, row_sums
from skebm.utils._random import uniform_kernel, words_address

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
    """Return the addresses of all kernels but ``shares`` for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    units, word = Units(line, one, one, one), np.uint32(0)
    calls, words = Calls(*[0] * len(Calls._fields)), np.empty(1, np.uint32)
    inputs, stream = Inputs(rows, True, 0), Stream(words, words, 0)
    uniform, columns, step = uniform_kernel(dtype), (0, 1), (one, one)
    return Calls(
        words_address(),
        address_of(sigmoid_kernel(dtype), line, line),
        address_of(uniform, 0, words, word, word, 0, rows),
        address_of(fill_chances, 0, rows, units, line, line),
        address_of(fill_draws, calls, inputs, units, stream, rows),
        address_of(fill_field, rows, rows, rows),
        row_sums(char),
        address_of(fill_product, 0, rows, rows, rows),
        address_of(fill_product_of_columns, 0, rows, columns, rows, step, rows),
        0,
    )


@njit(**KERNEL)
def _sweeps(calls, model, first, streams, visible, inputs):
    """Move chains that stand at ``inputs``; fill ``visible`` and ``inputs``."""
    weights, hidden = model.weights, np.empty_like(inputs)
    field = np.empty((len(weights), len(inputs)), inputs.dtype)
    at_hidden, at_visible = Inputs(inputs, False, 0), Inputs(field, True, 0)
    for t in range(len(streams)):
        stream = Stream(first.keys, streams[t, 0], first.row)
        call(calls.draws, (calls, at_hidden, model.hidden, stream, hidden))
        call(calls.field, (weights, hidden, field))
        stream = Stream(first.keys, streams[t, 1], first.row)
        call(calls.draws, (calls, at_visible, model.visible, stream, visible))
        call(calls.product, (calls.row_sums, visible, weights, inputs))


# This takes three quarters of the time of hidden @ weights.T.
@njit(**INNER)
def fill_field(weights, hidden, out):
    """Fill ``out`` with ``weights @ hidden.T``: a column is a chain."""
    np.dot(weights, hidden.T, out)


# The loop writes to an array that it does not read: so the compiler may vectorise it.
@njit(**BORROWS)
def fill_chances(sigmoid, inputs, units, field, out):
    """Fill the flat ``out`` with probabilities of the higher value.

    Parameters
    ----------
    sigmoid : int
        The address of :func:`sigmoid_kernel`.
    inputs : ndarray of shape (n, n_units)
    units : Units
    field, out : ndarray
        Flat, of at least as many numbers as ``inputs``; the first one is scratch.
    """
    bias, low, high, coupling = units
    n, width = inputs.shape
    for r in range(n):
        line, received = field[r * width : (r + 1) * width], inputs[r]
        for j in range(width):
            line[j] = (coupling * received[j] + bias[j]) * (high - low)
    call(sigmoid, (field[: n * width], out[: n * width]))


@njit(**INNER)
def fill_draws(calls, inputs, units, stream, out):
    """Draw as many units as ``out`` has from what they receive.

    Parameters
    ----------
    calls : Calls
    inputs : Inputs
    units : Units
    stream : Stream
    out : ndarray of shape (n, n_units)
    """
    (values, is_transposed, first), (keys, words, row) = inputs, stream
    width = len(units.bias)
    n_rows = min(len(out), max(1, TILE // width))
    numbers = np.empty((2, n_rows * width), out.dtype)
    field, chances = numbers[0], numbers[1]
    uniforms = np.empty((n_rows, width), out.dtype)
    for lo in range(0, len(out), n_rows):
        hi = min(lo + n_rows, len(out))
        uniform = uniforms[: hi - lo]
        received = uniform  # the place is free until the chances are known
        if is_transposed:
            for r in range(hi - lo):
                for j in range(width):
                    received[r, j] = values[j, first + lo + r]
        else:
            received = values[first + lo : first + hi]
        call(calls.chances, (calls.sigmoid, received, units, field, chances))
        counters = calls.words, keys, words[0], words[1], row + lo, uniform
        call(calls.uniform, counters)
        for r in range(hi - lo):
            chance, line, drawn = chances[r * width :], uniform[r], out[lo + r]
            for j in range(width):
                drawn[j] = units.high if line[j] < chance[j] else units.low
