"""Energies of chains of rows: sums over all ways to label them, gradients, groups."""

import itertools

import numpy as np
import pytest
from scipy import sparse

from skebm.energies import (
    ClassChain,
    ClassLinear,
    ClassMLP,
    ClassQuadratic,
    ClassRBMRecipe,
    Summary,
)
from skebm.energies._chain_sums import minima, sums
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian
from skebm.objectives import StructuredLikelihood
from skebm.testing import check_energy
from skebm.utils._random import Random
from tests.energies.test_label_sets import differences

N_INPUTS, N_CLASSES, LENGTHS = 3, 4, (1, 5, 2, 3)
N_ROWS, STARTS = sum(LENGTHS), np.append(0, np.cumsum(LENGTHS))
CHAINS = [slice(lo, hi) for lo, hi in itertools.pairwise(STARTS)]
RECIPES = {
    "linear": ClassLinear(),
    "quadratic": ClassQuadratic(rank=2),
    "mlp": ClassMLP(5, "tanh"),
    "rbm": ClassRBMRecipe(5, couplings="none"),
}
every_recipe = pytest.mark.parametrize("name", RECIPES)


def rows():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N_ROWS, N_INPUTS))
    y = np.eye(N_CLASSES)[rng.integers(0, N_CLASSES, N_ROWS)]
    is_first = np.isin(np.arange(N_ROWS), STARTS)[:, None]
    return np.hstack([x, y, is_first])


def make(name, size=0.7):
    """Return an energy after a step in a random direction."""
    X = rows()
    parts = Gaussian.zeros(N_INPUTS), Categorical.zeros(N_CLASSES), Bernoulli.zeros(1)
    recipe = ClassChain().around(RECIPES[name])
    energy = recipe.build(Columns(list(parts)), Summary.of(X, None), Random(1))
    for k, value in enumerate(energy.params.values()):
        value += size * Random(2, k).normal(value.shape)
    energy.project()
    return energy


def enumerated(energy):
    """Yield for each chain its labellings, and the energy of each by its formula."""
    X, params = rows(), energy.params
    single = energy.single.class_energy(X[:, :N_INPUTS])
    for chain in CHAINS:
        e = single[chain]
        labels = np.array(list(itertools.product(range(N_CLASSES), repeat=len(e))))
        energies = e[np.arange(len(e)), labels].sum(axis=1)
        pairs = labels[:, :-1], labels[:, 1:]
        energies = energies - params["chain.transitions"][pairs].sum(axis=1)
        energies -= params["chain.first"][labels[:, 0]]
        energies -= params["chain.last"][labels[:, -1]]
        yield labels, energies


@every_recipe
def test_contract_of_chains_of_one_row(name):
    """Rows of longer chains depend on each other, as rows of other energies do not."""
    X = rows()
    X[:, -1] = 1
    check_energy(make(name), X)


@every_recipe
def test_all_figures_are_sums_over_all_labellings(name):
    energy, X = make(name), rows()
    right = X[:, N_INPUTS:-1].argmax(axis=1)
    of_rows, nll = energy.energy(X), energy.nll(X)
    marginals, modes = energy.marginals(X), energy.mode(X).argmax(axis=1)
    for chain, (labels, energies) in zip(CHAINS, enumerated(energy), strict=True):
        at = (labels == right[chain]).all(axis=1)
        np.testing.assert_allclose(of_rows[chain].sum(), energies[at][0])
        log_prob = -energies - np.logaddexp.reduce(-energies)
        np.testing.assert_allclose(nll[chain], -log_prob[at][0] / len(right[chain]))
        for k in range(N_CLASSES):
            expected = np.exp(log_prob) @ (labels == k)
            np.testing.assert_allclose(marginals[chain, k], expected)
        np.testing.assert_array_equal(modes[chain], labels[energies.argmin()])


@every_recipe
def test_gradient(name):
    energy, X = make(name), rows()
    of_chains = np.random.default_rng(5).random(len(LENGTHS))
    weight = np.repeat(of_chains, LENGTHS)
    objective = StructuredLikelihood()
    found, _ = objective.gradient(energy, X, weight, None, None)
    expected = differences(energy, lambda: objective.loss(energy, X, weight))
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)
    weight, found = weight**2, energy.grad(X, weight**2)
    expected = differences(energy, lambda: energy.energy(X) @ weight)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)


def naive_sums(single, transitions, first, last):
    """Return log Z, marginals, and pair probabilities of a chain, all in logarithms."""
    n, k = single.shape
    before, after = np.empty((n, k)), np.empty((n, k))
    before[0], after[-1] = first - single[0], last
    for t in range(1, n):
        scores = before[t - 1][:, None] + transitions
        before[t] = np.logaddexp.reduce(scores, axis=0) - single[t]
    for t in range(n - 2, -1, -1):
        scores = transitions + after[t + 1] - single[t + 1]
        after[t] = np.logaddexp.reduce(scores, axis=1)
    log_z = np.logaddexp.reduce(before[-1] + last)
    marginals, pairs = np.exp(before + after - log_z), []
    for t in range(n - 1):
        joint = before[t][:, None] + transitions + after[t + 1] - single[t + 1]
        pairs.append(np.exp(joint - log_z))
    return log_z, marginals, pairs


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_kernels_are_their_twins(scale):
    rng = np.random.default_rng(0)
    single = scale * rng.normal(size=(N_ROWS, N_CLASSES))
    transitions = scale * rng.normal(size=(N_CLASSES, N_CLASSES))
    first, last = scale * rng.normal(size=(2, N_CLASSES))
    scores, weight = (transitions, first, last), rng.random(N_ROWS)
    log_z, marginals, pairs = sums(single, *scores, STARTS)
    total = 0.0
    for c, chain in enumerate(CHAINS):
        expected = naive_sums(single[chain], *scores)
        np.testing.assert_allclose(log_z[c], expected[0])
        np.testing.assert_allclose(marginals[chain], expected[1], atol=1e-12)
        total += sum(w * p for w, p in zip(weight[chain], expected[2], strict=False))
    np.testing.assert_allclose(pairs(weight), total, atol=1e-12)
    labels = minima(single, *scores, STARTS)
    for chain in CHAINS:
        ways = itertools.product(range(N_CLASSES), repeat=len(single[chain]))
        best = min(ways, key=lambda way: way_energy(single[chain], *scores, way))
        np.testing.assert_array_equal(labels[chain], best)


def way_energy(single, transitions, first, last, way):
    """Return the energy of one way to label a chain."""
    energy = sum(e[k] for e, k in zip(single, way, strict=True))
    energy -= sum(transitions[pair] for pair in itertools.pairwise(way))
    return energy - first[way[0]] - last[way[-1]]


def test_rows_may_be_sparse():
    energy, X = make("linear"), rows()
    found = energy.marginals(sparse.csr_matrix(X))
    np.testing.assert_allclose(found, energy.marginals(X))


def test_chains_of_one_row_start_at_the_frequencies():
    X = rows()
    frequencies = (X[:, N_INPUTS:-1].sum(axis=0) + 1 / N_CLASSES) / (N_ROWS + 1)
    for energy in (make("linear", size=0.0), make("linear").interpolate(0.0)):
        found = energy.marginals(X)
        np.testing.assert_allclose(found, np.tile(frequencies, (N_ROWS, 1)))
