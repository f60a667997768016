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

from skebm.utils._addresses import BORROWS, KERNEL
from skebm.utils._math import fill_exp

# Number of rows that the kernels process side by side.
ROWS = 16
# The product of factors is turned into its logarithm before it can underflow.
_SMALL, TINY = 1e-100, 1e-200


@njit(fastmath={"nnan"}, **BORROWS)
def fill_log_weights(forest, unary, inputs, known, row, lines, log_sum, top):
    """Fill ``lines`` with log weights whose largest is 0; add what was taken off.

    The state of a variable that is known has no input.
    """
    n = min(ROWS, len(inputs) - row)
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


@njit(**BORROWS)
def _rule_out(forest, known, row, n, terms):
    """Set the weights of states that are not the known ones to exactly 0."""
    for v in range(len(forest.order)):
        for t in range(n):
            if known[row + t, v] >= 0:
                for s in range(forest.starts[v], forest.starts[v + 1]):
                    if s - forest.starts[v] != known[row + t, v]:
                        terms[s * ROWS + t] = 0


@njit(**BORROWS)
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


@njit(fastmath={"nnan", "contract"}, **BORROWS)
def _send_two(table, child, parent, top):
    """Do what ``_send`` does where both variables have two states."""
    a, b, c, d = table[0], table[1], table[2], table[3]
    child0, child1 = child[:ROWS], child[ROWS : 2 * ROWS]
    parent0, parent1 = parent[:ROWS], parent[ROWS : 2 * ROWS]
    for t in range(ROWS):
        first = parent0[t] * (a * child0[t] + b * child1[t])
        second = parent1[t] * (c * child0[t] + d * child1[t])
        largest = max(max(first, second), TINY)
        inverse = 1 / largest
        parent0[t], parent1[t] = first * inverse, second * inverse
        top[t] = largest


@njit(fastmath={"nnan", "contract"}, **BORROWS)
def _send(table, child, parent, top, message):
    """Multiply the weights of the parent by the message of the child.

    ``top`` is what the product is divided by, so that the largest weight stays 1.
    """
    n_child, n_parent = len(child) // ROWS, len(parent) // ROWS
    for t in range(ROWS):
        top[t] = TINY
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


@njit(**BORROWS)
def _gather(forest, tables, terms, log_sum, spare):
    """Send all messages towards the roots; add the log of the total weight.

    Afterwards the weights of a variable hold the messages of its children.
    """
    scale, top, message = spare[0], spare[1], spare[2]
    scale[:] = 1
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
                _send(table, own, parent, top, message)
        _collect(top, scale, log_sum)
    for t in range(ROWS):
        log_sum[t] += np.log(scale[t])


@njit(**BORROWS)
def fill_messages(forest, tables, unary, inputs, known, row, lines, terms, spare):
    """Fill ``terms`` with the weights of a tile that hold the messages from below.

    ``spare`` has four lines. The first is filled with the logs of the sums.
    """
    log_sum = spare[0]
    log_sum[:] = 0
    fill_log_weights(forest, unary, inputs, known, row, lines, log_sum, spare[1])
    fill_exp(lines, terms)
    if len(known):
        _rule_out(forest, known, row, min(ROWS, len(inputs) - row), terms)
    _gather(forest, tables, terms, log_sum, spare[1:])


@njit(**KERNEL)
def sum_all(forest, tables, unary, inputs, known, out):
    """Fill ``out`` with the log of the sum of the weights of all configurations."""
    lines = np.zeros(len(unary) * ROWS)
    terms, spare = np.empty_like(lines), np.empty((4, ROWS))
    for row in range(0, len(inputs), ROWS):
        fill_messages(forest, tables, unary, inputs, known, row, lines, terms, spare)
        for t in range(min(ROWS, len(inputs) - row)):
            out[row + t] = spare[0, t]
