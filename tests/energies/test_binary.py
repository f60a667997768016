"""The kernels of binary units, against the same update step by step."""

import numpy as np
import pytest

from skebm.objectives import CD, PCD
from skebm.samplers import Gibbs
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
    chains, random = energy.sample_reference(13, Random(3)), Random(5).rows(2)
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
@pytest.mark.parametrize("shape", [(5, 3), (307, 211)])
def test_an_update_is_the_same_step_by_step(pair, centered, make, shape):
    energy = random_rbm(pair, *shape).interpolate(0.7)
    X = energy.sample_reference(101, Random(3)).visible
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
