"""Kernels of label updates, beside separate steps and beside their formulas."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import expit

from skebm.energies import ClassLinear, ClassMLP, ClassRBMRecipe, Summary, Updates
from skebm.energies.rbm._class_kernels import label_cgf, label_shares
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian
from skebm.objectives import Conditional
from skebm.optimizers import SCHEDULES, Adam
from skebm.penalties import Penalties
from skebm.training import Plan, Training, train
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random

N_ROWS, N_CLASSES = 101, 3
SMALL = {
    "linear": ClassLinear(),
    "relu": ClassMLP(7),
    "tanh": ClassMLP((7, 5), "tanh"),
    "logistic": ClassMLP(7, "logistic"),
    "rbm": ClassRBMRecipe(7, couplings="none"),
}
LARGE = {"relu": ClassMLP(1103), "rbm": ClassRBMRecipe(1103, couplings="none")}


class Separate(Conditional):
    """The same objective without kernels."""

    def fused_updates(self, energy, updates, state):
        return NotImplemented


def layers(n_real):
    inputs = [Gaussian.zeros(n_real, float), Categorical.zeros(7, float, [2, 5])]
    inputs = Columns([*inputs, Bernoulli.zeros(2, float)])
    return Columns([inputs, Categorical.zeros(N_CLASSES, float)])


def labelled(n_real, dtype=np.float64):
    """Return rows of real, categorical and binary columns, and one-hot labels."""
    rng = np.random.default_rng(7)
    codes = [np.eye(k)[rng.integers(0, k, N_ROWS)] for k in (2, 5, N_CLASSES)]
    real, bits = rng.normal(size=(N_ROWS, n_real)), rng.random((N_ROWS, 2)) < 0.3
    return np.hstack([real, *codes[:2], bits, codes[2]]).astype(dtype)


def made(recipe, X, n_real):
    """Return an energy with random parameters."""
    summary = Summary.of(X.astype(np.float64), None)
    energy = recipe.build(layers(n_real), summary, Random(3))
    for k, value in enumerate(energy.params.values()):
        value += 0.3 * Random(5, k).normal(value.shape, np.float64)
    energy.project()
    return energy.astype(X.dtype)


def trained(recipe, objective, n_real, *, weight=None, n_threads=1, **options):
    """Return a training of three epochs of five minibatches."""
    X = labelled(n_real, options.pop("dtype", np.float64))
    energy = made(recipe, X, n_real)
    plan = Plan(objective, Adam(), SCHEDULES["linear"], 0.01, 3, 23, **options)
    plan.penalties = Penalties(l2=0.03)
    training = Training.start(energy, plan, Random(7))
    with use_threads(n_threads):
        return train(training, X, weight, plan, lambda *_: None)


def assert_same(one, other, atol):
    assert one.average.count == other.average.count == 15
    assert one.optimizer_state["count"] == other.optimizer_state["count"] == 15
    for kind in ("energy", "best"):
        pair = getattr(one, kind).params, getattr(other, kind).params
        for name, value in pair[1].items():
            found = pair[0][name]
            np.testing.assert_allclose(found, value, atol=atol, err_msg=name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_updates_in_kernels_are_separate_steps(name, weighted):
    weight = np.random.default_rng(3).random(N_ROWS) if weighted else None
    one, other = (
        trained(SMALL[name], objective(), 5, weight=weight)
        for objective in (Conditional, Separate)
    )
    assert_same(one, other, 1e-11)


@pytest.mark.parametrize("name", ["relu", "rbm"])
def test_kernels_draw_rows_as_separate_steps_do(name):
    draws, plain = (
        trained(SMALL[name], Conditional(), 5, resample_inputs=resample)
        for resample in (True, False)
    )
    separate = trained(SMALL[name], Separate(), 5, resample_inputs=True)
    assert_same(draws, separate, 1e-11)
    weights = "weights" if name == "rbm" else "weights_1"
    moved = draws.energy.params[weights] - plain.energy.params[weights]
    assert np.abs(moved).max() > 1e-3


@pytest.mark.parametrize("name", LARGE)
def test_updates_of_large_models_are_separate_steps_on_any_threads(name):
    recipe = LARGE[name]
    one, two = (trained(recipe, Conditional(), 601, n_threads=n) for n in (1, 2))
    for key, value in one.energy.params.items():
        np.testing.assert_array_equal(two.energy.params[key], value)
    # Adam divides by the size of gradients, of which the smallest are rounding errors.
    assert_same(one, trained(recipe, Separate(), 601, n_threads=2), 1e-8)


@pytest.mark.parametrize("name", ["relu", "rbm"])
def test_single_precision_stays_near_double_precision(name):
    one, other = (
        trained(SMALL[name], Conditional(), 5, dtype=dtype)
        for dtype in (np.float32, np.float64)
    )
    for key, value in one.energy.params.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, other.energy.params[key], atol=2e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.5, 30, 90])
@pytest.mark.parametrize("n_hidden", [1, 7, 1931])
def test_the_sums_over_hidden_units_are_their_formula(n_hidden, size, dtype):
    rng = np.random.default_rng(11)
    shapes = (13, n_hidden), (N_CLASSES, n_hidden), (n_hidden,)
    inputs, per_class, bias = (size * rng.normal(size=shape) for shape in shapes)
    inputs[0] = 0  # a row within the limits
    arrays = [array.astype(dtype) for array in (inputs, per_class, bias)]
    received = arrays[0][:, None] + arrays[1] + arrays[2]
    expected = np.logaddexp(0, received.astype(np.float64))
    # The larger of both is the error of a sum, and of the limits of exponentials.
    atol = np.finfo(dtype).eps * (np.abs(received).sum(axis=2) + n_hidden)
    found = label_cgf(*arrays)
    assert found.dtype == np.float64
    assert (np.abs(found - expected.sum(axis=2)) <= 4 * atol).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.5, 30, 90])
@pytest.mark.parametrize("n_hidden", [1, 7, 1931])
def test_the_shares_of_hidden_units_are_their_formula(n_hidden, size, dtype):
    # Rows enough for two blocks if there are many units.
    rng = np.random.default_rng(13)
    shapes = (211, n_hidden), (N_CLASSES, n_hidden), (n_hidden,)
    arrays = [(size * rng.normal(size=shape)).astype(dtype) for shape in shapes]
    weight = rng.normal(size=(211, N_CLASSES)).astype(dtype)
    hidden, labels = label_shares(*arrays, weight)
    assert hidden.dtype == labels.dtype == dtype
    # Rounding of the inputs is in both.
    received = (arrays[0] + arrays[2])[:, None] + arrays[1]
    shares = weight[:, :, None] * expit(received.astype(np.float64))
    atol = 1e-11 if dtype == np.float64 else 3e-4
    np.testing.assert_allclose(hidden, shares.sum(axis=1), atol=atol)
    np.testing.assert_allclose(labels, shares.sum(axis=0), atol=atol)


def possible(**changes):
    """Tell whether there is a kernel for an update that differs in some respect."""
    X = labelled(5)
    energy = made(changes.pop("recipe", SMALL["relu"]), X, 5)
    steps, _ = Adam().steps(Adam().init(energy.params), np.zeros(2))
    objective = changes.pop("objective", Conditional())
    updates = Updates(
        X=X,
        batches=[np.arange(50), np.arange(50, 101)],
        rates=np.zeros(2),
        decays=np.ones(2),
        moves=np.zeros(2),
        averages={name: value.copy() for name, value in energy.params.items()},
        resample=False,
        randoms=[Random(3), Random(5)],
        adam=steps,
    )
    updates = updates._replace(**changes)
    return objective.fused_updates(energy, updates, None) is not NotImplemented


def test_an_energy_with_other_formulas_has_no_kernels():
    for name in ("linear", "relu"):
        energy = made(SMALL[name], labelled(5), 5)
        assert energy.fused_labels is not None
        kind = type(energy)
        steep = {"class_pullback": lambda self, x: None}
        energy.__class__ = type("Steep", (kind,), steep)
        assert energy.fused_labels is None


def test_kernels_take_what_they_were_made_for():
    assert possible()
    assert possible(recipe=SMALL["rbm"])
    assert possible(resample=True)
    assert not possible(X=csr_array(labelled(5)))
    assert not possible(X=labelled(5, np.float32))
    assert not possible(X=np.asfortranarray(labelled(5)))
    assert not possible(adam=None)
    assert not possible(objective=Conditional("hinge"))
    assert not possible(recipe=ClassRBMRecipe(7, "gaussian", couplings="none"))
    assert not possible(recipe=ClassRBMRecipe(7, couplings="full"))
