"""The forest of pairs of variables that tell most of each other, from rows.

A pair is worth the gain in log probability that its table gives to each row, if the
table is learned from all other rows. So a pair whose gain is not positive is left out,
large tables pay for their many entries, and the smoothing of the tables needs no other
rows either.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import minimum_spanning_tree

from skebm.layers._forest import States
from skebm.utils._parallel import map_blocks
from skebm.utils._sparse import dense

# Rows of indicators that are multiplied at a time.
_BLOCK_ROWS = 4096
# Parts of the rows that threads may take. Each holds counts of all pairs of states.
_MAX_PARTS = 8
# Below this share of ones a sparse product of indicators is faster than a dense one.
_SPARSE = 0.03
# Rows of smoothing that are tried. Small tables of many rows need less than one row,
# and tables of twenty by twenty symbols a hundred.
SMOOTHINGS = tuple(4.0**k for k in range(-1, 5))
# The smoothing of the forest on which the smoothings are compared.
_FIRST_SMOOTHING = 4.0
# A row with equally likely states is added to the counts of each variable.
_PRIOR = 1.0
# Iterations of proportional fitting, which converges in a few.
_MAX_ITERATIONS = 100


class Counts(NamedTuple):
    """Counts of rows.

    Parameters
    ----------
    one : ndarray of shape (n_states,)
        Rows with each state.
    total : ndarray of shape (n_states,)
        Rows in which the variable of each state is observed.
    two : ndarray of shape (n_states, n_states)
        Rows with each pair of states.
    """

    one: np.ndarray
    total: np.ndarray
    two: np.ndarray


class Entries(NamedTuple):
    """The entries of the tables of all edges, one after the other.

    Parameters
    ----------
    row, column : ndarray of int of shape (n_entries,)
        The two states of each entry.
    edge : ndarray of int of shape (n_entries,)
    """

    row: np.ndarray
    column: np.ndarray
    edge: np.ndarray


# -- counts ----------------------------------------------------------------------------


def count_rows(states, X, weight=None):
    """Return the counts of states and of pairs of states.

    Parameters
    ----------
    states : States
    X : ndarray or CSR matrix of shape (n, n_units)
        Units of variables that are not observed are NaN.
    weight : ndarray of shape (n,), default=None
        How often each row counts.
    """
    dtype = np.float32 if weight is None else np.float64
    has_holes = isinstance(X, np.ndarray) and bool(np.isnan(X).any())
    expand = _expansion(states, has_holes)

    def count(part):
        first, total = np.zeros(len(expand)), np.zeros((len(expand), len(expand)))
        for start in range(part.start, part.stop, _BLOCK_ROWS):
            rows = slice(start, min(start + _BLOCK_ROWS, part.stop))
            features = _features(states, dense(X[rows]), has_holes, dtype)
            weighted = features
            if weight is not None:
                weighted = weight[rows, None] * features
            first += weighted.sum(axis=0, dtype=np.float64)
            if np.count_nonzero(features) < _SPARSE * features.size:
                total += (csr_array(weighted.T) @ csr_array(features)).toarray()
            else:
                total += weighted.T @ features
        return first, total

    size = max(_BLOCK_ROWS, -(-X.shape[0] // _MAX_PARTS))
    parts = map_blocks(count, X.shape[0], len(expand) ** 2, size)
    first, total = (sum(part) for part in zip(*parts, strict=True))
    sparse = csr_array(expand.T)
    one = sparse @ first
    observed = np.repeat(np.add.reduceat(one, states.starts[:-1]), states.sizes)
    return Counts(one, observed, (sparse @ (sparse @ total).T).T)


def state_shares(layer, x):
    """Return 1 for the state of each variable, 0 for other states and for holes.

    Parameters
    ----------
    layer : layer
        A finite layer.
    x : ndarray of shape (n, n_units)
        NaN in the holes.

    Returns
    -------
    ndarray of shape (n, n_states), float64
    """
    states = States(layer)
    return np.nan_to_num(states.shares(x, np.arange(states.n_states)))


def _features(states, x, has_holes, dtype):
    """Return the shares of all states but the first of each variable, and what is left.

    The last columns tell which variables are observed; without holes a column of ones
    stands for all of them.
    """
    others = np.delete(np.arange(states.n_states), states.starts[:-1])
    shares = states.shares(x, others).astype(dtype)
    if not has_holes:
        return np.hstack([shares, np.ones((len(x), 1), dtype)])
    observed = ~np.isnan(x[:, states.firsts])
    shares[np.isnan(x[:, states.units[others]])] = 0
    return np.hstack([shares, observed.astype(dtype)])


def _expansion(states, has_holes):
    """Return the matrix that makes shares of all states of the features."""
    others = np.delete(np.arange(states.n_states), states.starts[:-1])
    variable = np.repeat(np.arange(len(states.sizes)), states.sizes)[others]
    n, n_ends = len(others), len(states.sizes) if has_holes else 1
    out = np.zeros((n + n_ends, states.n_states))
    out[np.arange(n), others] = 1
    # The first state has what the other states leave.
    firsts = states.starts[:-1]
    out[np.arange(n), firsts[variable]] = -1
    out[n + np.arange(len(firsts)) % n_ends, firsts] = 1
    return out


# -- the forest ------------------------------------------------------------------------


def learn_forest(states, counts, smoothing=None):
    """Return the forest of the largest gain, and the probabilities of its pairs.

    Parameters
    ----------
    states : States
    counts : Counts
    smoothing : float, default=None
        Number of rows of independent variables that are added to the counts of each
        pair. None takes the number that gives the largest gain.

    Returns
    -------
    edges : ndarray of int of shape (n_edges, 2)
    entries : Entries
    log_p : ndarray of shape (n_states,)
        Log of the smoothed probability of each state.
    log_pairs : ndarray of shape (n_entries,)
        Log of the smoothed probability of each pair. Its sums are the probabilities of
        the states.
    """
    rise, n_both, shift = _rises(states, counts)
    chosen = _FIRST_SMOOTHING if smoothing is None else smoothing
    edges = _span(states, counts.two, rise, n_both, shift, chosen)
    if smoothing is None:
        entries = _entries(states, edges)
        place, n = entries[:2], n_both[tuple(edges.T)]
        count, rises = counts.two[place], rise[place]
        gains = [
            count @ np.log(rises + m) - n @ np.log(np.maximum(n - 1, 0) + m)
            for m in SMOOTHINGS
        ]
        chosen = SMOOTHINGS[int(np.argmax(gains))]
        edges = _span(states, counts.two, rise, n_both, shift, chosen)
    entries = _entries(states, edges)
    p = (counts.one + _prior(states)) / (counts.total + _PRIOR)
    apart = p[entries.row] * p[entries.column]
    n = n_both[tuple(edges.T)][entries.edge]
    pairs = (counts.two[entries[:2]] + chosen * apart) / (n + chosen)
    pairs = _fit(pairs, p, entries, states.n_states)
    return edges, entries, np.log(p), np.log(pairs)


def spread_remainder(entries, remainder):
    """Return the tables that add a number for each state to the log weights.

    The table of one edge of each variable holds its numbers. Numbers of variables
    without edges are left out.
    """
    out, done = np.zeros(len(entries.edge)), np.zeros(len(remainder), bool)
    for e in np.unique(entries.edge):
        own = entries.edge == e
        for part in (entries.row[own], entries.column[own]):
            out[own] += np.where(done[part], 0, remainder[part])
            done[part] = True
    return out


def _prior(states):
    return np.repeat(_PRIOR / states.sizes, states.sizes)


def _rises(states, counts):
    """Return what the gain of a pair is made of.

    Returns
    -------
    rise : ndarray of shape (n_states, n_states)
        Number of other rows with a pair of states, over the product of the
        probabilities of the two states in other rows.
    n_both : ndarray of shape (n_variables, n_variables)
        Number of rows in which two variables are observed.
    shift : ndarray of shape (n_variables, n_variables)
        The gain if the states of each of two variables have their probabilities in the
        rows in which both are observed. It is no gain of the pair; 0 without holes.
    """
    one, total = np.maximum(counts.one - 1, 0), np.maximum(counts.total - 1, 0)
    p = (one + _prior(states)) / (total + _PRIOR)
    rise = np.maximum(counts.two - 1, 0)
    rise /= p
    rise /= p[:, None]
    starts = states.starts[:-1]
    each = np.add.reduceat(counts.two, starts, axis=1)
    n_both = np.add.reduceat(each, starts, axis=0)
    both = np.repeat(np.maximum(n_both - 1, 0), states.sizes, axis=0) + _PRIOR
    p_both = (np.maximum(each - 1, 0) + _prior(states)[:, None]) / both
    shift = np.add.reduceat(each * np.log(p_both / p[:, None]), starts, axis=0)
    return rise, n_both, shift + shift.T


def _sum_blocks(states, matrix):
    """Return the sums over the blocks of pairs of variables."""
    starts = states.starts[:-1]
    return np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)


def _span(states, two, rise, n_both, shift, smoothing):
    """Return the edges of the forest of the largest gain, shape (n_edges, 2)."""
    entries = np.log(rise + smoothing)
    entries *= two
    gain = _sum_blocks(states, entries)
    gain -= n_both * np.log(np.maximum(n_both - 1, 0) + smoothing)
    gain -= shift
    # An entry of 0 is no edge.
    forest = minimum_spanning_tree(csr_array(-np.triu(np.maximum(gain, 0), 1)))
    return np.stack(forest.nonzero(), axis=1).astype(np.intp)


def _entries(states, edges):
    """Return the entries of the tables of these edges."""
    parts = [np.zeros((3, 0), np.intp)]
    for e, (a, b) in enumerate(edges):
        rows, columns = (np.arange(*states.starts[v : v + 2]) for v in (a, b))
        grid = np.meshgrid(rows, columns, e, indexing="ij")
        parts.append(np.reshape(grid, (3, -1)))
    return Entries(*np.concatenate(parts, axis=1))


def _fit(pairs, p, entries, n_states):
    """Scale rows and columns of the tables until they add up to ``p``.

    Without holes and smoothing they do so from the start.
    """
    groups = [
        np.unique(entries.edge * n_states + part, return_inverse=True)[1]
        for part in entries[:2]
    ]
    for _ in range(_MAX_ITERATIONS):
        before = pairs
        for group, part in zip(groups, entries[:2], strict=True):
            pairs = pairs * (p[part] / np.bincount(group, pairs)[group])
        if np.allclose(pairs, before, rtol=1e-12, atol=0):
            break
    return pairs
