"""Populations that are annealed, resampled, and cooled."""

import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Bernoulli, Gaussian
from skebm.samplers import Gibbs, Metropolis, heated, population
from skebm.utils._random import Random
from tests.models import all_states, heavy, random_rbm

pytestmark = heavy


@pytest.mark.parametrize("pair", [("bernoulli", "bernoulli"), ("spin", "bernoulli")])
def test_a_population_has_the_distribution_of_the_model(pair):
    energy, n_chains = random_rbm(pair, 5, 3, scale=2.0), 4001
    stages = [energy.interpolate(beta) for beta in np.linspace(0, 1, 53)]
    start = energy.chains(energy.reference.sample(n_chains, Random(1)))
    drawn = population(stages, start, Random(2), Gibbs())
    x = all_states(energy.visible)
    share = np.exp(-energy.energy(x))
    share /= share.sum()
    rows = energy.configurations(drawn)
    counts = (rows[:, None] == x).all(axis=2).mean(axis=0)
    # Copies of chains make the noise at most about twice as large.
    assert (np.abs(counts - share) < 10 * np.sqrt(share / n_chains) + 1e-3).all()


def far_modes(shift, log_odds=0.0):
    """Return an RBM of Gaussian units with modes at -shift and shift."""
    weights = np.array([[2 * shift], [0.0]])
    visible = Gaussian(np.array([-shift, 0.0]), np.zeros(2))
    return RBM(visible, Bernoulli(np.array([log_odds])), weights)


def test_a_population_keeps_the_shares_of_modes_far_apart():
    # The means of x given h are -5 and 5; h has even odds without any bias.
    energy = far_modes(5.0, log_odds=np.log(0.2 / 0.8))
    energy = energy.with_reference_at(np.zeros(2), np.array([26.0, 1.0]), 100)
    stages = [energy.interpolate(beta) for beta in np.linspace(0, 1, 301)]
    start = energy.chains(energy.reference.sample(4001, Random(3)))
    drawn = energy.configurations(population(stages, start, Random(4), Gibbs()))
    assert abs((drawn[:, 0] > 0).mean() - 0.2) < 0.04


def test_heated_chains_find_a_mode_far_from_the_reference():
    energy = far_modes(7.0)
    # The reference lies in one of the two modes.
    energy = energy.with_reference_at(np.array([-7.0, 0.0]), np.ones(2), 100)
    chains = heated(energy, 211, Random(5), Gibbs())
    share = (energy.configurations(chains)[:, 0] > 0).mean()
    assert 0.1 < share < 0.9


def test_a_kernel_that_cannot_move_heated_chains_is_left_out():
    class Needy(Metropolis):
        requires = ("a_capability_of_nobody",)

    assert heated(far_modes(1.0), 7, Random(6), Needy()) is None
