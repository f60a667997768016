"""RBMs of all kinds of units, against sums and integrals over lattices."""

import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian, Poisson, ReLU
from skebm.partition import AIS, ExactPartition
from skebm.samplers import Gibbs
from skebm.testing import check_energy, check_sampler
from skebm.utils._random import Random
from tests.models import (
    assert_frequencies,
    begin,
    every_layer,
    heavy,
    joint_energies,
    lattice,
    lattices,
    random_layer,
    random_rbm,
)

HIDDEN = ["bernoulli", "spin", "gaussian", "relu"]
UNBOUNDED = ["gaussian", "relu"]
# Kinds of visible units with the number of columns of two or three variables.
SIZES = {"blocks": 5, "count": 3, "zero_inflated": 4, "poisson": 2, "gaussian": 2}
NEW = [
    (kind, hidden)
    for kind in SIZES
    for hidden in HIDDEN
    if kind != "poisson" or hidden not in UNBOUNDED
    if kind != "gaussian" or hidden == "relu"
]


def make(pair, dtype=np.float64, n_hidden=2):
    return random_rbm(pair, SIZES[pair[0]], n_hidden, seed=5, dtype=dtype)


def mixed(hidden, dtype=np.float64):
    """Return three categories, a count, a real and a zero-inflated number."""
    rng = np.random.default_rng(13)
    kinds = ("categorical", 3), ("count", 2), ("gaussian", 1), ("zero_inflated", 2)
    visible = Columns(random_layer(kind, n, rng, dtype) for kind, n in kinds)
    weights = 0.35 * rng.normal(size=(8, 2)).astype(dtype)
    return RBM(visible, random_layer(hidden, 2, rng, dtype, visible=False), weights)


def rows(energy, n=7):
    return energy.reference.sample(n, Random(5))


def models():
    return [*map(make, NEW), *map(mixed, HIDDEN)]


