"""Mixtures of normals: their densities, their holes, and the fit to rows."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skebm.layers import Bernoulli, Columns, Mixed, Normals, Tree
from skebm.layers._em import Rows, em
from skebm.layers._normals_fit import fit_normals
from skebm.utils._random import Random
from tests.models import heavy, normal_layers

WEIGHTS = np.array([0.2, 0.5, 0.3])


@pytest.fixture
def parts(rng):
    """Weights, means and covariances of three components of five columns."""
    squares = rng.normal(size=(3, 5, 11))
    means = 3 * rng.normal(size=(3, 5))
    return WEIGHTS, means, squares @ squares.transpose(0, 2, 1) / 11


def log_densities(parts, X):
    """Return the log density of rows, component by component."""
    terms = [
        np.log(w) + multivariate_normal(m, c).logpdf(X)
        for w, m, c in zip(*parts, strict=True)
    ]
    return logsumexp(terms, axis=0)


def drawn(parts, n, rng):
    which = rng.choice(len(parts[0]), n, p=parts[0])
    rows = [rng.multivariate_normal(parts[1][k], parts[2][k]) for k in which]
    return np.array(rows)


def test_a_new_layer_has_the_density_of_the_mixture(parts, rng):
    layer, X = Normals.from_mixture(*parts), 4 * rng.normal(size=(23, 5))
    np.testing.assert_allclose(-layer.energy(X), log_densities(parts, X), rtol=1e-10)
    np.testing.assert_allclose(layer.cgf(np.zeros((1, 5))), 0, atol=1e-12)


def test_moments_are_those_of_the_mixture(parts):
    weights, means, covariances = parts
    mean, covariance = Normals.from_mixture(*parts).moments()
    np.testing.assert_allclose(mean, weights @ means)
    second = covariances + means[:, :, None] * means[:, None]
    desired = np.tensordot(weights, second, 1) - np.outer(mean, mean)
    np.testing.assert_allclose(covariance, desired)


def naive_given(parts, row, hole):
    """Return the log density of the observed cells, and the mean of the holes."""
    seen, logs, means = ~hole, [], []
    for w, m, c in zip(*parts, strict=True):
        own = c[np.ix_(seen, seen)]
        density = multivariate_normal(m[seen], own).logpdf(row[seen])
        logs.append(np.log(w) + density)
        gain = np.linalg.solve(own, c[np.ix_(seen, hole)]).T
        means.append(m[hole] + gain @ (row[seen] - m[seen]))
    share = np.exp(logs - logsumexp(logs))
    return logsumexp(logs), share @ np.array(means)


def test_holes_are_those_of_conditional_normals(parts, rng):
    layer, X = Normals.from_mixture(*parts), 3 * rng.normal(size=(17, 5))
    holes = rng.random(X.shape) < 0.5
    holes[:, 0] = False
    given, zeros = layer.given(np.where(holes, np.nan, X), holes), np.zeros(X.shape)
    cgf, mean = given.cgf(zeros), given.mean(zeros)
    for r in range(len(X)):
        log_density, expected = naive_given(parts, X[r], holes[r])
        np.testing.assert_allclose(cgf[r], log_density)
        np.testing.assert_allclose(mean[r, holes[r]], expected)


def test_nearly_collinear_columns_keep_their_digits(rng):
    common = rng.normal(size=(211, 1))
    X = np.hstack([common, common + 1e-3 * rng.normal(size=(211, 1))])
    covariance = np.cov(X.T)[None]
    layer = Normals.from_mixture(np.ones(1), np.zeros((1, 2)), covariance)
    exact = multivariate_normal(np.zeros(2), covariance[0]).logpdf(X)
    np.testing.assert_allclose(-layer.energy(X), exact, rtol=1e-6)
    single = layer.astype(np.float32).energy(X.astype(np.float32))
    np.testing.assert_allclose(-single.mean(), exact.mean(), atol=0.01)


# -- the fit ---------------------------------------------------------------------------


@heavy
def test_the_fit_finds_the_mixture(parts, rng):
    X, held_out = drawn(parts, 3001, rng), drawn(parts, 997, rng)
    mixture = fit_normals(X, None, Random(0))
    lost = log_densities(parts, held_out).mean() - log_densities(mixture[:3], held_out)
    # Three starts of three components and a wide one, against the truth.
    assert len(mixture.weights) >= 4
    assert lost.mean() < 0.1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_rows_at_once_are_the_rows_of_each_component(
    parts, dtype, rng, monkeypatch
):
    layer = Normals.from_mixture(*parts).astype(dtype)
    inputs = rng.normal(size=(17, layer.n_units)).astype(dtype)
    at_once = layer.sample(inputs, Random(0))
    monkeypatch.setattr("skebm.layers._components._FEW_NUMBERS", 0)
    apart = layer.sample(inputs, Random(0))
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(at_once, apart, rtol=tolerance, atol=tolerance)


@heavy
def test_weights_are_repetitions(parts, rng):
    X, weight = drawn(parts, 97, rng), rng.integers(0, 4, 97)
    one = fit_normals(X, weight.astype(float), Random(0))
    other = fit_normals(np.repeat(X, weight, axis=0), None, Random(0))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_step_never_lowers_the_likelihood_of_one_normal(rng):
    X = rng.normal(size=(101, 3)) @ rng.normal(size=(3, 3))
    X[rng.random(X.shape) < 0.4] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    rows = Rows.of(X, None, None, 0, Random(0))
    shares, before = np.ones((len(rows.X), 1)), -np.inf
    for n_iter in (1, 2, 4, 8, 16):
        sums = em(rows, rows.filled(None), shares, n_iter, 1e-9, 0.0)[1]
        assert sums.log_likelihood > before - 1e-6
        before = sums.log_likelihood


def test_holes_do_not_flatten_a_slope(rng):
    x = rng.normal(size=1009)
    X = np.stack([x, x + rng.normal(size=1009)], axis=1)
    holes = rng.random(1009) < 0.65
    X[holes, 1] = np.nan
    mixture = fit_normals(X, None, Random(0), 1)
    covariance = Normals.from_mixture(*mixture[:3]).moments()[1]
    slope = covariance[0, 1] / covariance[0, 0]
    seen = X[~holes]
    least_squares = np.polyfit(seen[:, 0], seen[:, 1], 1)[0]
    assert abs(slope - least_squares) < 2 / np.sqrt(len(seen))


@pytest.mark.parametrize("n_rows", [1, 2, 5, 13])
def test_few_rows_have_a_fit(n_rows, rng):
    mixture = fit_normals(rng.normal(size=(n_rows, 3)), None, Random(0))
    assert all(np.isfinite(part).all() for part in mixture)
    np.linalg.cholesky(mixture.covariances)


# -- finite and real columns -----------------------------------------------------------


def test_components_tell_categories(rng):
    bit = (rng.random(503) < 0.4).astype(float)
    X = np.stack([bit, np.where(bit == 1, 5.0, -5.0) + rng.normal(size=503)], axis=1)
    base = Bernoulli.from_moments(X[:, :1].mean(0), X[:, :1].var(0), 503)
    layer = Mixed.from_rows(base, X, None, Random(0))
    assert layer.tree.edges.tolist() == [[0, 1]]
    holes = np.tile([True, False], (2, 1))
    rows = np.array([[np.nan, 5.0], [np.nan, -5.0]])
    on = layer.given(rows, holes).mean(np.zeros((2, 2)))[:, 0]
    assert on[0] > 0.95
    assert on[1] < 0.05


def test_one_component_stays_apart(rng):
    X = np.stack([(rng.random(211) < 0.5).astype(float), rng.normal(size=211)], axis=1)
    base = Bernoulli.from_moments(X[:, :1].mean(0), X[:, :1].var(0), 211)
    layer = Mixed.from_rows(base, X, None, Random(0), 1)
    assert isinstance(layer, Columns)
    assert [type(part) for part in layer.layers] == [Tree, Normals]


def test_a_mixed_layer_sums_and_integrates_to_its_cgf(rng):
    layer = normal_layers(rng)[-1]
    grid = np.linspace(-25, 25, 201)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    states = layer.tree.base.layers[0].states(0, 12)
    assert len(states) == 12
    inputs = rng.normal(size=layer.n_units)
    total = -np.inf
    for state in states:
        x = np.hstack([np.tile(state, (len(points), 1)), points])
        total = np.logaddexp(total, logsumexp(x @ inputs - layer.energy(x)))
    total += 2 * np.log(grid[1] - grid[0])
    np.testing.assert_allclose(layer.cgf(inputs[None])[0], total, atol=1e-6)
