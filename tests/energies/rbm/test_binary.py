"""The kernels of binary units, against the same update step by step."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skebm.energies import Updates
from skebm.objectives import CD, PCD
from skebm.optimizers import SGD
from skebm.optimizers.schedules import linear
from skebm.samplers import Gibbs
from skebm.training import Plan, Training, train
from skebm.utils._random import Random
from tests.models import random_rbm

PAIRS = [
    ("bernoulli", "bernoulli"),
    ("spin", "bernoulli"),
    ("bernoulli", "spin"),
    ("spin", "spin"),
]


class StepByStep(Gibbs):
    """Not of the type that has kernels of its own."""


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sweep_draws_what_the_layers_draw(pair, dtype):
    energy = random_rbm(pair, 41, 37, dtype=dtype).interpolate(0.7)
    chains, random = (
        energy.chains(energy.reference.sample(13, Random(3))),
        Random(5).rows(2),
    )
    actual = energy.gibbs_sweep(chains, random)
    hidden = energy.hidden.sample(dtype(0.7) * chains.inputs, random.fold(0))
    field = dtype(0.7) * (hidden @ energy.weights.T)
    visible = energy.visible.sample(field, random.fold(1))
    # Rounding may turn a unit whose uniform is within it of the probability.
    assert np.mean(actual.visible != visible) <= 1 / visible.size
    np.testing.assert_allclose(
        actual.inputs, actual.visible @ energy.weights, atol=2e-5
    )


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("make", [CD, PCD])
@pytest.mark.parametrize("shape", [(5, 3), (307, 251)])
def test_an_update_is_the_same_step_by_step(pair, centered, make, shape):
    energy = random_rbm(pair, *shape).interpolate(0.7)
    X = energy.reference.sample(101, Random(3))
    weight = np.arange(1.0, 102.0) / np.arange(1, 102).sum()
    options = {"centered": centered, "n_steps": 3}
    if make is PCD:
        options["n_chains"] = 83
    fast, slow = (
        make(sampler=sampler, **options) for sampler in (Gibbs(2), StepByStep(2))
    )
    states = [spec.init(energy, Random(7)) for spec in (fast, slow)]
    for given in (weight, None):
        results = [
            spec.gradient(energy, X, given, state, Random(11))
            for spec, state in zip((fast, slow), states, strict=True)
        ]
        (mine, _), (naive, _) = results
        assert mine.keys() == naive.keys()
        for name, value in naive.items():
            np.testing.assert_allclose(mine[name], value, atol=1e-11, err_msg=name)
        states = [state for _, state in results]
        if centered:
            for mine, naive in zip(*(state.offsets for state in states), strict=True):
                np.testing.assert_allclose(mine, naive, atol=1e-12)


def compare_trainings(pair, shape, make, rate, n_iter, *, centered, resample):
    """Train with many updates in a call, and one by one with none of their kernels."""

    def trained(sampler):
        energy = random_rbm(pair, *shape, scale=1.5 / np.sqrt(shape[0]))
        X = energy.reference.sample(101, Random(3))
        if resample:
            X = np.random.default_rng(5).random(X.shape)
        options = {"centered": centered, "n_steps": 2, "sampler": sampler}
        if make is PCD:
            options["n_chains"] = 13
        plan = Plan(
            make(**options), SGD(), linear, rate, n_iter, 11, resample_inputs=resample
        )
        training = Training.start(energy, plan, Random(7))
        return train(training, X, None, plan, lambda *_: None)

    fast, slow = trained(Gibbs(2)), trained(StepByStep(2))
    assert fast.average.count == slow.average.count == 10 * n_iter
    for name, value in slow.energy.params.items():
        np.testing.assert_allclose(fast.energy.params[name], value, atol=1e-10)
        best = fast.best.params[name]
        np.testing.assert_allclose(best, slow.best.params[name], atol=1e-10)
    mine, naive = fast.objective_state, slow.objective_state
    if make is PCD:
        np.testing.assert_array_equal(mine.chains.visible, naive.chains.visible)
    if centered:
        for one, other in zip(mine.offsets, naive.offsets, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-10)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("make", [CD, PCD])
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("resample", [True, False])
def test_many_updates_in_a_call_are_the_same_one_by_one(pair, make, centered, resample):
    options = {"centered": centered, "resample": resample}
    compare_trainings(pair, (7, 5), make, 0.1, 3, **options)


@pytest.mark.parametrize("make", [CD, PCD])
@pytest.mark.parametrize("resample", [True, False])
def test_many_updates_of_a_large_model_are_the_same_one_by_one(make, resample):
    options = {"centered": True, "resample": resample}
    compare_trainings(PAIRS[0], (307, 2003), make, 0.01, 1, **options)


@pytest.mark.parametrize("make", [CD, PCD])
def test_many_updates_in_a_call_are_for_dense_rows(make):
    for kind, possible in ((np.asarray, True), (csr_array, False)):
        energy = random_rbm(("bernoulli", "bernoulli"), 7, 5)
        X = kind(np.ones((11, 7)))
        spec = make()
        state = spec.init(energy, Random(7))
        updates = Updates(
            X=X,
            batches=[np.arange(5), np.arange(5, 11)],
            rates=np.zeros(2),
            decays=np.ones(2),
            moves=np.zeros(2),
            averages=energy.params,
            resample=False,
            randoms=[Random(2)] * 2,
        )
        done = spec.fused_updates(energy, updates, state)
        assert energy.fused.accepts(X) == possible
        assert (done is not NotImplemented) == possible
