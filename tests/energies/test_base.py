"""What every energy has from `Energy`, by enumeration and brute force."""

import copy
import pickle
from typing import NamedTuple

import numpy as np
import pytest

from skebm.energies import (
    RBM,
    Blend,
    Energy,
    Enumeration,
    Independent,
)
from skebm.layers import Bernoulli
from skebm.objectives import CD, PCD
from skebm.partition import AIS, ExactPartition
from skebm.samplers import Exact, Gibbs, ParallelTempering
from skebm.samplers.exact import log_weights
from skebm.testing import check_energy, check_objective, check_sampler
from skebm.utils._random import Random
from tests.models import (
    KINDS,
    all_states,
    assert_frequencies,
    begin,
    every_layer,
    heavy,
    lattice,
    mixed_layer,
    random_layer,
    random_rbm,
)

FINITE = ["bernoulli", "spin", "categorical", "blocks", "count"]
N = 4001


class Pairs(Energy):
    """A user's energy in plain NumPy: ``E(x) = -x @ J @ x / 2 - x @ b``."""

    def __init__(self, visible, couplings, base=None):
        self.visible, self.base = visible, visible if base is None else base
        self.couplings = couplings

    @property
    def params(self):
        return {"couplings": self.couplings}

    def energy(self, x):
        pairs = np.einsum("ni,ij,nj->n", x, self.couplings, x) / 2
        return self.visible.energy(x) - pairs.astype(np.float64)

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        shares = weight.astype(x.dtype)[:, None] * x
        return {"couplings": -(shares.T @ x) / 2}


def pairs(kind="bernoulli", n_units=4, seed=3, dtype=np.float64):
    rng = np.random.default_rng(seed)
    couplings = 0.5 * rng.normal(size=(n_units, n_units)).astype(dtype)
    visible, base = (random_layer(kind, n_units, rng, dtype) for _ in range(2))
    return Pairs(visible, couplings, base)


def log_z(energy):
    return np.logaddexp.reduce(-energy.energy(all_states(energy.visible)))


def probabilities(energy):
    states = all_states(energy.visible)
    return states, np.exp(-energy.energy(states) - log_z(energy))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", FINITE)
def test_contract(kind, dtype):
    check_energy(pairs(kind, dtype=dtype))


# -- copies ----------------------------------------------------------------------------


def test_replace_copies_and_leaves_the_energy_alone(rng):
    energy = pairs()
    x, before = all_states(energy.visible), energy.couplings.copy()
    twin = energy.replace({"couplings": 2 * energy.couplings})
    np.testing.assert_array_equal(energy.couplings, before)
    np.testing.assert_array_equal(twin.couplings, 2 * before)
    twin.couplings[...] = 0
    np.testing.assert_array_equal(energy.couplings, before)
    np.testing.assert_allclose(twin.energy(x), energy.visible.energy(x))


def test_astype_is_a_copy_of_the_same_dtype_or_a_sentence():
    energy = pairs(dtype=np.float32)
    assert energy.dtype == np.float32
    same = energy.astype(np.float32)
    assert not np.shares_memory(same.couplings, energy.couplings)
    np.testing.assert_array_equal(same.couplings, energy.couplings)
    with pytest.raises(TypeError, match=r"Pairs are float32.* float64"):
        energy.astype(np.float64)


def test_what_is_not_known_of_an_energy():
    class Plain(Energy):
        params = {"a": np.zeros((3, 2)), "b": np.zeros(5)}

    energy = Plain()
    assert (energy.work, energy.n_hidden, repr(energy)) == (11, 0, "Plain()")
    assert energy.fused is energy.enumerable is energy.closed_log_partition is None
    assert energy.initial_offsets() is None
    assert energy.project() is None
    for name in ("reference", "gibbs_sweep", "flip_energies", "clamped"):
        assert not hasattr(energy, name)
    with pytest.raises(AttributeError, match="Plain has no reference"):
        _ = energy.reference


# -- chains ----------------------------------------------------------------------------


class State(NamedTuple):
    visible: np.ndarray
    times: np.ndarray


class Timed(Pairs):
    """Chains that remember something besides where they are."""

    def chains(self, x):
        return State(x, np.arange(len(x)))


