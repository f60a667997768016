"""Rows with holes: sweeps, climbs and energies of a clamped model."""

import numpy as np
import pytest

from skebm.energies import RBM, Clamped
from skebm.energies.rbm._enumeration import missing
from skebm.samplers import Gibbs, sweep
from skebm.utils._random import Random
from tests.models import (
    all_states,
    assert_frequencies,
    probabilities,
    random_mixed,
    units_of,
)

N = 4001


@pytest.fixture(params=["bernoulli", "spin"])
def energy(request):
    return random_mixed(("categorical", 3), ("bernoulli", 2), hidden=request.param)


def patterns(energy):
    """Return holes in every set of variables, one a row."""
    bits = np.arange(2**energy.visible.n_variables)[:, None]
    variables = bits >> np.arange(energy.visible.n_variables) & 1
    return units_of(energy.visible, variables == 1)


def conditional(energy, row, holes):
    """Return the configurations that agree with the row, and their probabilities."""
    states, p = probabilities(energy)
    agree = (states == np.where(holes, states, row)).all(axis=1)
    return states[agree], p[agree] / p[agree].sum()


def test_missing_tells_variables(energy):
    holes = patterns(energy)
    bits = np.arange(len(holes))[:, None] >> np.arange(3) & 1
    np.testing.assert_array_equal(missing(energy.visible, holes), bits == 1)


def test_the_energy_is_that_of_the_row(energy):
    states = all_states(energy.visible)
    for holes in patterns(energy):
        chains = energy.clamped.chains(states, np.tile(holes, (len(states), 1)))
        actual = energy.clamped.chain_energy(chains)
        np.testing.assert_allclose(actual, energy.energy(states), rtol=1e-12)


def test_the_reference_is_summed_in_closed_form(energy):
    row = all_states(energy.visible)[4]
    start = Clamped(energy, 0.0)
    for holes in patterns(energy):
        agree, _ = conditional(energy, row, holes)
        chains = start.chains(agree, np.tile(holes, (len(agree), 1)))
        total = np.logaddexp.reduce(-start.chain_energy(chains))
        np.testing.assert_allclose(start.log_partition_start(chains), total)


def test_sweeps_leave_the_conditional_distribution_as_it_is(energy):
    row = all_states(energy.visible)[7]
    for k, holes in enumerate(patterns(energy)[1:]):
        states, p = conditional(energy, row, holes)
        drawn = Random(k).fold(0).categorical(np.tile(p, (N, 1))) @ states
        chains = energy.clamped.chains(drawn, np.tile(holes, (N, 1)))
        chains = sweep(energy.clamped, chains, Gibbs(), 3, Random(k).fold(1))
        assert_frequencies(chains.visible, states, p)
        np.testing.assert_allclose(
            chains.inputs + chains.observed, energy.inputs(chains.visible), atol=1e-12
        )


def test_sweeps_forget_their_start(energy):
    holes = patterns(energy)[-1]  # all units: the model itself
    states, p = probabilities(energy)
    start = energy.clamped.start(np.zeros((N, 5)), np.tile(holes, (N, 1)), Random(0))
    drawn = sweep(energy.clamped, start, Gibbs(), 50, Random(1)).visible
    assert_frequencies(drawn, states, p)


def test_a_climb_never_raises_the_energy(energy):
    states = all_states(energy.visible)
    for holes in patterns(energy):
        chains = energy.clamped.chains(states, np.tile(holes, (len(states), 1)))
        before = energy.clamped.chain_energy(chains)
        climbed = energy.clamped.climb(chains)
        assert (energy.clamped.chain_energy(climbed) <= before + 1e-12).all()
        np.testing.assert_array_equal(climbed.visible[:, ~holes], states[:, ~holes])


def test_means_are_those_of_either_side(energy):
    states = all_states(energy.visible)
    holes = np.tile(patterns(energy)[5], (len(states), 1))
    chains = energy.clamped.chains(states, holes)
    moved, hidden, visible = energy.clamped.mean_sweep(chains, Random(3))
    np.testing.assert_allclose(hidden, energy.hidden_mean(states))
    again = energy.clamped.gibbs_sweep(chains, Random(3))
    np.testing.assert_array_equal(moved.visible, again.visible)
    h = energy.hidden.sample(energy.inputs(states), Random(3).fold(0))
    np.testing.assert_allclose(visible, energy.visible.mean(h @ energy.weights.T))


def test_coupling_counts(energy):
    half = RBM(
        energy.visible, energy.hidden, energy.weights, base=energy.base, coupling=0.5
    )
    same = RBM(energy.visible, energy.hidden, energy.weights / 2, base=energy.base)
    states = all_states(energy.visible)
    holes = np.tile(patterns(energy)[3], (len(states), 1))
    np.testing.assert_allclose(
        half.clamped.chain_energy(half.clamped.chains(states, holes)),
        same.clamped.chain_energy(same.clamped.chains(states, holes)),
    )
