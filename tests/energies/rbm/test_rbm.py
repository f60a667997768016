from contextlib import suppress

import numpy as np
import pytest
from scipy import sparse, stats

from skebm.energies import RBM
from skebm.layers import Bernoulli, Gaussian, ReLU
from skebm.partition import ExactPartition
from skebm.testing import check_energy
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    all_states,
    grid,
    joint_energies,
    log_partition,
    mixed_layer,
    probabilities,
    random_rbm,
)

FINITE_HIDDEN = [pair for pair in PAIRS if pair[1] != "gaussian"]


def configurations(energy, n=7):
    return energy.reference.sample(n, Random(5))


def mixed_rbm(coupling=1.0, dtype=np.float64):
    rng = np.random.default_rng(11)
    hidden = Bernoulli(rng.normal(size=3).astype(dtype))
    weights = rng.normal(size=(7, 3)).astype(dtype)
    return RBM(mixed_layer(rng, dtype), hidden, weights, coupling=coupling)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", PAIRS)
def test_contract(pair, dtype):
    check_energy(random_rbm(pair, 5, 3, dtype=dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract_of_mixed_columns(dtype):
    check_energy(mixed_rbm(dtype=dtype))


@pytest.mark.parametrize("pair", FINITE_HIDDEN)
def test_free_energy_sums_the_hidden_units_out(pair):
    energy = random_rbm(pair, 5, 3)
    v, h = configurations(energy), all_states(energy.hidden)
    expected = -np.logaddexp.reduce(-joint_energies(energy, v, h), axis=1)
    np.testing.assert_allclose(energy.energy(v), expected)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[1] == "gaussian"])
def test_free_energy_integrates_gaussian_hidden_units_out(pair):
    energy = random_rbm(pair, 5, 2)
    v = configurations(energy, 3)
    h, log_volume = grid(2)
    log_density = (
        np.logaddexp.reduce(-joint_energies(energy, v, h), axis=1) + log_volume
    )
    np.testing.assert_allclose(energy.energy(v), -log_density)


@pytest.mark.parametrize("pair", PAIRS)
def test_joint_energy_of_rows_is_that_of_pairs(pair):
    energy = random_rbm(pair, 5, 3)
    v = configurations(energy)
    h = energy.hidden.sample(energy.inputs(v), Random(7))
    expected = np.diag(joint_energies(energy, v, h))
    np.testing.assert_allclose(energy.joint_energy(v, h), expected)
    np.testing.assert_allclose(energy.T.joint_energy(h, v), expected)


@pytest.mark.parametrize("pair", FINITE_HIDDEN)
def test_gradient_is_the_posterior_mean_of_that_of_the_joint_energy(pair):
    energy = random_rbm(pair, 5, 3)
    v, h = configurations(energy), all_states(energy.hidden)
    joint = np.exp(-joint_energies(energy, v, h))
    mean = joint / joint.sum(axis=1, keepdims=True) @ h
    gradient = energy.grad(v)
    np.testing.assert_allclose(energy.hidden_mean(v), mean)
    np.testing.assert_allclose(gradient["weights"], -v.T @ mean / len(v))
    np.testing.assert_allclose(gradient["hidden.bias"], -mean.mean(axis=0))
    np.testing.assert_allclose(gradient["visible.bias"], -v.mean(axis=0))


@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_positive_minus_negative_phase_is_the_likelihood_gradient(pair):
    energy = random_rbm(pair, 3, 2)
    X = configurations(energy)
    v, probability = probabilities(energy)
    positive, negative = energy.grad(X), energy.grad(v, probability)

    def loss():
        return energy.energy(X).mean() + log_partition(energy)

    for name, value in energy.params.items():
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + 1e-5
            slope = loss()
            value[index] = kept - 1e-5
            slope = (slope - loss()) / 2e-5
            value[index] = kept
            difference = positive[name][index] - negative[name][index]
            np.testing.assert_allclose(difference, slope, atol=1e-8)


@pytest.mark.parametrize("pair", [p for p in PAIRS if p != ("gaussian", "gaussian")])
def test_negative_phase_is_the_slope_of_log_z(pair):
    energy = random_rbm(pair, 3, 2)
    finite = energy if energy.visible.finite else energy.T
    states = all_states(finite.visible)
    log_weight = -finite.energy(states)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    gradient = finite.grad(states, probability)["weights"]
    for index in np.ndindex(finite.weights.shape):
        kept = finite.weights[index]
        ends = []
        for shift in (1e-5, -1e-5):
            finite.weights[index] = kept + shift
            ends.append(ExactPartition().estimate(finite).value)
        finite.weights[index] = kept
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(-gradient[index], slope, atol=1e-8)


