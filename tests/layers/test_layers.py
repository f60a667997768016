import numpy as np
import pytest
from scipy import stats

from skebm.layers import (
    Bernoulli,
    Categorical,
    Columns,
    Gaussian,
    Spin,
)
from skebm.testing import check_layer
from tests.models import KINDS, all_states, every_layer, mixed_layer, random_layer


def make(kind, dtype=np.float64, seed=7):
    rng = np.random.default_rng(seed)
    if kind == "columns":
        return mixed_layer(rng, dtype)
    if kind == "every layer":
        return every_layer(rng, dtype)
    if kind == "finite columns":
        parts = ("spin", 2), ("categorical", 3), ("bernoulli", 1), ("count", 1)
        return Columns(random_layer(part, n, rng, dtype) for part, n in parts)
    if kind == "fixed gaussian":
        return random_layer("gaussian", 5, rng, dtype, visible=False)
    if kind == "scaled poisson":
        return random_layer("poisson", 5, rng, dtype).scaled(0.7)
    return random_layer(kind, 6 if kind == "zero_inflated" else 5, rng, dtype)


ALL = [*KINDS, "fixed gaussian", "scaled poisson", "columns", "finite columns"]
ALL += ["every layer"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ALL)
def test_contract(kind, dtype):
    check_layer(make(kind, dtype))


@pytest.mark.parametrize("kind", ALL)
def test_copies(kind):
    layer = make(kind)
    single = layer.astype(np.float32)
    assert type(single) is type(layer)
    for name, value in layer.params.items():
        assert single.params[name].dtype == np.float32
        np.testing.assert_allclose(single.params[name], value, rtol=1e-6)
    twin = layer.replace(**layer.params)
    assert all(twin.params[name] is value for name, value in layer.params.items())
    zeros = layer.zeros(layer.n_units, np.float32)
    assert zeros.n_units == layer.n_units
    assert all(value.dtype == np.float32 for value in zeros.params.values())
    np.testing.assert_array_equal(zeros.bias, 0)
    assert "n_units" in repr(layer)


@pytest.mark.parametrize(
    "kind", ["bernoulli", "spin", "categorical", "blocks", "count", "finite columns"]
)
def test_states_are_all_different_and_in_the_domain(kind):
    layer = make(kind)
    states = all_states(layer)
    assert len(np.unique(states, axis=0)) == len(states) == layer.n_states
    np.testing.assert_array_equal(
        np.concatenate([layer.states(0, 2), layer.states(2, int(layer.n_states))]),
        states,
    )
    if hasattr(layer, "outside"):
        assert not layer.outside(states).any()


@pytest.mark.parametrize("kind", ALL)
def test_alternatives_sum_a_variable_out(kind, rng):
    layer = make(kind)
    inputs = rng.normal(size=(1, layer.n_units))
    x = layer.sample(inputs, _random())
    total = 0.0
    for feature in range(layer.n_features):
        columns, _, _ = layer.alternatives(feature, 0.0, 0.0)
        received = inputs[0, columns]
        columns, values, log_weight = layer.alternatives(
            feature, received.min(), received.max()
        )
        rest = np.tile(x, (len(values), 1))
        rest[:, columns] = values
        log_density = values @ received - layer.energy(rest) + log_weight
        base = x.copy()
        base[:, columns] = 0
        total += np.logaddexp.reduce(log_density) + layer.energy(base)[0]
    np.testing.assert_allclose(total, layer.cgf(inputs)[0], rtol=1e-9)


def _random():
    from skebm.utils._random import Random

    return Random(3)


@pytest.mark.parametrize("kind", ["bernoulli", "spin", "categorical", "gaussian"])
def test_from_moments_has_these_moments(kind):
    mean = np.array([0.2, 0.5, 0.3])
    variance = np.array([0.7, 1.1, 1.3])
    layer = type(make(kind)).from_moments(mean, variance, 10**9)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 3)))[0], mean, atol=1e-6)
    if kind == "gaussian":
        np.testing.assert_allclose(1 / layer.precision, variance)


