"""The contract checks: every registered part passes, and wrong ones fail."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skebm import layers as layers_module
from skebm.energies import ENERGIES, RBM, Bowl, Summary, beside
from skebm.layers import HIDDEN, LAYERS, Bernoulli, Gaussian, Tree
from skebm.objectives import OBJECTIVES, PCD
from skebm.optimizers import OPTIMIZERS
from skebm.samplers import MALA, SAMPLERS, Gibbs
from skebm.testing import check_energy, check_layer, check_objective, check_sampler
from skebm.utils._random import Random
from tests.models import (
    CorrelatedNormal,
    coupled_layers,
    every_layer,
    heavy,
    random_rbm,
)

DTYPES = [np.float32, np.float64]
# Recipes of others need a label, or are of documents.
DENSITIES = [name for name, recipe in ENERGIES.items() if recipe.monitor == "density"]


def small(dtype=np.float64):
    return random_rbm(("bernoulli", "bernoulli"), 3, 2, dtype=dtype)


# -- every part of the registries ------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", {**LAYERS, **HIDDEN})
def test_layers(name, dtype):
    check_layer({**LAYERS, **HIDDEN}[name].zeros(5, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_joined(dtype):
    check_layer(every_layer(np.random.default_rng(7), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_coupled_variables(dtype):
    for layer in coupled_layers(np.random.default_rng(7), dtype):
        check_layer(layer)


def test_every_public_layer_is_checked():
    rng = np.random.default_rng(7)
    parts = [*every_layer(rng).layers, *coupled_layers(rng)]
    checked = {type(part).__name__ for part in parts}
    assert checked | {"Columns", "HIDDEN", "LAYERS"} == set(layers_module.__all__)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("visible", LAYERS)
def test_energies(visible, hidden, dtype):
    weights = 0.2 * np.cos(np.arange(15)).reshape(5, 3).astype(dtype)
    layers = LAYERS[visible].zeros(5, dtype), HIDDEN[hidden].zeros(3, dtype)
    check_energy(RBM(*layers, weights))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DENSITIES)
def test_energies_of_recipes(name, dtype):
    """What a recipe builds is at the marginals, and an energy after updates, too."""
    recipe, rng = ENERGIES[name](), np.random.default_rng(3)
    kind = "gaussian" if recipe.is_anchored else "bernoulli"
    X = rng.normal(size=(13, 5)) if recipe.is_anchored else rng.random((13, 5)) < 0.3
    X, layer = X.astype(dtype), LAYERS[kind].zeros(5, dtype)
    recipe, summary = beside(recipe, "auto"), Summary.of(X, None)
    energy = recipe.build(layer, summary, Random(3))
    if getattr(recipe, "tilts", True):
        near = energy.interpolate(0.0).energy(X)
        np.testing.assert_allclose(energy.energy(X), near, atol=0.3)
    for k, value in enumerate(energy.params.values()):
        value += 0.3 * Random(5, k).normal(value.shape, value.dtype)
    energy.project()
    check_energy(energy)
    assert recipe.learning_rate(layer, summary, PCD(), OPTIMIZERS["sgd"]()) > 0
    assert isinstance(recipe.attributes(energy, np.arange(5)), dict)


@heavy
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    sampler = SAMPLERS[name]()
    if "grad_x" in sampler.requires:
        energy = CorrelatedNormal(scales=(0.8, 1.0, 1.1, 1.2, 1.3))
        check_sampler(sampler.set_params(n_steps=20), energy, energy.draws(4001))
    else:
        check_sampler(sampler, small())


class SlowedDown(MALA):
    """Accepts too rarely where the first column is large."""

    def transition(self, energy, point, step_size, random):
        after, rate = super().transition(energy, point, step_size, random)
        return after.chosen(energy, point, after.chains[:, 0] > 1), rate


def test_wrong_samplers_of_real_columns_fail():
    energy = CorrelatedNormal()
    with pytest.raises(AssertionError, match="standard errors away"):
        check_sampler(SlowedDown(n_steps=5), energy, energy.draws(4001))


@heavy
@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives(name):
    if name in ("score_matching", "denoising"):
        for dtype in DTYPES:
            check_objective(OBJECTIVES[name](), bowl(dtype), X.astype(dtype))
        with pytest.raises(TypeError, match="all of them must be real numbers"):
            OBJECTIVES[name]().init(small(), Random(3))
        return
    check_objective(OBJECTIVES[name](), small(np.float32))


def bowl(dtype):
    return Bowl(np.eye(5, dtype=dtype) + dtype(0.1), np.full(5, 0.3, dtype))


# -- an energy of one's own ------------------------------------------------------------


class Mixture:
    """A user's own energy in plain NumPy: a mixture of two normal densities."""

    def __init__(self, means):
        self.means = means

    @property
    def params(self):
        return {"means": self.means}

    def _responsibility(self, x):
        squares = ((x[:, None] - self.means) ** 2).sum(axis=2) / 2
        energy = -np.logaddexp.reduce(-squares, axis=1)
        return np.exp(energy[:, None] - squares), energy

    def energy(self, x):
        return self._responsibility(x)[1]

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        share = self._responsibility(x)[0] * weight[:, None]
        return {"means": share.sum(axis=0)[:, None] * self.means - share.T @ x}

    def grad_x(self, x):
        return x - self._responsibility(x)[0] @ self.means


