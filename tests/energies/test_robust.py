"""The robust experts against their formulas, row by row."""

import numpy as np
import pytest

from skebm.energies.robust import Balanced, Ellipse, Labelled, Local, Neighbours, Tails
from skebm.tables import RobustUnits
from skebm.utils._random import Random

N_ROWS = 113


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(N_ROWS, 3)) @ [[1, 2, 0], [0, 1, 0], [0, 0, 5]]
    X[0, 0] = 1e4
    return np.column_stack([X, rng.integers(0, 3, N_ROWS)])


@pytest.fixture
def units(rows):
    return RobustUnits.fit(rows, np.array([0, 0, 0, 3]))


def experts(Z, units):
    random = Random(5)
    sets = [Neighbours.fit(Z, units, random.fold(k), 2 + 3 * k) for k in range(2)]
    return [Tails.fit(Z, units, random), Ellipse.fit(Z, units, random), *sets]


def test_units(rows, units):
    Z = units.encode(rows)
    assert Z.shape == (N_ROWS, 6)
    np.testing.assert_array_equal(units.columns, [0, 1, 2, 3, 3, 3])
    x = np.sort(rows[:, 1])
    scale = np.clip(x, x[11], x[-12]).std()
    np.testing.assert_allclose(Z[:, 1], (rows[:, 1] - np.median(x)) / scale)
    np.testing.assert_array_equal(Z[:, 3:] > 0, rows[:, [3]] == np.arange(3))
    assert not units.encode(np.full((1, 4), np.nan)).any()
    parts = np.arange(12.0).reshape(2, 6)
    np.testing.assert_array_equal(units.by_column(parts)[0], [0, 1, 2, 12])
    # One value of 1e4 changes a scale by less than 2 %.
    clean = RobustUnits.fit(rows[1:], units.sizes)
    np.testing.assert_allclose(units.scale[:3], clean.scale[:3], rtol=0.02)


@pytest.mark.parametrize("column", [[3.0] * 7, [3.0], [0.1] * 50, [0, 0, 0, 0, 1]])
def test_scales_of_columns_of_few_values(column):
    units = RobustUnits.fit(np.array(column)[:, None], [0])
    spread = np.std(column) if len(set(column)) > 1 else 1.0
    np.testing.assert_allclose(units.scale, spread)


def test_tails(rows, units):
    Z = units.encode(rows)
    expected = []
    for z in Z:
        energy = sum(2 * np.log(1 + v**2 / 3) for v in z[:3])
        count = (Z[:, 3:][:, z[3:] > 0] > 0).sum()
        expected.append(energy - np.log((count + 0.5) / (N_ROWS + 0.5)))
    np.testing.assert_allclose(Tails.fit(Z, units, None).energy(Z), expected)


def test_ellipse(rows, units, rng):
    Z = units.encode(rows)
    ellipse = Ellipse.fit(Z, units, None)
    precision = ellipse.factor @ ellipse.factor.T
    expected = []
    for z in Z:
        apart = np.clip(z, -5, 5) - ellipse.location
        expected.append((3 + 6) / 2 * np.log(1 + apart @ precision @ apart / 3))
    np.testing.assert_allclose(ellipse.energy(Z), expected)
    assert Ellipse.fit(np.zeros((2, 501)), units, None) is None


