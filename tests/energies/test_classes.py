"""Energies of a label given a row: formulas, gradients, sparse rows, recipes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.naive_bayes import MultinomialNB

from skebm.energies import (
    CLASS_ENERGIES,
    ClassCustom,
    ClassLinear,
    ClassMLP,
    ClassQuadratic,
    Energy,
    Summary,
)
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian
from skebm.objectives import LOSSES, Conditional
from skebm.testing import check_energy
from skebm.utils._random import Random

N_ROWS, N_INPUTS, N_CLASSES = 13, 5, 3
RECIPES = {
    "linear": ClassLinear(),
    "quadratic": ClassQuadratic(rank=2),
    "diagonal": ClassQuadratic(rank=0),
    "mlp": ClassMLP((7, 2)),
    "tanh": ClassMLP(7, "tanh"),
    "logistic": ClassMLP((2, 7, 4), "logistic"),
}
every_recipe = pytest.mark.parametrize("name", RECIPES)


def layers(dtype=np.float64):
    inputs = Columns([Gaussian.zeros(3, dtype), Bernoulli.zeros(2, dtype)])
    return Columns([inputs, Categorical.zeros(N_CLASSES, dtype)])


def rows(dtype=np.float64):
    rng = np.random.default_rng(7)
    x = np.hstack([rng.normal(size=(N_ROWS, 3)), rng.random((N_ROWS, 2)) < 0.3])
    x[rng.random(x.shape) < 0.3] = 0
    y = np.eye(N_CLASSES)[np.minimum(rng.integers(0, 4, N_ROWS), 2)]
    return np.hstack([x, y]).astype(dtype)


def built(name, dtype=np.float64):
    X = rows(dtype)
    return RECIPES[name].build(layers(dtype), Summary.of(X, None), Random(3))


def make(name, dtype=np.float64):
    """Return an energy after a step in a random direction."""
    energy = built(name, dtype)
    for k, value in enumerate(energy.params.values()):
        value += dtype(0.4) * Random(5, k).normal(value.shape, dtype)
    return energy


def naive(name, params, x):
    """Return the energies of the classes of one row by their formulas."""
    if name == "linear":
        return -(x @ params["weights"] + params["bias"])
    if name in ("quadratic", "diagonal"):
        out = -params["bias"].copy()
        for k in range(N_CLASSES):
            low = params["directions"] * params["factors"][:, k]
            matrix = np.diag(params["squares"][:, k]) + low @ params["directions"].T
            out[k] -= x @ params["weights"][:, k] + x @ matrix @ x
        return out
    f = {
        "mlp": lambda z: z * (z > 0),
        "tanh": np.tanh,
        "logistic": lambda z: 1 / (1 + np.exp(-z)),
    }[name]
    for k in range(1, len(params) // 2):
        x = f(x @ params[f"weights_{k}"] + params[f"bias_{k}"])
    return -(x @ params["output"] + params["output_bias"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_recipe
def test_contract(name, dtype):
    check_energy(make(name, dtype), rows(dtype))


@every_recipe
def test_energies_are_their_formulas(name):
    energy, X = make(name), rows()
    x, y = energy.split(X)
    assert (x.shape[1], y.shape[1]) == (N_INPUTS, N_CLASSES)
    expected = [naive(name, energy.params, row) for row in x]
    np.testing.assert_allclose(energy.class_energy(x), expected)
    np.testing.assert_allclose(energy.energy(X), np.sum(y * expected, axis=1))


@every_recipe
def test_training_starts_at_the_frequencies_of_labels(name):
    energy, X = built(name), rows()
    x, y = energy.split(X)
    smoothed = (y.sum(axis=0) + 1 / N_CLASSES) / (N_ROWS + 1)
    expected = np.tile(-np.log(smoothed), (N_ROWS, 1))
    for start in (energy, make(name).interpolate(0.0)):
        energies = start.class_energy(x)
        energies += np.logaddexp.reduce(-energies, axis=1)[:, None]
        np.testing.assert_allclose(energies, expected)
    half = make(name).interpolate(0.5)
    check_energy(half, X)


@every_recipe
def test_the_gradient_moves_each_parameter_after_a_few_steps(name):
    energy, X = built(name), rows()
    before = energy.replace(energy.params).params
    for _ in range(3):
        gradient, _ = Conditional().gradient(energy, X, None, None, Random(0))
        for key, value in energy.params.items():
            value -= 0.1 * gradient[key]
    for key, value in energy.params.items():
        assert value.size == 0 or (value != before[key]).any()


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
@every_recipe
def test_sparse_rows_are_dense_ones_and_stay_sparse(name, container, monkeypatch):
    energy, X = make(name, np.float32), rows(np.float32)
    x, weight = X[:, :N_INPUTS], np.random.default_rng(3).normal(size=(N_ROWS, 3))
    expected = energy.class_pullback(x)
    given = container(x)
    for method in ("toarray", "todense"):
        monkeypatch.setattr(container, method, None)
    energies, pullback = energy.class_pullback(given)
    assert type(energies) is np.ndarray
    assert energies.dtype == np.float64
    np.testing.assert_allclose(energies, expected[0], rtol=1e-4, atol=1e-5)
    for key, value in pullback(weight).items():
        assert type(value) is np.ndarray
        assert value.dtype == np.float32
        same = expected[1](weight)[key]
        np.testing.assert_allclose(value, same, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
@every_recipe
def test_gradients_of_losses_are_finite_differences(name, loss):
    energy, X = make(name), rows()
    spec, weight = Conditional(loss), np.random.default_rng(5).random(N_ROWS)
    weight /= weight.sum()
    gradient, state = spec.gradient(energy, X, weight, None, Random(0))
    assert state is None
    for key, value in energy.params.items():
        direction = np.random.default_rng(9).normal(size=value.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = {**energy.params, key: value + step * direction}
            ends.append(spec.loss(energy.replace(moved), X, weight))
        slope = (ends[0] - ends[1]) / 2e-6
        found = (gradient[key] * direction).sum()
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7)


def test_parameters_are_refused_in_a_sentence():
    facts = layers(), Summary.of(rows(), None), Random(3)
    for sizes in ((), (3, 0), 2.5):
        with pytest.raises((ValueError, TypeError)):
            ClassMLP(sizes).build(*facts)
    with pytest.raises(ValueError, match="activation='cube' is not known"):
        ClassMLP(3, "cube").build(*facts)
    with pytest.raises(ValueError, match="rank must be a whole number"):
        ClassQuadratic(-1).build(*facts)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("weighted", [False, True])
def test_training_starts_at_naive_bayes(container, weighted):
    X = np.abs(rows())
    weight = np.arange(N_ROWS) / 5 if weighted else None
    recipe = ClassLinear(naive_bayes=2.0, alpha=0.3)
    energy = recipe.build(layers(), Summary.of(container(X), weight), Random(3))
    x, labels = X[:, :N_INPUTS], X[:, N_INPUTS:].argmax(axis=1)
    peer = MultinomialNB(alpha=0.3).fit(x, labels, weight)
    ratios = peer.feature_log_prob_ - peer.feature_log_prob_.mean(axis=0)
    np.testing.assert_allclose(energy.center, 2 * ratios.T)
    energies = energy.class_energy(x) + energy.params["bias"]
    np.testing.assert_allclose(energies, -2 * x @ ratios.T)
    assert not energy.params["weights"].any()  # what penalties shrink
    check_energy(energy, X)
    coef = recipe.attributes(energy, np.arange(N_INPUTS))["coef_"]
    np.testing.assert_allclose(coef, 2 * ratios)


def test_naive_bayes_is_refused_where_it_makes_no_sense():
    for recipe, sentence in [
        (ClassLinear(1.0), "without negative or missing numbers.*visible='unscaled'"),
        (ClassLinear(-1), "naive_bayes of ClassLinear must be a number of at least 0"),
        (ClassLinear("yes"), "naive_bayes of ClassLinear must be .*Use 0 for none"),
        (ClassLinear(1.0, 0), "alpha of ClassLinear must be a number above 0"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            recipe.build(layers(), Summary.of(rows(), None), Random(3))


def test_every_recipe_has_a_name_and_a_test():
    built_here = {type(recipe) for recipe in RECIPES.values()}
    assert set(CLASS_ENERGIES.values()) - built_here == {CLASS_ENERGIES["rbm"]}
    assert all(recipe.monitor == "classes" for recipe in CLASS_ENERGIES.values())


# -- an energy of one's own ------------------------------------------------------------


class Distances:
    """The squared distance from the centre of a class, times a learned precision."""

    def __init__(self, centres):
        self.centres = centres

    @property
    def params(self):
        return {"centres": self.centres}

    def class_energy(self, x):
        return ((x[:, None] - self.centres) ** 2).sum(axis=2) / 2

    def class_grad(self, x, weight):
        return {"centres": -np.einsum("nk,nki->ki", weight, x[:, None] - self.centres)}


class Made:
    """A recipe of a user with a learning rate of its own."""

    def build(self, layer, summary, random):
        return Distances(random.normal((N_CLASSES, N_INPUTS), np.float64))

    def learning_rate(self, layer, summary, objective, optimizer):
        return 0.7


def test_an_own_energy_is_copied_and_keeps_the_contract():
    own = Distances(np.random.default_rng(3).normal(size=(N_CLASSES, N_INPUTS)))
    facts = layers(), Summary.of(rows(), None), Random(3)
    for recipe in (ClassCustom(own), ClassCustom(Made())):
        energy = Energy.of(recipe.build(*facts))
        check_energy(energy, rows())
        assert energy.params["centres"] is not own.centres
        assert energy.weight_names == ("centres",)
        assert "Distances" in repr(energy)
    assert recipe.learning_rate(*facts, None) == 0.7
    assert recipe.n_updates(layers(), 100) == ClassLinear().n_updates(layers(), 100)


def test_wrong_own_energies_are_refused_in_a_sentence():
    facts = layers(), Summary.of(rows(), None), Random(3)
    own = Distances(np.zeros((N_CLASSES - 1, N_INPUTS)))
    with pytest.raises(ValueError, match=r"of Distances must return .* \(13, 3\)"):
        ClassCustom(own).build(*facts)
    own = Distances(np.zeros((N_CLASSES, N_INPUTS)))
    own.class_grad = lambda x, weight: {"centre": weight}
    with pytest.raises(ValueError, match=r"class_grad.*of Distances .*'centre'"):
        ClassCustom(own).build(*facts)
