import numpy as np
import pytest

from skebm.energies import RBM, Enumeration
from skebm.energies.rbm._enumeration import HiddenEnumeration
from skebm.layers import Bernoulli
from skebm.samplers import Exact
from skebm.samplers.exact import log_weights
from skebm.testing import check_sampler
from skebm.utils._random import Random
from tests.models import (
    FINITE_PAIRS,
    all_states,
    assert_frequencies,
    begin,
    heavy,
    joint_energies,
    mixed_layer,
    probabilities,
    random_rbm,
)

pytestmark = heavy

N = 4001


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3)])
@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_contract(pair, sizes):
    energy = random_rbm(pair, *sizes, dtype=np.float32)
    side = HiddenEnumeration if sizes == (3, 2) else Enumeration
    assert type(energy.enumerable) is side
    check_sampler(Exact(), energy)


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3)])
def test_coupling_counts(sizes):
    energy = random_rbm(("bernoulli", "spin"), *sizes, scale=2.0).interpolate(0.4)
    states, probability = probabilities(energy)
    assert_frequencies(
        begin(Exact(), energy, N, Random(3)).visible, states, probability
    )


def test_visible_units_whose_hidden_side_is_gaussian():
    energy = random_rbm(("spin", "gaussian"), 3, 5)
    states = all_states(energy.visible)
    log_weight = -energy.energy(states)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    assert_frequencies(
        begin(Exact(), energy, N, Random(3)).visible, states, probability
    )


@pytest.mark.parametrize("mixed", [False, True])
def test_real_units_given_the_finite_side(mixed):
    rng = np.random.default_rng(3)
    energy = random_rbm(("gaussian", "bernoulli"), 5, 3)
    if mixed:
        energy = RBM(mixed_layer(rng), energy.hidden, rng.normal(size=(7, 3)))
    chains = begin(Exact(), energy, N, Random(3))
    h = all_states(energy.hidden)
    log_weight = -energy.T.energy(h)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    mean = probability @ energy.visible.mean(h @ energy.weights.T)
    error = chains.visible.std(axis=0) / np.sqrt(N)
    assert (np.abs(chains.visible.mean(axis=0) - mean) < 6 * error).all()
    np.testing.assert_allclose(chains.inputs, chains.visible @ energy.weights)


@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_log_weights_sum_the_other_side_out(pair):
    energy = random_rbm(pair, 3, 2)
    v, h = all_states(energy.visible), all_states(energy.hidden)
    joint = -joint_energies(energy, v, h)
    for side, axis in (
        (Enumeration(energy, energy.visible), 1),
        (HiddenEnumeration(energy, energy.hidden), 0),
    ):
        expected = np.logaddexp.reduce(joint, axis=axis)
        np.testing.assert_allclose(log_weights(side), expected)


def test_refuses_what_it_cannot_enumerate():
    gaussian = random_rbm(("gaussian", "gaussian"))
    wide = RBM(Bernoulli.zeros(2003), Bernoulli.zeros(2011), np.zeros((2003, 2011)))
    for sampler, energy in (
        (Exact(max_states=3), random_rbm(("spin", "spin"))),
        (Exact(), gaussian),
        (Exact(), wide),
    ):
        assert not sampler.accepts(energy)
        with pytest.raises(ValueError, match="Use another sampler"):
            begin(sampler, energy, 7, Random(3))
