"""The most probable configuration of a forest.

The arguments are the arguments in :mod:`skebm.layers._messages`, but the weights stay
logarithms here: so nothing underflows.
"""

import numpy as np
from numba import njit

from skebm.layers._messages import ROWS, fill_log_weights
from skebm.utils._addresses import BORROWS, KERNEL


@njit(fastmath={"nnan"}, **BORROWS)
def _climb(forest, tables, lines, best):
    """Add to the log weights of each variable the largest ones below it."""
    for i in range(len(forest.order) - 1, -1, -1):
        v = forest.order[i]
        p = forest.parents[v]
        if p < 0:
            continue
        start, stop, n = forest.starts[v], forest.starts[v + 1], forest.starts[p]
        for a in range(forest.starts[p + 1] - n):
            row = tables[forest.offsets[v] + a * (stop - start) :]
            for t in range(ROWS):
                best[t] = row[0] + lines[start * ROWS + t]
            for s in range(start + 1, stop):
                for t in range(ROWS):
                    best[t] = max(best[t], row[s - start] + lines[s * ROWS + t])
            for t in range(ROWS):
                lines[(n + a) * ROWS + t] += best[t]


@njit(**KERNEL)
def maximise_all(forest, tables, unary, inputs, known, out):
    """Fill zeros with the most probable rows; ``tables`` are logarithms here."""
    lines = np.zeros(len(unary) * ROWS)
    best, largest = np.zeros(ROWS), np.empty(ROWS)
    states = np.zeros((len(forest.order) + 1, ROWS), np.int32)
    flat = np.zeros(len(unary))
    for row in range(0, len(inputs), ROWS):
        fill_log_weights(forest, unary, inputs, known, row, lines, best, largest)
        _climb(forest, tables, lines, best)
        for v in forest.order:
            start, stop = forest.starts[v], forest.starts[v + 1]
            p = forest.parents[v]
            table = flat if p < 0 else tables[forest.offsets[v] :]
            for t in range(min(ROWS, len(inputs) - row)):
                which, first = 0, states[p, t] * (stop - start)
                top = table[first] + lines[start * ROWS + t]
                for s in range(1, stop - start):
                    value = table[first + s] + lines[(start + s) * ROWS + t]
                    if value > top:
                        which, top = s, value
                states[v, t] = which
                out[row + t, forest.units[start + which]] = forest.values[start + which]
