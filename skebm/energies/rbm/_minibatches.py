"""The kernels of fused updates, in phases that threads go through together.

See :class:`skebm.energies.rbm.FusedRBM`, which fills their records.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from skebm.energies.rbm._binary import TILE, fill_chances, leaf_calls
from skebm.energies.rbm._records import Calls, Inputs, Place, Rows, Stream, Units
from skebm.utils._addresses import BORROWS, INNER, address_of, call, call_part
from skebm.utils._parallel import meet, run_phases, take, take_next
from skebm.utils._random import uniform_kernel


@lru_cache
def calls_of(char):
    """Return the addresses of the kernels for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    units, stream = Units(line, one, one, one), (np.empty(1, np.uint32), np.uint32(0))
    return Calls(
        *leaf_calls(char),
        address_of(uniform_kernel(dtype), *stream, np.uint32(0), 0, rows),
        address_of(fill_shares, Rows(rows, rows, line), units, line, line, rows, rows),
    )


_phases = {}


def run(work):
    """Go through all phases of all minibatches, on all threads that parts can use."""
    key = work.model.weights.dtype.char
    if key not in _phases:
        place = Place(0, 0, 1, 0, 1, 1)
        kernels = _take_data, _draw_hidden, _fill_field, _draw_visible, _join, _step
        _phases[key] = [address_of(kernel, work, place) for kernel in kernels]
    take_data, *sweep, join, step = _phases[key]
    n_batches, n_sweeps = work.chains.streams.shape[:2]
    parts = work.parts
    addresses = take_data, *(sweep * n_sweeps), join, step
    sweeps = 0, *np.repeat(np.arange(n_sweeps), 3), 0, 0
    n_parts = parts.chains, parts.columns, parts.chains
    n_parts = parts.data, *(n_parts * n_sweeps), 1, parts.columns
    phases = (np.array(numbers) for numbers in (addresses, sweeps, n_parts))
    n_phases = n_batches * len(addresses)
    run_phases(_run, n_phases, max(parts), *phases, work)


@njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
def _run(crew, addresses, sweeps, n_parts, work):
    """Do the parts of all phases, phase after phase, as :func:`run_phases` says."""
    # A constant would be a type of its own, and all that follows compiled twice.
    phase, edges, chains = np.int64(0), work.data.edges, work.chains
    for b in range(len(edges) - 1):
        n = edges[b + 1] - edges[b]
        m = len(chains.inputs) if chains.is_persistent else n
        for i in range(len(addresses)):
            k = take(crew, phase)
            while k < n_parts[i]:
                place = Place(b, sweeps[i], k, n_parts[i], n, m)
                call_part(addresses[i], work, place)
                k = take_next(crew, phase)
            phase = meet(crew, phase, n_parts[i])


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _part(n, n_parts, k):
    return n * k // n_parts, n * (k + 1) // n_parts


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _take_data(work, place):
    """Take rows of a minibatch, and their shares of the gradient."""
    data, scratch, n = work.data, work.scratch, place.n
    lo, hi = _part(n, place.n_parts, place.part)
    units, inputs = scratch.units[lo:hi], data.inputs[lo:hi]
    words, first = data.streams[place.batch], data.edges[place.batch]
    for r in range(lo, hi):
        row, line = data.X[data.order[first + r]], scratch.units[r]
        if data.resample:
            uniform = scratch.units[r : r + 1]
            call(work.calls.uniform, (work.chains.keys, words[0], words[1], r, uniform))
            for i in range(len(line)):
                line[i] = 1 if line[i] < row[i] else 0
        else:
            for i in range(len(line)):
                line[i] = row[i]
        if work.descent.is_update:
            scratch.weight[r] = 1 / n
    if not data.has_inputs:
        call(work.calls.product, (units, work.model.weights, inputs))
    _call_shares(work, units, inputs, lo, place.part)


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _draw_hidden(work, place):
    """Draw the hidden units of chains."""
    chains, units = work.chains, work.model.hidden
    lo, hi = _part(place.m, place.n_parts, place.part)
    words = chains.streams[place.batch, place.sweep, 0]
    stream = Stream(chains.keys, words, chains.row + lo)
    inputs, out = Inputs(chains.inputs, False, lo), work.scratch.hidden[lo:hi]
    call(work.calls.draws, (inputs, units, stream, out))


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _fill_field(work, place):
    """Fill what some visible units of all chains receive."""
    weights, m = work.model.weights, place.m
    lo, hi = _part(len(weights), place.n_parts, place.part)
    field = work.scratch.field[lo * m : hi * m].reshape(hi - lo, m)
    call(work.calls.field, (weights[lo:hi], work.scratch.hidden[:m], field))


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _draw_visible(work, place):
    """Draw the visible units of chains; after the last sweep, take their shares."""
    calls, chains, scratch, model = work.calls, work.chains, work.scratch, work.model
    n, m, n_visible = place.n, place.m, len(model.weights)
    lo, hi = _part(m, place.n_parts, place.part)
    units, inputs = scratch.units[n + lo : n + hi], chains.inputs[lo:hi]
    field = scratch.field[: n_visible * m].reshape(n_visible, m)
    words = chains.streams[place.batch, place.sweep, 1]
    stream = Stream(chains.keys, words, chains.row + lo)
    call(calls.draws, (Inputs(field, True, lo), model.visible, stream, units))
    call(calls.product, (units, model.weights, inputs))
    if place.sweep + 1 == chains.streams.shape[1]:
        if work.descent.is_update:
            for r in range(n + lo, n + hi):
                scratch.weight[r] = -1 / m
        _call_shares(work, units, inputs, n + lo, work.parts.data + place.part)


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _call_shares(work, units, inputs, lo, part):
    scratch, descent, hi = work.scratch, work.descent, lo + len(units)
    rows, shares = Rows(units, inputs, scratch.weight[lo:hi]), scratch.shares[lo:hi]
    mu, lam, sums = descent.mu, descent.lam, scratch.sums[part]
    call(work.calls.shares, (rows, work.model.hidden, mu, lam, shares, sums))


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _step(work, place):
    """Step along the gradient of some rows of the weights, and move their average."""
    scratch, descent, averages = work.scratch, work.descent, work.averages
    n_rows, steps = place.n + place.m + 1, descent.steps[place.batch]
    units, shares = scratch.units[:n_rows], scratch.shares[:n_rows]
    columns = _part(units.shape[1], place.n_parts, place.part)
    lo, hi = columns
    out, step = descent.weights[lo:hi], (-steps[0], steps[1])
    call(work.calls.product_of_columns, (units, columns, shares, step, out))
    if steps[2] > 0:
        for i in range(lo, hi):
            _move(averages.weights[i], descent.weights[i], steps[2])


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def fill_shares(rows, hidden, mu, lam, shares, sums):
    """Fill the shares of rows in the gradient of the weights; add up those of biases.

    The first sums are of the units; the second, what the offsets take off the biases:
    ``G @ lam`` and ``mu @ G``, where the gradient ``G`` of the weights is a sum over
    rows of ``outer(units, share)``. So it need not be there.
    """
    bias, low, high, coupling = hidden
    split, n_rows = len(mu), max(1, TILE // len(bias))
    scratch = np.empty((2, min(n_rows, len(shares)), len(bias)), dtype=shares.dtype)
    field, chances = scratch[0], scratch[1]
    of_visible, of_hidden = sums[0, :split], sums[0, split:]
    back, forth = sums[1, :split], sums[1, split:]
    for i in range(sums.shape[1]):
        sums[0, i] = 0
        sums[1, i] = 0
    for r in range(len(shares)):
        k, w = r % n_rows, rows.weight[r]
        if k == 0:
            n = min(n_rows, len(shares) - r)
            fill_chances(rows.inputs[r : r + n], hidden, field[:n], chances[:n])
        chance, line, units = chances[k], shares[r], rows.units[r]
        for j in range(len(bias)):
            line[j] = -coupling * w * (low + (high - low) * chance[j] - lam[j])
        along_lam, along_mu = np.dot(line, lam), np.dot(units, mu)
        for j in range(len(bias)):
            of_hidden[j] += w * (low + (high - low) * chance[j])
        for j in range(len(bias)):
            forth[j] += along_mu * line[j]
        for i in range(split):
            of_visible[i] += w * units[i]
        for i in range(split):
            back[i] += along_lam * units[i]


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _join(work, place):
    """Turn the sums of all parts into gradients of biases and means of the data."""
    scratch, descent, sums = work.scratch, work.descent, work.scratch.sums
    mu, lam, n, last = descent.mu, descent.lam, place.n, place.n + place.m
    visible, hidden = scratch.visible_gradient, scratch.hidden_gradient
    units, share, split = scratch.units[last], scratch.shares[last], len(mu)
    n_data, n_parts = work.parts.data, len(sums)
    total = _sum(scratch.weight, 0, n) + _sum(scratch.weight, n, last)
    for i in range(split):
        scratch.visible_mean[i] = _sum_parts(sums, n_data, 0, i)
        visible[i] = -_sum_parts(sums, n_parts, 0, i)
        units[i] = mu[i]
    for j in range(len(lam)):
        scratch.hidden_mean[j] = _sum_parts(sums, n_data, 0, split + j)
        hidden[j] = -_sum_parts(sums, n_parts, 0, split + j)
        # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
        share[j] = work.model.hidden.coupling * (-hidden[j] - total * lam[j])
    along_lam, along_mu = np.dot(share, lam), np.dot(mu, mu)
    for i in range(split):
        visible[i] -= _sum_parts(sums, n_parts, 1, i) + along_lam * mu[i]
    for j in range(len(lam)):
        hidden[j] -= _sum_parts(sums, n_parts, 1, split + j) + along_mu * share[j]
    if descent.is_update:
        _step_biases(work, descent.steps[place.batch])


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _step_biases(work, steps):
    """Step along the gradient of the biases, and move offsets and averages."""
    descent, model, averages = work.descent, work.model, work.averages
    scratch, rate, average_rate = work.scratch, steps[0], steps[2]
    _take_off(model.visible.bias, scratch.visible_gradient, rate)
    _take_off(model.hidden.bias, scratch.hidden_gradient, rate)
    _move(descent.mu, scratch.visible_mean, descent.offset_rate)
    _move(descent.lam, scratch.hidden_mean, descent.offset_rate)
    _move(averages.visible_bias, model.visible.bias, average_rate)
    _move(averages.hidden_bias, model.hidden.bias, average_rate)


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _take_off(value, step, rate):
    """Take ``rate * step`` off ``value``."""
    for i in range(len(value)):
        value[i] -= rate * step[i]


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _move(average, value, rate):
    """Move an average this share of the way to ``value``."""
    for i in range(len(value)):
        average[i] += rate * (value[i] - average[i])


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _sum(values, start, stop):
    total = values.dtype.type(0)
    for i in range(start, stop):
        total += values[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy", **BORROWS)
def _sum_parts(sums, n_parts, line, column):
    total = sums.dtype.type(0)
    for k in range(n_parts):
        total += sums[k, line, column]
    return total