@pytest.mark.parametrize("kind", [Pairs, Timed])
def test_chains_are_taken_and_joined(kind):
    plain = pairs("spin")
    energy = kind(plain.visible, plain.couplings)
    x = all_states(energy.visible)
    chains = energy.chains(x)
    assert energy.n_chains(chains) == len(x)
    assert energy.configurations(chains) is x
    np.testing.assert_array_equal(energy.chain_energy(chains), energy.energy(x))
    rows = np.array([3, 3, 0, 7])
    for which in (slice(2, 5), rows):
        part = energy.take(chains, which)
        assert type(part) is type(chains)
        np.testing.assert_array_equal(energy.configurations(part), x[which])
    joined = energy.join([energy.take(chains, slice(0, 5)), energy.take(chains, rows)])
    assert type(joined) is type(chains)
    order = np.r_[0:5, rows]
    np.testing.assert_array_equal(energy.configurations(joined), x[order])
    if kind is Timed:
        np.testing.assert_array_equal(joined.times, order)
    moved = energy.put(chains, x[::-1])
    np.testing.assert_array_equal(energy.configurations(moved), x[::-1])
    np.testing.assert_array_equal(energy.features(chains), x)


# -- the reference and the way from it -------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
def test_log_partition_of_independent_units_is_the_sum_over_a_lattice(kind, dtype):
    rng = np.random.default_rng(3)
    sizes = {"blocks": 4, "zero_inflated": 2, "categorical": 3}
    if kind == "mixed":
        layer = mixed_layer(rng, dtype)
    else:
        layer = random_layer(kind, sizes.get(kind, 2), rng, dtype)
    reference = Independent(layer, 0.7)
    x, log_volume = lattice(layer.astype(np.float64))
    energy = reference.energy(x.astype(dtype))
    assert energy.dtype == np.float64
    total = np.logaddexp.reduce(log_volume - energy)
    rtol = 1e-8 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(reference.log_partition, total, rtol=rtol)
    drawn = reference.sample(7, Random(3))
    assert drawn.dtype == dtype
    assert drawn.shape == (7, layer.n_units)
    np.testing.assert_array_equal(reference.variables, layer.variables)


@heavy
@pytest.mark.parametrize("kind", FINITE)
def test_draws_of_the_reference_have_its_distribution(kind):
    energy = pairs(kind)
    states = all_states(energy.visible)
    reference = energy.reference
    probability = np.exp(-reference.energy(states) - reference.log_partition)
    np.testing.assert_allclose(probability.sum(), 1)
    assert_frequencies(reference.sample(N, Random(3)), states, probability)


@pytest.mark.parametrize("kind", FINITE)
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_a_blend_is_the_weighted_sum_of_both_energies(kind, beta):
    energy = pairs(kind)
    x = all_states(energy.visible)
    weight = np.random.default_rng(5).normal(size=len(x))
    stage = energy.interpolate(beta)
    expected = (1 - beta) * energy.reference.energy(x) + beta * energy.energy(x)
    np.testing.assert_allclose(stage.energy(x), expected)
    np.testing.assert_allclose(
        stage.grad(x, weight)["couplings"],
        beta * energy.grad(x, weight)["couplings"],
    )
    np.testing.assert_allclose(
        ExactPartition().estimate(stage).value, np.logaddexp.reduce(-expected)
    )
    np.testing.assert_allclose(
        stage.reference.log_partition, energy.reference.log_partition
    )
    assert stage.work == energy.work


@pytest.mark.parametrize("pair", [("bernoulli", "spin"), ("spin", "gaussian")])
def test_the_way_of_an_rbm_begins_at_its_reference(pair):
    energy = random_rbm(pair, 3, 2)
    base = energy.visible.from_moments(np.full(3, 0.4), np.full(3, 1.3), 17)
    energy = RBM(energy.visible, energy.hidden, energy.weights, base=base)
    start, x = energy.interpolate(0.0), all_states(energy.visible)
    np.testing.assert_allclose(start.energy(x), energy.reference.energy(x))
    np.testing.assert_allclose(energy.reference.log_partition, log_z(start))


