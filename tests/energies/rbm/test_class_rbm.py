"""The RBM with a label: class energies, their gradients, and the loss of labels."""

import numpy as np
import pytest
from scipy import sparse

from skebm.energies import RBM, ClassRBM
from skebm.layers import Categorical, Columns
from skebm.objectives import CD, Conditional, Hybrid
from skebm.testing import check_energy
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import (
    all_states,
    every_layer,
    heavy,
    joint_energies,
    mixed_layer,
    random_layer,
    random_rbm,
)

HIDDEN = ["bernoulli", "spin", "gaussian", "relu", "blocks", "count", "poisson"]
N_CLASSES = 3


def make(inputs="bernoulli", hidden="bernoulli", dtype=np.float64, coupling=1.0):
    rng = np.random.default_rng(3)
    layers = {"mixed": mixed_layer, "every": every_layer}
    if inputs in layers:
        layer = layers[inputs](rng, dtype)
    else:
        n_inputs = 4 if inputs == "zero_inflated" else 5
        layer = random_layer(inputs, n_inputs, rng, dtype)
    label = Categorical(0.7 * rng.normal(size=N_CLASSES).astype(dtype))
    visible = Columns([layer, label])
    units = random_layer(hidden, 5, rng, dtype, visible=False)
    weights = 0.3 * rng.normal(size=(visible.n_units, 5)).astype(dtype)
    return ClassRBM(visible, units, weights, coupling=coupling)


def rows(energy, n=7):
    return energy.reference.sample(n, Random(5))


def labelled(energy, x):
    """Return the rows with each label in turn behind them."""
    codes = np.eye(N_CLASSES, dtype=x.dtype)
    return [np.hstack([x, np.tile(code, (len(x), 1))]) for code in codes]


def slopes(energy, total):
    """Return the finite differences of ``total()`` by name."""
    out = {}
    for name, value in energy.params.items():
        out[name] = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            kept, ends = value[index], []
            for step in (1e-5, -1e-5):
                value[index] = kept + step
                ends.append(total())
            value[index] = kept
            out[name][index] = (ends[0] - ends[1]) / 2e-5
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inputs", ["bernoulli", "gaussian", "mixed"])
def test_contract(inputs, dtype):
    check_energy(make(inputs, dtype=dtype))


@pytest.mark.parametrize("coupling", [1.0, 0.6])
@pytest.mark.parametrize("hidden", HIDDEN[:4])
def test_class_energies_are_those_of_labelled_rows(hidden, coupling):
    energy = make("mixed", hidden, coupling=coupling)
    x, y = energy.split(rows(energy))
    assert x.shape == (7, energy.n_inputs)
    assert y.shape == (7, energy.n_classes) == (7, N_CLASSES)
    whole = [RBM.energy(energy, labels) for labels in labelled(energy, x)]
    np.testing.assert_allclose(energy.class_energy(x), np.transpose(whole))
    for label in range(N_CLASSES):
        given = energy.clamp(label).energy(x) - energy.class_energy(x)[:, label]
        np.testing.assert_allclose(given, given[0])


def test_class_energies_by_enumeration():
    energy = make()
    x, _ = energy.split(rows(energy))
    h = all_states(energy.hidden)
    for k, labels in enumerate(labelled(energy, x)):
        total = np.logaddexp.reduce(-joint_energies(energy, labels, h), axis=1)
        np.testing.assert_allclose(energy.class_energy(x)[:, k], -total)


def weights_of(kind, n):
    weight = np.random.default_rng(11).normal(size=(n, N_CLASSES))
    if kind == "balanced":  # as those of a loss of labels
        return weight - weight.mean(axis=1, keepdims=True)
    return np.abs(weight) if kind == "positive" else weight


@pytest.mark.parametrize("kind", ["any", "balanced", "positive"])
@pytest.mark.parametrize(
    ("inputs", "hidden"),
    [
        *[("bernoulli", hidden) for hidden in HIDDEN],
        *[(inputs, "bernoulli") for inputs in ("gaussian", "zero_inflated", "mixed")],
        ("mixed", "count"),
        ("every", "spin"),
    ],
)
def test_class_grad_is_the_slope_for_any_weights(inputs, hidden, kind):
    energy = make(inputs, hidden, coupling=0.8)
    x, _ = energy.split(rows(energy))
    weight = weights_of(kind, len(x))
    gradient = energy.class_grad(x, weight)
    assert gradient.keys() == energy.params.keys()
    expected = slopes(energy, lambda: (weight * energy.class_energy(x)).sum())
    for name, value in expected.items():
        np.testing.assert_allclose(
            gradient[name], value, rtol=1e-6, atol=1e-7, err_msg=name
        )