IDS = ["-".join(pair) for pair in NEW] + [f"mixed-{hidden}" for hidden in HIDDEN]
each = pytest.mark.parametrize("energy", models(), ids=IDS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each
def test_contract(energy, dtype):
    check_energy(energy.astype(dtype))


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
def test_contract_of_every_layer_joined(hidden):
    rng = np.random.default_rng(3)
    visible = every_layer(rng)
    weights = 0.3 * rng.normal(size=(visible.n_units, 3))
    check_energy(RBM(visible, random_layer(hidden, 3, rng), weights))


@each
def test_free_energy_sums_the_hidden_units_out(energy):
    v, (h, log_volume) = rows(energy), lattice(energy.hidden)
    total = np.logaddexp.reduce(log_volume - joint_energies(energy, v, h), axis=1)
    np.testing.assert_allclose(energy.energy(v), -total, rtol=1e-9)
    drawn = energy.hidden.sample(energy.inputs(v), Random(7))
    pairs = np.diag(joint_energies(energy, v, drawn))
    np.testing.assert_allclose(energy.joint_energy(v, drawn), pairs)


@each
def test_exact_log_z_where_there_is_one(energy):
    x, log_volume = lattice(energy.visible)
    expected = np.logaddexp.reduce(log_volume - energy.energy(x))
    assert energy.is_proper
    if not (energy.visible.finite or energy.hidden.finite):
        assert not ExactPartition().accepts(energy)
        with pytest.raises(ValueError, match="Use partition='ais'"):
            ExactPartition().estimate(energy)
        return
    assert ExactPartition().accepts(energy)
    estimate = ExactPartition().estimate(energy)
    np.testing.assert_allclose(estimate.value, expected, rtol=1e-9)


@heavy
@pytest.mark.parametrize(
    "energy",
    [mixed("relu"), mixed("gaussian"), make(("gaussian", "relu"))],
    ids=["mixed-relu", "mixed-gaussian", "gaussian-relu"],
)
def test_annealing_brackets_the_integral(energy):
    x, log_volume = lattice(energy.visible)
    expected = np.logaddexp.reduce(log_volume - energy.energy(x))
    estimate = AIS(tolerance=0.05).estimate(energy, Random(3))
    assert estimate.lower <= expected <= estimate.upper
    assert estimate.upper - estimate.lower < 0.5


@each
def test_gradient_of_log_z_is_the_expectation(energy):
    x, log_volume = lattice(energy.visible)

    def log_z():
        return np.logaddexp.reduce(log_volume - energy.energy(x))

    probability = np.exp(log_volume - energy.energy(x) - log_z())
    gradient = energy.grad(x, probability)
    random = Random(7)
    for k, (name, value) in enumerate(energy.params.items()):
        direction = random.fold(k).normal(value.shape)
        kept = value.copy()
        value += 1e-5 * direction
        slope = log_z()
        value[...] = kept - 1e-5 * direction
        slope = (slope - log_z()) / 2e-5
        value[...] = kept
        np.testing.assert_allclose(
            -(gradient[name] * direction).sum(), slope, atol=1e-7
        )


@each
def test_conditionals(energy):
    energy = energy.interpolate(0.9)
    x = rows(energy, 5)
    actual = energy.conditional_log_prob(x)
    own = -energy.energy(x)
    assert actual.shape == (5, energy.visible.n_variables)
    for k, (units, values, log_weight) in enumerate(lattices(energy.visible)):
        total = []
        for value in values:
            other = x.copy()
            other[:, units] = value
            total.append(-energy.energy(other))
        total = np.logaddexp.reduce(np.array(total) + log_weight[:, None], axis=0)
        np.testing.assert_allclose(actual[:, k], own - total, atol=1e-8)


@each
def test_scaled_model(energy):
    scaled = energy.scaled(1.7)
    v = rows(energy)
    h = energy.hidden.sample(energy.inputs(v), Random(7))
    expected = 1.7 * energy.joint_energy(v, h)
    np.testing.assert_allclose(scaled.joint_energy(v, h), expected)
    assert scaled.is_proper
    if energy.visible.finite or energy.hidden.finite:
        base = energy.scaled(1.7).interpolate(0.0)
        expected = ExactPartition().estimate(base).value
        np.testing.assert_allclose(scaled.reference.log_partition, expected)


# -- draws -----------------------------------------------------------------------------


@heavy
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("kind", ["blocks", "count"])
def test_sampler_of_finite_units(kind, hidden):
    check_sampler(Gibbs(), make((kind, hidden)))


@heavy
@pytest.mark.parametrize("hidden", HIDDEN)
def test_draws_of_mixed_columns(hidden):
    """Frequencies of all that is discrete, and means of what is not."""
    energy = mixed(hidden)
    v = (
        Gibbs(31)
        .step(energy, begin(Gibbs(), energy, 8009, Random(3)), Random(5))
        .visible
    )
    x, log_volume = lattice(energy.visible)
    log_share = log_volume - energy.energy(x)
    share = np.exp(log_share - np.logaddexp.reduce(log_share))
    discrete = [0, 1, 2, 3, 4, 6]
    states, which = np.unique(x[:, discrete], axis=0, return_inverse=True)
    expected = np.bincount(which.ravel(), share)
    assert_frequencies(v[:, discrete], states, expected)
    for unit in (5, 7):
        mean = share @ x[:, unit]
        error = np.sqrt(share @ (x[:, unit] - mean) ** 2 / len(v))
        assert abs(v[:, unit].mean() - mean) < 6 * error


# -- gauge -----------------------------------------------------------------------------


def probabilities(energy):
    x, log_volume = lattice(energy.visible)
    log_share = log_volume - energy.energy(x)
    return np.exp(log_share - np.logaddexp.reduce(log_share))


@pytest.mark.parametrize("coupling", [1.0, 0.6])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gauge_leaves_the_distribution(hidden, coupling):
    """Fixing the gauge of the weights alone would change it."""
    energy = mixed(hidden)
    energy.coupling = coupling
    energy.weights[:3] += [1.3, -0.4]  # far out of the gauge
    before, middle = probabilities(energy), probabilities(energy.interpolate(0.4))
    biases = energy.hidden.bias.copy()
    energy.project()
    np.testing.assert_allclose(energy.weights[:3].sum(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(energy.visible.layers[0].bias.sum(), 0, atol=1e-14)
    np.testing.assert_allclose(probabilities(energy), before, rtol=1e-9)
    np.testing.assert_allclose(
        probabilities(energy.interpolate(0.4)), middle, rtol=1e-9
    )
    energy.hidden.bias[:] = biases
    assert np.abs(probabilities(energy) / before - 1).max() > 0.1


def test_gradients_of_training_stay_in_the_gauge(rng):
    energy = mixed("bernoulli")
    x = rows(energy, 14)
    data, model = (energy.start_phase(part).result() for part in (x[:7], x[7:]))
    offsets = rng.normal(size=8), rng.normal(size=2)
    for given in (None, offsets):
        gradient = energy.contrast(data, model, given)
        assert set(gradient) == set(energy.params)
        np.testing.assert_allclose(gradient["weights"][:3].sum(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(gradient["visible.0.bias"].sum(), 0, atol=1e-14)
    plain, phases = (
        energy.contrast(data, model),
        (energy.grad(x[:7]), energy.grad(x[7:])),
    )
    own = phases[0]["weights"] - phases[1]["weights"]
    assert np.abs(own[:3].sum(axis=0)).max() > 1e-3  # the derivative itself does not
    np.testing.assert_allclose(plain["weights"][3:], own[3:])


# -- which units go together -----------------------------------------------------------


def test_counts_without_end_need_bounded_hidden_units():
    for hidden in (Gaussian.zeros(2), ReLU.zeros(2)):
        for visible in (
            Poisson.zeros(3),
            Columns([Gaussian.zeros(2), Poisson.zeros(1)]),
        ):
            with pytest.raises(ValueError, match="no partition function"):
                RBM(visible, hidden, np.zeros((3, 2)))
            with pytest.raises(ValueError, match="Use hidden='bernoulli'"):
                RBM(hidden, visible, np.zeros((2, 3)))
    RBM(Poisson.zeros(3), Bernoulli.zeros(2), np.zeros((3, 2)))


@pytest.mark.parametrize("hidden", UNBOUNDED)
def test_projection_bounds_the_weights_of_real_columns_only(hidden):
    energy = mixed(hidden)
    kept = energy.weights.copy()
    energy.project()
    np.testing.assert_allclose(energy.weights[3:], kept[3:])
    energy.weights *= 9
    kept = energy.weights.copy()
    assert not energy.is_proper
    energy.project()
    assert energy.is_proper
    real = [5, 7]
    np.testing.assert_array_equal(energy.weights[[3, 4, 6]], kept[[3, 4, 6]])
    scale = np.sqrt(energy.visible.curvature[real])[:, None]
    singular = np.linalg.svd(energy.weights[real] / scale, compute_uv=False)
    np.testing.assert_allclose(singular.max(), 0.999)
    energy.weights[5, 0] = np.nan
    energy.project()  # leaves that to the guard of training


def test_a_block_of_one_category_has_no_weights():
    energy = RBM(
        Categorical.zeros(3, sizes=[1, 2]), Bernoulli.zeros(2), np.ones((3, 2))
    )
    energy.project()
    np.testing.assert_array_equal(energy.weights, 0)
    np.testing.assert_array_equal(energy.hidden.bias, 2)