def mixture(kind=Mixture):
    return kind(np.random.default_rng(3).normal(size=(2, 5)))


X = np.random.default_rng(5).normal(size=(7, 5))


def test_an_energy_of_ones_own_passes():
    check_energy(mixture(), X)


def test_configurations_must_come_from_somewhere():
    with pytest.raises(ValueError, match="Pass X"):
        check_energy(mixture())


class WrongSign(Mixture):
    def grad(self, x, weight=None):
        return {"means": -super().grad(x, weight)["means"]}


class MissingKey(Mixture):
    def grad(self, x, weight=None):
        return {"mean": super().grad(x, weight)["means"]}


class Transposed(Mixture):
    def grad(self, x, weight=None):
        return {"means": super().grad(x, weight)["means"].T}


class CopiedParams(Mixture):
    @property
    def params(self):
        return {"means": self.means.copy()}


class FortranParams(Mixture):
    def __init__(self, means):
        super().__init__(np.asfortranarray(means))


class RowsInteract(Mixture):
    def energy(self, x):
        return super().energy(x) - super().energy(x).mean()


class WrongShape(Mixture):
    def energy(self, x):
        return super().energy(x)[:, None]


class NotFinite(Mixture):
    def energy(self, x):
        return np.log(super().energy(x) * 0)


class WrongGradX(Mixture):
    def grad_x(self, x):
        return -super().grad_x(x)


H = 1e-5


class WrongBend(Mixture):
    """The gradient of the slopes is 10 % too large."""

    def grad_x_grad(self, x, direction):
        ends = [self.grad(x + side * direction, np.ones(len(x))) for side in (H, -H)]
        return {"means": 1.1 * (ends[0]["means"] - ends[1]["means"]) / (2 * H)}


class TooLong(Mixture):
    def grad(self, x, weight=None):
        return {"means": 1.25 * super().grad(x, weight)["means"]}


class ChangesItsArgument(Mixture):
    def energy(self, x):
        value = super().energy(x)
        x += 1e-9
        return value


class WrongAstype(Mixture):
    def astype(self, dtype):
        return Mixture(self.means.astype(np.float64))


