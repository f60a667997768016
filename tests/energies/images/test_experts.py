"""Fields of experts against the formula, finite differences and a dense Hessian."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skebm.energies.images import ExpertsRecipe, _learning
from skebm.energies.images._filter_bank import FilterBank
from skebm.inference import Forward, minimise
from skebm.objectives import Bilevel
from skebm.utils._random import Random
from tests.energies.images import common

SIGMA = 0.1
RANDOM = Random.from_state(5)


@pytest.fixture
def energy():
    """An energy whose filters, scales and weights all differ."""
    recipe = ExpertsRecipe(n_filters=7, filter_size=3, levels=(10, 40))
    energy = recipe.build(None, None, RANDOM)
    energy.coefficients += 0.3 * RANDOM.fold(0).normal(energy.coefficients.shape)
    energy.scales += 0.2 * RANDOM.fold(1).normal(energy.scales.shape)
    energy.weights += 0.5 * RANDOM.fold(2).normal(energy.weights.shape)
    energy.project()
    return energy


def image(*shape, key=0):
    return common.image(RANDOM.fold(9, key), *shape)


def test_potentials_are_those_of_students_t(energy):
    t = np.linspace(-0.4, 0.4, 81)
    shares = energy.shares(SIGMA)
    rate = (np.exp(shares @ energy.scales) / SIGMA)[:, None]
    weight = (shares @ energy.weights)[:, None]
    expected = weight / rate**2 * np.log1p((rate * t) ** 2 / 2) / SIGMA**2
    found = energy.potentials(t, SIGMA)
    # The derivative of a spline of this width is within 1.5 % of the largest one.
    assert_allclose(found, expected, atol=0.015 * expected.max(axis=1).min())
    assert np.diff(found[:, 40:], n=2, axis=1).min() < 0, "they are not convex"


@pytest.mark.parametrize("key", [0, 1, 2])
def test_curvature_bounds_the_hessian(energy, key):
    """Of filters that are even or odd in each direction, also at the edges."""
    waves = np.indices((3, 3)).reshape(2, -1).T[1:] % 2
    for f, coefficients in enumerate(energy.coefficients):
        coefficients[(waves != [f % 2, f // 2 % 2]).any(axis=1)] = 0
    x, columns, step = image(6, 7, key=key) * key, [], 1e-3
    slope = energy.slope_at(SIGMA)
    for k in range(x.size):
        way = np.zeros(x.size, np.float32)
        way[k] = step
        ends = [slope(x + s * way.reshape(x.shape)).ravel() for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * step))
    values = np.linalg.eigvalsh(np.stack(columns, axis=1).astype(np.float64))
    bound = energy.curvature(SIGMA)
    assert bound / 20 < values.max() <= bound
    assert values.min() >= -bound


def test_responses_that_are_no_numbers_stay_so(energy):
    """They do not become numbers of intervals outside the tables."""
    assert np.isnan(energy.slope_at(SIGMA)(np.full((5, 6), np.nan, np.float32))).all()


def test_restorations_end_at_a_stationary_point(energy):
    noisy = image(31, 37) + SIGMA * RANDOM.fold(4).normal((31, 37), np.float32)
    restored, _, norm = energy.restored(noisy, SIGMA, 1e-4, 2000)
    assert norm <= 1e-4
    gradient = restored - noisy + energy.slope_at(SIGMA)(restored)
    assert np.sqrt(np.mean(gradient**2)) <= 2e-4 * SIGMA
    facts = SIGMA, Forward(noisy.shape), noisy, 1e-4, 2000
    again = minimise(energy, SIGMA, 1.0, noisy, *facts)
    assert_allclose(again.pixels, restored, atol=2e-3)


def test_gradient_is_the_derivative_of_the_loss(energy, monkeypatch):
    monkeypatch.setattr(_learning, "_ADJOINT_TOL", 1e-5)
    monkeypatch.setattr(_learning, "_ADJOINT_STEPS", 500)
    monkeypatch.setattr(FilterBank, "along_bound", lambda self, gradient: gradient)
    objective = Bilevel(10, 40, tol=1e-6, max_iter=4000)
    clean = np.stack([image(13, 11, key=k) for k in range(3)])
    random, weight = RANDOM.fold(5), np.array([0.2, 0.3, 0.5])
    gradient, _ = objective.gradient(energy, clean, weight, (), random)
    loss = partial(objective.loss, energy, clean, weight, random)
    for name, value in energy.params.items():
        way, step = RANDOM.fold(6).normal(value.shape, np.float32), 1e-3
        slope = common.slope_of(loss, value, way, step)
        assert_allclose((gradient[name] * way).sum(), slope, rtol=0.03, atol=1e-3)


def test_recipes_refuse_even_sizes():
    with pytest.raises(ValueError, match="odd number"):
        ExpertsRecipe(filter_size=4).build(None, None, RANDOM)


def test_interpolation_scales_the_energy(energy):
    x = image(9, 11)[None]
    whole, half = energy.energy(x, SIGMA), energy.interpolate(0.5).energy(x, SIGMA)
    assert_allclose(half, whole / 2, rtol=1e-5)
    assert_allclose(energy.interpolate(0.0).energy(x, SIGMA), 0, atol=1e-9)