def test_an_ellipse_does_not_follow_outliers(rng):
    n = 5003
    X = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], n)
    X[: n // 20, 1] *= -1
    scatter = np.cov(X.T)
    assert scatter[0, 1] / np.sqrt(np.prod(np.diag(scatter))) < 0.83
    units = RobustUnits(np.zeros(2), np.ones(2), np.zeros(2, int))
    factor = Ellipse.fit(X, units, None).factor
    scatter = np.linalg.inv(factor @ factor.T)
    # The standard error of the correlation of n rows is 0.003.
    assert scatter[0, 1] / np.sqrt(np.prod(np.diag(scatter))) > 0.86


def test_neighbours(rows, units):
    Z = units.encode(rows)
    expert = Neighbours.fit(Z, units, Random(3), 5)
    clipped, expected = np.clip(Z, -5, 5), np.zeros(N_ROWS)
    for drawn in expert.sets:
        for i, z in enumerate(clipped):
            nearest = min(np.abs(z - drawn[:, k]).sum() for k in range(5))
            expected[i] += np.log(nearest / 4 + 0.1) / len(expert.sets)
    np.testing.assert_allclose(expert.energy(Z), expected, rtol=1e-5, atol=1e-5)
    for drawn in expert.sets.transpose(0, 2, 1).reshape(-1, 6)[:50]:
        assert np.abs(clipped - drawn).sum(axis=1).min() < 1e-5  # rows of Z


def mean_log_distance(z, rows, n_neighbours):
    """Return the nearest of other rows, and the mean log distance to them."""
    far = np.abs(rows - z).sum(axis=1)
    order = [k for k in np.argsort(far, kind="stable") if far[k] > 0][:n_neighbours]
    return order, np.log(far[order] / 4 + 0.1).mean()


@pytest.mark.parametrize("n_neighbours", [1, 3, 7])
def test_local(n_neighbours, rows, units, rng):
    Z = units.encode(rows)
    expert = Local.fit(Z, units, Random(3), n_neighbours)
    new = units.encode(rows[:20] + np.append(rng.normal(size=3), 0))
    clipped = np.clip(expert.rows.T, -5, 5)
    np.testing.assert_allclose(
        clipped[np.lexsort(clipped.T)], np.clip(Z[np.lexsort(Z.T)], -5, 5), atol=1e-6
    )
    own = [mean_log_distance(z, clipped, n_neighbours)[1] for z in clipped]
    expected = []
    # Rows that were fitted are not their own neighbours.
    for z in np.clip(np.concatenate([Z[:20], new]), -5, 5).astype(np.float32):
        nearest, energy = mean_log_distance(z, clipped, n_neighbours)
        expected.append(energy - np.mean([own[k] for k in nearest]))
    energy = expert.energy(np.concatenate([Z[:20], new]))
    np.testing.assert_allclose(energy, expected, rtol=1e-5, atol=1e-5)


def test_local_of_few_rows_and_of_equal_rows(units):
    Z = units.encode(np.zeros((3, 4)))
    expert = Local.fit(Z, units, Random(0), 5)
    np.testing.assert_allclose(expert.energy(Z), 0, atol=1e-12)
    assert Local.fit(Z[:1], units, Random(0), 5) is None


def labelled(rows, units, weight=None):
    Z = units.encode(rows)
    base = Balanced.of(experts(Z, units), Z)
    odd = Z[:5] + np.array([0, 3, 0, 0, 0, 0])
    weight = np.ones(5) if weight is None else weight
    return Z, odd, Labelled.fit(base, base.experts[0], Z, odd, weight)


def test_labelled_terms_are_a_posterior_mode(rows, units):
    """Steps from the mode, within the bounds, make the posterior smaller."""
    Z, odd, fitted = labelled(rows, units)
    tails, both = fitted.tails, np.concatenate([Z, odd])
    energy = fitted.base.energy(both)

    def loss(slopes, gains, intercept):
        logit = intercept + energy
        logit = logit + np.clip(both, -5, 5) @ slopes + tails.parts(both) @ gains
        share = len(odd) / len(Z)
        others, ours = np.logaddexp(0, logit[: len(Z)]), np.logaddexp(0, -logit[-5:])
        prior = 6 * (slopes @ slopes + gains @ gains) / 2
        return share * others.sum() + ours.sum() + prior

    assert (fitted.gains >= 0).all()
    assert fitted.slopes[1] > 0
    grid = np.linspace(-9, 3, 1201)
    at = grid[np.argmin([loss(fitted.slopes, fitted.gains, b) for b in grid])]
    best = loss(fitted.slopes, fitted.gains, at)
    for j in range(6):
        for step in (-0.05, 0.05):
            moved = np.eye(6)[j] * step
            assert loss(fitted.slopes + moved, fitted.gains, at) > best
            if fitted.gains[j] + step >= 0:
                assert loss(fitted.slopes, fitted.gains + moved, at) > best


def test_labelled_energies(rows, units):
    Z, odd, fitted = labelled(rows, units)
    terms = np.clip(Z, -5, 5) @ fitted.slopes + fitted.tails.parts(Z) @ fitted.gains
    np.testing.assert_allclose(fitted.energy(Z), fitted.base.energy(Z) + terms)
    parts = fitted.parts(Z).sum(axis=1)
    np.testing.assert_allclose(parts, fitted.energy(Z), rtol=1e-6, atol=1e-6)
    assert fitted.energy(odd).min() > np.median(fitted.energy(Z))
    # Weights are repetitions, and weak labels change little.
    weight = np.array([2.0, 1, 0, 3, 1])
    weighted = labelled(rows, units, weight)[2]
    again = np.repeat(odd, weight.astype(int), axis=0)
    repeated = Labelled.fit(fitted.base, fitted.tails, Z, again, np.ones(7))
    np.testing.assert_allclose(weighted.slopes, repeated.slopes, atol=1e-3)
    weak = labelled(rows, units, np.full(5, 1e-3))[2]
    assert np.abs(weak.slopes).max() < 0.01 < np.abs(fitted.slopes).max()


def test_each_expert_has_equal_say(rows, units):
    Z = units.encode(rows)
    balanced = Balanced.of(experts(Z, units), Z)
    energies = balanced.energies(Z)
    for energy in energies.T:
        shares = 0.25, 0.5, 0.75
        first, centre, third = np.quantile(energy, shares, method="inverted_cdf")
        np.testing.assert_allclose([centre, third - first], [0, 1], atol=1e-9)
    for energy, terms in zip(balanced.energy(Z), energies, strict=True):
        expected = np.log(np.mean([np.exp(term) for term in terms]))
        assert energy == pytest.approx(expected)


def test_parts_sum_to_the_energy(rows, units):
    Z = units.encode(rows)
    balanced = Balanced.of(experts(Z, units), Z)
    local = Local.fit(Z, units, Random(2), 3)
    for expert in [*balanced.experts, balanced, local]:
        np.testing.assert_allclose(
            expert.parts(Z).sum(axis=1), expert.energy(Z), rtol=1e-6, atol=1e-6
        )


def test_parts_of_the_ellipse_are_terms_of_the_squared_distance(rows, units):
    Z = units.encode(rows)[:20]
    ellipse = Ellipse.fit(units.encode(rows), units, Random(0))
    precision = ellipse.factor @ ellipse.factor.T
    for z, part, energy in zip(Z, ellipse.parts(Z), ellipse.energy(Z), strict=True):
        apart = np.clip(z, -5, 5) - ellipse.location
        terms = [
            sum(apart[i] * precision[i, j] * apart[j] for j in range(len(apart)))
            for i in range(len(apart))
        ]
        # The distribution's energy gives the sum of the squares back.
        d = len(apart)
        square = 3 * np.expm1(energy * 2 / (3 + d))
        np.testing.assert_allclose(sum(terms), square, rtol=1e-6)
        np.testing.assert_allclose(part * square, np.multiply(terms, energy), atol=1e-9)
