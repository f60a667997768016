"""Messages along the edges of a forest, exact sums over all configurations.

The kernels process several rows side by side, and the innermost loops are over rows. A
tile is such a group of rows. All weights are numbers and not logarithms: the largest
weight of each variable is 1, and the factors that were taken out are collected. They
are float64, so that a variable may be certain to 300 digits before a message arrives
that contradicts it.

``forest`` is a :class:`skebm.layers._forest.Forest`, and ``tables`` are the tables in
its order. ``unary`` is the log weight of each state without inputs. ``known`` is the
state of each variable that is observed in a row, and -1 for others; it is empty if
there are none.
"""

import numpy as np
from numba import njit

from skebm.utils._addresses import INNER, KERNEL
from skebm.utils._math import fill_exp

# Number of rows that the kernels process side by side.
ROWS = 16
# The product of factors is turned into its logarithm before it can underflow.
_SMALL, _TINY = 1e-100, 1e-200


# -- upwards ---------------------------------------------------------------------------


@njit(fastmath={"nnan"}, **INNER)
def fill_log_weights(forest, unary, inputs, known, row, lines, log_sum):
    """Fill ``lines`` with log weights whose largest is 0; add what was taken off.

    The state of a variable that is known has no input.
    """
    n = min(ROWS, len(inputs) - row)
    top = np.empty(ROWS)
    for s in range(len(unary)):
        line = lines[s * ROWS : (s + 1) * ROWS]
        unit, value, constant = forest.units[s], forest.values[s], unary[s]
        for t in range(n):
            line[t] = inputs[row + t, unit] * value + constant
    for v in range(len(forest.order)):
        start, stop = forest.starts[v], forest.starts[v + 1]
        first = lines[start * ROWS : (start + 1) * ROWS]
        for t in range(ROWS):
            top[t] = first[t]
        for s in range(start + 1, stop):
            line = lines[s * ROWS : (s + 1) * ROWS]
            for t in range(ROWS):
                top[t] = max(top[t], line[t])
        if len(known):
            for t in range(n):
                if known[row + t, v] >= 0:
                    top[t] = unary[start + known[row + t, v]]
                    for s in range(start, stop):
                        lines[s * ROWS + t] = -np.inf
                    lines[(start + known[row + t, v]) * ROWS + t] = top[t]
        for t in range(ROWS):
            log_sum[t] += top[t]
        for s in range(start, stop):
            line = lines[s * ROWS : (s + 1) * ROWS]
            for t in range(ROWS):
                line[t] -= top[t]


@njit(**INNER)
def _rule_out(forest, known, row, n, terms):
    """Set the weights of states that are not the known ones to exactly 0."""
    for v in range(len(forest.order)):
        for t in range(n):
            if known[row + t, v] >= 0:
                for s in range(forest.starts[v], forest.starts[v + 1]):
                    if s - forest.starts[v] != known[row + t, v]:
                        terms[s * ROWS + t] = 0


@njit(**INNER)
def _collect(top, scale, log_sum):
    """Multiply ``scale`` by ``top``, and add its logarithm where it gets small."""
    smallest = 1.0
    for t in range(ROWS):
        scale[t] *= top[t]
        smallest = min(smallest, scale[t])
    if smallest < _SMALL:
        for t in range(ROWS):
            log_sum[t] += np.log(scale[t])
            scale[t] = 1


@njit(fastmath={"nnan", "contract"}, **INNER)
def _send_two(table, child, parent, top):
    """Do what ``_send`` does where both variables have two states."""
    a, b, c, d = table[0], table[1], table[2], table[3]
    child0, child1 = child[:ROWS], child[ROWS : 2 * ROWS]
    parent0, parent1 = parent[:ROWS], parent[ROWS : 2 * ROWS]
    for t in range(ROWS):
        first = parent0[t] * (a * child0[t] + b * child1[t])
        second = parent1[t] * (c * child0[t] + d * child1[t])
        largest = max(max(first, second), _TINY)
        inverse = 1 / largest
        parent0[t], parent1[t] = first * inverse, second * inverse
        top[t] = largest


