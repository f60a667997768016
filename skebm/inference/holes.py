"""What a fitted model says of the holes of rows."""

import numpy as np
from scipy.special import softmax

from skebm.energies import Clamped
from skebm.inference.observed import hidden_log_weights
from skebm.samplers import anneal, sweep
from skebm.utils._parallel import map_blocks

# Hidden configurations up to which draws are exact.
_MAX_HIDDEN = 2**12
# Else: chains a row, stages of annealing, sweeps after it, and chains at a time.
_N_CHAINS, _N_STAGES, _N_BURN_IN, _AT_ONCE = 20, 100, 30, 10_000
# Rows that a thread takes at a time.
_ROWS = 256
# Completions: inverse temperatures after 1, and fixed-point steps at the end.
_COLD, _N_COLD, _N_CLIMB = 30.0, 30, 200


def draw_holes(energy, x, holes, n_draws, random):
    """Return draws of ``p(holes | observed)``: whole rows, ``n_draws`` of each row.

    Exact where the hidden side has at most 4096 configurations; else annealed chains
    are resampled by their importance weights and move on.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_draws : int
    random : Random

    Returns
    -------
    ndarray of shape (n, n_draws, n_visible)
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    exact = energy.hidden.finite and energy.hidden.n_states <= _MAX_HIDDEN
    draw = _draw_exactly if exact else _draw_by_annealing
    size = max(1, _AT_ONCE // max(n_draws, _N_CHAINS))
    parts = [
        draw(energy, x[rows], holes[rows], n_draws, random.fold(start))
        for start in range(0, len(x), size)
        for rows in [slice(start, start + size)]
    ]
    return np.concatenate(parts)


def _draw_exactly(energy, x, holes, n_draws, random):
    states, log_weight = hidden_log_weights(energy, x, holes)
    cumulative = softmax(log_weight, axis=1).cumsum(axis=1)
    ticks = random.fold(0).uniform((len(x), n_draws)) * cumulative[:, -1:]
    hidden = states[_found(cumulative, ticks).ravel()]
    inputs = energy.coupling * (hidden @ energy.weights.T)
    inputs = inputs.astype(energy.dtype, copy=False)
    drawn = energy.visible.sample(inputs, random.fold(1))
    drawn = drawn.reshape(len(x), n_draws, -1)
    return np.where(holes[:, None], drawn, x[:, None])


def _draw_by_annealing(energy, x, holes, n_draws, random):
    n_rows, n_chains = len(x), max(n_draws, _N_CHAINS)
    chains, log_weight = _anneal(energy, x, holes, n_chains, random.fold(0))
    share = softmax(log_weight, axis=1).cumsum(axis=1)
    # Systematic resampling, then a random choice, since copies lie together.
    ticks = np.arange(n_chains) + random.fold(1).uniform((n_rows, 1))
    ticks *= share[:, -1:] / n_chains
    number = np.minimum(_found(share, ticks), n_chains - 1)
    order = random.fold(2).uniform((n_rows, n_chains)).argsort(axis=1)[:, :n_draws]
    chosen = np.take_along_axis(number, order, axis=1)
    chosen += n_chains * np.arange(n_rows)[:, None]
    chains = type(chains)(*(part[chosen.ravel()] for part in chains))
    chains = sweep(energy.clamped, chains, _N_BURN_IN, random.fold(3))
    return chains.visible.reshape(n_rows, n_draws, -1)


def _found(cumulative, ticks):
    """Return `searchsorted` of each row, of the shape of ``ticks``."""
    pairs = zip(cumulative, ticks, strict=True)
    return np.array([np.searchsorted(line, at) for line, at in pairs], dtype=int)


def _anneal(energy, x, holes, n_chains, random):
    """Return chains that went from the marginals to the model, and their weights."""
    part = np.repeat(np.arange(len(x)), n_chains)
    start = Clamped(energy, 0.0).start(x[part], holes[part], random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, steps = anneal(energy.clamped, start, betas, random.fold(1))
    return energy.clamped.chains(*chains[::3]), steps.sum(axis=0).reshape(-1, n_chains)


def complete_holes(energy, x, holes, random):
    """Return the rows with their holes at values of the lowest free energy found.

    Chains are annealed, then cooled; from where each ends, holes climb to the nearest
    maximum of ``p(holes | observed)`` by the concave-convex procedure [1]_: the most
    probable values given the expectation of the hidden units, which never lowers the
    probability. The best of 20 chains is kept.

    Parameters are those of :func:`draw_holes`.

    References
    ----------
    .. [1] A. Yuille, A. Rangarajan. "The concave-convex procedure". Neural Computation
       15 (2003).
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    size = max(1, _AT_ONCE // _N_CHAINS)
    parts = [
        _complete(energy, x[rows], holes[rows], random.fold(start))
        for start in range(0, len(x), size)
        for rows in [slice(start, start + size)]
    ]
    return np.concatenate(parts)


def _complete(energy, x, holes, random):
    chains, _ = _anneal(energy, x, holes, _N_CHAINS, random.fold(0))
    for k, beta in enumerate(np.geomspace(1, _COLD, _N_COLD)):
        chains = sweep(energy.scaled(beta).clamped, chains, 1, random.fold(1, k))
    clamped = energy.clamped
    for _ in range(_N_CLIMB):
        climbed = clamped.climb(chains)
        if np.array_equal(climbed.visible, chains.visible):
            break
        chains = climbed
    best = clamped.energy(*chains).reshape(len(x), _N_CHAINS).argmin(axis=1)
    return chains.visible[best + _N_CHAINS * np.arange(len(x))]


def posterior(energy, x, holes, n_sweeps, random, look=None, summary=np.mean):
    """Return means of hidden and visible units given what was observed of each row.

    Both are averages, over the sweeps of a chain a row, of expectations given the other
    side: those vary less than draws do.

    Parameters
    ----------
    energy : RBM
    x, holes : ndarray of shape (n, n_visible)
    n_sweeps : int
    random : Random
    look : callable, default=None
        ``look(rows)`` is kept of each sweep's drawn rows,
    summary : callable, default=numpy.mean
        and ``summary(kept, axis=0)`` of all sweeps is the third result.

    Returns
    -------
    list of ndarray
        Of shape (n, n_hidden), (n, n_visible), and the summaries.
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    clamped = energy.clamped
    stages = [Clamped(energy, beta) for beta in np.linspace(0, 1, _N_BURN_IN)]
    stages += [clamped] * _N_BURN_IN

    def block(part):
        own, kept, total = random.rows(part.start), [], 0.0
        chains = stages[0].start(x[part], holes[part], own.fold(0))
        for k, stage in enumerate(stages):
            chains = stage.gibbs_sweep(chains, own.fold(1, k))
        for t in range(n_sweeps):
            chains, *means = clamped.mean_sweep(chains, own.fold(2, t))
            total = total + np.hstack(means)
            if look is not None:
                kept.append(look(chains.visible))
        means = np.split(total / n_sweeps, [energy.weights.shape[1]], axis=1)
        return means if look is None else [*means, summary(kept, axis=0)]

    parts = map_blocks(block, len(x), energy.work * n_sweeps, size=_ROWS)
    return [np.concatenate(part) for part in zip(*parts, strict=True)]
