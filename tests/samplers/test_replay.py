import numpy as np
import pytest

from skebm.objectives import CD, PCD
from skebm.samplers import MALA, Replay
from skebm.testing import check_objective, check_sampler
from skebm.utils._random import Random
from tests.models import CorrelatedNormal, DoubleWell, heavy, random_rbm


def start(sampler, energy, n_chains=23):
    return sampler.init(energy, energy.draws(n_chains), Random(3))


def test_the_buffer_holds_the_chains_and_draws_of_the_reference():
    energy = CorrelatedNormal()
    state = start(Replay(size=101), energy)
    assert state.buffer.shape == (101, 5)
    np.testing.assert_array_equal(state.buffer[:23], energy.draws(23))
    assert len(np.unique(state.buffer, axis=0)) == 101
    assert start(Replay(size=11), energy).buffer.shape == (23, 5)


@pytest.mark.parametrize("kernel", ["langevin", MALA(0.3)])
def test_chains_go_back_to_their_places(kernel):
    energy = CorrelatedNormal()
    sampler = Replay(kernel, size=101, restart=0.0, n_steps=2)
    state = start(sampler, energy)
    before = state.buffer.copy()
    after = sampler.step(energy, state, Random(5))
    np.testing.assert_array_equal(state.buffer, before)
    changed = np.flatnonzero((after.buffer != before).any(axis=1))
    places = Random(5).fold(0).permutation(101, 23)
    assert set(changed) <= set(places)
    assert len(changed) > 18  # some proposals are rejected
    np.testing.assert_array_equal(after.buffer[places], sampler.chains(after))


def test_all_rows_have_their_turn():
    energy = CorrelatedNormal()
    sampler = Replay(size=101, n_steps=1)
    state = start(sampler, energy)
    before = state.buffer
    for t in range(60):
        state = sampler.step(energy, state, Random(5).fold(t))
    assert (state.buffer != before).any(axis=1).all()


def test_the_share_of_new_starts():
    """Steps are so short that only chains that start again are elsewhere."""
    energy, moved = CorrelatedNormal(), []
    sampler = Replay(MALA(1e-9), restart=0.3, size=2003, n_steps=1)
    state = sampler.init(energy, energy.draws(2003), Random(3))
    for t in range(5):
        after = sampler.step(energy, state, Random(5).fold(t))
        far = np.abs(after.buffer - state.buffer).max(axis=1) > 1e-6
        moved.append(far.mean())
    assert abs(np.mean(moved) - 0.3) < 5 * np.sqrt(0.21 / (5 * 2003))


@heavy
def test_draws_without_new_starts_are_exact():
    energy = CorrelatedNormal()
    check_sampler(Replay("mala", restart=0.0, n_steps=30), energy, energy.draws(4001))


@heavy
def test_learning():
    """Both wells stay in the buffer, and the objective finds the gradient."""
    sampler = Replay("hmc", size=1000, n_steps=5)
    energy = DoubleWell()
    state = start(sampler, energy, 101)
    for t in range(100):
        state = sampler.step(energy, state, Random(5).fold(t))
    assert (np.abs((state.buffer > 0).mean(axis=0) - 0.5) < 0.12).all()
    check_objective(PCD(sampler=Replay("gibbs", n_steps=5)), small())


def small():
    return random_rbm(("bernoulli", "bernoulli"), 3, 2)


def test_what_is_refused():
    energy = CorrelatedNormal()
    for wrong in ({"size": 0}, {"restart": 1.5}, {"n_steps": 0}):
        with pytest.raises(ValueError, match="restart lie between"):
            start(Replay(**wrong), energy)
    with pytest.raises(ValueError, match="does not have a `move`"):
        start(Replay("tempering"), energy)
    with pytest.raises(TypeError, match="Replay needs an energy with grad_x"):
        Replay().init(small(), np.zeros((3, 3)), Random(3))
    with pytest.raises(ValueError, match="needs chains that go on"):
        CD(sampler="replay").init(energy, Random(3))
