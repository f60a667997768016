"""Annealing of a population of chains, which is resampled on the way."""

import numpy as np

from skebm.samplers._base import anneal_along, can_move, sweep
from skebm.utils._resampling import effective_size, systematic

# Stages from one look at the weights to the next.
_N_STAGES = 10
# The population is resampled when its effective size is below this share.
_SHARE = 0.5
# The lowest inverse temperature of heated chains.
_HOT = 0.01
# Sweeps there, and stages from there to the model.
_N_HOT_SWEEPS, _N_HEATED = 10, 100


def population(stages, chains, random, kernel):
    """Return chains that are annealed along a list of energies, and resampled.

    Each chain has an importance weight, as in annealed importance sampling. When few
    chains have most of the weight, copies of these chains replace the others (a
    sequential Monte Carlo sampler [1]_). So each mode gets its share.

    Parameters
    ----------
    stages : list of energies
        All of them take the chains of the others.
    chains : state
        Draws from ``stages[0]``.
    random : Random
    kernel : sampler with ``move``

    Returns
    -------
    chains : state
        In a random order.

    References
    ----------
    .. [1] P. Del Moral, A. Doucet, A. Jasra. "Sequential Monte Carlo samplers". JRSS B
       68 (2006).
    """
    energy = stages[-1]
    n_chains = energy.n_chains(chains)
    log_weight = np.zeros(n_chains)
    for k, start in enumerate(range(0, len(stages) - 1, _N_STAGES)):
        part = stages[start : start + _N_STAGES + 1]
        chains, increments = anneal_along(part, chains, random.fold(0, k), kernel)
        log_weight += increments.sum(axis=0)
        is_last = start + _N_STAGES >= len(stages) - 1
        if is_last or effective_size(log_weight) < _SHARE * n_chains:
            rows = systematic(log_weight[None], random.fold(1, k))[0]
            chains, log_weight = energy.take(chains, rows), np.zeros(n_chains)
    return energy.take(chains, random.fold(2).permutation(n_chains))


def heated(energy, n_chains, random, kernel):
    """Return chains that were cooled from a high temperature, without weights.

    They find modes that chains from the reference may miss, if the reference is narrow
    or far off. How many of them are in a mode says little about its probability.

    Parameters
    ----------
    energy : Energy
    n_chains : int
    random : Random
    kernel : sampler with ``move``

    Returns
    -------
    chains : state or None
        None if the kernel cannot move the energy at other temperatures.
    """
    stages = [energy.scaled(beta) for beta in np.geomspace(_HOT, 1, _N_HEATED)]
    if not can_move(stages[0], kernel):
        return None
    chains = energy.chains(energy.reference.sample(n_chains, random.fold(0)))
    chains = sweep(stages[0], chains, kernel, _N_HOT_SWEEPS, random.fold(1))
    return anneal_along(stages, chains, random.fold(2), kernel)[0]


def refined_ladder(betas, increments, n_betas):
    """Return a ladder on which all increments have the same standard deviation."""
    density = increments.std(axis=1) + 1e-3 * increments.std(axis=1).mean() + 1e-12
    # The density is smoothed, since each entry is a noisy estimate from the chains.
    width = max(1, len(density) // 50)
    padded = np.pad(density, width, mode="edge")
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    length = np.r_[0.0, np.convolve(padded, kernel, mode="valid").cumsum()]
    refined = np.interp(np.linspace(0, length[-1], n_betas), length, betas)
    refined[[0, -1]] = 0.0, 1.0
    return refined
