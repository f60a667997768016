"""Draws and probabilities of a forest, from the roots downwards.

The arguments are the arguments in :mod:`skebm.layers._messages`.
"""

import numpy as np
from numba import njit

from skebm.layers._messages import ROWS, TINY, fill_messages
from skebm.utils._addresses import BORROWS, KERNEL

# The compiler may reorder sums over rows, else it cannot vectorise them.
_REORDER = {"nnan", "contract", "reassoc"}


@njit(fastmath={"nnan"}, **BORROWS)
def _choose(table, rows, n_states, weights, uniform, state, total, reached):
    """Draw the states of a variable from its weights and those of a table's rows.

    ``uniform`` is overwritten.
    """
    total[:] = 0
    reached[:] = 0
    for s in range(n_states):
        for t in range(ROWS):
            total[t] += table[rows[t] * n_states + s] * weights[s * ROWS + t]
    for t in range(ROWS):
        uniform[t] *= total[t]
        state[t] = 0
    for s in range(n_states - 1):
        for t in range(ROWS):
            reached[t] += table[rows[t] * n_states + s] * weights[s * ROWS + t]
            state[t] += reached[t] < uniform[t]


@njit(fastmath={"nnan"}, **BORROWS)
def _choose_of_two(table, rows, weights, uniform, state):
    """Do what ``_choose`` does for two states whose parent has at most two states."""
    weights0, weights1 = weights[:ROWS], weights[ROWS : 2 * ROWS]
    # A root has one row.
    last = min(2, len(table) - 2)
    a, b, c, d = table[0], table[1], table[last], table[last + 1]
    for t in range(ROWS):
        # A branch would keep the compiler from vector instructions.
        second = np.float64(rows[t])
        first = 1 - second
        zero = weights0[t] * (first * a + second * c)
        one = weights1[t] * (first * b + second * d)
        state[t] = zero < uniform[t] * (zero + one)


@njit(**BORROWS)
def _draw_tile(forest, tables, flat, terms, uniform, states, spare, out):
    """Draw the rows of a tile, from the roots downwards."""
    lot, total, reached = spare[1], spare[2], spare[3]
    for i in range(len(forest.order)):
        v = forest.order[i]
        start, stop, p = forest.starts[v], forest.starts[v + 1], forest.parents[v]
        # A root has the row of a parent that has one state.
        table = flat if p < 0 else tables[forest.offsets[v] :]
        above = 1 if p < 0 else forest.starts[p + 1] - forest.starts[p]
        weights, rows, state = terms[start * ROWS :], states[p], states[v]
        for t in range(len(uniform)):
            lot[t] = uniform[t, v]
        if stop - start == 2 and above <= 2:
            _choose_of_two(table, rows, weights, lot, state)
        else:
            _choose(table, rows, stop - start, weights, lot, state, total, reached)
    # In the order of the columns, for the sake of the cache.
    for v in range(len(forest.order)):
        start, state = forest.starts[v], states[v]
        for t in range(len(out)):
            s = start + state[t]
            out[t, forest.units[s]] = forest.values[s]


@njit(**KERNEL)
def draw_all(forest, tables, unary, inputs, known, uniform, out):
    """Draw rows, from a uniform number for each variable, into zeros."""
    lines = np.zeros(len(unary) * ROWS)
    terms, spare = np.empty_like(lines), np.zeros((4, ROWS))
    states = np.zeros((len(forest.order) + 1, ROWS), np.int32)
    flat = np.ones(len(unary))
    for row in range(0, len(inputs), ROWS):
        end = min(row + ROWS, len(inputs))
        fill_messages(forest, tables, unary, inputs, known, row, lines, terms, spare)
        tile = uniform[row:end], states, spare, out[row:end]
        _draw_tile(forest, tables, flat, terms, *tile)


@njit(fastmath=_REORDER, **BORROWS)
def _pass_down(table, above, weights, belief, pair, weight, ratio):
    """Fill in the probabilities of a variable from the probabilities of its parent.

    The probabilities of pairs of states are added up over rows with ``weight``.
    """
    n_states, n_above = len(weights) // ROWS, len(above) // ROWS
    for i in range(len(belief)):
        belief[i] = 0
    for a in range(n_above):
        for t in range(ROWS):
            ratio[t] = TINY
        for s in range(n_states):
            value, line = table[a * n_states + s], weights[s * ROWS :]
            for t in range(ROWS):
                ratio[t] += value * line[t]
        for t in range(ROWS):
            ratio[t] = above[a * ROWS + t] / ratio[t]
        for s in range(n_states):
            value, line = table[a * n_states + s], weights[s * ROWS :]
            added, total = belief[s * ROWS : (s + 1) * ROWS], 0.0
            for t in range(ROWS):
                both = value * line[t] * ratio[t]
                added[t] += both
                total += weight[t] * both
            if len(pair):
                pair[a * n_states + s] += total


