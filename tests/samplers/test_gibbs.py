import numpy as np
import pytest

from skebm.samplers import Gibbs
from skebm.testing import check_sampler
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    all_states,
    begin,
    heavy,
    random_rbm,
)

pytestmark = heavy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", [*FINITE_PAIRS, ("bernoulli", "gaussian")])
def test_contract(pair, dtype):
    check_sampler(Gibbs(), random_rbm(pair, 3, 2, dtype=dtype))


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
def test_mean_of_gaussian_units(hidden):
    energy = random_rbm(("gaussian", hidden), 3, 2)
    chains = Gibbs(n_steps=31).step(
        energy, begin(Gibbs(), energy, 4001, Random(3)), Random(5)
    )
    h = all_states(energy.hidden)
    log_weight = -energy.T.energy(h)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    mean = probability @ energy.visible.mean(h @ energy.weights.T)
    error = chains.visible.std(axis=0) / np.sqrt(4001)
    assert (np.abs(chains.visible.mean(axis=0) - mean) < 6 * error).all()


def test_covariance_of_a_normal_distribution():
    energy = random_rbm(("gaussian", "gaussian"), 3, 2)
    v = (
        Gibbs(53)
        .step(energy, begin(Gibbs(), energy, 4001, Random(3)), Random(5))
        .visible
    )
    covariance = np.linalg.inv(
        np.diag(energy.visible.precision) - energy.weights @ energy.weights.T
    )
    mean = covariance @ (energy.visible.bias + energy.weights @ energy.hidden.bias)
    z = (v - mean) @ np.linalg.cholesky(np.linalg.inv(covariance))
    assert (np.abs(z.mean(axis=0)) < 6 / np.sqrt(4001)).all()
    assert (np.abs(z.T @ z / 4001 - np.eye(3)) < 6 * np.sqrt(2 / 4001)).all()


@pytest.mark.parametrize("pair", PAIRS)
def test_chains_keep_what_the_hidden_units_receive(pair):
    energy = random_rbm(pair, 5, 3, dtype=np.float32)
    chains = Gibbs(n_steps=2).step(
        energy, begin(Gibbs(), energy, 7, Random(3)), Random(5)
    )
    np.testing.assert_allclose(
        chains.inputs, chains.visible @ energy.weights, rtol=1e-6
    )
    assert chains.visible.dtype == chains.inputs.dtype == np.float32


def test_steps_do_not_depend_on_threads_or_blocks():
    energy = random_rbm(("spin", "bernoulli"), 307, 101)
    start = begin(Gibbs(), energy, 257, Random(3))
    moved = []
    for n_jobs in (1, 2):
        with use_threads(n_jobs):
            moved.append(Gibbs(n_steps=3).step(energy, start, Random(5)).visible)
    np.testing.assert_array_equal(*moved)
    once = start
    for t in range(3):
        once = energy.gibbs_sweep(once, Random(5).fold(t))
    np.testing.assert_array_equal(moved[0], once.visible)
