import numpy as np
import pytest
from scipy import sparse
from scipy.special import digamma, gammaln

from skebm.energies import Polya
from skebm.energies.bursty import _polya
from skebm.energies.bursty._polya import _exceedances, concentrations
from skebm.energies.bursty._urn import Urn
from skebm.utils._random import Random
from tests.models import all_documents, assert_frequencies, heavy


def random_polya(n_words, rng):
    return Polya(*rng.normal(size=(2, n_words)))


def naive_terms(count, a):
    """Return log U, the fresh draws and their slope for one word, draw by draw."""
    draws = np.arange(int(count))
    fresh = (a / (a + draws)).sum()
    return np.log(a + draws).sum(), fresh, (a * draws / (a + draws) ** 2).sum()


def test_terms_of_words_equal_the_naive_ones(rng):
    layer, words = random_polya(5, rng), rng.integers(0, 5, 101)
    counts = rng.integers(0, 300, 101).astype(float)
    pairs = zip(words, counts, strict=True)
    expected = [naive_terms(x, layer.concentration[k]) for k, x in pairs]
    np.testing.assert_allclose(layer.terms(words, counts), np.transpose(expected))
    # The formulas for fractions go through the same values.
    near = layer.terms(words, np.r_[counts[:-1], counts[-1] + 1e-9])
    np.testing.assert_allclose(near, np.transpose(expected), rtol=1e-6, atol=1e-7)


def test_fresh_draws_and_slopes_are_derivatives(rng):
    layer, step = random_polya(5, rng), 1e-5
    counts, words = rng.integers(0, 9, 5) + 0.5 * rng.integers(0, 2, 5), np.arange(5)
    up, down = (
        Polya(layer.log_concentration + d, layer.bias).terms(words, counts)
        for d in (step, -step)
    )
    _, fresh, slope = layer.terms(words, counts)
    np.testing.assert_allclose(fresh, (up[0] - down[0]) / (2 * step), atol=1e-8)
    np.testing.assert_allclose(slope, (up[1] - down[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_matrices_of_fresh_draws(kind, rng):
    layer, x = random_polya(7, rng), rng.integers(0, 4, (11, 7)).astype(float)
    for matrix, k in zip(layer.fresh(kind(x)), (1, 2), strict=True):
        expected = np.vectorize(lambda c, a, k=k: naive_terms(c, a)[k])
        dense = matrix.toarray() if sparse.issparse(matrix) else matrix
        np.testing.assert_allclose(dense, expected(x, layer.concentration), atol=1e-15)
    energy = -(gammaln(x + layer.concentration) - gammaln(layer.concentration)).sum(1)
    expected = energy - layer.fresh(x)[0] @ layer.bias
    np.testing.assert_allclose(layer.energy(kind(x)), expected)


@heavy
@pytest.mark.parametrize("length", [1, 2, 4])
def test_urn_draws_the_compound_multinomial(length, rng):
    layer = random_polya(3, rng).without_bias()
    rows, orders = all_documents(3, length)
    a = layer.concentration
    log_z = gammaln(a.sum() + length) - gammaln(a.sum())
    probability = orders * np.exp(-layer.energy(rows) - log_z)
    np.testing.assert_allclose(probability.sum(), 1)
    drawn = Urn(layer, np.array([length]), np.ones(1), 2).sample(4001, Random(3))
    assert_frequencies(drawn, rows, probability)
    mean = probability @ layer.fresh(rows)[0]
    np.testing.assert_allclose(layer.mean_fresh(np.array([length])), mean)


def test_exceedances_are_the_naive_sums(rng):
    groups, counts = rng.choice([0, 1, 3], 101), rng.integers(0, 9, 101)
    weight = rng.random(101)
    (group, number, mass), _ = _exceedances(groups, counts.astype(float), weight)
    expected = {
        (g, k): weight[(groups == g) & (counts > k)].sum()
        for g in set(groups)
        for k in range(counts[groups == g].max())
    }
    actual = dict(zip(zip(group, number, strict=True), mass, strict=True))
    assert set(actual) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(actual[key], value)
    (group, *_), _ = _exceedances(np.zeros(0, int), np.zeros(0), np.zeros(0))
    assert not len(group)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_concentrations_have_the_largest_likelihood(kind, rng):
    x = rng.poisson(rng.gamma(0.5, 2.0, (307, 5))).astype(float)
    weight = rng.integers(0, 3, 307).astype(float)
    a = concentrations(kind(x), weight)
    # The document of one word that is added.
    x, weight = np.vstack([x, np.eye(5)]), np.r_[weight, np.full(5, 0.2)]
    length = x.sum(axis=1)
    slope = weight @ (digamma(x + a) - digamma(a))
    slope -= weight @ (digamma(length + a.sum()) - digamma(a.sum()))
    assert (np.abs(slope * a) < 0.01 * weight @ (x > 0)).all()
    np.testing.assert_allclose(a, 0.5, atol=0.2)


def test_concentrations_without_repetitions():
    """Where no word is repeated, large concentrations are best."""
    a = concentrations(np.ones((101, 7)), np.ones(101))
    assert a.sum() > 300
    nothing = concentrations(np.zeros((2, 5)), np.ones(2))
    np.testing.assert_allclose(nothing, nothing[0])
    assert np.isfinite(nothing).all()


def test_parameters_stay_within_bounds():
    layer = Polya(np.array([-50.0, 0.5, 50.0]), np.zeros(3))
    layer.project()
    assert layer.log_concentration[1] == 0.5
    assert (np.abs(layer.log_concentration) < 25).all()
    assert "n_words=3" in repr(layer)


def test_runs_of_numbers_are_summed_by_a_formula(monkeypatch, rng):
    x = rng.poisson(1.0, (31, 5)).astype(float)
    x[3, 1], x[7, 1], x[8, 4] = 3e4, 9e4, 1e5
    weight = rng.uniform(0.5, 2, len(x))
    by_formula = concentrations(x, weight)
    rows, words = np.nonzero(x)
    (group, *_), runs = _exceedances(words, x[rows, words], weight[rows])
    assert len(group) < 100
    assert len(runs.group) == 3
    monkeypatch.setattr(_polya, "_LONG_RUN", 10**9)
    np.testing.assert_allclose(by_formula, concentrations(x, weight), rtol=1e-9)