@pytest.mark.parametrize("pair", PAIRS)
def test_transposed_model_is_the_same_model(pair):
    energy = random_rbm(pair, 3, 2, dtype=np.float32).interpolate(0.7)
    assert energy.T.dtype == np.float32
    assert energy.T.coupling == energy.coupling
    assert np.shares_memory(energy.T.weights, energy.weights)
    double = energy.astype(np.float64)
    for model in (double, double.T, double.T.T, energy.T.astype(np.float64)):
        z = ExactPartition().estimate(model).value
        np.testing.assert_allclose(z, ExactPartition().estimate(double).value)
    assert energy.T.reference.sample(3, Random(0)).dtype == np.float32
    middle = energy.T.interpolate(0.5)
    assert all(value.dtype == np.float32 for value in middle.params.values())


def test_transposed_columns_are_on_the_way_too():
    energy = mixed_rbm()
    middle = energy.T.interpolate(0.5)
    np.testing.assert_allclose(
        ExactPartition().estimate(middle).value,
        ExactPartition().estimate(middle.T).value,
    )
    assert (
        energy.T.interpolate(1.0).hidden.params.keys() == energy.visible.params.keys()
    )


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("coupling", [1.0, 0.6])
def test_way_from_reference_to_model(pair, coupling):
    energy = random_rbm(pair, 3, 2)
    base = energy.visible.from_moments(np.full(3, 0.4), np.full(3, 1.3), 17)
    energy = RBM(
        *(energy.visible, energy.hidden, energy.weights), base=base, coupling=coupling
    )
    x = configurations(energy)
    ends = energy.reference.energy(x), energy.interpolate(1.0).energy(x)
    np.testing.assert_allclose(ends[1], energy.energy(x))
    hidden_z = energy.hidden.zeros(2).cgf(np.zeros((1, 2)))[0]
    np.testing.assert_allclose(ends[0], base.energy(x) - hidden_z)
    np.testing.assert_allclose(
        energy.reference.log_partition,
        ExactPartition().estimate(energy.interpolate(0.0)).value,
    )
    h = energy.hidden.sample(energy.inputs(x), Random(7))
    joint = [energy.interpolate(b).joint_energy(x, h) for b in (0.0, 0.3, 1.0)]
    np.testing.assert_allclose(joint[1], 0.7 * joint[0] + 0.3 * joint[2])
    halfway = energy.interpolate(0.5).interpolate(1.0)
    np.testing.assert_allclose(halfway.energy(x), energy.interpolate(0.5).energy(x))


@pytest.mark.parametrize("unit", [0, 3])
def test_gauge_of_a_bernoulli_unit(unit):
    """Calling a unit's 0 its 1 shifts all energies by one constant."""
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    params = {name: value.copy() for name, value in energy.params.items()}
    params["hidden.bias"] += params["weights"][unit]
    params["weights"][unit] *= -1
    params["visible.bias"][unit] *= -1
    flipped = energy.replace(params)
    x = all_states(energy.visible)
    mirrored = x.copy()
    mirrored[:, unit] = 1 - x[:, unit]
    shift = flipped.energy(mirrored) - energy.energy(x)
    np.testing.assert_allclose(shift, energy.visible.bias[unit])


def test_gauge_of_a_spin_is_exact():
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    params = {name: value.copy() for name, value in energy.params.items()}
    params["weights"][:, 1] *= -1
    params["hidden.bias"][1] *= -1
    x = all_states(energy.visible)
    np.testing.assert_allclose(energy.replace(params).energy(x), energy.energy(x))


# -- centering -------------------------------------------------------------------------


def naive_contrast(positive, negative, mu, lam):
    weights = positive["weights"] - negative["weights"]
    b = positive["visible.bias"] - negative["visible.bias"]
    c = positive["hidden.bias"] - negative["hidden.bias"]
    weights = weights - np.outer(mu, c) - np.outer(b, lam)
    return {
        "weights": weights,
        "visible.bias": b - weights @ lam,
        "hidden.bias": c - mu @ weights,
    }


@pytest.mark.parametrize("pair", PAIRS)
def test_centered_gradient_equals_the_naive_formula(pair, rng):
    energy = random_rbm(pair, 307, 5)  # more rows than a block of the kernel has
    x = configurations(energy, 14)
    mu, lam = rng.normal(size=307), rng.normal(size=5)
    positive, negative = energy.grad(x[:7]), energy.grad(x[7:])
    data, model = (
        energy.start_phase(x[:7]).result(),
        energy.start_phase(x[7:]).result(),
    )
    plain = energy.contrast(data, model)
    for name in positive:
        expected = positive[name] - negative[name]
        np.testing.assert_allclose(plain[name], expected, rtol=1e-9, atol=1e-12)
    actual = energy.contrast(data, model, (mu, lam))
    assert set(actual) == set(energy.params)
    expected = naive_contrast(positive, negative, mu, lam)
    for name, value in expected.items():
        np.testing.assert_allclose(actual[name], value, rtol=1e-9, atol=1e-9)


