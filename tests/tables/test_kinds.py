import ast
from pathlib import Path

import numpy as np
import pytest

from skebm import RBMDensity, tables
from skebm.planning import make_plan
from skebm.tables.curves import Curve
from skebm.tables.encoding import Encoding
from skebm.tables.kinds import KINDS, find_kind
from skebm.utils._moments import moments

N = 101


def columns(kind, rng):
    """Return three columns of a kind, and the number of values of each."""
    if kind in ("bernoulli", "spin"):
        bits = (rng.random((N, 3)) < 0.4).astype(float)
        return bits if kind == "bernoulli" else 2 * bits - 1, np.zeros(3, int)
    if kind in ("count", "categorical"):
        sizes = np.array([2, 5, 1 + (kind == "count")])
        return rng.integers(0, sizes, (N, 3)).astype(float), sizes
    X = rng.normal(size=(N, 3)) * [1, 100, 0.01] + [0, 5000, 1]
    if kind in ("real", "yeo_johnson"):
        X = np.column_stack([np.exp(X[:, 0]), X[:, 1], -np.exp(3 * X[:, 2])])
    if kind == "zero_inflated":
        X = np.column_stack([np.exp(X[:, 0]), X[:, 1], X[:, 2] - 1])
        X[rng.random(X.shape) < 0.6] = 0
    return X, np.zeros(3, int)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind, dtype, rng):
    X, sizes = columns(kind, rng)
    X = X.astype(dtype)
    X[3, 1] = np.nan
    fitted = find_kind(kind).fit(X, sizes, None)
    Z = fitted.encode(X)
    assert Z.dtype == dtype
    assert Z.shape == (N, fitted.layer(dtype).n_units) == (N, len(fitted.variables))
    np.testing.assert_array_equal(fitted.variables, fitted.layer(dtype).variables)
    hole = np.isnan(X)[:, fitted.variables]
    np.testing.assert_array_equal(np.isnan(Z), hole)
    assert not fitted.layer(dtype).outside(Z)[~hole].any()
    back = fitted.decode(Z)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, X, rtol=1e-5 if dtype == np.float32 else 1e-9)
    volumes = np.broadcast_to(fitted.log_volumes(Z), X.shape)
    assert np.isfinite(volumes).all()


@pytest.mark.parametrize("kind", ["gaussian", "real", "yeo_johnson"])
def test_units_are_standardised_and_volumes_are_slopes(kind, rng):
    X, sizes = columns(kind, rng)
    weight = rng.random(N)
    fitted = find_kind(kind).fit(X, sizes, weight)
    mean, variance = moments(fitted.encode(X), weight)
    np.testing.assert_allclose(mean, 0, atol=1e-9)
    np.testing.assert_allclose(variance, 1)
    step = 1e-6 * X.std(axis=0)
    slope = (fitted.encode(X + step) - fitted.encode(X - step)) / (2 * step)
    volumes = np.broadcast_to(fitted.log_volumes(fitted.encode(X)), X.shape)
    np.testing.assert_allclose(volumes, -np.log(slope), atol=1e-5)


def test_volumes_of_holes_and_zeros_are_one(rng):
    X, sizes = columns("zero_inflated", rng)
    X[5] = np.nan
    fitted = find_kind("zero_inflated").fit(X, sizes, None)
    volumes = fitted.log_volumes(fitted.encode(X))
    other = np.isnan(X) | (X == 0)
    assert (volumes[other] == 0).all()
    assert (volumes[~other] != 0).all()
    step = 1e-6 * np.abs(X)
    up, down = fitted.encode(X + step)[:, 3:], fitted.encode(X - step)[:, 3:]
    slope = ((up - down) / np.where(other, 1, 2 * step))[~other]
    np.testing.assert_allclose(volumes[~other], -np.log(slope), atol=1e-4)


def test_zeros_are_off_and_other_numbers_on(rng):
    X, sizes = columns("zero_inflated", rng)
    fitted = find_kind("zero_inflated").fit(X, sizes, None)
    on, number = np.split(fitted.encode(X), 2, axis=1)
    np.testing.assert_array_equal(on, X != 0)
    np.testing.assert_array_equal(number[X == 0], 0)
    for u, x in zip(number.T, X.T, strict=True):
        np.testing.assert_allclose(u[x != 0].mean(), 0, atol=1e-9)
        np.testing.assert_allclose(u[x != 0].std(), 1)
    positive = np.log(X[:, 0][X[:, 0] > 0])
    np.testing.assert_allclose(
        number[X[:, 0] > 0, 0], (positive - positive.mean()) / positive.std()
    )


