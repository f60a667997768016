"""Sums of energies, and the recipes of real columns."""

import numpy as np
import pytest
from scipy.integrate import quad
from sklearn.base import clone

from skebm import EnergyDensity
from skebm.energies import (
    ENERGIES,
    MLP,
    NormalMixture,
    Polynomial,
    ProductOfExperts,
    Quadratic,
    Summary,
    SumRecipe,
)
from skebm.layers import LAYERS
from skebm.testing import check_energy
from skebm.utils._random import Random

REAL = ("quadratic", "polynomial", "normal_mixture")
RECIPES = {
    "quadratic": Quadratic(),
    "diagonal": Quadratic(coupled=False),
    "polynomial": Polynomial(),
    "pairs": Polynomial(pairs=True),
    "student": ProductOfExperts(7),
    "softplus": ProductOfExperts(7, "softplus"),
    "normal_mixture": NormalMixture(2),
    "sum": MLP(7, n_networks=2) + 0.5 * Quadratic(),
    "twins": MLP(7, n_networks=1) + 2 * MLP(5, n_networks=1) + Polynomial(),
}
every = pytest.mark.parametrize("name", RECIPES)


def rows(n=211, d=3, dtype=np.float64):
    x = np.random.default_rng(3).normal(size=(n, d)) @ np.triu(np.ones((d, d)))
    return (0.3 + x / x.std(axis=0)).astype(dtype)


def built(recipe, dtype=np.float64, moved=True):
    X = rows(dtype=dtype)
    layer = LAYERS["gaussian"].zeros(3, dtype)
    energy = recipe.build(layer, Summary.of(X, None), Random(3))
    if moved:
        for k, value in enumerate(energy.params.values()):
            value += 0.1 * Random(5, k).normal(value.shape, value.dtype)
        energy.project()
    return energy, X[:13]


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(name, dtype):
    energy, x = built(RECIPES[name], dtype)
    check_energy(energy, x)
    energies, pullback = energy.pullback(x)
    np.testing.assert_allclose(energies, energy.energy(x), rtol=1e-6)
    share = np.linspace(0, 1, 13)
    for key, value in energy.grad(x, share).items():
        np.testing.assert_allclose(pullback(share)[key], value, rtol=1e-4, atol=1e-5)
    assert set(energy.weight_names) <= set(energy.params)


@every
def test_grad_x_grad_is_the_derivative_of_the_slopes(name):
    energy, x = built(RECIPES[name])
    direction = np.random.default_rng(7).normal(size=x.shape)
    gradient = energy.grad_x_grad(x, direction)
    for key, value in energy.params.items():
        where = np.unravel_index(np.argmax(np.abs(gradient[key])), value.shape)
        kept, ends = value[where], []
        for step in (1e-5, -1e-5):
            value[where] = kept + step
            ends.append((direction * energy.grad_x(x)).sum())
        value[where] = kept
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(gradient[key][where], slope, rtol=1e-5)


def test_a_sum_is_the_sum():
    recipe = MLP(7, n_networks=1) + 0.5 * Quadratic()
    energy, x = built(recipe)
    parts = list(energy.parts.values())
    np.testing.assert_allclose(
        energy.energy(x), parts[0].energy(x) + 0.5 * parts[1].energy(x)
    )
    assert sorted(energy.params)[:2] == ["mlp__bias_1", "mlp__output"]
    assert len(built(RECIPES["twins"])[0].params) == 7
    twin = energy.replace({k: v.copy() for k, v in energy.params.items()})
    energy.params["quadratic__bias"][:] += 1
    assert not np.allclose(twin.energy(x), energy.energy(x))


def test_recipes_have_arithmetic():
    recipe = sum([MLP(), 2 * Quadratic(), MLP((5,)) * 3])
    assert isinstance(recipe, SumRecipe)
    assert recipe.factors == [1, 2, 3]
    assert list(recipe.parts) == ["mlp", "quadratic", "mlp_2"]
    assert (2 * recipe).factors == [2, 4, 6]
    with pytest.raises(TypeError):
        MLP() + 3
    for factors in ([1.0], [1.0, -1.0], [1.0, np.nan]):
        with pytest.raises(ValueError, match="factors must be a number above 0"):
            built(SumRecipe([MLP(), Quadratic()], factors))


def test_only_parts_that_confine_make_a_model():
    assert (MLP() + ProductOfExperts()).is_tilt
    assert not (MLP() + Quadratic()).is_tilt
    assert (MLP() + Quadratic()).is_anchored


def test_parameters_are_nested():
    density = EnergyDensity(MLP() + 0.5 * Quadratic())
    density.set_params(energy__mlp__activation="softplus")
    copy = clone(density)
    assert copy.get_params()["energy__mlp__activation"] == "softplus"
    assert repr(copy) == repr(density)
    copy.set_params(energy__quadratic=Polynomial(), energy__factors=[1, 2])
    assert list(copy.energy.parts) == ["mlp", "polynomial"]
    assert list(density.energy.parts) == ["mlp", "quadratic"]
    with pytest.raises(ValueError, match="Its parts are 'mlp', 'quadratic'"):
        density.set_params(energy__mpl__activation="silu")


@pytest.mark.parametrize("name", REAL)
def test_other_columns_are_refused_in_a_sentence(name):
    layer = LAYERS["bernoulli"].zeros(3)
    X = (rows() > 0).astype(float)
    with pytest.raises(ValueError, match="is an energy of real columns"):
        ENERGIES[name]().build(layer, Summary.of(X, None), Random(3))


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (Polynomial(3), "degree must be an even number"),
        (Polynomial(2, pairs=True), "needs a degree above 2"),
        (ProductOfExperts(0), "n_experts must be"),
        (ProductOfExperts(3, "cauchy"), "shape='cauchy' is not known"),
    ],
)
def test_wrong_parameters_are_refused_in_a_sentence(recipe, sentence):
    with pytest.raises(ValueError, match=sentence):
        built(recipe)


def test_a_quadratic_energy_starts_at_the_moments_of_the_rows():
    energy, _ = built(Quadratic(), moved=False)
    X = rows()
    covariance = np.linalg.inv(energy.precision)
    np.testing.assert_allclose(covariance, np.cov(X.T, ddof=0), atol=0.02)
    np.testing.assert_allclose(covariance @ energy.bias, X.mean(axis=0), rtol=0.02)


@pytest.mark.parametrize("recipe", [Quadratic(), NormalMixture(2)])
def test_closed_partition_functions(recipe):
    X = rows(d=1)
    layer = LAYERS["gaussian"].zeros(1)
    energy = recipe.build(layer, Summary.of(X, None), Random(3))
    for value in energy.params.values():
        value += 0.1
    total = quad(lambda t: np.exp(-energy.energy(np.array([[t]]))[0]), -30, 30)[0]
    np.testing.assert_allclose(energy.closed_log_partition, np.log(total), rtol=1e-6)


def test_projected_energies_confine():
    energy, _ = built(Polynomial())
    energy.coefficients[-1] = -1
    energy.project()
    assert (energy.energy(np.array([[1e4, 0, 0], [0, -1e4, 0]])) > 0).all()
    bowl, _ = built(Quadratic())
    bowl.factor[...] = -1
    bowl.project()
    assert np.linalg.eigvalsh(bowl.precision)[0] > 0
