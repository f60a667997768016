"""The density of what was observed of a row: its holes summed out."""

import numpy as np
from scipy.special import logsumexp

from skebm.energies import Clamped, missing
from skebm.samplers import anneal
from skebm.utils._parallel import map_blocks

# Hidden configurations, and configurations of the holes of a row, that are summed over
# one by one, and how many terms are in memory at a time.
_MAX_HIDDEN, _MAX_HOLES, _AT_ONCE = 2**12, 2**13, 2**22
# Annealing, where neither is few enough: chains a row, stages, rows at a time.
_N_CHAINS, _N_STAGES, _ROWS = 20, 200, 100


def observed_energy(energy, x, holes, random):
    """Return ``-log sum(exp(-F(x)))`` over the values of the holes of each row.

    It is exact where the hidden side has at most 4096 configurations, where all units
    are Gaussian, and for rows whose holes have at most 8192 configurations, a real
    one counting as some hundred (the trapezoid rule, whose error is that of
    rounding). For other rows it is estimated by annealed importance sampling of the
    holes and the hidden units together [1]_, 20 chains a row and 200 stages: such
    scores err upwards, by less than 0.1 nats unless much of a strongly coupled row is
    missing.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
        All units of a variable or none.
    random : Random

    Returns
    -------
    ndarray of shape (n,), float64
        In nats.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    out = np.empty(len(x))
    whole = ~holes.any(axis=1)
    out[whole] = energy.energy(x[whole])
    todo = np.flatnonzero(~whole)
    if len(todo) and energy.hidden.finite and energy.hidden.n_states <= _MAX_HIDDEN:
        out[todo] = _sum_over_hidden(energy, x[todo], holes[todo])
        return out
    rest = []
    patterns, group = np.unique(holes[todo], axis=0, return_inverse=True)
    for k, pattern in enumerate(patterns):
        rows = todo[group.ravel() == k]
        if energy.is_normal:
            out[rows] = _integral_of_normal(energy, x[rows], pattern)
        elif (values := _alternatives(energy, pattern)) is not None:
            out[rows] = _sum_over_holes(energy, x[rows], *values)
        else:
            rest.append(rows)
    if rest:
        rest = np.sort(np.concatenate(rest))
        out[rest] = _annealed(energy, x[rest], holes[rest], random)
    return out


def hidden_log_weights(energy, x, holes):
    """Return all hidden configurations and the log weight of each given each row."""
    states = energy.hidden.states(0, int(energy.hidden.n_states))
    back = energy.coupling * (states @ energy.weights.T)
    per_variable = energy.visible.cgfs(back.astype(energy.dtype, copy=False))
    received = energy.coupling * energy.inputs(np.where(holes, 0, x))
    log_weight = received.astype(np.float64) @ states.T - energy.hidden.energy(states)
    log_weight += missing(energy.visible, holes) @ per_variable.T
    return states, log_weight


def _sum_over_hidden(energy, x, holes):
    size = max(1, _AT_ONCE // int(energy.hidden.n_states))
    work = energy.weights.size * int(energy.hidden.n_states)

    def rows(part):
        _, log_weight = hidden_log_weights(energy, x[part], holes[part])
        return logsumexp(log_weight, axis=1)

    parts = map_blocks(rows, len(x), work, size=size)
    own = np.asarray(energy.visible.energy(x), dtype=np.float64)
    return own - np.concatenate(parts)


def _alternatives(energy, pattern):
    """Return all ways to fill the holes and their log weights; None if many."""
    layer = energy.visible
    values = np.zeros((1, layer.n_units), dtype=energy.dtype)
    log_weight = np.zeros(1)
    for feature in np.flatnonzero(missing(layer, pattern[None])[0]):
        ways = energy.alternatives(feature)
        if ways is None or len(values) * len(ways[1]) > _MAX_HOLES:
            return None
        columns, own, weight = ways
        more = np.repeat(values, len(own), axis=0)
        more[:, columns] = np.tile(own, (len(values), 1))
        weight = np.broadcast_to(weight, len(own))
        log_weight = np.add.outer(log_weight, weight).ravel()
        values = more
    return values, log_weight


def _sum_over_holes(energy, x, values, log_weight):
    own = np.asarray(energy.visible.energy(x), dtype=np.float64)
    filled = log_weight - energy.visible.energy(values)
    given, more = energy.inputs(x), energy.inputs(values)
    n_hidden = given.shape[1]

    def rows(part):
        received = (given[part, None] + more).reshape(-1, n_hidden)
        received *= energy.dtype.type(energy.coupling)
        cgf = energy.hidden.cgf(received).reshape(-1, len(values))
        return logsumexp(cgf + filled, axis=1)

    size = max(1, _AT_ONCE // (len(values) * n_hidden))
    work = 10 * len(values) * n_hidden
    return own - np.concatenate(map_blocks(rows, len(x), work, size=size))


def _integral_of_normal(energy, x, pattern):
    """Return the closed form: F is a quadratic function of the holes."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    scaled = weights / energy.hidden.precision
    matrix = np.diag(energy.visible.precision) - scaled @ weights.T
    inner = matrix[np.ix_(pattern, pattern)]
    linear = (energy.visible.bias + scaled @ energy.hidden.bias)[pattern]
    linear = linear - x @ matrix[:, pattern]
    log_det = np.linalg.slogdet(inner)[1]
    quadratic = (linear * np.linalg.solve(inner, linear.T).T).sum(axis=1)
    log_integral = (pattern.sum() * np.log(2 * np.pi) - log_det + quadratic) / 2
    return energy.energy(x) - log_integral


def _annealed(energy, x, holes, random):
    betas = np.linspace(0, 1, _N_STAGES)
    clamped, out = Clamped(energy, 0.0), np.empty(len(x))
    for start in range(0, len(x), _ROWS):
        part = np.repeat(np.arange(start, min(start + _ROWS, len(x))), _N_CHAINS)
        own = random.fold(start)
        chains = clamped.start(x[part], holes[part], own.fold(0))
        base = clamped.log_partition_reference(chains)
        _, steps = anneal(clamped, chains, betas, own.fold(1))
        log_z = (base + steps.sum(axis=0)).reshape(-1, _N_CHAINS)
        out[start : start + _ROWS] = -logsumexp(log_z, axis=1) + np.log(_N_CHAINS)
    return out + np.asarray(energy.visible.energy(x), dtype=np.float64)