@pytest.mark.parametrize("kind", ["gaussian", "real", "yeo_johnson", "zero_inflated"])
def test_weight_is_repetition(kind, rng):
    X, sizes = columns(kind, rng)
    X[3, 1] = np.nan
    weight = rng.integers(1, 4, N)
    one = find_kind(kind).fit(X, sizes, weight.astype(float))
    other = find_kind(kind).fit(np.repeat(X, weight, axis=0), sizes, None)
    np.testing.assert_allclose(one.encode(X), other.encode(X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["real", "yeo_johnson", "zero_inflated"])
def test_what_is_decoded_is_finite_and_within_reach(kind, rng):
    X, sizes = columns(kind, rng)
    fitted = find_kind(kind).fit(X, sizes, None)
    far = np.array([-1e9, -40, 40, 1e9])[:, None] * np.ones(3)
    if kind == "zero_inflated":
        far = np.hstack([np.ones_like(far), far])
    back = fitted.decode(far)
    assert np.isfinite(back).all()
    assert (np.abs(back) <= 10 * np.abs(X).max(axis=0) * (1 + 1e-12)).all()
    if kind == "zero_inflated":
        assert (back[:, 0] > 0).all()


@pytest.mark.parametrize("kind", ["gaussian", "real", "yeo_johnson", "zero_inflated"])
@pytest.mark.parametrize("value", [0.0, 7.0, -1e6])
def test_constant_columns_keep_their_unit(kind, value):
    X = np.full((5, 2), value)
    fitted = find_kind(kind).fit(X, np.zeros(2, int), None)
    np.testing.assert_allclose(fitted.decode(fitted.encode(X)), X)
    assert np.isfinite(fitted.encode(X)).all()


def test_moments_leave_holes_out(rng):
    X, weight = rng.normal(size=(N, 3)), rng.random(N)
    X[rng.random(X.shape) < 0.3] = np.nan
    mean, variance = moments(X, weight)
    for j in range(3):
        seen = ~np.isnan(X[:, j])
        expected = np.average(X[seen, j], weights=weight[seen])
        np.testing.assert_allclose(mean[j], expected)
        spread = np.square(X[seen, j] - expected)
        np.testing.assert_allclose(
            variance[j], np.average(spread, weights=weight[seen])
        )
    np.testing.assert_allclose(moments(X, None)[0], np.nanmean(X, axis=0))


def test_expectations_decode_to_what_is_most_probable():
    fitted = KINDS["categorical"](np.array([3, 1]))
    np.testing.assert_array_equal(
        fitted.decode(np.array([[0.2, 0.3, 0.5, 1]])), [[2, 0]]
    )
    fitted = KINDS["zero_inflated"]([Curve()])
    rows = np.array([[0.4, 0.4], [0.8, 2.4], [1.0, -2.0]])
    np.testing.assert_allclose(fitted.decode(rows), [[0], [3], [-2]])


def test_spread_is_the_largest_eigenvalue_of_the_correlations(rng):
    common = rng.normal(size=(1009, 1))
    X = np.hstack([3 + 5 * (common + 0.1 * rng.normal(size=(1009, 7))), common > 0])
    kinds, sizes = ["gaussian"] * 7 + ["bernoulli"], [0] * 8
    correlations = np.corrcoef(X[:, :7].T)
    encoding = Encoding.fit(X, kinds, sizes, None)
    assert encoding.spread == pytest.approx(np.linalg.eigvalsh(correlations)[-1])
    assert Encoding.fit(X, ["bernoulli"] * 8, sizes, None).spread == 1
    X[::101, :7] = np.nan
    assert 6 < Encoding.fit(X, kinds, sizes, None).spread < encoding.spread


def test_columns_that_are_nearly_the_same_lower_the_rate(rng):
    common = rng.normal(size=(307, 1))
    X = common + 0.1 * rng.normal(size=(307, 71))
    rates = []
    for rows in (X, rng.normal(size=X.shape)):
        model = RBMDensity(7, couplings="none", n_iter=0).fit(rows)
        plan = make_plan(model, model._energy, model._energy.visible, len(rows))
        rates.append(plan.learning_rate)
    assert rates == [pytest.approx(2.5 / 71, rel=0.05), 0.1]


@pytest.mark.parametrize("path", sorted(Path(tables.__file__).parent.glob("*.py")))
def test_only_the_folder_of_kinds_knows_their_names(path):
    strings = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not KINDS.keys() & set(strings)


def test_the_best_guess_of_a_spin_is_a_value():
    kind = find_kind("spin").fit(np.array([[1.0], [-1.0]]), np.zeros(1, int), None)
    means = np.array([[0.3], [-0.1], [np.nan]])
    np.testing.assert_array_equal(kind.best_guess(means, means), [[1], [-1], [np.nan]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_straight_columns_are_encoded_as_each_alone(dtype, rng):
    # More numbers than are standardised at a time, with a rest.
    X = (rng.normal(size=(2003, 37)) + np.arange(37)).astype(dtype)
    X[5, 7] = np.nan
    kind = find_kind("real").straightened(X, None)
    assert not kind.is_curved
    alone = [curve.encode(x) for curve, x in zip(kind.curves, X.T, strict=True)]
    Z = kind.encode(X)
    assert Z.dtype == dtype
    np.testing.assert_array_equal(Z, np.transpose(alone).astype(dtype))


@pytest.mark.parametrize("changes", [{}, {(3, 1): 1.01}, {(2, 0): -0.01, (5, 2): 2.01}])
@pytest.mark.parametrize("has_hole", [False, True])
def test_numbers_outside_their_own_limits_are_found(changes, has_hole, rng):
    low, high = np.zeros(3), np.array([1, 1, 2])
    X = rng.random((11, 3)) * high
    if has_hole:
        X[0, 0] = np.nan
    expected = np.zeros(X.shape, bool)
    for place, value in changes.items():
        X[place], expected[place] = value, True
    wrong = find_kind("bernoulli").outside(X, low, high)
    np.testing.assert_array_equal(wrong, expected)
