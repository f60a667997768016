"""The ridge energy against scipy.ndimage, finite differences and dense Hessians."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import correlate

from skebm.energies.images import RidgeRecipe, _learning, _planes
from skebm.energies.images._filter_bank import FilterBank
from skebm.energies.images._filters import fill_folded
from skebm.energies.images._waves import basis
from skebm.inference import Forward, denoise_planes, minimise, restoration
from skebm.objectives import Bilevel, NoisePrediction
from skebm.utils._random import Random
from tests.energies.images import common

SIGMA = 0.1
RANDOM = Random.from_state(3)


@pytest.fixture(scope="module")
def energy():
    """An energy with potentials of all shapes, and filters without any symmetry."""
    energy = RidgeRecipe(n_filters=7, filter_size=3, levels=(10, 40)).build(
        None, None, RANDOM
    )
    energy.coefficients += 0.3 * RANDOM.fold(0).normal(energy.coefficients.shape)
    # Finite differences need smaller kinks than the first potentials have.
    energy.slopes[..., :7] = 4, 3, 2.5, 1.5, 1, 0, -0.5
    energy.scales -= np.float32(np.log(3))
    energy.slopes += 0.5 * RANDOM.fold(1).normal(energy.slopes.shape)
    energy.scales += 0.2 * RANDOM.fold(2).normal(energy.scales.shape)
    energy.project()
    return energy


def image(*shape, key=0):
    return common.image(RANDOM.fold(9, key), *shape)


def derivative(energy, t, filter_number):
    """Return the derivative of a potential, by sums over its intervals."""
    shares = energy.shares(SIGMA)
    slopes = np.tensordot(shares, energy.slopes, 1)[0].astype(np.float64)
    rate = np.exp(shares @ energy.scales)[filter_number] / SIGMA
    width = 0.25
    knots = width * np.arange(len(slopes))
    ways = np.clip(rate * np.abs(t)[..., None] - knots, 0, width)
    ways[..., -1] = np.maximum(rate * np.abs(t) - knots[-1], 0)
    return np.sign(t) * (ways @ slopes) / rate


def naive_slope(energy, x):
    """Return the gradient with the filters as correlations of ndimage."""
    total = np.zeros(x.shape)
    margin = energy.size // 2
    for f, weights in enumerate(energy.filters):
        padded = np.pad(x.astype(np.float64), margin, mode="symmetric")
        responses = correlate(padded, weights.astype(np.float64))[
            margin:-margin, margin:-margin
        ]
        bent = np.pad(derivative(energy, responses, f), 2 * margin)
        back = correlate(bent, weights[::-1, ::-1].astype(np.float64))
        back = back[margin:-margin, margin:-margin]  # the margin's part, too
        total += fold(back, margin, x.shape)
    return total


def fold(margined, margin, shape):
    rows, columns = (np.pad(np.arange(n), margin, mode="symmetric") for n in shape)
    out = np.zeros(shape)
    np.add.at(out, np.ix_(rows, columns), margined)
    return out


@pytest.mark.parametrize("shape", [(11, 13), (4, 1031), (139, 5), (2, 2)])
def test_slope_is_a_sum_of_correlations(energy, shape):
    x = image(*shape)
    scale = np.abs(naive_slope(energy, x)).max()
    slope = energy.slope_at(SIGMA)(x)
    assert_allclose(slope, naive_slope(energy, x), atol=2e-5 * scale)


def test_slope_is_the_derivative_of_the_energy(energy):
    x, way = image(17, 19).astype(np.float64), image(17, 19, key=1)
    step = 3e-3
    ends = [energy.energy(x[None] + s * step * way, SIGMA)[0] for s in (1, -1)]
    slope = energy.grad_x(x[None], SIGMA)[0]
    assert_allclose((ends[0] - ends[1]) / (2 * step), (slope * way).sum(), rtol=2e-3)


def test_energy_map_sums_to_the_energy_and_ignores_brightness(energy):
    x = image(23, 29)
    assert_allclose(energy.energy_map(x, SIGMA).sum(), energy.energy(x[None], SIGMA)[0])
    same = energy.energy(np.full((1, 7, 5), 0.3, np.float32), SIGMA)
    assert_allclose(same, 0, atol=1e-9)
    assert (
        energy.energy_map(x + 0.2, SIGMA) - energy.energy_map(x, SIGMA) < 1e-2
    ).all()


def test_folding_is_the_adjoint_of_mirroring():
    x, z = image(5, 3), image(13, 11, key=1)
    folded = np.empty_like(x)
    fill_folded(z, 4, folded)
    assert_allclose((_planes.mirrored(x, 4) * z).sum(), (x * folded).sum(), rtol=1e-5)
    assert_allclose(folded, fold(z, 4, x.shape), rtol=1e-4, atol=1e-6)


def hessian(energy, x):
    """Return the Hessian of sigma^2 times the energy, by differences of slopes."""
    step, columns = 1e-4, []
    for k in range(x.size):
        way = np.zeros(x.size)
        way[k] = step
        ends = [
            naive_slope(energy, x + s * way.reshape(x.shape)).reshape(-1)
            for s in (1, -1)
        ]
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("key", [0, 1])
def test_objective_is_convex_and_its_curvature_bounded(energy, key):
    values = np.linalg.eigvalsh(hessian(energy, 3 * image(6, 7, key=key)))
    assert values.min() < 0, "the potentials of this test are not convex"
    assert values.min() > -1
    assert values.max() <= energy.curvature(SIGMA)


def test_convex_energy_is_convex():
    energy = RidgeRecipe(n_filters=5, filter_size=3, convex=True).build(
        None, None, RANDOM
    )
    energy.coefficients += 0.3 * RANDOM.fold(0).normal(energy.coefficients.shape)
    energy.project()
    assert energy.slopes.min() == 0
    assert np.linalg.eigvalsh(hessian(energy, image(6, 7))).min() > -1e-3


def test_restoration_does_not_depend_on_the_start_or_the_way(energy, monkeypatch):
    noisy = image(41, 37) + SIGMA * RANDOM.fold(4).normal((41, 37), np.float32)
    [by_kernel] = denoise_planes(energy, [noisy], [SIGMA], 1e-4, 1000)
    assert by_kernel.gradient_norm <= 1e-4
    for start in (noisy, np.zeros_like(noisy), image(41, 37, key=2)):
        facts = SIGMA, Forward(noisy.shape), start, 1e-4, 1000
        steps = minimise(energy, SIGMA, 1.0, noisy, *facts)
        assert steps.gradient_norm <= 1e-4
        # The objective is strongly convex, by what the projection leaves.
        assert_allclose(steps.pixels, by_kernel.pixels, atol=2e-3)
    monkeypatch.setattr(restoration, "_SMALL", 100)
    monkeypatch.setattr(restoration, "_LARGE", 200)
    monkeypatch.setattr(restoration, "_TILE", 16)
    monkeypatch.setattr(restoration, "_OVERLAP", 12)
    [by_tiles] = denoise_planes(energy, [noisy], [SIGMA], 1e-4, 1000)
    assert_allclose(by_tiles.pixels, by_kernel.pixels, atol=2e-3)


def naive_steps(gradient, start, curvature, n_iter):
    """Return where memoryless BFGS is after each look, with a matrix of all pixels."""
    x, n, n_short = start.astype(np.float64).ravel(), start.size, 0
    g, seen = gradient(x), [x]
    way = -g / curvature
    for _ in range(n_iter - 1):
        after = gradient(x + way)
        if after @ way > -g @ way:
            way, n_short = way * (g @ way) / (g @ way - after @ way), n_short + 1
            seen.append(x)
            continue
        x, y, bend = x + way, after - g, way @ (after - g)
        seen.append(x)
        project = np.eye(n) - np.outer(way, y) / bend
        inverse = bend / (y @ y) * project @ project.T + np.outer(way, way) / bend
        g, way = after, -inverse @ after
    return seen, n_short


def test_steps_are_those_of_memoryless_bfgs(energy):
    noisy, n_iter = image(6, 7, key=8) * 3, 12

    def gradient(x):
        return (x.reshape(6, 7) - noisy + naive_slope(energy, x.reshape(6, 7))).ravel()

    curvature = 1 + energy.curvature(SIGMA)
    seen, n_short = naive_steps(gradient, noisy, curvature, n_iter)
    assert n_short > 0  # a step was too long
    for n in range(1, n_iter + 1):
        expected = seen[n - 1].reshape(6, 7)
        found, n_done, _ = energy.restored(noisy, SIGMA, 1e-9, n)
        assert n_done == n
        assert_allclose(found, expected, atol=1e-5)
        facts = noisy, SIGMA, Forward((6, 7)), noisy, 1e-9, n
        assert_allclose(
            minimise(energy, SIGMA, 1.0, *facts).pixels, expected, atol=1e-5
        )


@pytest.mark.parametrize(
    "objective", [Bilevel(10, 40, tol=1e-6, max_iter=4000), NoisePrediction(10, 40)]
)
def test_gradient_is_the_derivative_of_the_loss(energy, monkeypatch, objective):
    monkeypatch.setattr(_learning, "_ADJOINT_TOL", 1e-5)
    monkeypatch.setattr(_learning, "_ADJOINT_STEPS", 500)
    monkeypatch.setattr(FilterBank, "along_bound", lambda self, gradient: gradient)
    clean = np.stack([image(13, 11, key=k) for k in range(3)])
    random = RANDOM.fold(5)
    weight = np.array([0.2, 0.3, 0.5])
    gradient, _ = objective.gradient(energy, clean, weight, (), random)
    loss = partial(objective.loss, energy, clean, weight, random)
    steps = {"coefficients": 1e-2, "scales": 1e-2, "slopes": 3e-2}
    for name, value in energy.params.items():
        way = RANDOM.fold(6).normal(value.shape, np.float32)
        if name == "slopes":
            way[..., -1] = 0
        slope = common.slope_of(loss, value, way, steps[name])
        assert_allclose((gradient[name] * way).sum(), slope, rtol=0.03, atol=1e-3)


def test_gradients_along_the_bound_are_those_of_filters_over_their_gain(energy):
    way, weights = (
        RANDOM.fold(7, k).normal(energy.coefficients.shape, np.float64) for k in (0, 1)
    )

    def loss(coefficients):
        """Return a linear function of the filters over the root of their gain."""
        filters = coefficients @ basis(3) / 3
        spectrum = np.fft.fft2(filters.reshape(-1, 3, 3), (128, 128))
        gains = (np.abs(spectrum) ** 2).sum(axis=0)
        return (weights * coefficients).sum() / (gains**100).sum() ** (1 / 200)

    found = energy.along_bound(weights)
    start, step = energy.coefficients.astype(np.float64), 1e-6
    slope = (loss(start + step * way) - loss(start - step * way)) / (2 * step)
    scale = loss(start) / (weights * start).sum()
    assert_allclose(scale * (found * way).sum(), slope, rtol=1e-4)
    assert_allclose((found * start).sum(), 0, atol=1e-5)


def test_potentials_have_their_derivatives(energy):
    t = np.linspace(-1, 1, 41)
    step = 1e-5
    ends = [energy.potentials(t + s * step, SIGMA) for s in (1, -1)]
    slopes = (ends[0] - ends[1]) / (2 * step) * SIGMA**2
    expected = [derivative(energy, t, f) for f in range(len(slopes))]
    assert_allclose(slopes, expected, rtol=1e-3, atol=1e-3)
    delta = np.zeros((1, 9, 9), np.float32)
    delta[0, 4, 4] = 0.5
    flat = energy.filters.reshape(len(slopes), -1) * 0.5
    total = sum(energy.potentials(flat[f], SIGMA)[f].sum() for f in range(len(flat)))
    assert_allclose(energy.energy(delta, SIGMA)[0], total, rtol=1e-4)
