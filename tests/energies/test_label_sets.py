"""Energies of label sets: formulas, sums over all sets, gradients, chains."""

import itertools

import numpy as np
import pytest
from scipy.special import expit

from skebm.energies import ClassLinear, ClassMLP, ClassQuadratic, MultiLabel, Summary
from skebm.energies.rbm import ClassRBMRecipe
from skebm.layers import Bernoulli, Columns, Gaussian
from skebm.objectives import StructuredLikelihood
from skebm.testing import check_energy
from skebm.utils._random import Random

N_ROWS, N_INPUTS, N_LABELS = 11, 3, 4
SETS = np.array(list(itertools.product((0.0, 1.0), repeat=N_LABELS)))
RECIPES = {
    "linear": ClassLinear(),
    "quadratic": ClassQuadratic(rank=2),
    "mlp": ClassMLP(5, "tanh"),
    "rbm": ClassRBMRecipe(5, couplings="none"),
    "relu rbm": ClassRBMRecipe(5, hidden="relu", couplings="none"),
}
every_recipe = pytest.mark.parametrize("name", RECIPES)


def rows():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N_ROWS, N_INPUTS))
    return np.hstack([x, rng.random((N_ROWS, N_LABELS)) < 0.4]).astype(float)


def make(name, n_exact=12, size=0.7):
    """Return an energy after a step in a random direction."""
    X = rows()
    layers = [Gaussian.zeros(N_INPUTS), Bernoulli.zeros(N_LABELS)]
    recipe = MultiLabel(n_exact=n_exact).around(RECIPES[name])
    energy = recipe.build(Columns(layers), Summary.of(X, None), Random(1))
    for k, value in enumerate(energy.params.values()):
        value += size * Random(2, k).normal(value.shape)
    energy.project()
    return energy


def energies_of_all_sets(energy):
    """Return the energy of each row with each set, shape (n_rows, n_sets)."""
    x = rows()[:, :N_INPUTS]
    columns = [np.hstack([x, np.tile(y, (N_ROWS, 1))]) for y in SETS]
    return np.stack([energy.energy(X) for X in columns], axis=1)


def differences(energy, value, step=1e-5):
    """Return the slopes of ``value()`` by each parameter, as central differences."""
    slopes = {}
    for name, array in energy.params.items():
        slopes[name] = np.zeros_like(array)
        for at in np.ndindex(array.shape):
            start, ends = array[at], []
            for side in (1, -1):
                array[at] = start + side * step
                ends.append(value())
            array[at] = start
            slopes[name][at] = (ends[0] - ends[1]) / (2 * step)
    return slopes


@every_recipe
def test_contract(name):
    check_energy(make(name), rows())


@pytest.mark.parametrize("name", ["linear", "quadratic", "mlp"])
def test_couplings_add_to_the_energies_of_labels(name):
    energy, X = make(name), rows()
    x, y = energy.split(X)
    expected = (energy.single.class_energy(x) * y).sum(axis=1)
    pairs = itertools.combinations(range(N_LABELS), 2)
    for value, (k, m) in zip(energy.params["labels.pairs"], pairs, strict=True):
        expected -= value * y[:, k] * y[:, m]
        assert energy.couplings[k, m] == energy.couplings[m, k] == value
    np.testing.assert_allclose(energy.energy(X), expected)


def test_hidden_units_are_summed_out():
    energy, X = make("rbm"), rows()
    params = energy.params
    received = X @ params["weights"] + params["hidden.bias"]
    expected = -np.logaddexp(0, received).sum(axis=1)
    expected -= X[:, N_INPUTS:] @ params["visible.1.bias"]
    found = energy.energy(X)
    # Up to a term of the inputs alone.
    rest = energy.single.visible.layers[0].energy(X[:, :N_INPUTS])
    np.testing.assert_allclose(found - rest, expected)


