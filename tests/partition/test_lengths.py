import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from skebm.partition import Estimate, LengthPartition, LengthPartitions, lengths
from skebm.utils._random import Random
from tests.models import (
    all_states,
    heavy,
    random_bursty_energy,
    random_documents_energy,
)

ANNEALED = LengthPartition(max_units=0)


@heavy
@pytest.mark.parametrize("seed", range(3))
def test_bracket_holds_the_exact_values(seed):
    energy = random_documents_energy(13, 7, seed=seed, scale=1.0)
    exact = LengthPartition().estimate(energy, None, 101)
    estimate = ANNEALED.estimate(energy, Random(seed), 101)
    assert exact.method == "enumeration"
    assert estimate.method == "annealing of the length"
    assert (estimate.lower <= exact.value + 1e-9).all()
    assert (exact.value <= estimate.upper + 1e-9).all()
    assert (np.abs(estimate.value - exact.value) <= 6 * estimate.stderr + 1e-9).all()
    assert (estimate.upper - estimate.lower).max() < 1.5
    assert (estimate.lower <= estimate.value).all()
    assert (estimate.value <= estimate.upper).all()
    np.testing.assert_allclose(estimate.value[0], 7 * np.log(2))
    assert (estimate.ess <= 40.001).all()


@heavy
@pytest.mark.parametrize("seed", range(3))
def test_bracket_of_documents_that_grow_holds_the_exact_values(seed):
    energy = random_bursty_energy(7, 3, seed=seed, scale=1.0)
    exact = LengthPartition().estimate(energy, None, 101)
    estimate = ANNEALED.estimate(energy, Random(seed), 101)
    assert exact.method == "enumeration"
    assert estimate.method == "growth"
    assert (estimate.lower <= exact.value + 1e-9).all()
    assert (exact.value <= estimate.upper + 1e-9).all()
    assert (np.abs(estimate.value - exact.value) <= 6 * estimate.stderr + 1e-9).all()
    assert (estimate.upper - estimate.lower).max() < 1.0
    np.testing.assert_allclose(estimate.value[0], exact.value[0])


@heavy
def test_only_little_work_is_enumerated():
    energy = random_bursty_energy(307, 3)
    method = LengthPartition(n_chains=200)
    assert method.estimate(energy, Random(3), 11).method == "enumeration"
    assert method.estimate(energy, Random(3), 211).method == "growth"
    none = LengthPartition(max_units=2, n_chains=200)
    assert none.estimate(energy, Random(3), 11).method == "growth"


def test_enumeration_equals_the_naive_sum():
    energy = random_documents_energy(7, 3)
    states = all_states(energy.hidden)
    words = np.exp(energy.visible.bias + states @ energy.weights.T).sum(axis=1)
    one = np.exp(states @ energy.hidden.bias) * words
    expected = [np.log((one**length).sum()) for length in range(6)]
    np.testing.assert_allclose(
        LengthPartition().estimate(energy, None, 5).value, expected
    )


@heavy
def test_a_length_does_not_see_which_others_are_asked_for():
    energy = random_documents_energy(7, 3)  # of at most 5 words

    def table():
        method = LengthPartition(max_units=0, n_chains=200)
        return LengthPartitions(energy, method, Random(3))

    lengths = np.array([7, 0, 40, 3, 3, 5])
    together = table().at(lengths)
    for i, length in enumerate(lengths):
        alone = table().at([length])
        for part, same in zip(alone[:5], together[:5], strict=True):
            assert part[0] == same[i]
    copy = table()
    copy.at(lengths)
    copy = pickle.loads(pickle.dumps(copy))
    np.testing.assert_array_equal(copy.at(lengths).value, together.value)
    assert table().at([]).value.shape == (0,)
    exact = LengthPartitions(energy, LengthPartition(), Random(3)).at(lengths)
    assert (np.abs(together.value - exact.value) < 0.5).all()


class Wide(BaseEstimator):
    """Knows log Z to within this many nats for each word."""

    def __init__(self, width):
        self.width = width

    def estimate(self, energy, random, top):
        lengths = np.arange(top + 1.0)
        return Estimate(
            *[lengths] * 2, lengths + self.width * lengths, *[lengths] * 2, ""
        )


def test_wide_brackets_warn(recwarn):
    energy = random_documents_energy()
    LengthPartitions(energy, Wide(0.04), Random(3)).at([100])
    LengthPartitions(energy, Wide(0.3), Random(3)).at([5])  # 1.5 nats
    assert not recwarn
    with pytest.warns(ConvergenceWarning, match=r"of 7 words .* within 2\.1 nats"):
        LengthPartitions(energy, Wide(0.3), Random(3)).at([10])


def test_long_documents_grow_in_fewer_chains(monkeypatch):
    energy, method = random_bursty_energy(5, 3, seed=0), LengthPartition(max_units=0)
    many = method.estimate(energy, Random(0), 41)
    assert many.ess.max() > 3
    monkeypatch.setattr(lengths, "_LONG", 8)
    few = method.estimate(energy, Random(0), 41)
    assert few.ess.max() <= 2 + 1e-9  # populations
    np.testing.assert_allclose(few.value, many.value, atol=0.5)
