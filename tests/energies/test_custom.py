"""A user's own energy: fitted in the units of the user, and refused in a sentence."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from skebm import EnergyDensity
from skebm.energies import Custom, EnergyFunction, Quadratic
from skebm.testing import check_energy
from tests.fits import ROUGH_TILT
from tests.models import heavy


class Well:
    """``E(x) = a ((x / unit)^2 - b)^2 + c x / unit``, with gradients by hand."""

    def __init__(self, theta=(1.0, 1.0, 0.0), unit=1.0):
        self.theta, self.unit = np.array(theta), unit

    @property
    def params(self):
        return {"theta": self.theta}

    def energy(self, x):
        a, b, c = self.theta
        u = x[:, 0] / self.unit
        return a * (u**2 - b) ** 2 + c * u

    def grad(self, x, weight=None):
        a, b, _ = self.theta
        u = x[:, 0] / self.unit
        weight = np.full(len(u), 1 / len(u)) if weight is None else weight
        slopes = [(u**2 - b) ** 2, -2 * a * (u**2 - b), u]
        return {"theta": np.array([weight @ slope for slope in slopes])}

    def grad_x(self, x):
        a, b, c = self.theta
        u = x / self.unit
        return (4 * a * (u**2 - b) * u + c) / self.unit


def formula(x, theta):
    return theta[0] * (x[:, 0] ** 2 - theta[1]) ** 2 + theta[2] * x[:, 0]


def without_complex(x, theta):
    return theta[0] * (abs(x[:, 0]) ** 2 - theta[1]) ** 2 + theta[2] * x[:, 0]


TRUE = np.array([0.7, 2.0, 0.2])
GRID = np.linspace(-4, 4, 20001)[:, None]


def rows(n, unit=1.0, seed=0):
    p = np.exp(-formula(GRID, TRUE))
    drawn = np.random.default_rng(seed).choice(GRID[:, 0], n, p=p / p.sum())
    return unit * drawn[:, None]


X = rows(997)


# -- gradients -------------------------------------------------------------------------


@pytest.mark.parametrize("energy", [Well(TRUE), EnergyFunction(formula, TRUE)])
def test_contract(energy):
    check_energy(energy, X[:13])


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_gradients_of_a_function_are_its_derivatives(unit):
    def scaled(x, theta):
        return formula(x / unit, theta)

    one, other, x = Well(TRUE, unit), EnergyFunction(scaled, TRUE), X[:13] * unit
    weight = np.linspace(0, 1, 13)
    with warnings.catch_warnings(action="error"):
        slopes, along = other.grad(x, weight)["theta"], other.grad_x(x)
    np.testing.assert_allclose(slopes, one.grad(x, weight)["theta"], rtol=1e-12)
    np.testing.assert_allclose(along, one.grad_x(x), rtol=1e-10, atol=1e-12 / unit)


def test_central_differences_warn_once_about_their_cost():
    energy = EnergyFunction(without_complex, TRUE)
    with pytest.warns(UserWarning, match="6 evaluations for each gradient"):
        slopes = energy.grad(X)["theta"]
    with warnings.catch_warnings(action="error"):
        energy.grad_x(X)
    np.testing.assert_allclose(slopes, Well(TRUE).grad(X)["theta"], rtol=1e-6)


# -- fits ------------------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_a_fit_in_any_units(unit):
    mine = Well(unit=unit)
    density = EnergyDensity(mine, random_state=0).fit(rows(10_000, unit))
    np.testing.assert_array_equal(mine.theta, [1, 1, 0])
    found = density.energy_.params["theta"]
    np.testing.assert_allclose(found, TRUE, atol=0.06)
    p = np.exp(density.score_samples(GRID * unit))
    np.testing.assert_allclose(np.trapezoid(p, GRID[:, 0] * unit), 1, rtol=0.05)
    drawn = density.sample(2000, random_state=0)
    np.testing.assert_allclose(drawn.std() / unit, X.std(), rtol=0.1)


@pytest.mark.parametrize("unit", [1e-3, 1e4])
def test_a_fit_is_the_same_in_any_units(unit):
    options = {"n_iter": 3, "partition": ROUGH_TILT, "random_state": 0}
    x = X[:211]
    one = EnergyDensity(Well(), **options).fit(x)
    other = EnergyDensity(Well(unit=unit), **options).fit(x * unit)
    np.testing.assert_allclose(
        other.energy_.params["theta"], one.energy_.params["theta"], rtol=1e-6
    )
    expected = one.score_samples(x) - np.log(unit)
    np.testing.assert_allclose(other.score_samples(x * unit), expected, atol=1e-5)
    drawn = [model.sample(2000, random_state=0).std() for model in (one, other)]
    np.testing.assert_allclose(drawn[1] / unit, drawn[0], rtol=0.1)


def test_fits_start_from_the_same_values_and_can_be_stored():
    mine = Well()
    density = EnergyDensity(mine, n_iter=2, random_state=0)
    first = density.fit(X).score(X)
    assert clone(density).fit(X).score(X) == first
    assert density.fit(X).score(X) == first
    assert pickle.loads(pickle.dumps(density)).score(X) == first
    assert density.energy is mine
    np.testing.assert_array_equal(mine.theta, [1, 1, 0])


def test_a_reference_is_tilted_only_if_it_is_named():
    alone = EnergyDensity(Well(), n_iter=2, random_state=0).fit(X)
    tilted = EnergyDensity(Well(), reference=GaussianMixture(2), n_iter=2)
    tilted.set_params(random_state=0).fit(X)
    np.testing.assert_allclose(alone.energy_.energy(X), alone.energy_samples(X))
    log_ratio = tilted.energy_.log_ratio(X)
    expected = tilted.energy_.reference.energy(X) - log_ratio
    np.testing.assert_allclose(tilted.energy_samples(X), expected)


def test_a_sum_with_an_own_energy():
    recipe = Custom(Well()) + 0.1 * Quadratic()
    density = EnergyDensity(recipe, n_iter=2, random_state=0).fit(1e3 * X)
    assert list(density.energy_.params) == [
        "custom__theta",
        "quadratic__factor",
        "quadratic__bias",
    ]


# -- what is wrong ---------------------------------------------------------------------


class Column(Well):
    def energy(self, x):
        return super().energy(x)[:, None]


class MissingKey(Well):
    def grad(self, x, weight=None):
        return {"beta": super().grad(x, weight)["theta"]}


class WrongShape(Well):
    def grad(self, x, weight=None):
        return {"theta": super().grad(x, weight)["theta"][:2]}


class WrongSlopes(Well):
    def grad_x(self, x):
        return super().grad_x(x)[:, 0]


class Undefined(Well):
    def energy(self, x):
        return super().energy(x) + np.log(x[:, 0])


class Copies(Well):
    @property
    def params(self):
        return {"theta": self.theta.copy()}


class Integers(Well):
    def __init__(self):
        super().__init__()
        self.theta = np.array([1, 1, 0])


class Scalar(Well):
    params = {"theta": np.array(1.0)}


@pytest.mark.parametrize(
    ("energy", "sentence"),
    [
        (Column(), "Column must return one float for each row"),
        (MissingKey(), r"has the keys \['beta'\], but params has \['theta'\]"),
        (WrongShape(), r"\['theta'\] of WrongShape has shape \(2,\)"),
        (WrongSlopes(), r"grad_x\(x\) of WrongSlopes has shape"),
        (Undefined(), r"is NaN at the row \[-.*\] with the parameters {'theta': \[1"),
        (Copies(), r"does not change with params\['theta'\]"),
        (Integers(), r"params\['theta'\] of Integers must be an array of float64"),
        (Scalar(), r"must be a C-contiguous array"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_wrong_energies_are_refused_in_a_sentence(energy, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        EnergyDensity(energy, n_iter=1).fit(X)


def test_columns_that_are_not_numbers_are_refused():
    density = EnergyDensity(Well(), visible="bernoulli", n_iter=1)
    with pytest.raises(ValueError, match="Custom is an energy of real columns"):
        density.fit(X > 0)


class Flat(Well):
    def energy(self, x):
        return self.theta[0] * np.tanh(x[:, 0] / 3)

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        return {"theta": np.array([weight @ np.tanh(x[:, 0] / 3), 0, 0])}


class Cauchy(Flat):
    def energy(self, x):
        return np.log1p(x[:, 0] ** 2) + 0 * self.theta[0]

    def grad(self, x, weight=None):
        return {"theta": np.zeros(3)}


def test_an_infinite_partition_function_is_told():
    with pytest.warns(ConvergenceWarning, match="partition function of Flat is inf"):
        EnergyDensity(Flat(), n_iter=1, random_state=0).fit(X)
    assert Custom(Cauchy()).doubt(Cauchy(), X) is None
    assert Custom(Well()).doubt(Well(), X) is None


class NoSlope:
    def __init__(self):
        self.theta = np.ones(1)
        self.params = {"theta": self.theta}

    def energy(self, x):
        return self.params["theta"] * x[:, 0] ** 2

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        return {"theta": np.array([weight @ x[:, 0] ** 2])}


def test_a_missing_slope_is_told():
    density = EnergyDensity(NoSlope(), objective="denoising", n_iter=1)
    with pytest.raises(TypeError, match="needs an energy with grad_x; NoSlope has"):
        density.fit(X)


class NoDraws(BaseEstimator):
    def fit(self, X):
        return self


def test_a_reference_without_draws_is_told():
    density = EnergyDensity(NoSlope(), reference=NoDraws(), n_iter=1)
    with pytest.raises(TypeError, match="needs score_samples and sample, which NoDraw"):
        density.fit(X)
