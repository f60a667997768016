import pickle

import numpy as np
import pytest
from scipy.special import expit

from skebm.energies import RBM
from skebm.layers import Bernoulli
from skebm.objectives import CD
from skebm.partition import ExactPartition
from skebm.samplers import Exact, TrajectoryTempering
from skebm.samplers._base import exchange
from skebm.samplers._bridges import Bridges
from skebm.testing import check_sampler
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    assert_changes_modes,
    assert_frequencies,
    begin,
    heavy,
    mixed_layer,
    positions,
    probabilities,
    random_rbm,
)

pytestmark = heavy

N = 2003
# Never adds a checkpoint, and always.
STILL, EAGER = 1e-9, 1 - 1e-9


def exact_log_z(energy):
    return ExactPartition().estimate(energy).value


def exact_state(sampler, energy, n_chains=N):
    """Return a state with exact draws at every rung and at the model."""
    state = begin(sampler, energy, n_chains, Random(3))
    replicas = [
        begin(Exact(), rung, n_chains, Random(5).fold(k))
        for k, rung in enumerate([*state.rungs, energy])
    ]
    top = replicas.pop()
    return state._replace(top=top, replicas=tuple(replicas))


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_contract(pair, every):
    check_sampler(TrajectoryTempering(every=every), random_rbm(pair, 3, 2))


def test_every_rung_is_stationary():
    energy = random_rbm(("bernoulli", "spin"), 3, 2, scale=2.5)
    state = exact_state(TrajectoryTempering(swap_rate=0.9), energy)
    assert len(state.rungs) > 2
    sampler = TrajectoryTempering(swap_rate=STILL, every=2)
    for t in range(7):
        state = sampler.step(energy, state, Random(7).fold(t))
    assert (state.rates < 1).all()
    for rung, replica in zip(state.rungs, state.replicas, strict=True):
        assert_frequencies(replica.visible, *probabilities(rung))
        np.testing.assert_allclose(replica.inputs, replica.visible @ rung.weights)
    top = sampler.chains(state)
    assert_frequencies(top.visible, *probabilities(energy))
    np.testing.assert_allclose(top.inputs, top.visible @ energy.weights)


def test_adding_and_thinning_keep_the_distribution():
    energy = random_rbm(("spin", "bernoulli"), 3, 2, scale=2.0)
    sampler = TrajectoryTempering(swap_rate=EAGER, max_rungs=3, every=1)
    state = exact_state(sampler, energy)
    moved = energy.replace({k: 0.9 * p for k, p in energy.params.items()})
    exact = begin(Exact(), moved, N, Random(11))
    state = state._replace(top=exact)
    for t in range(9):
        state = sampler.step(moved, state, Random(7).fold(t))
    assert len(state.rungs) == 3
    assert state.births[-1] > 0
    for rung, replica in zip(state.rungs, state.replicas, strict=True):
        assert_frequencies(replica.visible, *probabilities(rung))
    assert_frequencies(positions(sampler, moved, state), *probabilities(moved))


def test_the_thinned_rung_is_the_one_whose_neighbours_exchange_most():
    energy = random_rbm(("spin", "bernoulli"), 3, 2)
    sampler = TrajectoryTempering(swap_rate=EAGER, max_rungs=5, every=1)
    state = begin(sampler, energy, 7, Random(3))
    assert len(state.rungs) > 1
    while len(state.rungs) < 5:
        state = sampler.step(energy, state, Random(5).fold(state.n_steps))
    rates = np.array([0.1, 0.2, 0.7, 0.8, 0.3])
    state = state._replace(rates=rates)
    full = sampler._extended(energy, state)
    assert len(full.rungs) == len(full.replicas) == len(full.rates) == 5
    kept = [0, 1, 2, 4]
    assert all(
        a is b for a, b in zip(full.rungs, (state.rungs[k] for k in kept), strict=False)
    )
    np.testing.assert_allclose(full.rates, [0.1, 0.2, 0.7 * 0.8, 0.3, 1])
    assert full.bridges.count[2] == full.bridges.count[3] == 0
    assert full.bridges.up.shape == (4, 7)
    assert full.renewals.shape == (6, 7)
    np.testing.assert_array_equal(full.births[:-1], state.births[kept])


