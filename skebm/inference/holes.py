"""What a fitted model says of the holes of rows."""

import numpy as np

from skebm.samplers import anneal, resolve_kernel, sweep
from skebm.utils._parallel import map_blocks
from skebm.utils._resampling import systematic

# Where draws are not exact: chains a row, stages of annealing, sweeps after it, and
# chains at a time.
_N_CHAINS, _N_STAGES, _N_BURN_IN, _CHAINS_AT_ONCE = 20, 100, 30, 10_000
# Rows that a thread takes at a time.
_ROWS = 256
# Completions: inverse temperatures after 1, and fixed-point steps at the end.
_COLD, _N_COLD, _N_CLIMB = 30.0, 30, 200


def draw_holes(energy, x, holes, n_draws, random, kernel="gibbs"):
    """Return draws of ``p(holes | observed)``: whole rows, ``n_draws`` of each row.

    Exact where the hidden side has at most 4096 configurations; else annealed chains
    are resampled by their importance weights and move on.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_draws : int
    random : Random
    kernel : str or sampler, default="gibbs"
        Moves the holes.

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

    return _by_parts(draw, energy, x, holes, max(n_draws, _N_CHAINS), random)


def _by_parts(function, energy, x, holes, n_chains, random):
    """Apply a function to some rows at a time, which have so many chains each."""
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    size = max(1, _CHAINS_AT_ONCE // n_chains)
    parts = []
    for start in range(0, len(x), size):
        rows = slice(start, start + size)
        parts.append(function(x[rows], holes[rows], random.fold(start)))
    return np.concatenate(parts)


def _draw_by_annealing(clamped, x, holes, n_draws, random, kernel):
    n_rows, n_chains = len(x), max(n_draws, _N_CHAINS)
    chains, log_weight = _anneal(clamped, x, holes, n_chains, random.fold(0), kernel)
    numbers = systematic(log_weight, random.fold(1))
    # A random choice, since copies lie side by side.
    order = random.fold(2).uniform((n_rows, n_chains)).argsort(axis=1)[:, :n_draws]
    chosen = np.take_along_axis(numbers, order, axis=1)
    chosen += n_chains * np.arange(n_rows)[:, None]
    chains = clamped.take(chains, chosen.ravel())
    chains = sweep(clamped, chains, kernel, _N_BURN_IN, random.fold(3))
    return clamped.configurations(chains).reshape(n_rows, n_draws, -1)


def _anneal(clamped, x, holes, n_chains, random, kernel):
    """Return chains that went from the marginals to the model, and their weights."""
    rows = np.repeat(np.arange(len(x)), n_chains)
    start = clamped.interpolate(0.0).start(x[rows], holes[rows], random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, steps = anneal(clamped, start, betas, random.fold(1), kernel)
    return chains, steps.sum(axis=0).reshape(-1, n_chains)


def complete_holes(energy, x, holes, random, kernel="gibbs"):
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
    kernel = resolve_kernel(kernel, energy.clamped)

    def complete(x, holes, random):
        return _complete(energy, x, holes, random, kernel)

    return _by_parts(complete, energy, x, holes, _N_CHAINS, random)


def _complete(energy, x, holes, random, kernel):
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
    """Return means of hidden and visible units given what was observed of each row.

    Both are averages, over the sweeps of a chain a row, of expectations given the other
    side: those vary less than draws do.

    Parameters
    ----------
    energy : energy with ``clamped``
    x, holes : ndarray of shape (n, n_visible)
    n_sweeps : int
    random : Random
    look : callable, default=None
        ``look(rows)`` is collected from each sweep's drawn rows,
    summary : callable, default=numpy.mean
        and ``summary(collected, axis=0)`` of all sweeps is the third result.

    Returns
    -------
    list of ndarray
        Of shape (n, n_hidden), (n, n_visible), and the summaries.
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