class WrongReplace(Mixture):
    def replace(self, params):
        return Mixture(params["means"][::-1] + 1)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (WrongSign, "is not the derivative"),
        (MissingKey, "has the keys"),
        (Transposed, "has shape"),
        (CopiedParams, "params returns copies"),
        (FortranParams, "C-contiguous"),
        (RowsInteract, "depends on the other rows"),
        (WrongShape, "has shape"),
        (NotFinite, "not finite"),
        (WrongGradX, r"grad_x is not the derivative.* column 0 \(relative error 2\)"),
        (WrongBend, r"grad_x_grad\['means'\] is not .*\(relative error 0.1\)"),
        (TooLong, r"grad\['means'\] is not .*\(relative error 0.25\)"),
        (ChangesItsArgument, "changes its argument"),
        (WrongAstype, "leaves a parameter in float64"),
        (WrongReplace, "replace"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_wrong_energies_fail(kind, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_energy(mixture(kind), X.copy())


class WrongSweep(RBM):
    def gibbs_sweep(self, chains, random):
        return chains._replace(visible=chains.visible.astype(np.float16))


class WrongInterpolation(RBM):
    def interpolate(self, beta):
        return super().interpolate(beta / 2)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [(WrongSweep, "gibbs_sweep"), (WrongInterpolation, "interpolate")],
)
def test_wrong_capabilities_fail(kind, sentence):
    energy = small()
    with pytest.raises(AssertionError, match=sentence):
        check_energy(kind(energy.visible, energy.hidden, energy.weights))


# -- wrong layers ----------------------------------------------------------------------


class WrongMean(Bernoulli):
    def mean(self, inputs):
        return super().mean(-inputs)


class WrongCgf(Bernoulli):
    def cgf(self, inputs):
        return super().cgf(inputs) + 1


class WrongGaussianCgf(Gaussian):
    def cgf(self, inputs):
        return super().cgf(inputs) - 0.1


class WrongGrad(Bernoulli):
    def grad(self, x, weight):
        return {"bias": weight @ x}


class BiasedDraws(Bernoulli):
    def sample(self, inputs, random):
        return super().sample(inputs + 0.5, random)


class NarrowDraws(Gaussian):
    def sample(self, inputs, random):
        return (self.mean(inputs) + super().sample(inputs, random)) / 2


class OwnGenerator(Bernoulli):
    def sample(self, inputs, random):
        return super().sample(inputs, type(random)(len(inputs)))


class WrongEndpoint(Bernoulli):
    def interpolate(self, other, beta):
        return super().interpolate(other, 1 - beta)


class WrongMode(Bernoulli):
    def mode(self, inputs):
        return 1 - super().mode(inputs)


class WrongScale(Bernoulli):
    def scaled(self, beta):
        return super().scaled(1 / beta)


class WrongCgfs(Bernoulli):
    def cgfs(self, inputs):
        return super().cgfs(inputs)[:, ::-1]


class WrongGauge(Bernoulli):
    def gauge(self, rows):
        rows -= rows.mean(axis=0)
        return 0.0


class WrongVariables(Bernoulli):
    @property
    def variables(self):
        return np.arange(self.n_units)[::-1]


class ShiftedEnergy(Bernoulli):
    def energy(self, x):
        return super().energy(x) + 1

    def cgf(self, inputs):
        return super().cgf(inputs) - 1


class DoublesDtype(Bernoulli):
    def mean(self, inputs):
        return super().mean(inputs).astype(np.float64)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (WrongMean, "mean is not d layer.cgf"),
        (WrongCgf, "log of the sum"),
        (WrongGaussianCgf, "log of the sum"),
        (WrongGrad, "is not the derivative"),
        (BiasedDraws, "The mean of draws"),
        (NarrowDraws, "The variance of draws"),
        (OwnGenerator, "block of rows"),
        (WrongEndpoint, "interpolate"),
        (DoublesDtype, "dtype"),
        (WrongMode, "not the most probable"),
        (WrongScale, "beta times the energy"),
        (WrongCgfs, "sum over layer.alternatives"),
        (WrongGauge, "does not leave x @ weights"),
        (WrongVariables, "has columns"),
        (ShiftedEnergy, "row of zeros is not 0"),
    ],
)
def test_wrong_layers_fail(kind, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_layer(kind(np.array([0.3, -0.2, 0.5], dtype=np.float32)))


# -- wrong layers of coupled variables -------------------------------------------------


class WrongTreeMode(Tree):
    def mode(self, inputs):
        return 1 - super().mode(inputs)


class WrongTreeGrad(Tree):
    def cgf_grad(self, inputs, weight):
        gradient = super().cgf_grad(inputs, weight)
        return {**gradient, "tables": -gradient["tables"]}


class WrongRatios(Tree):
    def log_ratios(self, variable, x, low=0.0, high=0.0):
        columns, values, log_weight = super().log_ratios(variable, x)
        return columns, values, log_weight[:, ::-1]


class WrongBiasNames(Tree):
    bias_names = ("tables",)


class WrongGiven(Tree):
    """Changes what one method of the distribution of holes returns."""

    method, change = "mean", None

    def given(self, x, holes):
        part = super().given(x, holes)
        method = getattr(part, self.method)
        setattr(
            part, self.method, lambda *args: type(self).change(method(*args), holes)
        )
        return part


class ForgetsObserved(WrongGiven):
    method, change = "sample", lambda rows, holes: 1 - rows


class WrongGivenCgf(WrongGiven):
    method, change = "cgf", lambda cgf, holes: cgf + 1


class WrongGivenMean(WrongGiven):
    change = lambda rows, holes: np.where(holes, rows**2, rows)  # noqa: E731


class BiasedHoles(WrongGiven):
    method, change = "sample", lambda rows, holes: np.where(holes, 1, rows)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (WrongTreeMode, "not the most probable row"),
        (WrongTreeGrad, "not the derivative of layer.cgf"),
        (WrongRatios, "what changes of the variable"),
        (WrongBiasNames, "biases of all units"),
        (ForgetsObserved, "changes observed cells"),
        (WrongGivenCgf, "is not minus the energy"),
        (WrongGivenMean, "is not the layer's"),
        (BiasedHoles, "The mean of draws of layer.given"),
    ],
)
def test_wrong_coupled_layers_fail(kind, sentence):
    bits = Bernoulli(np.array([0.3, -0.2, 0.5]))
    tables = np.array([0.4, -0.3, 0.1, 0.9, -0.5, 0.2, 0.3, 0.7])
    with pytest.raises(AssertionError, match=sentence):
        check_layer(kind(bits, [(0, 1), (1, 2)], tables))


