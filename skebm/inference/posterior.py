"""Means and summaries of the holes and the hidden units of rows."""

import numpy as np

from skebm.inference._annealing import BLOCK, Step, by_blocks, resampled
from skebm.samplers import resolve_kernel
from skebm.utils._parallel import map_blocks

# How chains begin, in one step after the other until their weights are equal. A row
# whose weights differ may have several modes, and each chain sees one of them.
_STEPS = Step(100, 0), Step(20, 4), Step(100, 20), Step(100, 100)
# Steps of models that make more multiply-adds a sweep than this number, such as models
# of images. There a hundred chains take too long, and so do starts from hidden states,
# which seldom suit models of many hidden units.
_LARGE = 5_000
_STEPS_OF_LARGE = Step(20, 4), Step(20, 20)
# Smallest number of sweeps of each chain of which the average is taken.
_MIN_SWEEPS = 3


def posterior(energy, x, holes, n_draws, random, look=None, summary=np.mean):
    """Return means of hidden and visible units given the observed cells of each row.

    For an RBM whose hidden side has at most 4096 configurations the means are exact
    sums over them, and the draws of ``look`` are exact; if visible units are coupled,
    at most 256. Else each row has 20 to 100 chains, which are resampled by their
    importance weights. In small models without couplings they begin from hidden states
    near the modes. Where the weights differ too much, and in other models, they are
    annealed from the reference. The means are averages over chains and sweeps of the
    expectations of a side given the other side, which vary less than draws do.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_draws : int
        Number of draws of each row, or somewhat more.
    random : Random
    look : callable, default=None
        ``look(rows)`` is called with drawn rows, and its results are collected.
    summary : callable, default=numpy.mean
        ``summary(collected, axis=0)`` makes the third result from an array of shape
        (number of draws, n, ...).

    Returns
    -------
    list of ndarray
        The means of the hidden units, of shape (n, n_hidden), and of the visible units,
        of shape (n, n_visible). If ``look`` is given, also the summary.
    """
    clamped = energy.clamped
    kernel = resolve_kernel("gibbs", clamped)
    is_exact = clamped.draws_exactly
    is_large = energy.work > _LARGE
    steps = _STEPS_OF_LARGE if is_large else _STEPS
    guides = None if is_exact or is_large else clamped.guides(random.fold(0))

    def block_posterior(x, holes, random):
        if is_exact:
            return _exact(clamped, x, holes, n_draws, random, look, summary)
        begin = random.fold(0)
        settled = resampled(clamped, x, holes, guides, steps, begin, kernel)
        return _simulated(clamped, settled, n_draws, random.fold(1), look, summary)

    n_chains = n_draws if is_exact else steps[0].n_chains
    results = by_blocks(block_posterior, energy, x, holes, n_chains, random.fold(1))
    return [np.concatenate(arrays) for arrays in zip(*results, strict=True)]


def _exact(clamped, x, holes, n_draws, random, look, summary):
    """Return the results of rows by sums over all hidden states."""
    if look is None:
        return clamped.posterior_means(x, holes)
    *means, draws = clamped.posterior_means(x, holes, n_draws, random)
    # One call for all draws: a call takes far longer than a few rows.
    seen = look(draws.swapaxes(0, 1).reshape(-1, draws.shape[2]))
    collected = seen.reshape(n_draws, len(draws), *seen.shape[1:])
    return [*means, summary(collected, axis=0)]


def _simulated(clamped, settled, n_draws, random, look, summary):
    """Return the results of rows by the chains that :func:`resampled` yields."""
    out, places = [], []
    for k, (rows, n_chains, chains) in enumerate(settled):
        n_sweeps = max(_MIN_SWEEPS, -(-n_draws // n_chains))
        *means, seen = _sweeps(clamped, chains, n_sweeps, random.fold(k), look)
        by_row = len(rows), n_chains
        means = [mean.reshape(*by_row, mean.shape[1]).mean(axis=1) for mean in means]
        if look is not None:
            seen = [array.reshape(*by_row, *array.shape[1:]) for array in seen]
            seen = np.moveaxis(np.concatenate(seen, axis=1), 1, 0)
            means.append(summary(seen, axis=0))
        out.append(means)
        places.append(rows)
    order = np.concatenate(places).argsort()
    return [np.concatenate(arrays)[order] for arrays in zip(*out, strict=True)]


def _sweeps(clamped, chains, n_sweeps, random, look):
    """Return the means of each chain over sweeps, and what was seen in each sweep."""

    def block_sweeps(block):
        draws, totals, seen = random.rows(block.start), (0.0, 0.0), []
        state = clamped.take(chains, block)
        for t in range(n_sweeps):
            state, *means = clamped.mean_sweep(state, draws.fold(t))
            totals = [sum(pair) for pair in zip(totals, means, strict=True)]
            if look is not None:
                seen.append(look(clamped.configurations(state)))
        return *(total / n_sweeps for total in totals), seen

    n_chains = clamped.n_chains(chains)
    blocks = map_blocks(block_sweeps, n_chains, clamped.work, size=BLOCK)
    hidden, visible, seen = zip(*blocks, strict=True)
    seen = [np.concatenate(arrays) for arrays in zip(*seen, strict=True)]
    return np.concatenate(hidden), np.concatenate(visible), seen
