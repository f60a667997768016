import numpy as np
import pytest

from skebm.energies import RBM
from skebm.layers import Bernoulli
from skebm.partition import ExactPartition
from tests.models import (
    FINITE_PAIRS,
    PAIRS,
    all_states,
    grid,
    heavy,
    joint_energies,
    log_partition,
    mixed_layer,
    random_rbm,
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", PAIRS)
def test_equals_brute_force(pair, dtype):
    energy = random_rbm(pair, 2, 3, dtype=dtype).interpolate(0.9)
    estimate = ExactPartition().estimate(energy)
    expected = log_partition(energy.astype(np.float64))
    np.testing.assert_allclose(estimate.value, expected, rtol=1e-6)
    assert estimate.lower == estimate.value == estimate.upper
    assert estimate.stderr == 0
    assert estimate.ess == np.inf
    gaussian = pair == ("gaussian", "gaussian")
    assert estimate.method == ("closed form" if gaussian else "enumeration")


@pytest.mark.parametrize("sizes", [(3, 2), (2, 3)])
@pytest.mark.parametrize("pair", FINITE_PAIRS)
def test_equals_the_sum_over_both_sides(pair, sizes):
    energy = random_rbm(pair, *sizes)
    joint = joint_energies(
        energy, all_states(energy.visible), all_states(energy.hidden)
    )
    expected = np.logaddexp.reduce(-joint, axis=None)
    np.testing.assert_allclose(ExactPartition().estimate(energy).value, expected)


def test_mixed_columns():
    rng = np.random.default_rng(3)
    energy = RBM(mixed_layer(rng), Bernoulli.zeros(2), rng.normal(size=(7, 2)))
    real, log_volume = grid(2, n_points=131)
    total = []
    for category in np.eye(3):
        for bits in np.ndindex(2, 2):
            rows = np.empty((len(real), 7))
            rows[:, :3], rows[:, 3:5], rows[:, 5:] = category, real, bits
            total.append(np.logaddexp.reduce(-energy.energy(rows)) + log_volume)
    expected = np.logaddexp.reduce(total)
    np.testing.assert_allclose(ExactPartition().estimate(energy).value, expected)


@heavy
def test_more_states_than_a_block_holds():
    energy = random_rbm(("bernoulli", "bernoulli"), 13, 17)
    energy.weights[:] = 0
    expected = np.logaddexp(0, energy.visible.bias).sum()
    expected += np.logaddexp(0, energy.hidden.bias).sum()
    np.testing.assert_allclose(ExactPartition().estimate(energy).value, expected)


def test_what_it_accepts():
    assert not ExactPartition().accepts(object())
    assert ExactPartition(max_units=2).accepts(random_rbm(("spin", "spin"), 3, 2))
    assert not ExactPartition(max_units=1).accepts(random_rbm(("spin", "spin"), 3, 2))
    assert ExactPartition().accepts(random_rbm(("gaussian", "gaussian")))


@pytest.mark.parametrize("n", [23, 2003])
def test_too_many_states_are_refused_in_a_sentence(n):
    wide = RBM(Bernoulli.zeros(n), Bernoulli.zeros(n), np.zeros((n, n)))
    assert not ExactPartition().accepts(wide)
    with pytest.raises(ValueError, match="Use partition='ais'"):
        ExactPartition().estimate(wide)
