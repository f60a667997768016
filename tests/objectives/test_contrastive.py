import numpy as np
import pytest

from skebm.objectives import CD, PCD
from skebm.samplers import ParallelTempering
from skebm.testing import check_objective
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    heavy,
    mixed_layer,
    probabilities,
    random_rbm,
)

SPECS = {
    "cd": CD(),
    "cd-3": CD(n_steps=3),
    "cd-exact": CD(sampler="exact"),
    "pcd": PCD(n_chains=53),
    "pcd-plain": PCD(n_chains=53, centered=False),
}


def rows(energy, n=7):
    return energy.reference.sample(n, Random(5))


def shares(n):
    return np.full(n, 1 / n)


@heavy
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("pair", FINITE_PAIRS[:3])
def test_contract(spec, pair):
    check_objective(spec, random_rbm(pair, 3, 2))


@heavy
def test_contract_with_tempering():
    spec = PCD(n_chains=23, sampler=ParallelTempering(betas=3))
    check_objective(spec, random_rbm(("bernoulli", "bernoulli"), 3, 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("pair", [p for p in PAIRS if p[0] == "gaussian"][:2])
def test_contract_of_real_units(spec, pair, dtype):
    check_objective(spec, random_rbm(pair, 5, 3, dtype=dtype))


def test_contract_of_mixed_columns():
    from skebm.energies import RBM
    from skebm.layers import Bernoulli

    rng = np.random.default_rng(3)
    energy = RBM(mixed_layer(rng), Bernoulli.zeros(3), rng.normal(size=(7, 3)))
    for spec in (CD(), PCD(n_chains=5)):
        check_objective(spec, energy)


@heavy
@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_cd_with_exact_draws_is_the_likelihood_gradient(pair):
    energy = random_rbm(pair, 3, 2)
    X = np.repeat(rows(energy), 1009, axis=0)
    v, probability = probabilities(energy)
    positive, negative = energy.grad(X), energy.grad(v, probability)
    spec = CD(sampler="exact", centered=False)
    gradient, _ = spec.gradient(
        energy, X, shares(len(X)), spec.init(energy, Random(3)), Random(5)
    )
    bound = 6 / np.sqrt(len(X))  # a product of units has variance of 1 at most
    for name, value in gradient.items():
        assert (np.abs(value - positive[name] + negative[name]) < bound).all()


@pytest.mark.parametrize("centered", [False, True])
def test_weight_is_repetition(centered):
    energy = random_rbm(("spin", "bernoulli"), 5, 3)
    spec = PCD(n_chains=13, centered=centered)
    X, counts = rows(energy, 3), np.array([1, 2, 4])
    repeated = np.repeat(X, counts, axis=0)
    state = spec.init(energy, Random(3))
    one, _ = spec.gradient(energy, X, counts / 7, state, Random(5))
    two, _ = spec.gradient(energy, repeated, shares(7), state, Random(5))
    three, _ = spec.gradient(energy, repeated, None, state, Random(5))
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], atol=1e-12)
        np.testing.assert_allclose(value, three[name], atol=1e-12)


def test_contrastive_divergence_with_tempering():
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3)
    check_objective(CD(sampler="tempering"), energy)


def test_persistent_chains_go_on():
    energy = random_rbm(("bernoulli", "bernoulli"), 11, 5)
    spec = PCD(n_chains=13, n_steps=2)
    state = spec.init(energy, Random(3))
    assert state.chains.visible.shape == (13, 11)
    X = rows(energy)
    _, after = spec.gradient(energy, X, shares(7), state, Random(5))
    assert after.chains.visible.shape == (13, 11)
    chains = state.chains
    for t in range(2):
        chains = energy.gibbs_sweep(chains, Random(5).fold(t).fold(0))
    np.testing.assert_array_equal(after.chains.visible, chains.visible)
    _, cd_after = CD().gradient(
        energy, X, shares(7), CD().init(energy, Random(3)), Random(5)
    )
    assert cd_after.chains is None


def test_offsets_move_towards_the_means_of_the_data():
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    spec = PCD(n_chains=7)
    X = rows(energy)
    state = spec.init(energy, Random(3))
    first = state.offsets
    np.testing.assert_allclose(first[0], energy.visible.mean(np.zeros((1, 5)))[0])
    np.testing.assert_allclose(first[1], 0, atol=1e-12)
    for t in range(1009):
        _, state = spec.gradient(energy, X, shares(7), state, Random(5).fold(t))
    np.testing.assert_allclose(state.offsets[0], X.mean(axis=0), atol=1e-3)
    hidden = energy.hidden_mean(X).mean(axis=0)
    np.testing.assert_allclose(state.offsets[1], hidden, atol=1e-3)
    assert PCD(centered=False).init(energy, Random(3)).offsets is None


def test_centered_gradient_is_the_contrast_about_the_offsets():
    energy = random_rbm(("bernoulli", "bernoulli"), 5, 3)
    X = rows(energy)
    plain, centered = PCD(n_chains=7, centered=False), PCD(n_chains=7)
    gradients, states = [], []
    for spec in (plain, centered):
        state = spec.init(energy, Random(3))
        gradient, _ = spec.gradient(energy, X, shares(7), state, Random(5))
        gradients.append(gradient)
        states.append(state)
    # The naive formula of the centered gradient, from the plain one.
    (mu, lam), plain = states[1].offsets, gradients[0]
    weights = plain["weights"] - np.outer(mu, plain["hidden.bias"])
    weights -= np.outer(plain["visible.bias"], lam)
    expected = {
        "weights": weights,
        "visible.bias": plain["visible.bias"] - weights @ lam,
        "hidden.bias": plain["hidden.bias"] - mu @ weights,
    }
    for name, value in gradients[1].items():
        np.testing.assert_allclose(value, expected[name], atol=1e-12)


@pytest.mark.parametrize("spec", [CD(), PCD()])
def test_an_energy_without_sweeps_is_refused_in_a_sentence(spec):
    class Plain:
        params = {"weights": np.zeros(3)}

    with pytest.raises(
        TypeError, match="Gibbs needs an energy with gibbs_sweep; Plain"
    ):
        spec.init(Plain(), Random(3))