@pytest.mark.parametrize("rows", [5, 7])
def test_exchange_equals_a_loop(rows):
    cold = random_rbm(("bernoulli", "spin"), 3, 2, seed=1)
    hot = random_rbm(("bernoulli", "spin"), 3, 2, seed=2)
    own = [begin(Exact(), m, rows, Random(k)) for k, m in enumerate((cold, hot))]
    seen = hot.chains(own[0].visible), cold.chains(own[1].visible)
    replicas, swap, up, down = exchange((cold, hot), own, seen, Random(3))
    uniform = Random(3).uniform((rows, 1))[:, 0]
    for i in range(rows):
        a, b = own[0].visible[[i]], own[1].visible[[i]]
        before = cold.energy(a) + hot.energy(b)
        after = cold.energy(b) + hot.energy(a)
        accepts = uniform[i] < np.exp(before - after)[0]
        assert swap[i] == accepts
        np.testing.assert_allclose(up[i], (cold.energy(a) - hot.energy(a))[0])
        np.testing.assert_allclose(down[i], (hot.energy(b) - cold.energy(b))[0])
        first, second = (b, a) if accepts else (a, b)
        for model, replica, x in zip(
            (cold, hot), replicas, (first, second), strict=True
        ):
            np.testing.assert_array_equal(replica.visible[[i]], x)
            np.testing.assert_allclose(replica.inputs[[i]], x @ model.weights)


def test_running_averages_equal_weighted_sums(rng):
    up, down = rng.normal(size=(2, 4, 3, 11)) + 0.4
    bridges = Bridges.empty(3, 11)
    for a, b in zip(up, down, strict=True):
        bridges = bridges.observed(a, b)
    shift = (up[0].mean(axis=1) - down[0].mean(axis=1)) / 2
    np.testing.assert_allclose(bridges.shift, shift)
    # The weight of the n-th of N draws is n over the sum of 1, ..., N.
    weight = np.arange(1, 5) / 10
    expected = np.einsum("t,tki->ki", weight, expit(up - shift[:, None]))
    np.testing.assert_allclose(bridges.up, expected)
    ratio = np.log(
        expected.mean(axis=1)
        / np.einsum("t,tki->ki", weight, expit(down + shift[:, None])).mean(axis=1)
    )
    np.testing.assert_allclose(bridges.ratios(), shift + ratio)
    np.testing.assert_allclose(bridges.influence().mean(), 0, atol=1e-12)


def test_a_shift_that_is_far_off_is_found(rng):
    """Log ratios that satisfy Crooks' relation: N(r - s/2, s) and N(-r - s/2, s)."""
    ratio, variance, n = 7.0, 1.7, 4001
    bridges = Bridges.empty(1, n)._replace(count=np.ones(1))  # a shift of 0
    for _ in range(3):
        noise = np.sqrt(variance) * rng.normal(size=(2, 1, n))
        up, down = ratio - variance / 2 + noise[0], -ratio - variance / 2 + noise[1]
        bridges = bridges.observed(up, down)
    assert abs(bridges.shift[0] - ratio) < 1
    error = bridges.influence().std() / np.sqrt(n)
    assert abs(bridges.ratios()[0] - ratio) < 6 * error
    assert error < 0.05


@pytest.mark.parametrize("pair", [("bernoulli", "bernoulli"), ("spin", "gaussian")])
def test_log_partition_is_within_its_error(pair):
    """The errors over seeds have the size that the estimate states."""
    energy = random_rbm(pair, 7, 5, scale=0.9 if "gaussian" in pair else 1.7)
    exact, z = exact_log_z(energy), []
    sampler = TrajectoryTempering(swap_rate=0.5, every=1)
    for seed in range(11):
        random = Random(seed)
        state = begin(sampler, energy, 101, random.fold(0))
        assert np.isinf(sampler.log_partition(state, energy, random, 3)[1])
        for t in range(101):
            state = sampler.step(energy, state, random.fold(1, t))
        value, stderr = sampler.log_partition(state, energy, random.fold(2), 23)
        assert 0 < stderr < 0.3
        z.append((value - exact) / stderr)
    assert len(state.rungs) > 2
    assert np.abs(z).max() < 5
    assert 0.3 < np.sqrt(np.mean(np.square(z))) < 2
    assert abs(np.mean(z)) < 5 / np.sqrt(len(z))


def test_closed_form_and_mixed_columns():
    rng = np.random.default_rng(3)
    mixed = RBM(mixed_layer(rng), Bernoulli.zeros(3), rng.normal(size=(7, 3)))
    sampler = TrajectoryTempering(every=1)
    for energy in (random_rbm(("gaussian", "gaussian"), 7, 5), mixed):
        state = begin(sampler, energy, 101, Random(3))
        for t in range(97):
            state = sampler.step(energy, state, Random(5).fold(t))
        value, stderr = sampler.log_partition(state, energy, Random(7))
        assert abs(value - exact_log_z(energy)) < 5 * stderr