@njit(fastmath={"nnan", "contract"}, **INNER)
def _send(table, child, parent, top):
    """Multiply the weights of the parent by the message of the child.

    ``top`` is what the product is divided by, so that the largest weight stays 1.
    """
    n_child, n_parent = len(child) // ROWS, len(parent) // ROWS
    message = np.empty(ROWS)
    for t in range(ROWS):
        top[t] = _TINY
    for a in range(n_parent):
        line = parent[a * ROWS : (a + 1) * ROWS]
        for t in range(ROWS):
            message[t] = 0
        for b in range(n_child):
            weight, from_child = table[a * n_child + b], child[b * ROWS :]
            for t in range(ROWS):
                message[t] += weight * from_child[t]
        for t in range(ROWS):
            line[t] *= message[t]
            top[t] = max(top[t], line[t])
    for a in range(n_parent):
        line = parent[a * ROWS : (a + 1) * ROWS]
        for t in range(ROWS):
            line[t] /= top[t]


@njit(**INNER)
def _gather(forest, tables, terms, log_sum):
    """Send all messages towards the roots; add the log of the total weight.

    Afterwards the weights of a variable hold the messages of its children.
    """
    scale, top = np.ones(ROWS), np.empty(ROWS)
    for i in range(len(forest.order) - 1, -1, -1):
        v = forest.order[i]
        p = forest.parents[v]
        start, stop = forest.starts[v], forest.starts[v + 1]
        own = terms[start * ROWS : stop * ROWS]
        if p < 0:
            for t in range(ROWS):
                top[t] = 0
            for s in range(stop - start):
                for t in range(ROWS):
                    top[t] += own[s * ROWS + t]
        else:
            parent = terms[forest.starts[p] * ROWS : forest.starts[p + 1] * ROWS]
            table = tables[forest.offsets[v] :]
            if len(own) == 2 * ROWS and len(parent) == 2 * ROWS:
                _send_two(table, own, parent, top)
            else:
                _send(table, own, parent, top)
        _collect(top, scale, log_sum)
    for t in range(ROWS):
        log_sum[t] += np.log(scale[t])


@njit(**INNER)
def _ascend(forest, tables, unary, inputs, known, row, lines, terms, log_sum):
    """Fill ``terms`` with the weights of a tile that hold the messages from below."""
    for t in range(ROWS):
        log_sum[t] = 0
    fill_log_weights(forest, unary, inputs, known, row, lines, log_sum)
    fill_exp(lines, terms)
    if len(known):
        _rule_out(forest, known, row, min(ROWS, len(inputs) - row), terms)
    _gather(forest, tables, terms, log_sum)


@njit(**KERNEL)
def sum_all(forest, tables, unary, inputs, known, out):
    """Fill ``out`` with the log of the sum of the weights of all configurations."""
    lines = np.zeros(len(unary) * ROWS)
    terms, log_sum = np.empty_like(lines), np.empty(ROWS)
    for row in range(0, len(inputs), ROWS):
        _ascend(forest, tables, unary, inputs, known, row, lines, terms, log_sum)
        for t in range(min(ROWS, len(inputs) - row)):
            out[row + t] = log_sum[t]


# -- downwards -------------------------------------------------------------------------


@njit(fastmath={"nnan"}, **INNER)
def _choose(table, rows, n_states, weights, uniform, state):
    """Draw the states of a variable from its weights and those of a table's rows.

    ``uniform`` is overwritten.
    """
    total, reached = np.zeros(ROWS), np.zeros(ROWS)
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


@njit(fastmath={"nnan"}, **INNER)
def _choose_of_two(table, rows, weights, uniform, state):
    """Do what ``_choose`` does for two states whose parent has at most two states."""
    weights0, weights1 = weights[:ROWS], weights[ROWS : 2 * ROWS]
    # A root has one row.
    last = min(2, len(table) - 2)
    a, b, c, d = table[0], table[1], table[last], table[last + 1]
    for t in range(ROWS):
        zero = weights0[t] * (c if rows[t] else a)
        one = weights1[t] * (d if rows[t] else b)
        state[t] = zero < uniform[t] * (zero + one)


@njit(**KERNEL)
def draw_all(forest, tables, unary, inputs, known, uniform, out):
    """Draw rows, from a uniform number for each variable, into zeros."""
    lines = np.zeros(len(unary) * ROWS)
    terms, log_sum = np.empty_like(lines), np.empty(ROWS)
    states = np.zeros((len(forest.order) + 1, ROWS), np.int32)
    lot, flat = np.zeros(ROWS), np.ones(len(unary))
    for row in range(0, len(inputs), ROWS):
        n = min(ROWS, len(inputs) - row)
        _ascend(forest, tables, unary, inputs, known, row, lines, terms, log_sum)
        for v in forest.order:
            start, stop = forest.starts[v], forest.starts[v + 1]
            # A root has the rows of a parent that has one state.
            p = forest.parents[v]
            table = flat if p < 0 else tables[forest.offsets[v] :]
            weights = terms[start * ROWS : stop * ROWS]
            for t in range(n):
                lot[t] = uniform[row + t, v]
            above = 1 if p < 0 else forest.starts[p + 1] - forest.starts[p]
            if stop - start == 2 and above <= 2:
                _choose_of_two(table, states[p], weights, lot, states[v])
            else:
                _choose(table, states[p], stop - start, weights, lot, states[v])
            for t in range(n):
                s = start + states[v, t]
                out[row + t, forest.units[s]] = forest.values[s]