# -- wrong samplers --------------------------------------------------------------------


class Frozen(Gibbs):
    def move(self, energy, chains, random):
        return chains


class Biased(Gibbs):
    """Draws one unit with the wrong probability now and then."""

    def move(self, energy, chains, random):
        visible = energy.configurations(super().move(energy, chains, random)).copy()
        visible[:, 0] *= random.fold(99).uniform((len(visible),)) > 0.1
        return energy.chains(visible)


class StaleHidden(Gibbs):
    """Mixes two time indices: half of the units are those of the step before."""

    def move(self, energy, chains, random):
        visible = energy.configurations(super().move(energy, chains, random)).copy()
        visible[:, :2] = energy.configurations(chains)[:, :2]
        return energy.chains(visible)


class Sticky(Gibbs):
    """Rejects moves by a rule that favours low energies."""

    def move(self, energy, chains, random):
        moved = super().move(energy, chains, random)
        worse = energy.chain_energy(moved) > energy.chain_energy(chains)
        stay = worse & (random.fold(99).uniform((len(worse),)) < 0.5)
        rows = np.arange(len(worse)) + len(worse) * stay
        return energy.take(energy.join([moved, chains]), rows)


class OutsideDomain(Gibbs):
    def move(self, energy, chains, random):
        moved = super().move(energy, chains, random)
        return energy.chains(energy.configurations(moved) - 1)


class InPlace(Gibbs):
    def step(self, energy, chains, random):
        chains.visible[:] = super().step(energy, chains, random).visible
        return energy.chains(chains.visible.copy())


class OwnClock(Gibbs):
    def step(self, energy, chains, random):
        self.n_calls = getattr(self, "n_calls", 0) + 1
        return super().step(energy, chains, random.fold(self.n_calls))