def test_centered_gradient_of_sparse_rows(rng):
    energy = random_rbm(("bernoulli", "bernoulli"), 307, 5)
    x = configurations(energy, 14)
    offsets = rng.normal(size=307), rng.normal(size=5)
    model = energy.start_phase(x[7:]).result()
    expected = energy.contrast(energy.start_phase(x[:7]).result(), model, offsets)
    for kind in (sparse.csr_matrix, sparse.csr_array):
        data = energy.start_phase(kind(x[:7])).result()
        actual = energy.contrast(data, model, offsets)
        for name, value in expected.items():
            np.testing.assert_allclose(actual[name], value, rtol=1e-9, atol=1e-9)


def test_centered_gradient_over_mixed_columns(rng):
    energy = mixed_rbm()
    x = configurations(energy, 14)
    mu, lam = rng.normal(size=7), rng.normal(size=3)
    phases = energy.grad(x[:5]), energy.grad(x[5:])
    joined = [
        {
            "weights": phase["weights"].copy(),
            "hidden.bias": phase["hidden.bias"],
            "visible.bias": np.concatenate(
                [phase[f"visible.{k}.bias"] for k in range(3)]
            ),
        }
        for phase in phases
    ]
    expected = naive_contrast(*joined, mu, lam)
    for name in ("weights", "visible.bias"):
        energy.visible.gauge(expected[name])
    data, model = (energy.start_phase(rows).result() for rows in (x[:5], x[5:]))
    actual = energy.contrast(data, model, (mu, lam))
    biases = np.concatenate([actual[f"visible.{k}.bias"] for k in range(3)])
    np.testing.assert_allclose(biases, expected["visible.bias"])
    np.testing.assert_allclose(actual["weights"], expected["weights"])
    np.testing.assert_allclose(actual["hidden.bias"], expected["hidden.bias"])


def test_centered_gradient_vanishes_only_with_the_plain_one(rng):
    """It is the plain one times a symmetric positive definite matrix."""
    energy = random_rbm(("bernoulli", "bernoulli"), 3, 2)
    offsets = rng.normal(size=3), rng.normal(size=2)
    names = sorted(energy.params)
    sizes = [energy.params[name].size for name in names]

    def unpack(vector):
        parts = np.split(vector, np.cumsum(sizes)[:-1])
        return {
            name: part.reshape(energy.params[name].shape).copy()
            for name, part in zip(names, parts, strict=True)
        }

    columns = []
    for unit in np.eye(sum(sizes)):
        gradient = naive_contrast(unpack(unit), unpack(0 * unit), *offsets)
        columns.append(np.concatenate([gradient[name].ravel() for name in names]))
    matrix = np.array(columns).T
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > 0


# -- conditionals ----------------------------------------------------------------------


@pytest.mark.parametrize("pair", [*FINITE_PAIRS, ("bernoulli", "gaussian")])
def test_conditionals_of_finite_units(pair):
    energy = random_rbm(pair, 5, 3).interpolate(0.8)
    x = all_states(energy.visible)
    log_weight = -energy.energy(x)
    actual = energy.conditional_log_prob(x)
    for i in range(5):
        others = np.delete(x, i, axis=1)
        same = (others[:, None] == others).all(axis=2)
        total = np.logaddexp.reduce(np.where(same, log_weight, -np.inf), axis=1)
        np.testing.assert_allclose(actual[:, i], log_weight - total)


def integrated(energy, x, column):
    """Return log p(x_column | rest) with a fine grid over that column."""
    line = np.linspace(-40, 40, 16001)
    out = []
    for row in x:
        rows = np.tile(row, (len(line), 1))
        rows[:, column] = line
        total = np.logaddexp.reduce(-energy.energy(rows)) + np.log(line[1] - line[0])
        out.append(-energy.energy(row[None])[0] - total)
    return np.array(out)


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
def test_conditionals_of_gaussian_units(hidden):
    energy = random_rbm(("gaussian", hidden), 3, 5, scale=2.0)
    x = configurations(energy, 5)
    actual = energy.conditional_log_prob(x)
    for i in range(3):
        np.testing.assert_allclose(actual[:, i], integrated(energy, x, i), atol=1e-9)


