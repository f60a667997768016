import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from skebm.energies import MLP, HybridRecipe, Independent, Kernels, Stack, Summary
from skebm.energies._stacking import _joined, _lean_shares, _shares, stacked
from skebm.inference import draw_holes, observed_energy
from skebm.layers import Gaussian, Normals
from skebm.testing import check_energy
from skebm.utils._random import Random
from tests.models import heavy

CENTERS = np.random.default_rng(3).normal(size=(7, 2))
SCALE = np.array([0.5, 2.0])
WEIGHT = np.arange(1.0, 8) / 28


def kernels():
    return Kernels(CENTERS, SCALE, np.log(WEIGHT))


def stack():
    layer = Normals.from_mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None])
    parts = [kernels(), Independent(layer)]
    return Stack(parts, np.log([0.3, 0.7]), 2, "float64")


def kernel_density(x, columns=slice(None)):
    """The naive density of some columns."""
    distances = (x[:, None] - CENTERS[:, columns]) / SCALE[columns]
    factors = norm.pdf(distances) / SCALE[columns]
    return factors.prod(axis=2) @ WEIGHT


def density(x, columns=slice(None)):
    normal = norm.pdf(x).prod(axis=1)
    return 0.3 * kernel_density(x, columns) + 0.7 * normal


def test_energies():
    x = np.random.default_rng(5).normal(size=(11, 2))
    np.testing.assert_allclose(kernels().energy(x), -np.log(kernel_density(x)))
    np.testing.assert_allclose(stack().energy(x), -np.log(density(x)))


@pytest.mark.parametrize("make", [kernels, stack])
def test_slopes(make):
    x, step = np.random.default_rng(5).normal(size=(11, 2)), 1e-5
    found = make().grad_x(x)
    assert make().grad_x(x.astype(np.float32)).dtype == np.float32
    for j, move in enumerate(step * np.eye(2)):
        ends = make().energy(x + move) - make().energy(x - move)
        np.testing.assert_allclose(found[:, j], ends / (2 * step), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [kernels, stack])