@heavy
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (Frozen, "from the reference.*chi-square"),
        (Biased, "chi-square"),
        (StaleHidden, "chi-square"),
        (Sticky, "chi-square"),
        (OutsideDomain, "left the domain"),
        (InPlace, "changes the state|not a function"),
        (OwnClock, "not a function"),
    ],
)
def test_wrong_samplers_fail(kind, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_sampler(kind(), small())


def real(seed=0):
    return random_rbm(("gaussian", "spin"), 3, 2, seed=seed)


class Shifted(Gibbs):
    def move(self, energy, chains, random):
        return energy.chains(super().move(energy, chains, random).visible + 0.3)


class Narrow(Gibbs):
    def move(self, energy, chains, random):
        return energy.chains(0.8 * super().move(energy, chains, random).visible)


class Independent(Gibbs):
    """Each column has its distribution, but columns come from different chains."""

    def move(self, energy, chains, random):
        visible = super().move(energy, chains, random).visible.copy()
        visible[:, 0] = np.roll(visible[:, 0], 1)
        return energy.chains(visible)


class Constant(Gibbs):
    def move(self, energy, chains, random):
        return energy.chains(super().move(energy, chains, random).visible * np.nan)


@heavy
def test_samplers_of_real_units():
    check_sampler(Gibbs(), real())
    # Pairs differ enough from what independent columns would give.
    for kind in (Shifted, Narrow, Independent):
        with pytest.raises(AssertionError, match="standard errors away"):
            check_sampler(kind(), real())
    with pytest.raises(AssertionError, match="not finite"):
        check_sampler(Constant(), real())


@heavy
def test_draws_stand_for_an_energy_that_cannot_be_enumerated():
    energy = random_rbm(("gaussian", "gaussian"), 3, 2)
    precision = np.diag(energy.visible.precision) - energy.weights @ energy.weights.T
    covariance = np.linalg.inv(precision)
    mean = covariance @ (energy.visible.bias + energy.weights @ energy.hidden.bias)
    rng = np.random.default_rng(3)
    draws = rng.multivariate_normal(mean, covariance, size=4001)
    check_sampler(Gibbs(), energy, draws)
    with pytest.raises(AssertionError, match="standard errors away"):
        check_sampler(Gibbs(), energy, draws + 0.3)


@heavy
def test_many_visible_configurations_are_drawn_by_the_hidden_side():
    energy = random_rbm(("spin", "spin"), 13, 2, scale=0.3)
    check_sampler(Gibbs(), energy)
    with pytest.raises(AssertionError, match="standard errors away"):
        check_sampler(Biased(), energy)


def test_samplers_are_checked_on_small_energies_only():
    for energy in (
        random_rbm(("gaussian", "gaussian")),
        random_rbm(("spin", "spin"), 11, 13),
    ):
        with pytest.raises(ValueError, match="few visible configurations"):
            check_sampler(Gibbs(), energy)


# -- energies of finitely many values that are wrong about one variable ----------------


class WrongConditionals(RBM):
    def conditional_log_prob(self, x):
        return 0 * super().conditional_log_prob(x)


class WrongFlips(RBM):
    def flip_energies(self, x):
        return -super().flip_energies(x)

    def flip_grad(self, x, weight):
        return super().flip_grad(x, -weight)


class ForgetsWeights(RBM):
    def project(self):
        self.weights[...] = 0


class OtherClass(RBM):
    def astype(self, dtype):
        twin = super().astype(dtype)
        return RBM(twin.visible, twin.hidden, twin.weights, base=twin.base)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (WrongConditionals, "conditional_log_prob is not"),
        (WrongFlips, "flip_energies is not"),
        (ForgetsWeights, "project changes"),
        (OtherClass, "another class"),
    ],
)
def test_wrong_answers_about_one_variable_fail(kind, sentence):
    energy = small()
    with pytest.raises(AssertionError, match=sentence):
        check_energy(kind(energy.visible, energy.hidden, energy.weights))


# -- wrong objectives ------------------------------------------------------------------


class Ascending(PCD):
    def gradient(self, *args):
        gradient, state = super().gradient(*args)
        return {name: -value for name, value in gradient.items()}, state


class HalfPositive(PCD):
    def gradient(self, energy, X, weight, state, random):
        gradient, state = super().gradient(energy, X, weight, state, random)
        more = energy.grad(X, weight)
        return {name: gradient[name] + 0.5 * more[name] for name in gradient}, state


class MixedTimes(BaseEstimator):
    """The negative phase pairs new visible units with the hidden means of the old."""

    def init(self, energy, random):
        return None

    def gradient(self, energy, X, weight, state, random):
        positive = energy.grad(X, weight)
        old = energy.chains(X)
        new = energy.gibbs_sweep(old, random)
        negative = energy.grad(new.visible, weight, inputs=old.inputs)
        return {name: positive[name] - negative[name] for name in positive}, state


class MissingName(PCD):
    def gradient(self, *args):
        gradient, state = super().gradient(*args)
        del gradient["hidden.bias"]
        return gradient, state


class Updates(PCD):
    def gradient(self, energy, *args):
        gradient, state = super().gradient(energy, *args)
        energy.weights -= 0.01 * gradient["weights"]
        return gradient, state


class Double(PCD):
    def gradient(self, *args):
        gradient, state = super().gradient(*args)
        return {
            name: value.astype(np.float64) for name, value in gradient.items()
        }, state


class Forgetful(PCD):
    """Chains that start anew at the reference: the wrong negative phase."""

    def gradient(self, energy, X, weight, state, random):
        state = self.init(energy, random.fold(99))
        return super().gradient(energy, X, weight, state, random)


@heavy
@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (Ascending(), "wrong sign"),
        (HalfPositive(), "is not zero"),
        (MixedTimes(), "is not zero"),
        (PCD(sampler=Biased()), "is not zero"),
        (Forgetful(n_steps=1, n_chains=1009), "is not zero"),
        (MissingName(), "has the keys"),
        (Updates(), "changes energy.params|not a function"),
        (Double(), "dtype"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wrong_objectives_fail(objective, sentence):
    energy = random_rbm(("bernoulli", "bernoulli"), 3, 2, dtype=np.float32, scale=1.5)
    with pytest.raises(AssertionError, match=sentence):
        check_objective(objective, energy)