@njit(fastmath=_REORDER, **BORROWS)
def _pass_down_two(table, above, weights, belief, pair, weight):
    """Do what ``_pass_down`` does where both variables have two states."""
    a, b, c, d = table[0], table[1], table[2], table[3]
    above0, above1 = above[:ROWS], above[ROWS : 2 * ROWS]
    weights0, weights1 = weights[:ROWS], weights[ROWS : 2 * ROWS]
    belief0, belief1 = belief[:ROWS], belief[ROWS : 2 * ROWS]
    for t in range(ROWS):
        low = above0[t] / (a * weights0[t] + b * weights1[t] + TINY)
        high = above1[t] / (c * weights0[t] + d * weights1[t] + TINY)
        belief0[t] = weights0[t] * (a * low + c * high)
        belief1[t] = weights1[t] * (b * low + d * high)
    if len(pair):
        for t in range(ROWS):
            low = weight[t] * above0[t] / (a * weights0[t] + b * weights1[t] + TINY)
            high = weight[t] * above1[t] / (c * weights0[t] + d * weights1[t] + TINY)
            pair[0] += low * a * weights0[t]
            pair[1] += low * b * weights1[t]
            pair[2] += high * c * weights0[t]
            pair[3] += high * d * weights1[t]


@njit(**BORROWS)
def _descend(forest, tables, terms, weight, belief, pairs, ratio):
    """Turn the weights of a tile into probabilities, from the roots downwards."""
    for i in range(len(forest.order)):
        v = forest.order[i]
        start, stop = forest.starts[v], forest.starts[v + 1]
        weights, p = terms[start * ROWS : stop * ROWS], forest.parents[v]
        if p >= 0:
            own = belief[: len(weights)]
            above = terms[forest.starts[p] * ROWS : forest.starts[p + 1] * ROWS]
            table, pair = tables[forest.offsets[v] :], pairs[forest.offsets[v] :]
            if len(own) == 2 * ROWS and len(above) == 2 * ROWS:
                _pass_down_two(table, above, weights, own, pair, weight)
            else:
                _pass_down(table, above, weights, own, pair, weight, ratio)
            for k in range(len(own)):
                weights[k] = own[k]
        for t in range(ROWS):
            total = 0.0
            for s in range(stop - start):
                total += weights[s * ROWS + t]
            for s in range(stop - start):
                weights[s * ROWS + t] /= total


@njit(fastmath=_REORDER, **BORROWS)
def _add_up(belief, weight, shares):
    """Add the weighted probabilities of a tile to the shares of the states."""
    for s in range(len(shares)):
        total, line = 0.0, belief[s * ROWS : (s + 1) * ROWS]
        for t in range(ROWS):
            total += weight[t] * line[t]
        shares[s] += total


@njit(**BORROWS)
def _expect(forest, belief, out):
    """Add the expectations of the units of a tile to zeros."""
    for s in range(len(forest.units)):
        unit, value = forest.units[s], forest.values[s]
        if value != 0:
            for t in range(len(out)):
                out[t, unit] += belief[s * ROWS + t] * value


@njit(**KERNEL)
def average_all(forest, tables, unary, inputs, known, weight, out, shares, pairs):
    """Add up the expectations of rows, and of states and pairs over weighted rows.

    ``weight`` may be empty. Then only the expectations of rows are computed.
    """
    lines = np.zeros(len(unary) * ROWS)
    terms, belief, spare = (
        np.empty_like(lines),
        np.empty_like(lines),
        np.empty((4, ROWS)),
    )
    share = np.zeros(ROWS)
    for row in range(0, len(inputs), ROWS):
        n = min(ROWS, len(inputs) - row)
        fill_messages(forest, tables, unary, inputs, known, row, lines, terms, spare)
        for t in range(ROWS):
            share[t] = weight[row + t] if row + t < len(weight) else 0.0
        _descend(forest, tables, terms, share, belief, pairs, spare[0])
        _expect(forest, terms, out[row : row + n])
        if len(weight):
            _add_up(terms, share, shares)
