"""The kernels of fused updates, in phases that threads go through together.

See :class:`skebm.energies.rbm.FusedRBM`, which fills their records.
"""

from functools import lru_cache

import numpy as np
from numba import njit

from skebm.energies.rbm._binary import TILE, leaf_calls
from skebm.energies.rbm._records import Inputs, Place, Rows, Stream, Units
from skebm.utils._addresses import BORROWS, INNER, KERNEL, address_of, call, call_part
from skebm.utils._parallel import run_phases
from skebm.utils._phases import meet, take, take_next


@lru_cache
def calls_of(char):
    """Return the addresses of the kernels for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    calls, units = leaf_calls(char), Units(line, one, one, one)
    data = Rows(rows, rows, line)
    shares = address_of(fill_shares, calls, data, units, line, line, rows, rows)
    return calls._replace(shares=shares)


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


@njit(_nrt=False, **KERNEL)
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


@njit(**BORROWS)
def _part(n, n_parts, k):
    return n * k // n_parts, n * (k + 1) // n_parts


@njit(**BORROWS)
def _take_data(work, place):
    """Take rows of a minibatch, and their shares of the gradient."""
    data, scratch, n = work.data, work.scratch, place.n
    lo, hi = _part(n, place.n_parts, place.part)
    units, inputs = scratch.units[lo:hi], data.inputs[lo:hi]
    words, first = data.streams[place.batch], data.edges[place.batch]
    calls, keys = work.calls, work.chains.keys
    for r in range(lo, hi):
        row, line = data.X[data.order[first + r]], scratch.units[r]
        if data.resample:
            uniform = scratch.units[r : r + 1]
            call(calls.uniform, (calls.words, keys, words[0], words[1], r, uniform))
            for i in range(len(line)):
                line[i] = 1 if line[i] < row[i] else 0
        else:
            for i in range(len(line)):
                line[i] = row[i]
        if work.descent.is_update:
            scratch.weight[r] = 1 / n
    if not data.has_inputs:
        call(calls.product, (calls.row_sums, units, work.model.weights, inputs))
    _call_shares(work, units, inputs, lo, place.part)


@njit(**BORROWS)
def _draw_hidden(work, place):
    """Draw the hidden units of chains."""
    chains, units = work.chains, work.model.hidden
    lo, hi = _part(place.m, place.n_parts, place.part)
    words = chains.streams[place.batch, place.sweep, 0]
    stream = Stream(chains.keys, words, chains.row + lo)
    inputs, out = Inputs(chains.inputs, False, lo), work.scratch.hidden[lo:hi]
    call(work.calls.draws, (work.calls, inputs, units, stream, out))


@njit(**BORROWS)
def _fill_field(work, place):
    """Fill what some visible units of all chains receive."""
    weights, m = work.model.weights, place.m
    lo, hi = _part(len(weights), place.n_parts, place.part)
    field = work.scratch.field[lo * m : hi * m].reshape(hi - lo, m)
    call(work.calls.field, (weights[lo:hi], work.scratch.hidden[:m], field))


@njit(**BORROWS)
def _draw_visible(work, place):
    """Draw the visible units of chains; after the last sweep, take their shares."""
    calls, chains, scratch, model = work.calls, work.chains, work.scratch, work.model
    n, m, n_visible = place.n, place.m, len(model.weights)
    lo, hi = _part(m, place.n_parts, place.part)
    units, inputs = scratch.units[n + lo : n + hi], chains.inputs[lo:hi]
    field = scratch.field[: n_visible * m].reshape(n_visible, m)
    words = chains.streams[place.batch, place.sweep, 1]
    stream = Stream(chains.keys, words, chains.row + lo)
    call(calls.draws, (calls, Inputs(field, True, lo), model.visible, stream, units))
    call(calls.product, (calls.row_sums, units, model.weights, inputs))
    if place.sweep + 1 == chains.streams.shape[1]:
        if work.descent.is_update:
            for r in range(n + lo, n + hi):
                scratch.weight[r] = -1 / m
        _call_shares(work, units, inputs, n + lo, work.parts.data + place.part)


@njit(**BORROWS)
def _call_shares(work, units, inputs, lo, part):
    scratch, descent, hi = work.scratch, work.descent, lo + len(units)
    rows, shares = Rows(units, inputs, scratch.weight[lo:hi]), scratch.shares[lo:hi]
    mu, lam, sums = descent.mu, descent.lam, scratch.sums[part]
    hidden = work.model.hidden
    call(work.calls.shares, (work.calls, rows, hidden, mu, lam, shares, sums))


@njit(**BORROWS)
def _step(work, place):
    """Step along the gradient of some rows of the weights, and move their average."""
    scratch, descent, averages = work.scratch, work.descent, work.averages
    n_rows, steps = place.n + place.m + 1, descent.steps[place.batch]
    units, shares = scratch.units[:n_rows], scratch.shares[:n_rows]
    columns = _part(units.shape[1], place.n_parts, place.part)
    lo, hi = columns
    out, step = descent.weights[lo:hi], (-steps[0], steps[1])
    row_sums = work.calls.row_sums
    call(work.calls.product_of_columns, (row_sums, units, columns, shares, step, out))
    rate = steps[2]
    if rate > 0:
        for i in range(lo, hi):
            average, weights = averages.weights[i], descent.weights[i]
            for j in range(len(weights)):
                average[j] += rate * (weights[j] - average[j])


@njit(**INNER)
def fill_shares(calls, rows, hidden, mu, lam, shares, sums):
    """Fill the shares of rows in the gradient of the weights; add up the biases' sums.

    The first sums are of the units. The second ones are what the offsets take off the
    biases: ``G @ lam`` and ``mu @ G``, where the gradient ``G`` of the weights is a sum
    over rows of ``outer(units, share)``, and is not needed for that.
    """
    bias, low, high, coupling = hidden
    split, width = len(mu), len(bias)
    n_rows = min(len(shares), max(1, TILE // width))
    numbers = np.empty((2, n_rows * width), shares.dtype)
    field, chances = numbers[0], numbers[1]
    of_visible, of_hidden = sums[0, :split], sums[0, split:]
    back, forth = sums[1, :split], sums[1, split:]
    for i in range(split + width):
        sums[0, i] = 0
        sums[1, i] = 0
    for r in range(len(shares)):
        first, weight = r % n_rows * width, rows.weight[r]
        if first == 0:
            inputs = rows.inputs[r : r + n_rows]
            call(calls.chances, (calls.sigmoid, inputs, hidden, field, chances))
        chance, line, units = chances[first:], shares[r], rows.units[r]
        for j in range(width):
            mean = low + (high - low) * chance[j]
            line[j] = -coupling * weight * (mean - lam[j])
            of_hidden[j] += weight * mean
        along_lam, along_mu = np.dot(line, lam), np.dot(units, mu)
        for j in range(width):
            forth[j] += along_mu * line[j]
        for i in range(split):
            of_visible[i] += weight * units[i]
            back[i] += along_lam * units[i]


@njit(**BORROWS)
def _join(work, place):
    """Turn the sums of all parts into gradients of biases and means of the data."""
    scratch, descent, totals = work.scratch, work.descent, work.scratch.totals
    mu, lam, n, last = descent.mu, descent.lam, place.n, place.n + place.m
    split, coupling = len(mu), work.model.hidden.coupling
    units, share = scratch.units[last], scratch.shares[last]
    visible, hidden = totals[1, :split], totals[1, split:]
    _add_parts(scratch.sums, work.parts.data, totals)
    start = np.int64(0)
    weight = _sum(scratch.weight, start, n) + _sum(scratch.weight, n, last)
    # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
    for i in range(split):
        units[i] = mu[i]
    for j in range(len(lam)):
        share[j] = coupling * (-hidden[j] - weight * lam[j])
    along_lam, along_mu = np.dot(share, lam), np.dot(mu, mu)
    for i in range(split):
        visible[i] -= totals[2, i] + along_lam * mu[i]
    for j in range(len(lam)):
        hidden[j] -= totals[2, split + j] + along_mu * share[j]
    if descent.is_update:
        model, averages, steps = work.model, work.averages, descent.steps[place.batch]
        rates = steps[0], descent.offset_rate, steps[2]
        _step_side(
            model.visible.bias, averages.visible_bias, mu, totals[:, :split], rates
        )
        _step_side(
            model.hidden.bias, averages.hidden_bias, lam, totals[:, split:], rates
        )


@njit(**BORROWS)
def _add_parts(sums, n_data, totals):
    """Add up the sums of all parts; the first ``n_data`` parts are rows of the data."""
    for i in range(totals.shape[1]):
        first = second = sums.dtype.type(0)
        for k in range(len(sums)):
            first += sums[k, 0, i]
            second += sums[k, 1, i]
            if k == n_data - 1:
                totals[0, i] = first
        totals[1, i] = -first
        totals[2, i] = second


@njit(**BORROWS)
def _step_side(bias, average, offset, totals, rates):
    """Step along the gradient of biases, and move their averages and offsets."""
    rate, offset_rate, average_rate = rates
    for i in range(len(bias)):
        bias[i] -= rate * totals[1, i]
        offset[i] += offset_rate * (totals[0, i] - offset[i])
        average[i] += average_rate * (bias[i] - average[i])


@njit(**BORROWS)
def _sum(values, start, stop):
    total = values.dtype.type(0)
    for i in range(start, stop):
        total += values[i]
    return total
