"""Draws, most probable values and means of the holes of rows."""

import numpy as np

from skebm.samplers import anneal, resolve_kernel, sweep
from skebm.utils._parallel import map_blocks
from skebm.utils._resampling import systematic

# Chains of each row where draws are not exact.
_N_CHAINS = 20
# Stages of their annealing, and
_N_STAGES = 100
# moves after it.
_N_BURN_IN = 30
# Chains that move at a time, which limits the memory.
_CHAINS_AT_ONCE = 10_000
# Rows that a thread takes at a time.
_ROWS = 256
# The inverse temperature to which completions are cooled, and
_COLD = 30.0
# the number of stages from 1 to there.
_N_COLD = 30
# Largest number of steps that climb to the nearest maximum. Most need far fewer.
_N_CLIMB = 200


def draw_holes(energy, x, holes, n_draws, random, kernel="gibbs"):
    """Return rows with draws of ``p(holes | observed)`` in their holes.

    For an RBM whose hidden side has at most 4096 configurations the draws are exact.
    Else annealed chains are resampled by their importance weights and move on.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_draws : int
        Number of draws of each row.
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the holes.

    Returns
    -------
    ndarray of shape (n, n_draws, n_visible)
    """
    clamped = energy.clamped
    kernel = resolve_kernel(kernel, clamped)

    def draw(x, holes, random):
        if clamped.draws_exactly:
            return clamped.draw(x, holes, n_draws, random)
        return _draw_by_annealing(clamped, x, holes, n_draws, random, kernel)

    return _by_blocks(draw, energy, x, holes, max(n_draws, _N_CHAINS), random)


def _by_blocks(function, energy, x, holes, n_chains, random):
    """Apply a function to blocks of rows, which have ``n_chains`` chains each."""
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    size = max(1, _CHAINS_AT_ONCE // n_chains)
    blocks = []
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        blocks.append(function(x[rows], holes[rows], random.fold(start)))
    return np.concatenate(blocks)


def _draw_by_annealing(clamped, x, holes, n_draws, random, kernel):
    """Return ``n_draws`` of many annealed and resampled chains of each row."""
    n_rows, n_chains = len(x), max(n_draws, _N_CHAINS)
    chains, log_weight = _anneal(clamped, x, holes, n_chains, random.fold(0), kernel)
    numbers = systematic(log_weight, random.fold(1))
    # A random choice of chains, since copies of a chain lie side by side.
    order = random.fold(2).uniform((n_rows, n_chains)).argsort(axis=1)[:, :n_draws]
    chosen = np.take_along_axis(numbers, order, axis=1)
    chosen += n_chains * np.arange(n_rows)[:, None]
    chains = clamped.take(chains, chosen.ravel())
    chains = sweep(clamped, chains, kernel, _N_BURN_IN, random.fold(3))
    return clamped.configurations(chains).reshape(n_rows, n_draws, -1)


def _anneal(clamped, x, holes, n_chains, random, kernel):
    """Anneal chains from the marginals to the model.

    Returns
    -------
    chains : state
        ``n_chains`` chains of each row, one row after the other.
    log_weight : ndarray of shape (n, n_chains)
        Log importance weights.
    """
    rows = np.repeat(np.arange(len(x)), n_chains)
    start = clamped.interpolate(0.0).start(x[rows], holes[rows], random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, increments = anneal(clamped, start, betas, random.fold(1), kernel)
    return chains, increments.sum(axis=0).reshape(-1, n_chains)


def complete_holes(energy, x, holes, random, kernel="gibbs"):
    """Return the rows with their holes at the lowest free energy that is found.

    Chains are annealed, then cooled. From there the holes climb to the nearest maximum
    of ``p(holes | observed)``. A step of the climb takes the most probable values given
    the expectation of the hidden units, which never lowers the probability (the
    concave-convex procedure [1]_). The result is the best of 20 chains of each row.

    The parameters are the parameters of :func:`draw_holes`, without ``n_draws``.

    References
    ----------
    .. [1] A. Yuille, A. Rangarajan. "The concave-convex procedure". Neural Computation
       15 (2003).
    """
    kernel = resolve_kernel(kernel, energy.clamped)

    def complete(x, holes, random):
        return _complete(energy, x, holes, random, kernel)

    return _by_blocks(complete, energy, x, holes, _N_CHAINS, random)


def _complete(energy, x, holes, random, kernel):
    """Return the completion of rows that fit into one block."""
    clamped = energy.clamped
    chains, _ = _anneal(clamped, x, holes, _N_CHAINS, random.fold(0), kernel)
    for k, beta in enumerate(np.geomspace(1, _COLD, _N_COLD)):
        cold = energy.scaled(beta).clamped
        chains = sweep(cold, chains, kernel, 1, random.fold(1, k))
    for _ in range(_N_CLIMB):
        climbed = clamped.climb(chains)
        if np.array_equal(
            clamped.configurations(climbed), clamped.configurations(chains)
        ):
            break
        chains = climbed
    best = clamped.chain_energy(chains).reshape(len(x), _N_CHAINS).argmin(axis=1)
    return clamped.configurations(chains)[best + _N_CHAINS * np.arange(len(x))]


def posterior(energy, x, holes, n_sweeps, random, look=None, summary=np.mean):
    """Return means of hidden and visible units given the observed cells of each row.

    One chain for each row makes Gibbs sweeps. The means are averages over the sweeps of
    the expectations of a side given the other side, which vary less than draws do.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_sweeps : int
        Sweeps of which the average is taken.
    random : Random
    look : callable, default=None
        ``look(rows)`` is called with the drawn rows of each sweep, and its results are
        collected.
    summary : callable, default=numpy.mean
        ``summary(collected, axis=0)`` makes the third result from them.

    Returns
    -------
    list of ndarray
        The means of the hidden units, of shape (n, n_hidden), and of the visible units,
        of shape (n, n_visible). If ``look`` is given, also the summary.
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    clamped = energy.clamped
    stages = [clamped.interpolate(beta) for beta in np.linspace(0, 1, _N_BURN_IN)]
    stages += [clamped] * _N_BURN_IN

    def block_posterior(block):
        draws, collected, totals = random.rows(block.start), [], (0.0, 0.0)
        chains = stages[0].start(x[block], holes[block], draws.fold(0))
        for k, stage in enumerate(stages):
            chains = stage.gibbs_sweep(chains, draws.fold(1, k))
        for t in range(n_sweeps):
            chains, *means = clamped.mean_sweep(chains, draws.fold(2, t))
            totals = [sum(pair) for pair in zip(totals, means, strict=True)]
            if look is not None:
                collected.append(look(clamped.configurations(chains)))
        means = [total / n_sweeps for total in totals]
        return means if look is None else [*means, summary(collected, axis=0)]

    blocks = map_blocks(block_posterior, len(x), energy.work * n_sweeps, size=_ROWS)
    return [np.concatenate(arrays) for arrays in zip(*blocks, strict=True)]