def test_a_blend_stays_on_the_way_and_follows_updates():
    energy = pairs()
    x = all_states(energy.visible)
    middle = energy.interpolate(0.5)
    assert isinstance(middle, Blend)
    np.testing.assert_allclose(middle.interpolate(1.0).energy(x), middle.energy(x))
    np.testing.assert_allclose(
        middle.interpolate(0.0).energy(x), energy.reference.energy(x)
    )
    frozen = middle.replace({k: v.copy() for k, v in middle.params.items()})
    before = middle.energy(x)
    energy.couplings += 1
    assert not np.allclose(middle.energy(x), before)
    np.testing.assert_array_equal(frozen.energy(x), before)


class Slopes(Pairs):
    def grad_x(self, x):
        return -x @ (self.couplings + self.couplings.T) / 2 + x


class SlopedReference:
    log_partition = 0.0

    def energy(self, x):
        return (x**2).sum(axis=1) / 2

    def grad_x(self, x):
        return x


def test_a_blend_has_a_slope_where_both_ends_have_one(rng):
    plain = pairs()
    x = rng.normal(size=(5, 4))
    end = Slopes(plain.visible, plain.couplings)
    assert not hasattr(end.interpolate(0.3), "grad_x")  # a layer has none
    blend = Blend(SlopedReference(), end, 0.3)
    np.testing.assert_allclose(blend.grad_x(x), 0.7 * x + 0.3 * end.grad_x(x))
    assert not hasattr(Blend(SlopedReference(), plain, 0.3), "grad_x")


@pytest.mark.parametrize("kind", FINITE)
def test_a_scaled_energy_is_a_multiple(kind):
    energy = pairs(kind)
    x = all_states(energy.visible)
    scaled = energy.scaled(1.7)
    np.testing.assert_allclose(scaled.energy(x), 1.7 * energy.energy(x))
    np.testing.assert_allclose(
        scaled.grad(x)["couplings"], 1.7 * energy.grad(x)["couplings"]
    )
    np.testing.assert_allclose(
        scaled.interpolate(0.0).energy(x), energy.reference.energy(x)
    )


# -- enumeration -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", FINITE)
def test_enumeration_gives_minus_the_energies(kind):
    energy = pairs(kind)
    states = all_states(energy.visible)
    enumeration = energy.enumerable
    assert type(enumeration) is Enumeration
    assert enumeration.n_states == len(states)
    np.testing.assert_allclose(log_weights(enumeration), -energy.energy(states))
    np.testing.assert_allclose(
        enumeration.log_weights(1, 3), -energy.energy(states[1:3])
    )
    numbers = np.array([1, 0, 1, len(states) - 1])
    drawn = enumeration.draw(numbers, Random(3))
    np.testing.assert_array_equal(drawn, states[numbers])
    np.testing.assert_allclose(ExactPartition().estimate(energy).value, log_z(energy))


def test_enumeration_sums_in_double_precision_where_it_can():
    single = random_rbm(("bernoulli", "spin"), 5, 3, dtype=np.float32)
    x = all_states(single.visible)
    expected = -single.astype(np.float64).energy(x.astype(np.float64))
    actual = Enumeration(single, single.visible).log_weights(0, len(x))
    np.testing.assert_array_equal(actual, expected)
    drawn = Enumeration(single, single.visible).draw(np.array([3]), Random(3))
    assert drawn.dtype == np.float32
    only = pairs(dtype=np.float32)  # has no astype to double
    x = all_states(only.visible)
    actual = only.enumerable.log_weights(0, len(x))
    np.testing.assert_array_equal(actual, -only.energy(x))


def test_real_columns_are_not_enumerable():
    energy = pairs()
    energy.visible = every_layer(np.random.default_rng(3))
    assert energy.enumerable is None
    assert not hasattr(energy, "gibbs_sweep")
    with pytest.raises(ValueError, match="Use partition='ais'"):
        ExactPartition().estimate(energy)


# -- variables of finitely many values -------------------------------------------------


@heavy
@pytest.mark.parametrize("kind", FINITE)
def test_sweeps_over_variables_have_the_distribution(kind):
    energy = pairs(kind)
    check_sampler(Gibbs(), energy)
    states, probability = probabilities(energy)
    chains = Exact().init(energy, energy.reference.sample(N, Random(3)), Random(3))
    chains = Gibbs(3).step(energy, chains, Random(5))
    assert_frequencies(energy.configurations(chains), states, probability)


