"""Checks of samplers of real columns, against what is known of the energies."""

from functools import cache

import numpy as np
from scipy.stats import chisquare

from skebm.metrics import ess
from skebm.utils._random import Random
from tests.models import RealEnergy

# Quantiles at which chains are compared with exact draws.
LEVELS = 0.05, 0.25, 0.5, 0.75, 0.95
N_EXACT = 1_000_003


def figures(x, cuts):
    """Return what is averaged: columns, squares, products, and being below a cut."""
    products = x * np.roll(x, 1, axis=-1)
    below = [(x <= cut).astype(float) for cut in cuts]
    return np.concatenate([x, x * x, products, *below], axis=-1)


def run(sampler, energy, start, n_chains=101, n_steps=400, n_burn_in=150):
    """Return draws of chains from one kind of start, (n_steps, n_chains, n)."""
    if start == "draws":
        x, n_burn_in = energy.draws(n_chains), 0
    else:
        x = energy.reference.sample(n_chains, Random(7))
    sampler = sampler.tuned(energy)
    state, draws = sampler.init(energy, x, Random(11)), []
    for t in range(n_burn_in + n_steps):
        state = sampler.step(energy, state, Random(13).fold(t))
        draws.append(sampler.chains(state))
    return np.array(draws[n_burn_in:])


def check_known(sampler, energy, start):
    """Compare means with exact draws, in standard errors by the chains' own ESS."""
    scale, cuts, mean, variance = exact_figures(type(energy))
    chains = figures(run(sampler, energy, start) / scale, cuts)
    size = ess(chains, "mean")
    assert size.min() > 100
    error = np.sqrt(variance * (1 / size + 1 / N_EXACT))
    distance = np.abs(chains.mean(axis=(0, 1)) - mean) / error
    assert distance.max() < 4


@cache
def exact_figures(kind):
    """Return scale, cuts, and the means and variances of figures, by exact draws."""
    exact = kind().draws(N_EXACT, seed=1)
    scale = exact.std(axis=0)
    exact = exact / scale
    cuts = np.quantile(exact, LEVELS, axis=0)
    exact = figures(exact, cuts)
    return scale, cuts, exact.mean(axis=0), exact.var(axis=0)


class Posterior(RealEnergy):
    """Mean and log precision of normal data, given their sum and sum of squares.

    The mean is standard normal, and so is the log precision.
    """

    n_features = 2

    def __init__(self, data):
        super().__init__(scale=1.0)
        self.data = data

    def energy(self, x):
        mean, log_precision = x[:, :1], x[:, 1]
        squares = ((self.data - mean) ** 2).sum(axis=1)
        fit = (np.exp(log_precision) * squares - len(self.data) * log_precision) / 2
        return fit + (x * x).sum(axis=1) / 2

    def grad_x(self, x):
        mean, precision = x[:, :1], np.exp(x[:, 1])
        away = mean - self.data
        first = precision * away.sum(axis=1)
        second = (precision * (away * away).sum(axis=1) - len(self.data)) / 2
        return np.stack([first, second], axis=1) + x


def calibration(sampler, n_data_sets=80, n_draws=63):
    """Return the p-value of the ranks of parameters among draws given their data.

    If the sampler is right, ranks are uniform (Talts et al., arXiv 1804.06788). All
    chains of a data set are independent, so there is one draw of each.
    """
    rng = np.random.default_rng(11)
    ranks = []
    for k in range(n_data_sets):
        mean, log_precision = rng.normal(size=2)
        data = mean + np.exp(-log_precision / 2) * rng.normal(size=5)
        energy = Posterior(data)
        kernel = sampler.tuned(energy)
        x = energy.reference.sample(n_draws, Random(k))
        state = kernel.init(energy, x, Random(k).fold(0))
        for t in range(5):
            state = kernel.step(energy, state, Random(k).fold(1, t))
        ranks.append((kernel.chains(state) < [mean, log_precision]).sum(axis=0))
    counts = [np.bincount(r // 8, minlength=8) for r in np.array(ranks).T]
    return min(chisquare(count).pvalue for count in counts)
