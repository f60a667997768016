import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skebm.energies import (
    MLP,
    Anchored,
    Energy,
    Fitted,
    Hybrid,
    HybridRecipe,
    Independent,
    Summary,
)
from skebm.inference import draw_holes, observed_energy
from skebm.layers import Bernoulli, Columns, Gaussian, Normals
from skebm.partition import AIS
from skebm.samplers import Independence
from skebm.testing import check_energy, check_sampler
from skebm.utils._random import Random
from tests.models import heavy

ROTATION = np.array([[1.0, 0.6], [0.6, 1.0]])


class Bend(Energy):
    """``curvature * x**2 / 2``, summed over the columns."""

    def __init__(self, curvature):
        self.curvature = np.array(curvature)

    @property
    def params(self):
        return {"curvature": self.curvature}

    def energy(self, x):
        return (x**2 @ self.curvature) / 2

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        return {"curvature": weight @ x**2 / 2}

    def grad_x(self, x):
        return x * self.curvature


def normal(kind=Hybrid):
    """Return an energy whose density is a normal distribution, and its precision."""
    layer = Normals.from_mixture(np.ones(1), np.zeros((1, 2)), ROTATION[None])
    if kind is Hybrid:
        precision = np.linalg.inv(ROTATION) + np.diag([0.5, 1.5])
        return Hybrid(Independent(layer), Bend([0.5, 1.5]), layer), precision
    return Anchored(Independent(layer), Bend([1.5, 2.5]), layer), np.diag([1.5, 2.5])


both = pytest.mark.parametrize("kind", [Hybrid, Anchored])


@both
def test_contract(kind):
    check_energy(normal(kind)[0], np.random.default_rng(3).normal(size=(7, 2)))


@both
def test_log_ratio(kind):
    energy, _ = normal(kind)
    x = np.random.default_rng(3).normal(size=(7, 2))
    ratio, pullback = energy.ratio_pullback(x)
    np.testing.assert_allclose(ratio, energy.reference.energy(x) - energy.energy(x))
    np.testing.assert_allclose(energy.log_ratio(x), ratio)
    weight = np.linspace(-1, 1, 7)
    expected = energy.grad(x, weight)["curvature"]
    np.testing.assert_allclose(pullback(weight)["curvature"], expected)


def test_strength():
    energy, _ = normal()
    x = np.random.default_rng(3).normal(size=(7, 2))
    start, half, whole = (energy.with_strength(s).energy(x) for s in (0, 0.5, 1))
    np.testing.assert_allclose(start, energy.reference.energy(x))
    np.testing.assert_allclose(half, (start + whole) / 2)
    np.testing.assert_allclose(energy.interpolate(0.5).energy(x), half)
    check_energy(energy.with_strength(0.3), x)


@heavy
@both
def test_log_partition(kind):
    energy, precision = normal(kind)
    exact = np.log(2 * np.pi) - np.linalg.slogdet(precision)[1] / 2
    if kind is Hybrid:  # the energy of the reference has no constant of its own
        start = energy.reference
        at_zero = multivariate_normal(cov=ROTATION).logpdf(np.zeros(2))
        exact -= start.energy(np.zeros((1, 2)))[0]
        np.testing.assert_allclose(
            start.log_partition, -at_zero - start.energy(np.zeros((1, 2)))[0]
        )
    for seed in range(5):
        estimate = AIS(kernel="independence").estimate(energy, Random(seed), None)
        assert estimate.lower < exact < estimate.upper
        assert estimate.upper - estimate.lower < 0.7


@heavy
@both
def test_independence_sampler(kind):
    energy, precision = normal(kind)
    rng = np.random.default_rng(5)
    draws = rng.multivariate_normal(np.zeros(2), np.linalg.inv(precision), 4000)
    check_sampler(Independence(), energy, draws)