@heavy
def test_tempering_of_a_plain_energy():
    energy = pairs("spin")
    check_sampler(ParallelTempering(betas=3), energy)


@pytest.mark.parametrize("kind", FINITE)
def test_conditionals_sum_each_variable_out(kind):
    energy = pairs(kind)
    x, variables = all_states(energy.visible), energy.visible.variables
    log_weight = -energy.energy(x)
    actual = energy.conditional_log_prob(x)
    assert actual.shape == (len(x), variables.max() + 1)
    for k in range(actual.shape[1]):
        others = x[:, variables != k]
        same = (others[:, None] == others).all(axis=2)
        total = np.logaddexp.reduce(np.where(same, log_weight, -np.inf), axis=1)
        np.testing.assert_allclose(actual[:, k], log_weight - total, atol=1e-12)


@pytest.mark.parametrize("kind", ["bernoulli", "spin"])
def test_flips_are_differences_of_two_rows(kind):
    energy = pairs(kind)
    x = all_states(energy.visible)
    low, high = x.min(), x.max()
    for i in range(4):
        other = x.copy()
        other[:, i] = low + high - x[:, i]
        np.testing.assert_allclose(
            energy.flip_energies(x)[:, i], energy.energy(other) - energy.energy(x)
        )
    assert not hasattr(pairs("categorical"), "flip_energies")


def test_holes_of_a_plain_energy_are_summed_out():
    energy = pairs("blocks", 5)
    states = all_states(energy.visible)
    variables = energy.visible.variables
    for missing in ([], [0], [1], [0, 1]):
        holes = np.tile(np.isin(variables, missing), (len(states), 1))
        rows = np.where(holes, 0, states)
        actual = energy.clamped.exact_energy(rows, holes)
        start = energy.clamped.interpolate(0.0)
        log_z_start = start.log_partition_start(start.chains(rows, holes))
        for r, row in enumerate(states):
            agree = (states == np.where(holes[r], states, row)).all(axis=1)
            total = np.logaddexp.reduce(-energy.energy(states[agree]))
            np.testing.assert_allclose(actual[r], -total, atol=1e-12)
            total = np.logaddexp.reduce(-energy.reference.energy(states[agree]))
            np.testing.assert_allclose(log_z_start[r], total, atol=1e-12)


# -- the gradient of the likelihood ----------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_phases_make_the_gradient_of_the_likelihood(weighted):
    energy = pairs("spin")
    states, probability = probabilities(energy)
    data = states[[0, 3, 5]]
    weight = np.array([0.2, 0.5, 0.3]) if weighted else None
    positive = energy.start_phase(data, weight).result()
    chains = energy.chains(states)
    negative = energy.start_chain_phase(chains, probability).result()
    gradient = energy.contrast(positive, negative)["couplings"]
    assert energy.offset_targets(positive) is None
    share = np.full(3, 1 / 3) if weight is None else weight

    def loss():
        return share @ energy.energy(data) + log_z(energy)

    for index in np.ndindex(energy.couplings.shape):
        kept, ends = energy.couplings[index], []
        for step in (1e-5, -1e-5):
            energy.couplings[index] = kept + step
            ends.append(loss())
        energy.couplings[index] = kept
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(gradient[index], slope, atol=1e-8)


@heavy
@pytest.mark.parametrize("spec", [CD(), PCD(n_chains=53)])
def test_objectives_learn_a_plain_energy(spec):
    check_objective(spec, pairs("bernoulli", 3))


@heavy
def test_annealing_brackets_a_plain_energy():
    energy = pairs("spin", 6)
    estimate = AIS(tolerance=0.05).estimate(energy, Random(3))
    assert estimate.lower <= log_z(energy) <= estimate.upper


# -- an object of a user's own ---------------------------------------------------------


class Users:
    """Not a subclass: nothing but the three members."""

    def __init__(self, center):
        self.center = center

    @property
    def params(self):
        return {"center": self.center}

    def energy(self, x):
        return ((x - self.center) ** 2).sum(axis=1) / 2

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        return {"center": weight @ (self.center - x)}