@pytest.mark.parametrize("n_rows", [1, 13, 10**6])
@pytest.mark.parametrize(
    ("kind", "extreme"),
    [("bernoulli", (0, 1)), ("spin", (-1, 1)), ("categorical", (0, 1))],
)
def test_from_moments_of_a_constant_column_is_finite(kind, extreme, n_rows):
    layer = type(make(kind))
    layer = layer.from_moments(np.array(extreme, float), np.zeros(2), n_rows)
    assert np.isfinite(layer.bias).all()
    assert (np.abs(layer.mean(np.zeros((1, 2)))[0] - extreme) <= 1 / n_rows).all()


def test_gaussian_keeps_its_variance_within_bounds():
    layer = Gaussian.from_moments(np.zeros(3), np.array([0, 1, 1e9]), 7)
    np.testing.assert_allclose(layer.precision, [1000, 1, 0.1])
    layer.log_precision[:] = 99, 0, -99
    layer.project()
    np.testing.assert_allclose(layer.precision, [1000, 1, 0.1])


@pytest.mark.parametrize("fixed_first", [False, True])
def test_gaussians_meet_where_only_one_has_a_learned_variance(fixed_first):
    fixed, learned = make("fixed gaussian"), make("gaussian")
    layers = (fixed, learned) if fixed_first else (learned, fixed)
    x = np.linspace(-2, 2, 15).reshape(3, 5)
    for beta, end in zip((0, 1), layers, strict=True):
        between = layers[0].interpolate(layers[1], beta)
        np.testing.assert_allclose(between.energy(x), end.energy(x))
    half = layers[0].interpolate(layers[1], 0.5)
    np.testing.assert_allclose(2 * half.precision, fixed.precision + learned.precision)


@pytest.mark.parametrize("kind", ALL)
def test_energy_is_linear_on_the_way(kind):
    layer, other = make(kind), make(kind, seed=11)
    x = layer.sample(np.zeros((3, layer.n_units)), _random())
    between = layer.interpolate(other, 0.3).energy(x)
    expected = 0.7 * layer.energy(x) + 0.3 * other.energy(x)
    np.testing.assert_allclose(between, expected)


def test_gaussian_draws_are_normal():
    layer = make("gaussian")
    inputs = np.tile(np.arange(5.0), (1009, 1))
    x = layer.sample(inputs, _random())
    z = (x - layer.mean(inputs)) * np.sqrt(layer.precision)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-6


def test_columns_are_their_layers_side_by_side(rng):
    layer = make("columns")
    assert layer.n_units == 7
    assert layer.n_features == 5
    assert not layer.finite
    assert layer.n_states == np.inf
    inputs = rng.normal(size=(3, 7))
    np.testing.assert_array_equal(layer.bias[3:5], layer.layers[1].bias)
    expected = sum(
        part.cgf(inputs[:, columns])
        for part, columns in zip(layer.layers, layer.slices, strict=True)
    )
    np.testing.assert_allclose(layer.cgf(inputs), expected)
    mean, variance = np.full(7, 1 / 3), np.full(7, 2.0)
    fitted = layer.from_moments(mean, variance, 10**9)
    np.testing.assert_allclose(fitted.mean(np.zeros((1, 7)))[0], mean, atol=1e-6)
    layer.params["1.log_precision"][:] = 99
    layer.project()
    np.testing.assert_allclose(layer.layers[1].precision, 1000)


def test_many_units_have_countless_states():
    wide = Bernoulli.zeros(2003)
    assert wide.n_states == np.inf
    assert Columns([wide, wide]).n_states == np.inf
    assert Columns([Bernoulli.zeros(1013)] * 2).n_states == np.inf


def test_outside():
    X = np.array([[-1.5, -1.0, 0.0, 0.5, 1.0, 1.5]])
    np.testing.assert_array_equal(Bernoulli.outside(X)[0], [1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(Categorical.outside(X)[0], [1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(Spin.outside(X)[0], [1, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(Gaussian.outside(X)[0], 0)
    assert Gaussian.outside(np.array([np.inf, np.nan])).all()
