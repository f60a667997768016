import pickle

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.sparse import csr_matrix

from skebm.tables import Reservoir
from skebm.utils._random import Random
from tests.fits import HOLEY, WITH_LEVELS


def joined(pieces, half_life, most, weights=None, seed=0):
    reservoir, random = Reservoir(), Random(seed)
    for k, piece in enumerate(pieces):
        weight = None if weights is None else weights[k]
        reservoir = reservoir.joined(piece, weight, half_life, most, random)
    return reservoir


def counted(reservoir):
    """Return the logarithms of the weights with which rows count."""
    return np.maximum(reservoir.log_weight, reservoir.log_bound)


@pytest.mark.parametrize("half_life", [None, 13.0])
def test_pieces_do_not_matter(half_life, rng):
    X = np.arange(101.0)[:, None]
    weight = rng.random(101) + 0.1
    cuts = [1, 2, 7, 50, *range(80, 101)]
    pieces, weights = np.split(X, cuts), np.split(weight, cuts)
    for seed in range(5):  # the last row is left out in some of them
        whole = joined([X], half_life, 29, [weight], seed)
        parts = joined(pieces, half_life, 29, weights, seed)
        np.testing.assert_array_equal(whole.X, parts.X)
        np.testing.assert_allclose(counted(whole), counted(parts), rtol=1e-12)
        assert len(whole.X) == 29
        assert (np.diff(whole.X[:, 0]) > 0).all()


def test_few_rows_are_all_kept_with_weights_that_halve():
    X = np.arange(31.0)[:, None]
    reservoir = joined([X[:11], X[11:]], 5.0, 31)
    np.testing.assert_array_equal(reservoir.X, X)
    np.testing.assert_allclose(reservoir.weight, 0.5 ** ((30 - X[:, 0]) / 5))
    assert joined([X], None, 31).weight is None
    assert joined([X], None, 7).weight is None


def test_weights_of_kept_rows_stand_for_all_rows():
    """Their sum over rows of one sort has the mean that the definition says."""
    n, half_life, n_draws = 61, 5.0, 1000
    X = np.arange(float(n))[:, None]
    weight = 0.5 ** ((n - 1 - np.arange(n)) / half_life)
    sort = np.arange(n) % 3 == 0
    sums = []
    for seed in range(n_draws):
        kept = joined([X[:40], X[40:]], half_life, 17, seed=seed)
        newest = (n - 1) * np.log(2) / half_life
        if kept.weight is not None:
            shares = np.exp(counted(kept) - counted(kept).max())
            np.testing.assert_allclose(kept.weight, shares)
        sums.append(np.exp(counted(kept) - newest)[kept.X[:, 0] % 3 == 0].sum())
    error = np.std(sums) / np.sqrt(n_draws)
    assert abs(np.mean(sums) - weight[sort].sum()) < 4 * error
    assert error < 0.02 * weight[sort].sum()


def test_rows_that_no_longer_count_are_left_out():
    X = np.arange(1000.0)[:, None]
    kept = joined([X[:500], X[500:]], 2.0, 400)
    assert kept.X[0, 0] > 900
    assert kept.X[-1, 0] == 999
    assert kept.n_seen == 1000
    zero = joined([X[:10]], None, 400, [np.repeat([0.0, 2.0], 5)])
    np.testing.assert_array_equal(zero.X, X[5:10])


def test_containers():
    X = np.arange(12.0).reshape(6, 2)
    both = joined([csr_matrix(X[:4]), csr_matrix(X[4:])], None, 5)
    dense = joined([X[:4], X[4:]], None, 5)
    mixed = joined([csr_matrix(X[:4]), X[4:]], None, 5)
    frame = joined([pd.DataFrame(X[:4]), X[4:]], None, 5)
    np.testing.assert_array_equal(both.X.toarray(), dense.X)
    np.testing.assert_array_equal(mixed.X, dense.X)
    pd.testing.assert_frame_equal(frame.X, pd.DataFrame(dense.X))


@pytest.mark.parametrize("frame", [HOLEY, WITH_LEVELS, HOLEY[["real"]]])
def test_frames_in_files(frame):
    kept = joined([frame[:20], frame[20:]], 50.0, 31)
    data = skops.io.dumps(kept)
    for copy in (
        pickle.loads(pickle.dumps(kept)),
        skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data)),
    ):
        pd.testing.assert_frame_equal(copy.X, kept.X)
        np.testing.assert_array_equal(copy.weight, kept.weight)
        assert copy.n_seen == len(frame)


def test_nothing_to_keep():
    for X, weight in ((np.empty((0, 2)), None), (np.ones((3, 2)), np.zeros(3))):
        reservoir = Reservoir().joined(X, weight, 5.0, 10, Random(0))
        assert reservoir.X.shape == (0, 2)
        assert reservoir.weight is None