@pytest.mark.parametrize("kind", ["any", "balanced"])
def test_class_grad_of_sparse_and_single_rows(kind):
    energy = make(dtype=np.float32)
    x, _ = energy.split(rows(energy))
    weight = weights_of(kind, len(x))
    double = energy.astype(np.float64).class_grad(x.astype(np.float64), weight)
    for given in (x, sparse.csr_matrix(x), sparse.csr_array(x)):
        for name, value in energy.class_grad(given, weight).items():
            assert isinstance(value, np.ndarray)
            assert value.dtype == np.float32
            np.testing.assert_allclose(value, double[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["any", "balanced"])
def test_weights_of_one_label_are_the_gradient_of_labelled_rows(kind):
    energy = make("mixed")
    x, _ = energy.split(rows(energy))
    weight = weights_of(kind, len(x))
    expected = {name: 0.0 for name in energy.params}
    for k, labels in enumerate(labelled(energy, x)):
        for name, value in energy.grad(labels, weight[:, k]).items():
            expected[name] = expected[name] + value
    for name, value in energy.class_grad(x, weight).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-12)


# -- the loss of labels ----------------------------------------------------------------


def shares(n):
    weight = np.random.default_rng(13).random(n)
    return weight / weight.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_log_probability_of_labels(weighted):
    energy = make("mixed")
    X = rows(energy, 11)
    weight = shares(11) if weighted else None
    x, y = energy.split(X)
    log_prob = -energy.class_energy(x)
    log_prob -= np.logaddexp.reduce(log_prob, axis=1)[:, None]
    own = log_prob[np.arange(11), y.argmax(axis=1)]
    expected = -np.average(own, weights=weight)
    np.testing.assert_allclose(Conditional().loss(energy, X, weight), expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("inputs", "hidden"),
    [("bernoulli", "bernoulli"), ("mixed", "spin"), ("gaussian", "count")],
)
def test_the_gradient_is_that_of_the_loss(inputs, hidden, weighted):
    energy, spec = make(inputs, hidden), Conditional()
    X = rows(energy, 11)
    weight = shares(11) if weighted else None
    state = spec.init(energy, Random(3))
    gradient, after = spec.gradient(energy, X, weight, state, Random(5))
    assert state is after is None
    expected = slopes(energy, lambda: spec.loss(energy, X, weight))
    assert gradient.keys() == energy.params.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(
            gradient[name], value, rtol=1e-6, atol=1e-8, err_msg=name
        )


def test_the_loss_does_not_move_the_inputs_alone():
    energy, X = make("mixed"), rows(make("mixed"), 11)
    gradient, _ = Conditional().gradient(energy, X, None, None, Random(5))
    for name, value in gradient.items():
        assert value.any() == (not name.startswith("visible.0"))


def test_weight_is_repetition_and_sparse_rows_are_dense_ones():
    energy, spec = make(), Conditional()
    X, counts = rows(energy, 3), np.array([1, 2, 4])
    repeated = np.repeat(X, counts, axis=0)
    expected, _ = spec.gradient(energy, X, counts / 7, None, Random(5))
    loss = spec.loss(energy, X, counts / 7)
    for given in (repeated, sparse.csr_matrix(repeated)):
        np.testing.assert_allclose(spec.loss(energy, given), loss)
        actual, _ = spec.gradient(energy, given, None, None, Random(5))
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, atol=1e-12)


def test_a_hybrid_is_the_weighted_sum_of_both():
    energy, X = make(), rows(make(), 11)
    generative = CD()
    spec = Hybrid(generative, 0.3)
    state = spec.init(energy, Random(3))
    actual, after = spec.gradient(energy, X, None, state, Random(5))
    first, same = generative.gradient(energy, X, None, state, Random(5).fold(0))
    second, _ = Conditional().gradient(energy, X, None, None, Random(5))
    for name, value in actual.items():
        np.testing.assert_allclose(value, 0.3 * first[name] + 0.7 * second[name])
    for own, other in zip(after.offsets, same.offsets, strict=True):
        np.testing.assert_array_equal(own, other)


def test_energies_without_labels_are_refused_in_a_sentence():
    energy = random_rbm(("spin", "spin"))
    for spec in (Conditional(), Hybrid(CD())):
        with pytest.raises(TypeError, match=r"class_energy; RBM has none.*ClassRBM"):
            spec.init(energy, Random(3))


@heavy
def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(3)
    visible = Columns([random_layer("bernoulli", 101, rng), Categorical(np.zeros(3))])
    hidden = random_layer("bernoulli", 127, rng)
    energy = ClassRBM(visible, hidden, 0.1 * rng.normal(size=(104, 127)))
    X, results = rows(energy, 257), []
    for n_jobs in (1, 2):
        with use_threads(n_jobs):
            results.append(Conditional().gradient(energy, X, None, None, Random(5))[0])
    for name, value in results[0].items():
        np.testing.assert_array_equal(value, results[1][name])
