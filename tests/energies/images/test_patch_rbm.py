"""The energy by an RBM of patches against the free energy of every patch."""

from functools import partial

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose

from skebm.energies.images import PatchRBMRecipe, _learning, _patches
from skebm.inference import restoration
from skebm.objectives import Bilevel, NoisePrediction
from skebm.utils._random import Random
from tests.energies.images import common

SIGMA = 0.1
RANDOM = Random.from_state(7)


@pytest.fixture
def energy():
    """An energy all of whose parameters differ, with levels around ``SIGMA``."""
    recipe = PatchRBMRecipe(n_filters=9, filter_size=3, levels=(10, 40))
    energy = recipe.build(None, None, RANDOM)
    for k, value in enumerate(energy.params.values()):
        value += 0.2 * RANDOM.fold(k).normal(value.shape, np.float32)
    # Finite differences need potentials that are less sharp than the first ones.
    energy.units -= 1
    return energy


def image(*shape, key=0):
    return common.image(RANDOM.fold(9, key), *shape, size=0.1)


def naive_map(energy, x):
    """Return the free energy of the patch around each pixel, by the RBM."""
    windows = sliding_window_view(np.pad(x, 1, mode="symmetric"), (3, 3))
    units = energy.visible(windows.reshape(-1, 3, 3).astype(np.float64), SIGMA)
    free, flat = energy.rbm.energy(units), np.zeros((1, units.shape[1]))
    factor = np.exp(energy.shares(SIGMA) @ energy.factors)
    return factor * (free - energy.rbm.energy(flat)).reshape(x.shape)


@pytest.mark.parametrize("shape", [(11, 13), (4, 301)])
def test_energy_is_the_free_energy_of_every_patch(energy, shape):
    x = image(*shape)
    expected = naive_map(energy, x)
    found = energy.energy_map(x, SIGMA)
    # The derivative is a spline, a quarter of the noise wide.
    assert_allclose(found, expected, atol=0.02 * np.ptp(expected))
    assert np.ptp(expected) > 0.5


def test_slope_is_the_derivative_of_the_energy(energy):
    x, way, step = image(17, 19).astype(np.float64), image(17, 19, key=1), 3e-3
    ends = [energy.energy(x[None] + s * step * way, SIGMA)[0] for s in (1, -1)]
    slope = energy.grad_x(x[None], SIGMA)[0]
    assert_allclose((ends[0] - ends[1]) / (2 * step), (slope * way).sum(), rtol=1e-2)


def test_brightness_and_the_sign_do_not_matter(energy):
    x = image(12, 10)
    value = energy.energy(x[None], SIGMA)
    assert_allclose(energy.energy(-x[None], SIGMA), value, rtol=1e-4)
    assert_allclose(energy.energy(x[None] + 0.5, SIGMA), value, rtol=1e-3)


def test_potentials_bend_from_a_square_to_less_than_a_line(energy):
    """They never fall, so the energy has a lower bound."""
    derivative = energy._derivatives()[0]
    threshold, weights, _ = energy._hidden()
    assert_allclose(derivative[:, 0], 0, atol=1e-12)
    assert (derivative[:, 1:] > 0).all()
    assert_allclose(derivative[:, -1], threshold[:, 0] - weights.sum(axis=1), rtol=0.3)
    assert (derivative.max(axis=1) < threshold[:, 0] + 1).all()


def test_patterns_without_a_filter_have_no_visible_unit():
    energy = PatchRBMRecipe(5, 3).build(None, None, RANDOM)
    assert energy.whitening.shape == (5, 8)
    assert energy.rbm.weights.shape == (5, 5 * 8)
    assert_allclose(
        naive_map(energy, image(7, 8)),
        energy.energy_map(image(7, 8), SIGMA),
        rtol=0.01,
        atol=0.01,
    )


def test_restoration_ends_at_a_stationary_point(energy):
    noisy = image(21, 23) + SIGMA * RANDOM.fold(4).normal((21, 23), np.float32)
    restored, _, norm = energy.restored(noisy, SIGMA, 1e-3, 2000)
    assert norm <= 1e-3
    gradient = restored - noisy + energy.slope_at(SIGMA)(restored)
    assert np.sqrt(np.mean(gradient**2)) < 2e-3 * SIGMA


def test_steps_that_rounding_swallows_are_followed_by_the_gradient():
    """The gradient does not change, but its product with the step may."""
    gradient, way = image(5, 6), image(5, 6, key=1)
    expected, bend = -gradient / 4, 1e-20
    found = restoration._turned(gradient, np.zeros_like(way), bend, 1 / 4, way)
    assert_allclose(found, expected, rtol=1e-6)
    _patches._turn(gradient.copy(), gradient, bend, 4.0, way)
    assert_allclose(way, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "objective", [Bilevel(10, 40, tol=1e-6, max_iter=4000), NoisePrediction(10, 40)]
)
def test_gradient_is_the_derivative_of_the_loss(energy, objective, monkeypatch):
    monkeypatch.setattr(_learning, "_ADJOINT_TOL", 1e-5)
    monkeypatch.setattr(_learning, "_ADJOINT_STEPS", 500)
    clean = np.stack([image(13, 11, key=k) for k in range(3)])
    random, weight = RANDOM.fold(5), np.array([0.2, 0.3, 0.5])
    gradient, _ = objective.gradient(energy, clean, weight, (), random)
    loss = partial(objective.loss, energy, clean, weight, random)
    for name, value in energy.params.items():
        way, step = np.sign(gradient[name]), 1e-3
        slope = common.slope_of(loss, value, way, step)
        assert_allclose((gradient[name] * way).sum(), slope, rtol=0.03)


def test_interpolation_scales_the_energy(energy):
    x = image(9, 11)[None]
    whole, half = energy.energy(x, SIGMA), energy.interpolate(0.5).energy(x, SIGMA)
    assert_allclose(half, whole / 2, rtol=1e-4)
    assert_allclose(energy.interpolate(0.0).energy(x, SIGMA), 0, atol=1e-9)
