"""Rows drawn from a fitted model, without chains to start from."""

import numpy as np

from skebm.samplers import Exact, Gibbs, anneal, resolve_kernel, sweep
from skebm.utils._resampling import systematic

# Models with a side this small are sampled exactly; others by annealing and a burn-in.
_EXACT_STATES = 2**16
_N_STAGES, _N_BURN_IN, _MIN_PARTICLES = 500, 100, 100
_N_MARGINAL_CHAINS, _N_MARGINAL_STEPS = 100, 200


def draw(energy, n_rows, random, kernel="gibbs"):
    """Return rows of the model, in the units of its visible layer.

    Annealed chains are resampled by their importance weights, so that each mode gets
    its share (sequential Monte Carlo with one resampling), and then move on.

    Parameters
    ----------
    energy : Energy
    n_rows : int
    random : Random
    kernel : str or sampler, default="gibbs"
        Moves the chains.

    Returns
    -------
    ndarray of shape (n_rows, n_units)
    """
    exact = Exact(max_states=_EXACT_STATES)
    if exact.accepts(energy):
        return exact.draw(energy, n_rows, random)
    kernel = resolve_kernel(kernel, energy)
    n_particles = max(n_rows, _MIN_PARTICLES)
    start = energy.reference.sample(n_particles, random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, increments = anneal(
        energy, energy.chains(start), betas, random.fold(1), kernel
    )
    rows = systematic(increments.sum(axis=0)[None], random.fold(2))[0]
    # A random choice of rows, since copies lie side by side.
    rows = rows[random.fold(3).permutation(n_particles)[:n_rows]]
    chains = energy.chains(energy.configurations(chains)[rows])
    chains = sweep(energy, chains, kernel, _N_BURN_IN, random.fold(4))
    return energy.configurations(chains)


def at_chain_marginals(energy, random):
    """Return the energy with a reference at the marginals of its own chains.

    For parameters that come without data: any reference is valid, but one close to the
    model makes annealing short.

    Parameters
    ----------
    energy : energy with ``with_reference_at``
    random : Random
    """
    sampler = Gibbs()
    x = energy.reference.sample(_N_MARGINAL_CHAINS, random.fold(0))
    chains = sampler.init(energy, x, random.fold(0))
    total, square, n_summed = 0.0, 0.0, 0
    for t in range(_N_MARGINAL_STEPS):
        chains = sampler.step(energy, chains, random.fold(1, t))
        if t >= _N_MARGINAL_STEPS // 2:
            x = energy.configurations(chains)
            total = total + x.mean(axis=0, dtype=np.float64)
            square = square + np.square(x).mean(axis=0, dtype=np.float64)
            n_summed += 1
    mean = total / n_summed
    variance = np.maximum(square / n_summed - mean**2, 0)
    return energy.with_reference_at(mean, variance, _N_MARGINAL_CHAINS)