@njit(fastmath={"nnan", "contract"}, **INNER)
def _pass_down(table, above, weights, belief, pair, weight):
    """Fill in the probabilities of a variable from the probabilities of its parent.

    The probabilities of pairs of states are added up over rows with ``weight``.
    """
    n_states, n_above = len(weights) // ROWS, len(above) // ROWS
    ratio = np.empty(ROWS)
    for i in range(len(belief)):
        belief[i] = 0
    for a in range(n_above):
        for t in range(ROWS):
            ratio[t] = _TINY
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


@njit(fastmath={"nnan", "contract"}, **INNER)
def _pass_down_two(table, above, weights, belief, pair, weight):
    """Do what ``_pass_down`` does where both variables have two states."""
    a, b, c, d = table[0], table[1], table[2], table[3]
    above0, above1 = above[:ROWS], above[ROWS : 2 * ROWS]
    weights0, weights1 = weights[:ROWS], weights[ROWS : 2 * ROWS]
    belief0, belief1 = belief[:ROWS], belief[ROWS : 2 * ROWS]
    for t in range(ROWS):
        low = above0[t] / (a * weights0[t] + b * weights1[t] + _TINY)
        high = above1[t] / (c * weights0[t] + d * weights1[t] + _TINY)
        belief0[t] = weights0[t] * (a * low + c * high)
        belief1[t] = weights1[t] * (b * low + d * high)
    if len(pair):
        for t in range(ROWS):
            low = weight[t] * above0[t] / (a * weights0[t] + b * weights1[t] + _TINY)
            high = weight[t] * above1[t] / (c * weights0[t] + d * weights1[t] + _TINY)
            pair[0] += low * a * weights0[t]
            pair[1] += low * b * weights1[t]
            pair[2] += high * c * weights0[t]
            pair[3] += high * d * weights1[t]


@njit(**INNER)
def _descend(forest, tables, terms, weight, belief, pairs):
    """Turn the weights of a tile into probabilities, from the roots downwards."""
    for v in forest.order:
        start, stop = forest.starts[v], forest.starts[v + 1]
        weights, p = terms[start * ROWS : stop * ROWS], forest.parents[v]
        if p >= 0:
            own = belief[: len(weights)]
            above = terms[forest.starts[p] * ROWS : forest.starts[p + 1] * ROWS]
            table, pair = tables[forest.offsets[v] :], pairs[forest.offsets[v] :]
            if len(own) == 2 * ROWS and len(above) == 2 * ROWS:
                _pass_down_two(table, above, weights, own, pair, weight)
            else:
                _pass_down(table, above, weights, own, pair, weight)
            weights[:] = own
        for t in range(ROWS):
            total = 0.0
            for s in range(stop - start):
                total += weights[s * ROWS + t]
            for s in range(stop - start):
                weights[s * ROWS + t] /= total


@njit(**KERNEL)
def average_all(forest, tables, unary, inputs, known, weight, out, shares, pairs):
    """Add up the expectations of rows, and of states and pairs over weighted rows.

    ``pairs`` may be empty.
    """
    lines = np.zeros(len(unary) * ROWS)
    terms, belief, log_sum = np.empty_like(lines), np.empty_like(lines), np.empty(ROWS)
    share = np.zeros(ROWS)
    for row in range(0, len(inputs), ROWS):
        n = min(ROWS, len(inputs) - row)
        _ascend(forest, tables, unary, inputs, known, row, lines, terms, log_sum)
        for t in range(ROWS):
            share[t] = weight[row + t] if t < n else 0.0
        _descend(forest, tables, terms, share, belief, pairs)
        for s in range(len(unary)):
            unit, value = forest.units[s], forest.values[s]
            for t in range(n):
                out[row + t, unit] += terms[s * ROWS + t] * value
                shares[s] += terms[s * ROWS + t] * share[t]