def test_the_ladder_follows_a_model_that_moves():
    """log Z of the present model is known along the way; rungs stay what they were."""
    target = random_rbm(("bernoulli", "bernoulli"), 11, 7, scale=3.0)
    energy = target.replace({k: np.zeros_like(p) for k, p in target.params.items()})
    sampler = TrajectoryTempering(every=2)
    state = begin(sampler, energy, 101, Random(3))
    assert len(state.rungs) == 1
    for t in range(400):
        for name, value in energy.params.items():
            value += target.params[name] / 400
        state = sampler.step(energy, state, Random(5).fold(t))
        if t == 199:
            middle = state, exact_log_z(energy)
    assert 3 < len(state.rungs) < 30
    assert (state.rates > 0.1).all()
    for kept, exact in (middle, (state, exact_log_z(energy))):
        present = energy.replace(
            {k: p / (2 if kept is middle[0] else 1) for k, p in energy.params.items()}
        )
        np.testing.assert_allclose(exact_log_z(present), exact)
        value, stderr = sampler.log_partition(kept, present, Random(7))
        assert abs(value - exact) < max(5 * min(stderr, 1), 0.4)
    assert len(middle[0].rungs) < len(state.rungs)
    assert all(a is b for a, b in zip(middle[0].rungs, state.rungs, strict=False))
    again = pickle.loads(pickle.dumps(state))
    moved = [
        positions(sampler, energy, sampler.step(energy, s, Random(9)))
        for s in (state, again)
    ]
    np.testing.assert_array_equal(*moved)


def test_rungs_settle_when_chains_have_come_up_from_the_reference():
    energy = random_rbm(("bernoulli", "spin"), 5, 3, scale=3.0)
    sampler = TrajectoryTempering(every=1)
    state = begin(sampler, energy, 53, Random(3))
    assert state.settled[0]
    assert not state.settled[1:].any()
    for t in range(101):
        state = sampler.step(energy, state, Random(5).fold(t))
    assert state.settled.all()
    assert (state.renewals[0] == 101).mean() > 0.2
    assert (state.renewals <= 101).all()
    assert (state.renewals[1:].max(axis=1) > 90).all()
    extended = sampler._extended(energy, state)
    assert not extended.settled[-1]
    assert np.isinf(sampler.log_partition(extended, energy, Random(7), 5)[1])


def test_it_changes_modes_that_gibbs_sampling_cannot_leave():
    sampler = TrajectoryTempering(every=1)

    def spread(energy, up):
        state = begin(sampler, energy, len(up.visible), Random(3))
        return state._replace(top=up)

    assert_changes_modes(sampler, spread)


def test_steps_do_not_depend_on_threads():
    energy = random_rbm(("spin", "bernoulli"), 307, 101, scale=0.1)
    states = []
    for n_jobs in (1, 2):
        with use_threads(n_jobs):
            sampler = TrajectoryTempering(every=2)
            state = begin(sampler, energy, 257, Random(3))
            for t in range(4):
                state = sampler.step(energy, state, Random(5).fold(t))
            estimate = sampler.log_partition(state, energy, Random(7), 3)
        x = positions(sampler, energy, state)
        states.append((x, state.bridges.up, np.array(estimate)))
    for one, two in zip(*states, strict=True):
        np.testing.assert_array_equal(one, two)
    assert len(state.rungs) > 1


def test_a_step_leaves_the_state_it_was_given():
    energy = random_rbm(("spin", "bernoulli"), 5, 3, scale=2.0)
    sampler = TrajectoryTempering(swap_rate=EAGER, max_rungs=3, every=1)
    state = begin(sampler, energy, 7, Random(3))
    for t in range(5):
        before = pickle.dumps(state)
        after = sampler.step(energy, state, Random(5).fold(t))
        assert pickle.dumps(state) == before
        state = after


def test_it_says_what_it_needs():
    energy = random_rbm(("spin", "bernoulli"), 5, 3)
    with pytest.raises(ValueError, match="Use it in PCD"):
        CD(sampler=TrajectoryTempering()).init(energy, Random(3))
    for bad in ({"swap_rate": 1.0}, {"max_rungs": 1}, {"every": 0}):
        with pytest.raises(ValueError, match="swap_rate must lie between"):
            begin(TrajectoryTempering(**bad), energy, 7, Random(3))
