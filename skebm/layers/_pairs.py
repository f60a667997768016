"""Pairs of states that are joined by an edge, in rows of a layer."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
from skebm.utils._sparse import dense

# Rows of a sparse matrix that are made dense at a time.
_ROWS = 256


def locate(states, x, holes=None):
    """Return the state of each variable in each row, and whether all are exact.

    Parameters
    ----------
    states : States
    x : ndarray of shape (n, n_units)
    holes : ndarray of bool of shape (n, n_units), default=None
        The state of a variable with holes is -1.

    Returns
    -------
    numbers : ndarray of int32 of shape (n, n_variables)
    exact : bool
        Whether no variable lies between two of its states.
    """
    out = np.empty((len(x), len(states.sizes)), np.int32)
    exact = _locate(
        np.ascontiguousarray(x),
        states.units,
        states.starts,
        states.values,
        states.is_block,
        out,
    )
    if holes is not None:
        out[holes[:, states.firsts]] = -1
    return out, bool(exact)


def pair_energy(states, edges, tables, x):
    """Return minus the sum of the entries of the tables, for each row, float64."""
    total = np.zeros(x.shape[0])
    for rows, block in _dense_blocks(x):
        numbers, exact = locate(states, block)
        if exact:
            _look_up(numbers, edges, states.sizes, tables, total[rows])
        else:
            shares = states.shares(block)
            for e, (a, b) in enumerate(edges):
                expected = shares[:, states.of(a)] @ _table(states, edges, tables, e)
                total[rows] -= (expected * shares[:, states.of(b)]).sum(axis=1)
    return total


def pair_grad(states, edges, tables, x, weight):
    """Return d energy / d tables, summed over rows with ``weight``, float64."""
    out = np.zeros(len(tables))
    for rows, block in _dense_blocks(x):
        numbers, exact = locate(states, block)
        if exact:
            _count(numbers, edges, states.sizes, weight[rows], out)
        else:
            shares = states.shares(block)
            weighted = weight[rows, None] * shares
            for e, (a, b) in enumerate(edges):
                entries = _table(states, edges, out, e)
                entries -= weighted[:, states.of(a)].T @ shares[:, states.of(b)]
    return out


def _table(states, edges, tables, e):
    """Return the table of an edge, a view."""
    sizes = states.sizes[edges]
    start = np.prod(sizes[:e], axis=1).sum()
    return tables[start : start + np.prod(sizes[e])].reshape(sizes[e])


def _dense_blocks(x):
    """Return pairs of a slice and its rows, which are dense."""
    size = _ROWS if not isinstance(x, np.ndarray) else max(1, len(x))
    slices = (slice(k, k + size) for k in range(0, x.shape[0], size))
    return ((rows, dense(x[rows])) for rows in slices)


@njit(**KERNEL)
def _locate(x, units, starts, values, is_block, out):
    """Fill in the nearest states; return whether all values are those of states."""
    exact = True
    for r in range(len(x)):
        for v in range(len(is_block)):
            start, which = starts[v], 0
            if is_block[v]:
                for s in range(1, starts[v + 1] - start):
                    if x[r, units[start + s]] > x[r, units[start + which]]:
                        which = s
                for s in range(starts[v + 1] - start):
                    exact &= x[r, units[start + s]] == (s == which)
            elif starts[v + 1] - start == 2:
                value = x[r, units[start]]
                low, high = abs(value - values[start]), abs(value - values[start + 1])
                which = int(high < low)
                exact &= min(low, high) == 0
            else:
                value = x[r, units[start]]
                nearest = abs(value - values[start])
                for s in range(1, starts[v + 1] - start):
                    distance = abs(value - values[start + s])
                    if distance < nearest:
                        which, nearest = s, distance
                exact &= nearest == 0
            out[r, v] = which
    return exact


@njit(**KERNEL)
def _look_up(numbers, edges, sizes, tables, total):
    """Take the entries of the tables off ``total``."""
    for r in range(len(numbers)):
        start, added = 0, 0.0
        for e in range(len(edges)):
            a, b = edges[e]
            added += tables[start + numbers[r, a] * sizes[b] + numbers[r, b]]
            start += sizes[a] * sizes[b]
        total[r] -= added


@njit(**KERNEL)
def _count(numbers, edges, sizes, weight, out):
    """Take the weights of rows off the entries of their pairs."""
    for r in range(len(numbers)):
        start = 0
        for e in range(len(edges)):
            a, b = edges[e]
            out[start + numbers[r, a] * sizes[b] + numbers[r, b]] -= weight[r]
            start += sizes[a] * sizes[b]
