"""Rows drawn from a fitted model, without chains to start from."""

import numpy as np

from skebm.samplers import Exact, Gibbs, anneal

# Models with a side this small are sampled exactly; others by annealing and a burn-in.
_EXACT_STATES = 2**16
_N_STAGES, _N_BURN_IN, _MIN_PARTICLES = 500, 100, 100
_N_MARGINAL_CHAINS, _N_MARGINAL_STEPS = 100, 200


def draw(energy, n_rows, random):
    """Return rows of the model, in the units of its visible layer.

    Annealed chains are resampled by their importance weights, so that each mode gets
    its share (sequential Monte Carlo with one resampling), and then move on.
    """
    exact = Exact(max_states=_EXACT_STATES)
    if exact.accepts(energy):
        return exact.init(energy, n_rows, random).visible
    n_particles = max(n_rows, _MIN_PARTICLES)
    chains = energy.sample_reference(n_particles, random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, increments = anneal(energy, chains, betas, random.fold(1))
    log_weight = increments.sum(axis=0)
    share = np.exp(log_weight - log_weight.max()).cumsum()
    # Systematic resampling, then a random choice of rows, since copies lie together.
    offset = random.fold(2).uniform((1, 1))[0, 0]
    ticks = (np.arange(n_particles) + offset) / n_particles * share[-1]
    rows = np.minimum(np.searchsorted(share, ticks), n_particles - 1)
    rows = rows[random.fold(3).permutation(n_particles)[:n_rows]]
    chains = energy.chains(chains.visible[rows])
    return Gibbs(_N_BURN_IN).step(energy, chains, random.fold(4)).visible


def at_own_marginals(energy, random):
    """Return the energy with a reference at the marginals of its own chains.

    For parameters that come without data: any reference is valid, but one close to the
    model makes annealing short.
    """
    sampler = Gibbs()
    chains = sampler.init(energy, _N_MARGINAL_CHAINS, random.fold(0))
    total, square, n_kept = 0.0, 0.0, 0
    for t in range(_N_MARGINAL_STEPS):
        chains = sampler.step(energy, chains, random.fold(1, t))
        if t >= _N_MARGINAL_STEPS // 2:
            total = total + chains.visible.mean(axis=0, dtype=np.float64)
            square = square + np.square(chains.visible).mean(axis=0, dtype=np.float64)
            n_kept += 1
    mean = total / n_kept
    variance = np.maximum(square / n_kept - mean**2, 0)
    base = energy.visible.from_moments(mean, variance, _N_MARGINAL_CHAINS)
    return type(energy)(
        energy.visible, energy.hidden, energy.weights, base=base.astype(energy.dtype)
    )
