import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Spin
from skebm.samplers import Exact, Gibbs, ParallelTempering, anneal
from skebm.samplers.tempering import _equalised
from skebm.testing import check_sampler
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    assert_changes_modes,
    assert_frequencies,
    begin,
    heavy,
    log_partition,
    positions,
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
    replicas = [
        begin(Exact(), model, N, Random(3).fold(k)) for k, model in enumerate(models)
    ]
    state = sampler.init(energy, replicas[-1].visible, Random(3))
    state = state._replace(replicas=replicas)
    for t in range(5):
        state = sampler.step(energy, state, Random(5).fold(t))
    for model, replica in zip(models, state.replicas, strict=True):
        assert_frequencies(replica.visible, *probabilities(model))
        np.testing.assert_allclose(replica.inputs, replica.visible @ energy.weights)
    assert sampler.chains(state) is state.replicas[-1]
    assert state.n_steps == 5
    assert (state.n_swaps >= 0).all()
    assert (state.n_swaps <= 6).all()  # a rate of 1 at three of the five steps
    assert (state.n_swaps > 0).all()


def test_it_changes_modes_that_gibbs_sampling_cannot_leave():
    sampler = ParallelTempering(betas=11)

    def spread(energy, up):
        state = sampler.spread(energy, up, Random(3))
        return state._replace(replicas=[up] * 11)

    assert_changes_modes(sampler, spread)


def test_chains_at_data_start_all_temperatures():
    energy = random_rbm(("bernoulli", "spin"), 3, 2)
    start = begin(Gibbs(), energy, 7, Random(3))
    sampler = ParallelTempering(betas=5)
    state = sampler.spread(energy, start, Random(4))
    assert sampler.chains(state) is start
    state = sampler.step(energy, state, Random(5))
    assert sampler.chains(state).visible.shape == start.visible.shape
    assert len(state.replicas) == 5


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("reverse", [False, True])
def test_mean_annealing_weight_is_the_ratio_of_partition_functions(pair, reverse):
    """Jarzynski's equality, exact for any number of temperatures."""
    energy = random_rbm(pair, 2, 3, scale=0.4)
    betas = np.linspace(0, 1, 6)
    ratio = log_partition(energy) - energy.reference.log_partition
    start = energy.chains(energy.reference.sample(N, Random(3)))
    if reverse:
        if pair == ("gaussian", "gaussian"):
            start = Gibbs(53).step(energy, start, Random(7))
        else:
            start = begin(Exact(), energy, N, Random(7))
        betas, ratio = betas[::-1], -ratio
    chains, increments = anneal(energy, start, betas, Random(5), Gibbs())
    assert increments.shape == (5, N)
    assert chains.visible.shape == (N, 2)
    weight = np.exp(increments.sum(axis=0) - ratio)
    assert abs(weight.mean() - 1) < 6 * weight.std() / np.sqrt(N)


def two_valleys(n=11, weight=3.0):
    """Return spins that all agree, up or down, by one hidden unit."""
    return RBM(Spin.zeros(n), Spin.zeros(1), np.full((n, 1), weight))


@pytest.mark.parametrize("max_betas", [4, 20])
def test_the_ladder_comes_to_the_rates_that_were_asked_for(max_betas):
    energy = two_valleys(n=67, weight=0.7)
    sampler = ParallelTempering(swap_rate=0.4, max_betas=max_betas)
    state = begin(sampler, energy, 101, Random(3))
    for t in range(499):
        state = sampler.step(energy, state, Random(5).fold(t))
    assert (np.diff(state.betas) > 0).all()
    assert (state.betas[0], state.betas[-1]) == (0, 1)
    assert len(state.replicas) == len(state.betas) <= max_betas
    rates = state.n_swaps / state.n_steps
    if max_betas == 4:
        assert len(state.betas) == 4
        assert np.ptp(rates) < 0.3
    else:
        assert len(state.betas) > 4
        assert np.abs(rates - 0.4).max() < 0.2


def test_a_model_near_its_reference_needs_two_temperatures():
    energy = random_rbm(("spin", "spin"), 3, 2, scale=0.1)
    sampler = ParallelTempering()
    state = begin(sampler, energy, 53, Random(3))
    assert len(state.betas) == 10
    for t in range(50):
        state = sampler.step(energy, state, Random(5).fold(t))
    assert len(state.betas) == len(state.replicas) == 2
    assert state.n_steps == 0


@pytest.mark.parametrize("betas", ["auto", 3])
def test_the_model_is_stationary_while_the_ladder_adapts(betas):
    energy = random_rbm(("bernoulli", "spin"), 3, 2, scale=2.5)
    sampler = ParallelTempering(betas=betas, swap_rate=0.7)
    exact = begin(Exact(), energy, N, Random(3))
    state = begin(sampler, energy, N, Random(5))
    models = [energy.interpolate(beta) for beta in state.betas]
    replicas = [
        begin(Exact(), m, N, Random(3).fold(k)) for k, m in enumerate(models[:-1])
    ]
    state = state._replace(replicas=[*replicas, exact])
    ladders = set()
    for t in range(153):
        state = sampler.step(energy, state, Random(7).fold(t))
        ladders.add(tuple(state.betas))
        if t % 51 == 50:
            x = positions(sampler, energy, state)
            assert_frequencies(x, *probabilities(energy))
    assert (len(ladders) > 1) == (betas == "auto")


def test_equalised_ladder_on_a_known_barrier():
    betas, rejection = np.linspace(0, 1, 5), np.array([0.1, 0.3, 0.2, 0.0])
    moved = _equalised(betas, 1 - rejection, 0.8, 20)
    assert len(moved) == 4  # 0.6 in steps of 0.2
    cumulative = np.interp(moved, betas, np.r_[0, rejection.cumsum()])
    np.testing.assert_allclose(cumulative, [0, 0.2, 0.4, 0.6], atol=1e-4)
    assert len(_equalised(betas, 1 - rejection, 0.8, 3)) == 3


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"betas": "some"}, "Known: 'auto'"),
        ({"betas": 1}, "a number of at least 2"),
        ({"betas": [0, 0.7, 0.5, 1]}, "rise to 1"),
        ({"betas": [0, 0.5]}, "rise to 1"),
        ({"swap_rate": 0.0}, "swap_rate must lie"),
        ({"max_betas": 1}, "max_betas be at least 2"),
    ],
)
def test_bad_ladders_are_refused(params, sentence):
    energy = random_rbm(("spin", "spin"), 3, 2)
    with pytest.raises(ValueError, match=sentence):
        begin(ParallelTempering(**params), energy, 7, Random(3))