@both
def test_holes(kind):
    """Draws and densities of a column given the other, which are normal."""
    energy, precision = normal(kind)
    x = np.array([[0.7, np.nan], [-1.3, np.nan], [0.4, 0.2]])
    holes = np.isnan(x)
    drawn = draw_holes(energy, x, holes, 2000, Random(3))
    np.testing.assert_array_equal(drawn[:, :, 0], np.repeat(x[:, :1], 2000, axis=1))
    mean = -precision[0, 1] / precision[1, 1] * x[:2, 0]
    sd = precision[1, 1] ** -0.5
    tolerance = 4 * sd / np.sqrt(2000 / 10)  # the draws of a row come from few chains
    np.testing.assert_allclose(drawn[:2, :, 1].mean(axis=1), mean, atol=tolerance)
    np.testing.assert_allclose(drawn[:2, :, 1].std(axis=1), sd, rtol=0.15)
    # -log of the integral over the second column, minus the same at x = 0.
    variance = np.linalg.inv(precision)[0, 0]
    both_rows = np.array([[0.7, np.nan], [0.0, np.nan]])
    found = observed_energy(energy, both_rows, np.isnan(both_rows), Random(3))
    np.testing.assert_allclose(found[0] - found[1], 0.49 / variance / 2, atol=0.1)


@both
def test_conditionals(kind):
    energy, precision = normal(kind)
    x = np.random.default_rng(3).normal(size=(7, 2))
    sd = np.diag(precision) ** -0.5
    mean = -precision[0, 1] * x[:, ::-1] * sd**2
    exact = -(((x - mean) / sd) ** 2) / 2 - np.log(sd) - np.log(2 * np.pi) / 2
    # The error of a log mean of 200 weights is their relative spread over sqrt(200).
    error = energy.conditional_log_prob(x) - exact
    assert np.median(np.abs(error)) < 0.2
    assert abs(error.mean()) < 0.2


def test_start_of_mixed_columns():
    rng = np.random.default_rng(3)
    bits = (rng.random((100, 3)) < 0.3).astype(float)
    X = np.hstack([bits, rng.normal(size=(100, 2)) + bits[:, :1]])
    layer = Columns([Bernoulli.zeros(3), Gaussian.zeros(2)])
    energy = HybridRecipe(MLP((5,))).build(layer, Summary.of(X, None), Random(3))
    assert set(np.unique(energy.reference.sample(50, Random(5))[:, :3])) == {0, 1}
    check_energy(energy, X[:11])
    x = X[:20].copy()
    x[:10, 0] = x[10:, 4] = np.nan
    drawn = draw_holes(energy, x, np.isnan(x), 3, Random(3))
    assert set(np.unique(drawn[:10, :, 0])) == {0, 1}


# -- densities of scikit-learn ---------------------------------------------------------

ROWS = np.random.default_rng(3).normal(size=(200, 2)) @ np.diag([1, 3])


@pytest.mark.parametrize(
    "density",
    [GaussianMixture(2, random_state=0), KernelDensity(bandwidth=0.5)],
    ids=["mixture", "kernel"],
)
def test_densities_of_scikit_learn(density):
    layer = Gaussian.zeros(2)
    recipe = HybridRecipe(MLP((5,)), density)
    energy = recipe.build(layer, Summary.of(ROWS, None), Random(3))
    np.testing.assert_allclose(
        energy.reference.energy(ROWS), -density.fit(ROWS).score_samples(ROWS)
    )
    drawn = [energy.reference.sample(4000, Random(seed)) for seed in (5, 5, 7)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    tolerance = 5 * 3.1 / np.sqrt(4000)
    np.testing.assert_allclose(drawn[0].mean(axis=0), ROWS.mean(axis=0), atol=tolerance)
    # The rows of a mixture are sorted by component where they come from.
    halves = drawn[0].reshape(2, 2000, 2).mean(axis=1)
    np.testing.assert_allclose(halves[0], halves[1], atol=2 * tolerance)
    with pytest.raises(AttributeError, match="Use reference='auto'"):
        _ = energy.clamped


class NoDraws:
    def fit(self, X):
        return self

    def score_samples(self, X):
        return np.zeros(len(X))


def test_bad_references():
    layer, summary = Gaussian.zeros(2), Summary.of(ROWS, None)
    with pytest.raises(TypeError, match="needs sample, which NoDraws does not have"):
        Fitted(NoDraws(), "float64")
    holes = np.where(ROWS > 2, np.nan, ROWS)
    recipe = HybridRecipe(MLP(), GaussianMixture())
    with pytest.raises(ValueError, match="cannot be fitted to missing values"):
        recipe.build(layer, Summary.of(holes, None), Random(3))
    bits = Summary.of((ROWS > 0).astype(float), None)
    with pytest.raises(ValueError, match="a density of real columns"):
        recipe.build(Bernoulli.zeros(2), bits, Random(3))
    assert summary.n_rows == 200