@every_recipe
def test_likelihood_mode_and_marginals_are_sums_over_all_sets(name):
    energy, X = make(name), rows()
    all_energies, y = energies_of_all_sets(energy), X[:, N_INPUTS:]
    log_z = np.logaddexp.reduce(-all_energies, axis=1)
    np.testing.assert_allclose(energy.nll(X), energy.energy(X) + log_z)
    probability = np.exp(-all_energies - log_z[:, None])
    blank = np.hstack([X[:, :N_INPUTS], np.zeros_like(y)])
    np.testing.assert_allclose(energy.marginals(blank), probability @ SETS)
    modes = SETS[all_energies.argmin(axis=1)]
    np.testing.assert_array_equal(energy.mode(blank), modes)


@every_recipe
def test_pseudo_likelihood_is_the_product_of_conditionals(name):
    energy, X = make(name, n_exact=0), rows()
    expected = np.zeros(N_ROWS)
    for k in range(N_LABELS):
        flipped = X.copy()
        flipped[:, N_INPUTS + k] = 1 - flipped[:, N_INPUTS + k]
        expected -= np.log(expit(energy.energy(flipped) - energy.energy(X)))
    np.testing.assert_allclose(energy.nll(X), expected)


@pytest.mark.parametrize("n_exact", [0, 12])
@every_recipe
def test_gradient(name, n_exact):
    energy, X = make(name, n_exact), rows()
    weight = np.random.default_rng(5).random(N_ROWS)
    objective = StructuredLikelihood()
    found, _ = objective.gradient(energy, X, weight, None, None)
    expected = differences(energy, lambda: objective.loss(energy, X, weight))
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)


def test_likelihoods_beyond_the_range_of_products():
    energy, X = make("linear"), rows()
    energy.params["bias"][:] = -600.0
    energy.params["labels.pairs"][:] = 500.0
    objective = StructuredLikelihood()
    gradient, _ = objective.gradient(energy, X, None, None, None)
    all_energies = energies_of_all_sets(energy)
    expected = energy.energy(X) + np.logaddexp.reduce(-all_energies, axis=1)
    np.testing.assert_allclose(energy.nll(X), expected)
    assert all(np.isfinite(value).all() for value in gradient.values())


@pytest.mark.parametrize("name", ["linear", "rbm"])
def test_chains_find_modes_and_marginals(name):
    exact, sampled, X = make(name, size=2.0), make(name, 0, size=2.0), rows()
    np.testing.assert_array_equal(sampled.mode(X), exact.mode(X))
    # Means of 400 probabilities, of which two that follow each other are much alike.
    tolerance = 4 * 0.5 / np.sqrt(400 / 2)
    expected = exact.marginals(X)
    np.testing.assert_allclose(sampled.marginals(X), expected, atol=tolerance)
    fields = sampled.fields(X[:, :N_INPUTS])
    none = np.zeros(N_ROWS)
    alone = [expit(sampled.log_odds(fields, none, k)) for k in range(N_LABELS)]
    assert np.abs(np.transpose(alone) - expected).max() > tolerance
    # A row does not depend on the rows beside it.
    np.testing.assert_allclose(sampled.marginals(X[3:5]), sampled.marginals(X)[3:5])


@every_recipe
def test_training_starts_at_the_frequencies_of_labels(name):
    X = rows()
    start = make(name, size=0.0)
    frequencies = (X[:, N_INPUTS:].sum(axis=0) + 0.5) / (N_ROWS + 1)
    for energy in (start, make(name).interpolate(0.0)):
        found = energy.marginals(X)
        # The weights of an RBM are small, and not 0.
        np.testing.assert_allclose(found, np.tile(frequencies, (N_ROWS, 1)), atol=0.02)


@pytest.mark.parametrize("n_exact", [-1, 21, 2.5, "all"])
def test_n_exact_is_a_small_number(n_exact):
    recipe = MultiLabel(n_exact=n_exact).around(ClassLinear())
    with pytest.raises(ValueError, match="n_exact of MultiLabel must be a whole"):
        recipe.build(None, None, None)
