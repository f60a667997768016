"""Groups of rows that stay whole."""

import itertools

import numpy as np
import pytest

from skebm.utils._groups import (
    group_starts,
    minibatches,
    rows_of_groups,
    subsample_groups,
)
from skebm.utils._hold_out import hold_out_groups
from skebm.utils._random import Random

LENGTHS = np.array([3, 1, 4, 1, 5, 9, 2, 6])
N_ROWS, GROUP = LENGTHS.sum(), np.repeat(np.arange(8), LENGTHS)
ROWS = np.stack([np.arange(N_ROWS), np.diff(GROUP, prepend=-1)], axis=1).astype(float)


def assert_whole(rows):
    """Check that rows are groups, each in its order."""
    numbers = rows[:, 0].astype(int)
    starts = group_starts(rows)
    for lo, hi in itertools.pairwise(starts):
        group = np.flatnonzero(GROUP[numbers[lo]] == GROUP)
        np.testing.assert_array_equal(numbers[lo:hi], group)


def test_starts():
    expected = np.append(0, LENGTHS.cumsum())
    np.testing.assert_array_equal(group_starts(ROWS), expected)
    chosen = ROWS[rows_of_groups(expected, np.array([5, 1]))]
    np.testing.assert_array_equal(GROUP[chosen[:, 0].astype(int)], [5] * 9 + [1])


@pytest.mark.parametrize("n_batches", [2, 5, N_ROWS])
def test_minibatches_are_whole_groups(n_batches):
    order = Random(0).permutation(8)
    batches = minibatches(order, group_starts(ROWS), N_ROWS, n_batches)
    assert all(len(batch) for batch in batches)
    assert 1 < len(batches) <= n_batches
    for batch in batches:
        assert_whole(ROWS[batch])
        # A group is on a side of an edge, so a batch is too large by half of it twice.
        assert len(batch) <= N_ROWS / n_batches + LENGTHS.max()
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(N_ROWS))


def test_minibatches_of_single_rows_differ_by_one_row():
    batches = minibatches(Random(0).permutation(17), None, 17, 5)
    assert sorted(map(len, batches)) == [3, 3, 3, 4, 4]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(17))


def test_subsamples_and_held_out_rows_are_whole_groups():
    weight = np.where(GROUP == 5, 0.0, 2.0)
    rows, chosen = subsample_groups(ROWS, weight, Random(1), 12, True)
    assert_whole(rows)
    assert len(rows) == len(chosen) <= 12
    assert (chosen == 2).all()
    kept, held_out = hold_out_groups(ROWS, 0.3, Random(2))
    assert_whole(ROWS[kept])
    assert_whole(ROWS[held_out])
    assert len(np.unique(GROUP[held_out])) == 3
    assert len(kept) + len(held_out) == N_ROWS
