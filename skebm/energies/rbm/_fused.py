"""The kernels of fused updates, in phases that threads go through together.

See :mod:`skebm.energies.rbm._updates`, which fills their records.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.energies.rbm import _binary
from skebm.energies.rbm._binary import TILE, Inputs, Model, Stream, Units, fill_chances
from skebm.utils._addresses import INNER, address_of, call
from skebm.utils._math import fill_average, fill_step
from skebm.utils._parallel import meet, run_phases, take, take_next
from skebm.utils._random import uniform_kernel


class Calls(NamedTuple):
    """Addresses of the kernels that others call."""

    product: int
    product_of_columns: int
    field: int
    draws: int
    uniform: int
    shares: int


class Parts(NamedTuple):
    """The number of parts that a phase has."""

    data: int
    chains: int
    columns: int


class Data(NamedTuple):
    """Rows of minibatches.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_visible)
    order : ndarray of int
        The rows of all minibatches, one minibatch after the other.
    edges : ndarray of int, shape (n_batches + 1,)
        Where each begins and ends in ``order``.
    resample : bool
    streams : ndarray of shape (n_batches, 2), uint32
    inputs : ndarray of shape (n, n_hidden)
        What the hidden units receive of one minibatch.
    has_inputs : bool
        Whether that is known already.
    """

    X: np.ndarray
    order: np.ndarray
    edges: np.ndarray
    resample: bool
    streams: np.ndarray
    inputs: np.ndarray
    has_inputs: bool


class Chains(NamedTuple):
    """Chains and their random numbers.

    Attributes
    ----------
    keys : ndarray of shape (20,), uint32
    streams : ndarray of shape (n_batches, n_sweeps, 2, 2), uint32
    row : int
        The number of the first chain in a draw.
    is_persistent : bool
        Whether chains go on from minibatch to minibatch.
    inputs : ndarray of shape (m, n_hidden)
        What the hidden units receive.
    """

    keys: np.ndarray
    streams: np.ndarray
    row: int
    is_persistent: bool
    inputs: np.ndarray


class Scratch(NamedTuple):
    """Arrays that the phases of a minibatch fill.

    Attributes
    ----------
    units : ndarray of shape (n + m + 1, n_visible)
        Rows of data, then of chains, then ``mu``.
    shares : ndarray of shape (n + m + 1, n_hidden)
        The gradient of the weights is ``units.T @ shares``.
    weight : ndarray of shape (n + m,)
    hidden : ndarray of shape (m, n_hidden)
    field : ndarray of shape (n_visible * m,)
        What the visible units of the chains receive: a column is a chain.
    sums : ndarray of shape (n_parts, 2, n_visible + n_hidden)
        See :func:`fill_shares`.
    visible_gradient, hidden_gradient, visible_mean, hidden_mean : ndarray
        Of the biases, and of the units over the data.
    """

    units: np.ndarray
    shares: np.ndarray
    weight: np.ndarray
    hidden: np.ndarray
    field: np.ndarray
    sums: np.ndarray
    visible_gradient: np.ndarray
    hidden_gradient: np.ndarray
    visible_mean: np.ndarray
    hidden_mean: np.ndarray


class Descent(NamedTuple):
    """What to do with the gradient.

    Attributes
    ----------
    is_update : bool
        Whether the parameters take the step, or the gradient is all that is asked for.
    steps : ndarray of shape (n_batches, 3)
        Rates, decays of the weights, and rates of the averages.
    weights : ndarray of shape (n_visible, n_hidden)
        Those that take the step.
    mu, lam : ndarray
        Offsets of the centered gradient.
    offset_rate : float
    """

    is_update: bool
    steps: np.ndarray
    weights: np.ndarray
    mu: np.ndarray
    lam: np.ndarray
    offset_rate: float


class Averages(NamedTuple):
    """Moving averages of the parameters."""

    weights: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray


class Work(NamedTuple):
    """All that the threads share."""

    calls: Calls
    parts: Parts
    model: Model
    data: Data
    chains: Chains
    scratch: Scratch
    descent: Descent
    averages: Averages


class Rows(NamedTuple):
    """Rows of data or of chains, what the hidden units receive of them, and weights."""

    units: np.ndarray
    inputs: np.ndarray
    weight: np.ndarray


@lru_cache
def calls_of(char):
    """Return the addresses of the kernels for this type of numbers."""
    dtype = np.dtype(char)
    rows, line, one = np.empty((1, 1), dtype), np.empty(1, dtype), dtype.type(1)
    units, stream = Units(line, one, one, one), (np.empty(1, np.uint32), np.uint32(0))
    return Calls(
        *_binary.calls_of(char),
        address_of(uniform_kernel(dtype), *stream, np.uint32(0), 0, rows),
        address_of(fill_shares, Rows(rows, rows, line), units, line, line, rows, rows),
    )


def run(work):
    """Call the kernel on all threads that its parts can use."""
    # Data, three phases a sweep, what is joined, columns, biases, and an average.
    n_batches, n_sweeps = work.chains.streams.shape[:2]
    n_phases = n_batches * (5 + 3 * n_sweeps)
    run_phases(_run, n_phases, max(work.parts), work)


@njit(cache=True, nogil=True, error_model="numpy")
def _run(crew, work):
    # A constant would be a type of its own, and all that follows compiled twice.
    phase = np.int64(0)
    for b in range(len(work.descent.steps)):
        n = work.data.edges[b + 1] - work.data.edges[b]
        m = len(work.chains.inputs) if work.chains.is_persistent else n
        phase = _take_data(crew, phase, work, b, n, m)
        for t in range(work.chains.streams.shape[1]):
            phase = _sweep(crew, phase, work, b, t, n, m)
        phase = _step(crew, phase, work, b, n, m)
        if work.descent.is_update:
            phase = _end(crew, phase, work, b)


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _part(n, n_parts, k):
    return n * k // n_parts, n * (k + 1) // n_parts


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _take_data(crew, phase, work, b, n, m):
    """Take the rows of a minibatch, and their shares of the gradient."""
    calls, n_parts, scratch = work.calls, work.parts.data, work.scratch
    k = take(crew, phase)
    while k < n_parts:
        lo, hi = _part(n, n_parts, k)
        units, inputs = scratch.units[lo:hi], work.data.inputs[lo:hi]
        _gather(calls.uniform, work.data, work.chains.keys, b, lo, units)
        if not work.data.has_inputs:
            call(calls.product, (units, work.model.weights, inputs))
        if work.descent.is_update:
            for r in range(lo, hi):
                scratch.weight[r] = 1 / n
        _call_shares(work, units, inputs, lo, hi, k)
        k = take_next(crew, phase)
    return meet(crew, phase, n_parts)


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _gather(uniform_address, data, keys, b, lo, out):
    """Copy rows of the minibatch ``b``, from ``lo`` on; draw them if they are odds."""
    words, first = data.streams[b], data.edges[b] + lo
    for r in range(len(out)):
        row, line = data.X[data.order[first + r]], out[r]
        if data.resample:
            uniform = out[r : r + 1]
            call(uniform_address, (keys, words[0], words[1], lo + r, uniform))
            for i in range(len(line)):
                line[i] = 1 if line[i] < row[i] else 0
        else:
            for i in range(len(line)):
                line[i] = row[i]


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _sweep(crew, phase, work, b, t, n, m):
    """Move chains by the sweep number ``t``; after the last, take their shares."""
    calls, parts, chains = work.calls, work.parts, work.chains
    scratch, weights, streams = work.scratch, work.model.weights, chains.streams[b, t]
    n_visible, hidden = len(weights), scratch.hidden[:m]
    field = scratch.field[: n_visible * m].reshape(n_visible, m)
    is_last = t + 1 == chains.streams.shape[1]
    k = take(crew, phase)
    while k < parts.chains:
        lo, hi = _part(m, parts.chains, k)
        stream = Stream(chains.keys, streams[0], chains.row + lo)
        inputs = Inputs(chains.inputs, False, lo)
        call(calls.draws, (inputs, work.model.hidden, stream, hidden[lo:hi]))
        k = take_next(crew, phase)
    phase = meet(crew, phase, parts.chains)
    k = take(crew, phase)
    while k < parts.columns:
        lo, hi = _part(n_visible, parts.columns, k)
        call(calls.field, (weights[lo:hi], hidden, field[lo:hi]))
        k = take_next(crew, phase)
    phase = meet(crew, phase, parts.columns)
    k = take(crew, phase)
    while k < parts.chains:
        lo, hi = _part(m, parts.chains, k)
        units, inputs = scratch.units[n + lo : n + hi], chains.inputs[lo:hi]
        stream = Stream(chains.keys, streams[1], chains.row + lo)
        received = Inputs(field, True, lo)
        call(calls.draws, (received, work.model.visible, stream, units))
        call(calls.product, (units, weights, inputs))
        if is_last:
            if work.descent.is_update:
                for r in range(n + lo, n + hi):
                    scratch.weight[r] = -1 / m
            _call_shares(work, units, inputs, n + lo, n + hi, parts.data + k)
        k = take_next(crew, phase)
    return meet(crew, phase, parts.chains)


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _step(crew, phase, work, b, n, m):
    """Join the sums of all parts, and step along the gradient of the weights."""
    parts, scratch, descent = work.parts, work.scratch, work.descent
    k = take(crew, phase)
    while k < 1:
        _join(scratch, parts.data, work.model.hidden.coupling, descent, n, m)
        k = take_next(crew, phase)
    phase = meet(crew, phase, 1)
    step = -descent.steps[b, 0], descent.steps[b, 1]
    units, shares = scratch.units[: n + m + 1], scratch.shares[: n + m + 1]
    k = take(crew, phase)
    while k < parts.columns:
        columns = _part(units.shape[1], parts.columns, k)
        out = descent.weights[columns[0] : columns[1]]
        address = work.calls.product_of_columns
        call(address, (units, columns, shares, step, out))
        k = take_next(crew, phase)
    return meet(crew, phase, parts.columns)


@njit(cache=True, nogil=True, error_model="numpy")
def _end(crew, phase, work, b):
    """Step along the gradient of the biases, and move offsets and averages."""
    descent, model, averages = work.descent, work.model, work.averages
    (rate, _, average_rate), scratch = descent.steps[b], work.scratch
    k = take(crew, phase)
    while k < 1:
        fill_step(model.visible.bias, scratch.visible_gradient, rate)
        fill_step(model.hidden.bias, scratch.hidden_gradient, rate)
        fill_average(descent.mu, scratch.visible_mean, descent.offset_rate)
        fill_average(descent.lam, scratch.hidden_mean, descent.offset_rate)
        fill_average(averages.visible_bias, model.visible.bias, average_rate)
        fill_average(averages.hidden_bias, model.hidden.bias, average_rate)
        k = take_next(crew, phase)
    phase = meet(crew, phase, 1)
    if average_rate > 0:
        n_parts = work.parts.columns
        k = take(crew, phase)
        while k < n_parts:
            lo, hi = _part(len(model.weights), n_parts, k)
            for i in range(lo, hi):
                fill_average(averages.weights[i], model.weights[i], average_rate)
            k = take_next(crew, phase)
        phase = meet(crew, phase, n_parts)
    return phase


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _call_shares(work, units, inputs, lo, hi, k):
    scratch, descent = work.scratch, work.descent
    rows = Rows(units, inputs, scratch.weight[lo:hi])
    given = rows, work.model.hidden, descent.mu, descent.lam
    call(work.calls.shares, (*given, scratch.shares[lo:hi], scratch.sums[k]))


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
def _join(scratch, n_data, coupling, descent, n, m):
    """Turn the sums of all parts into gradients of biases and means of the data."""
    mu, lam, sums = descent.mu, descent.lam, scratch.sums
    visible, hidden = scratch.visible_gradient, scratch.hidden_gradient
    units, share, split = scratch.units[n + m], scratch.shares[n + m], len(mu)
    total = _sum(scratch.weight[:n]) + _sum(scratch.weight[n : n + m])
    for i in range(split):
        scratch.visible_mean[i] = _sum_parts(sums, n_data, 0, i)
        visible[i] = -_sum_parts(sums, len(sums), 0, i)
        units[i] = mu[i]
    for j in range(len(lam)):
        scratch.hidden_mean[j] = _sum_parts(sums, n_data, 0, split + j)
        hidden[j] = -_sum_parts(sums, len(sums), 0, split + j)
        # sum (v - mu) share = sum v share - mu sum share: mu is one more row.
        share[j] = coupling * (-hidden[j] - total * lam[j])
    along_lam, along_mu = np.dot(share, lam), np.dot(mu, mu)
    for i in range(split):
        visible[i] -= _sum_parts(sums, len(sums), 1, i) + along_lam * mu[i]
    for j in range(len(lam)):
        hidden[j] -= _sum_parts(sums, len(sums), 1, split + j) + along_mu * share[j]


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _sum(values):
    total = values.dtype.type(0)
    for value in values:
        total += value
    return total


@njit(cache=True, nogil=True, error_model="numpy", **INNER)
def _sum_parts(sums, n_parts, line, column):
    total = sums.dtype.type(0)
    for k in range(n_parts):
        total += sums[k, line, column]
    return total