def test_draws(make):
    reference, n = make(), 20_000
    drawn = reference.sample(n, Random(3))
    assert drawn.shape == (n, 2)
    # The energy of a draw has the mean of the entropy, by quadrature.
    sides = [np.linspace(-12, 12, 241), np.linspace(-12, 12, 241)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    energy = reference.energy(grid)
    p = np.exp(-energy) * 0.01
    assert np.isclose(p.sum(), 1, atol=1e-6)
    for values, expected in (
        (reference.energy(drawn), p @ energy),
        (drawn[:, 0], p @ grid[:, 0]),
        (drawn[:, 0] * drawn[:, 1], p @ grid.prod(axis=1)),
    ):
        assert abs(values.mean() - expected) < 5 * values.std() / np.sqrt(n)


@pytest.mark.parametrize(("make", "pdf"), [(kernels, kernel_density), (stack, density)])
def test_holes(make, pdf):
    reference, n = make(), 20_000
    x = np.array([[0.4, np.nan], [np.nan, -1.2], [0.3, 0.2]])
    given, no_inputs = reference.given(x, np.isnan(x)), np.zeros(x.shape)
    expected = [pdf(x[:1, :1], [0]), pdf(x[1:2, 1:], [1]), pdf(x[2:])]
    np.testing.assert_allclose(given.cgf(no_inputs), np.log(expected)[:, 0])
    modes = given.mode(no_inputs)
    np.testing.assert_array_equal(modes[~np.isnan(x)], x[~np.isnan(x)])
    rows = np.repeat(x[:1], n, axis=0)
    drawn = reference.given(rows, np.isnan(rows)).sample(np.zeros((n, 2)), Random(3))
    assert (drawn[:, 0] == 0.4).all()
    grid = np.linspace(-12, 12, 4801)
    p = pdf(np.column_stack([np.full(4801, 0.4), grid]))
    p /= p.sum()
    for power in (1, 2):
        error = (drawn[:, 1] ** power).std() / np.sqrt(n)
        assert abs((drawn[:, 1] ** power).mean() - p @ grid**power) < 5 * error


def test_weights_have_the_largest_likelihood():
    rng = np.random.default_rng(3)
    scores, weight = rng.normal(size=(200, 2)), rng.uniform(size=200)
    share, value = _shares(scores, weight)
    grid = np.linspace(0.001, 0.999, 999)
    values = [weight @ logsumexp(scores + np.log([s, 1 - s]), axis=1) for s in grid]
    assert abs(share[0] - grid[np.argmax(values)]) < 0.005
    assert np.isclose(share.sum(), 1)
    assert np.isclose(value, max(values), rtol=1e-5)


def test_parts_that_are_not_needed_are_left_out():
    rng = np.random.default_rng(3)
    side = rng.choice([-3.0, 3.0], size=400)
    x = side + rng.normal(size=400)
    needed = [norm(m, 1).logpdf(x) for m in (-3, 3)]
    alike = [norm(3, s).logpdf(x) for s in (0.9, 1.1, 1.3)]
    share = _lean_shares(np.column_stack([*needed, *alike]), np.ones(400))
    assert np.count_nonzero(share) == 2
    assert share[0] > 0.4


def test_two_clusters_are_found():
    """The stack is about as good as the right density."""
    rng = np.random.default_rng(3)
    sides = rng.choice([-3.0, 3.0], size=(2, 2000, 1))
    X, held_out = sides + rng.normal(size=(2, 2000, 2)) * [1, 0.2]
    fit = stacked(X, None, Random(3), "float32")
    assert fit.sample(5, Random(3)).dtype == np.float32
    right = [
        multivariate_normal([m, m], np.diag([1, 0.04])).pdf(held_out) for m in (-3, 3)
    ]
    right = np.log(np.mean(right, axis=0)).mean()
    assert -fit.energy(held_out).mean() > right - 0.02


def test_weights_of_rows():
    """Rows of weight 0 have no part in the stack."""
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(size=(300, 2)), 9 + rng.normal(size=(300, 2))])
    weight = np.repeat([1.0, 0.0], 300)
    fit = stacked(X, weight, Random(3), "float64")
    assert fit.sample(1000, Random(3)).mean() < 1


@pytest.mark.parametrize("n", [1, 2, 13, 60])
def test_few_rows(n):
    X = np.random.default_rng(3).normal(size=(n, 3))
    fit = stacked(X, None, Random(3), "float64")
    assert np.isfinite(fit.energy(X)).all()
    assert np.isfinite(fit.energy(np.full((1, 3), 100.0))).all()


@heavy
def test_a_hybrid_of_a_stack_keeps_the_contract():
    X = np.random.default_rng(3).normal(size=(100, 2))
    layer = Gaussian.zeros(2)
    energy = HybridRecipe(MLP((5,))).build(layer, Summary.of(X, None), Random(3))
    assert isinstance(energy.reference, Stack)
    for k, value in enumerate(energy.params.values()):
        value += 0.3 * Random(5, k).normal(value.shape)
    check_energy(energy, X[:11])
    x = np.where(np.arange(2) == 1, np.nan, X[:5])
    assert np.isfinite(draw_holes(energy, x, np.isnan(x), 3, Random(3))).all()
    assert np.isfinite(observed_energy(energy, x, np.isnan(x), Random(3))).all()


def test_joined_mixtures_are_their_mixture():
    rng = np.random.default_rng(3)
    layers = [
        Normals.from_mixture(
            np.full(k, 1 / k),
            rng.normal(size=(k, 2)),
            np.tile(np.eye(2) / k, (k, 1, 1)),
        )
        for k in (1, 3)
    ]
    joined = _joined([(0.2, layers[0]), (0.3, layers[1])])
    x = rng.normal(size=(11, 2))
    densities = [np.exp(-layer.energy(x)) for layer in layers]
    found = np.exp(-joined.energy(x) - joined.log_partition)
    np.testing.assert_allclose(found, 0.4 * densities[0] + 0.6 * densities[1])
