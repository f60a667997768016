import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Spin
from skebm.samplers import Exact, Gibbs, ParallelTempering, anneal
from skebm.testing import check_sampler
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    assert_frequencies,
    heavy,
    log_partition,
    probabilities,
    random_rbm,
)

pytestmark = heavy

N = 2003


@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_contract(pair):
    check_sampler(ParallelTempering(betas=4), random_rbm(pair, 3, 2))


def test_every_temperature_is_stationary():
    energy = random_rbm(("bernoulli", "spin"), 3, 2, scale=1.5)
    sampler = ParallelTempering(betas=[0, 0.3, 0.7, 1])
    models = [energy.interpolate(beta) for beta in (0, 0.3, 0.7, 1)]
    state = sampler.spread(
        [Exact().init(model, N, Random(3).fold(k)) for k, model in enumerate(models)]
    )
    for t in range(5):
        state = sampler.step(energy, state, Random(5).fold(t))
    for model, replica in zip(models, state.replicas, strict=True):
        assert_frequencies(replica.visible, *probabilities(model))
        np.testing.assert_allclose(replica.inputs, replica.visible @ energy.weights)
    np.testing.assert_array_equal(state.visible, state.replicas[-1].visible)
    assert state.n_steps == 5
    assert (state.n_swaps >= 0).all()
    assert (state.n_swaps <= 6).all()  # a rate of 1 at three of the five steps
    assert (state.n_swaps > 0).all()


def test_it_changes_modes_that_gibbs_sampling_cannot_leave():
    n = 11
    energy = RBM(Spin.zeros(n), Spin.zeros(1), np.full((n, 1), 3.0))
    up = energy.chains(np.ones((101, n)))
    stuck = Gibbs(n_steps=60).step(energy, up, Random(3))
    assert (stuck.visible.mean(axis=1) > 0).all()
    sampler = ParallelTempering(betas=11)
    state = sampler.spread([up] * 11)
    for t in range(60):
        state = sampler.step(energy, state, Random(3).fold(t))
    share = (state.visible.mean(axis=1) > 0).mean()
    assert abs(share - 0.5) < 6 * 0.5 / np.sqrt(101)


def test_chains_at_data_start_all_temperatures():
    energy = random_rbm(("bernoulli", "spin"), 3, 2)
    start = Gibbs().init(energy, 7, Random(3))
    state = ParallelTempering(betas=5).step(energy, start, Random(5))
    assert state.visible.shape == start.visible.shape
    assert len(state.replicas) == 5


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("reverse", [False, True])
def test_mean_annealing_weight_is_the_ratio_of_partition_functions(pair, reverse):
    """Jarzynski's equality, exact for any number of temperatures."""
    energy = random_rbm(pair, 2, 3, scale=0.4)
    betas = np.linspace(0, 1, 6)
    ratio = log_partition(energy) - energy.log_partition_reference()
    start = energy.sample_reference(N, Random(3))
    if reverse:
        if pair == ("gaussian", "gaussian"):
            start = Gibbs(53).step(energy, start, Random(7))
        else:
            start = Exact().init(energy, N, Random(7))
        betas, ratio = betas[::-1], -ratio
    chains, increments = anneal(energy, start, betas, Random(5))
    assert increments.shape == (5, N)
    assert chains.visible.shape == (N, 2)
    weight = np.exp(increments.sum(axis=0) - ratio)
    assert abs(weight.mean() - 1) < 6 * weight.std() / np.sqrt(N)