def test_conditionals_of_mixed_columns():
    energy = mixed_rbm(coupling=2.5)  # strong: a wrong range of inputs would show
    x = configurations(energy, 5)
    actual = energy.conditional_log_prob(x)
    assert actual.shape == (5, 5)
    for feature, column in ((1, 3), (2, 4)):
        expected = integrated(energy, x, column)
        np.testing.assert_allclose(actual[:, feature], expected, atol=1e-9)
    for feature, columns in ((0, slice(0, 3)), (4, slice(6, 7))):
        values = np.eye(3) if feature == 0 else np.array([[0.0], [1.0]])
        total = []
        for value in values:
            rows = x.copy()
            rows[:, columns] = value
            total.append(-energy.energy(rows))
        expected = -energy.energy(x) - np.logaddexp.reduce(total, axis=0)
        np.testing.assert_allclose(actual[:, feature], expected)


def normal_distribution(energy):
    """Return mean and covariance of the visible units of a Gaussian-Gaussian RBM."""
    precision = np.diag(energy.visible.precision) - energy.weights @ energy.weights.T
    covariance = np.linalg.inv(precision)
    linear = energy.visible.bias + energy.weights @ energy.hidden.bias
    return covariance @ linear, covariance


def test_gaussian_gaussian_is_a_normal_distribution():
    energy = random_rbm(("gaussian", "gaussian"), 3, 2)
    mean, covariance = normal_distribution(energy)
    x = configurations(energy)
    log_z = ExactPartition().estimate(energy).value
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    np.testing.assert_allclose(-energy.energy(x) - log_z, expected)
    actual = energy.conditional_log_prob(x)
    for i in range(3):
        rest = np.arange(3) != i
        marginal = stats.multivariate_normal(mean[rest], covariance[np.ix_(rest, rest)])
        conditional = expected - marginal.logpdf(x[:, rest])
        np.testing.assert_allclose(actual[:, i], conditional)


# -- projection ------------------------------------------------------------------------


def singular_values(energy):
    scale = np.sqrt(energy.visible.precision)[:, None]
    return np.linalg.svd(energy.weights / scale, compute_uv=False)


def test_projection_keeps_the_partition_function_finite():
    energy = random_rbm(("gaussian", "gaussian"), 5, 3)
    kept = energy.weights.copy()
    energy.project()
    np.testing.assert_array_equal(energy.weights, kept)
    energy.weights *= 10
    with pytest.raises(ValueError, match="infinite"):
        ExactPartition().estimate(energy)
    before = singular_values(energy)
    energy.project()
    after = singular_values(energy)
    np.testing.assert_allclose(after, np.minimum(before, 0.999), rtol=1e-9)
    assert np.isfinite(ExactPartition().estimate(energy).value)
    energy.weights[0, 0] = np.nan
    energy.project()  # leaves that to the guard of training


def test_projection_leaves_finite_models_alone():
    energy = random_rbm(("gaussian", "spin"), 5, 3, scale=10)
    kept = energy.weights.copy()
    energy.project()
    np.testing.assert_array_equal(energy.weights, kept)


# -- rows ------------------------------------------------------------------------------


def test_sparse_rows_are_dense_rows():
    energy = random_rbm(("bernoulli", "bernoulli"), 11, 5)
    X = configurations(energy, 13)
    weight = np.random.default_rng(0).random(13)
    for S in (sparse.csr_matrix(X), sparse.csr_array(X)):
        np.testing.assert_allclose(energy.energy(S), energy.energy(X))
        expected = energy.grad(X, weight)
        for name, value in energy.grad(S, weight).items():
            assert isinstance(value, np.ndarray)
            np.testing.assert_allclose(value, expected[name])


def test_weight_is_repetition():
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3)
    X = configurations(energy, 3)
    repeated = energy.grad(np.repeat(X, [1, 2, 4], axis=0))
    for name, value in energy.grad(X, np.array([1, 2, 4]) / 7).items():
        np.testing.assert_allclose(value, repeated[name])


def test_repr_names_the_layers():
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3)
    assert repr(energy) == "RBM(Gaussian(n_units=5), Bernoulli(n_units=3))"
    assert isinstance(energy.visible, Gaussian)


@pytest.mark.parametrize("scale", [1e20, 1e100])
def test_conditionals_end_where_numbers_are_too_large_for_a_bisection(scale):
    """Neighbours among such numbers are further apart than a standard deviation."""
    rng = np.random.default_rng(3)
    hidden = ReLU(scale * rng.normal(size=3), None)
    energy = RBM(Gaussian.zeros(4), hidden, rng.normal(size=(4, 3)))
    with suppress(FloatingPointError):  # which says that weights are too large
        energy.conditional_log_prob(rng.normal(size=(5, 4)))
