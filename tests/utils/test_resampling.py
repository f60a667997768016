"""Systematic resampling, against its definition and its expectation."""

import numpy as np
import pytest

from skebm.utils._random import Random
from skebm.utils._resampling import effective_size, positions, systematic


def naive(log_weight, uniform):
    """Return the member that each tick of a comb falls on, one after the other."""
    weight = np.exp(log_weight - log_weight.max())
    edges, n = np.cumsum(weight / weight.sum()), len(weight)
    out = []
    for k in range(n):
        tick = (k + uniform) / n
        out.append(next((i for i, edge in enumerate(edges) if edge >= tick), n - 1))
    return out


def test_systematic_equals_the_naive_comb(rng):
    log_weight = 3 * rng.normal(size=(13, 7))
    uniform = Random(3).uniform((13, 1))[:, 0]
    actual = systematic(log_weight, Random(3))
    expected = [naive(*pair) for pair in zip(log_weight, uniform, strict=True)]
    np.testing.assert_array_equal(actual, expected)


def test_members_go_on_by_their_share_up_to_less_than_one(rng):
    log_weight = 2 * rng.normal(size=(101, 11))
    rows = systematic(log_weight, Random(3))
    counts = np.array([np.bincount(row, minlength=11) for row in rows])
    share = np.exp(log_weight) / np.exp(log_weight).sum(axis=1, keepdims=True)
    assert (counts.sum(axis=1) == 11).all()
    assert (np.abs(counts - 11 * share) < 1).all()
    assert (np.diff(rows, axis=1) >= 0).all()  # copies lie side by side


def test_the_mean_number_of_copies_is_the_share(rng):
    log_weight = np.tile(rng.normal(size=5), (20011, 1))
    rows = systematic(log_weight, Random(3))
    counts = np.array([(rows == k).sum(axis=1) for k in range(5)])
    share = np.exp(log_weight[0]) / np.exp(log_weight[0]).sum()
    error = counts.std(axis=1) / np.sqrt(len(rows)) + 1e-12
    assert (np.abs(counts.mean(axis=1) - 5 * share) < 6 * error).all()


@pytest.mark.parametrize("shift", [-1e6, 0.0, 1e6])
def test_equal_weights_of_any_size_keep_everybody(shift):
    rows = systematic(np.full((3, 7), shift), Random(3))
    np.testing.assert_array_equal(rows, np.tile(np.arange(7), (3, 1)))


def test_a_weight_beside_which_others_are_nothing_takes_all():
    log_weight = np.full((2, 5), -2000.0)
    log_weight[0, 4], log_weight[1, 0] = 0.0, 0.0
    np.testing.assert_array_equal(systematic(log_weight, Random(3)), [[4] * 5, [0] * 5])


def test_positions_are_searchsorted_row_by_row(rng):
    cumulative = rng.random((5, 7)).cumsum(axis=1)
    ticks = 4 * rng.random((5, 11))
    actual = positions(cumulative, ticks)
    assert actual.shape == ticks.shape
    assert actual.dtype.kind == "i"
    for r, i in np.ndindex(ticks.shape):
        assert actual[r, i] == (cumulative[r] < ticks[r, i]).sum()


def test_the_effective_size_counts_members_of_equal_weight():
    log_weight = np.array([[7.0] * 5, [0.0, *[-900] * 4], [3.0, 3.0, *[-900] * 3]])
    np.testing.assert_allclose(effective_size(log_weight), [5, 1, 2])
    np.testing.assert_allclose(effective_size(np.log([[1.0, 3.0]])), 16 / 10)