class Referenced(Users):
    """With a reference of its own, and a way from it, under the names of methods."""

    def interpolate(self, beta):
        return Referenced(beta * self.center)

    def sample_reference(self, n_rows, random):
        return random.normal((n_rows, len(self.center)))

    def log_partition_reference(self):
        return len(self.center) / 2 * np.log(2 * np.pi)

    def scaled(self, beta):
        return Users(beta * self.center)


def test_an_energy_is_itself():
    for energy in (pairs(), random_rbm(("spin", "spin"))):
        assert Energy.of(energy) is energy
    users = Energy.of(Users(np.zeros(3)))
    assert Energy.of(users) is users


def test_a_users_object_gets_what_it_has_not_got(rng):
    users = Users(np.array([0.3, -0.2]))
    energy, x = Energy.of(users), rng.normal(size=(5, 2))
    assert isinstance(energy, Energy)
    np.testing.assert_array_equal(energy.energy(x), users.energy(x))
    assert energy.params["center"] is users.center
    assert energy.center is users.center
    assert (energy.work, energy.n_hidden, energy.dtype) == (2, 0, np.float64)
    assert "Users" in repr(energy)
    for name in ("reference", "grad_x", "gibbs_sweep", "no_such_name"):
        assert not hasattr(energy, name)
    twin = energy.replace({"center": np.ones(2)})
    np.testing.assert_array_equal(users.center, [0.3, -0.2])
    np.testing.assert_array_equal(twin.energy(x), ((x - 1) ** 2).sum(axis=1) / 2)
    positive, negative = energy.start_phase(x[:3]), energy.start_phase(x[3:])
    gradient = energy.contrast(positive.result(), negative.result())
    expected = x[3:].mean(axis=0) - x[:3].mean(axis=0)
    np.testing.assert_allclose(gradient["center"], expected)
    check_energy(users, x)


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_wrapped_object_can_be_copied(clone, rng):
    x = rng.normal(size=(5, 2))
    energy = Energy.of(Users(np.array([0.3, -0.2])))
    twin = clone(energy)
    energy.center += 1
    np.testing.assert_array_equal(twin.center, [0.3, -0.2])
    np.testing.assert_allclose(twin.energy(x), ((x - twin.center) ** 2).sum(axis=1) / 2)


def test_makers_of_a_users_object_return_energies(rng):
    energy = Energy.of(Referenced(np.array([0.3, -0.2])))
    x = rng.normal(size=(5, 2))
    middle = energy.interpolate(0.5)
    assert isinstance(middle, Energy)
    assert isinstance(energy.scaled(2.0), Energy)
    np.testing.assert_allclose(
        middle.energy(x), ((x - [0.15, -0.1]) ** 2).sum(axis=1) / 2
    )
    np.testing.assert_allclose(middle.chain_energy(energy.chains(x)), middle.energy(x))


def test_a_users_reference_is_described_by_methods(rng):
    energy = Energy.of(Referenced(np.array([0.3, -0.2])))
    x = rng.normal(size=(5, 2))
    np.testing.assert_allclose(energy.reference.energy(x), (x**2).sum(axis=1) / 2)
    np.testing.assert_allclose(energy.reference.log_partition, np.log(2 * np.pi))
    assert energy.reference.sample(7, Random(3)).shape == (7, 2)
    check_energy(Referenced(np.array([0.3, -0.2])))


class WithLayer(Users):
    """With a layer that says where the values lie, and no method of Gibbs sampling."""

    def __init__(self, center):
        super().__init__(center)
        self.visible = self.base = Bernoulli.zeros(len(center))


@heavy
def test_a_users_object_with_a_layer_is_sampled():
    energy = WithLayer(np.array([0.3, -0.2, 1.5]))
    states = all_states(energy.visible)
    probability = np.exp(-energy.energy(states))
    probability /= probability.sum()
    check_sampler(Gibbs(), energy)
    chains = begin(Exact(), Energy.of(energy), N, Random(3))
    assert_frequencies(chains, states, probability)
    expected = np.logaddexp.reduce(-energy.energy(states))
    np.testing.assert_allclose(ExactPartition().estimate(energy).value, expected)
