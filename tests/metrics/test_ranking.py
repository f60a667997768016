import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import ndcg_score

from skebm.metrics import (
    coverage,
    expected_calibration_error,
    gini,
    ndcg_at_k,
    recall_at_k,
)
from skebm.metrics.ranking import exposure
from skebm.utils._top import fill_top

N_USERS, N_ITEMS, N = 11, 17, 7


@pytest.fixture
def scores(rng):
    # Rounded, so that some are equal.
    return rng.normal(size=(N_USERS, N_ITEMS)).round(1)


@pytest.fixture
def seen(rng):
    mask = rng.random((N_USERS, N_ITEMS)) < 0.3
    mask[3], mask[4] = False, True
    mask[4, :2] = False  # fewer are left than are asked for
    return mask


@pytest.fixture
def liked(rng, seen):
    mask = (rng.random(seen.shape) < 0.4) & ~seen
    mask[5] = False
    return mask


def best(scores, seen):
    sparse = csr_array(seen)
    items, values = np.empty((N_USERS, N), np.int64), np.empty((N_USERS, N))
    fill_top(scores.copy(), sparse.indptr, sparse.indices, items, values)
    return items, values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_best_items_are_those_of_a_sort(scores, seen, dtype):
    scores = scores.astype(dtype)
    items, values = best(scores, seen)
    for user in range(N_USERS):
        order = np.argsort(-scores[user], kind="stable")
        expected = [item for item in order if not seen[user, item]][:N]
        expected += [-1] * (N - len(expected))
        np.testing.assert_array_equal(items[user], expected)
        there = items[user] >= 0
        np.testing.assert_array_equal(
            values[user][there], scores[user, items[user][there]]
        )
        assert (values[user][~there] == -np.inf).all()


def test_one_best_item(scores, seen):
    items, values = np.empty((N_USERS, 1), np.int64), np.empty((N_USERS, 1))
    none = np.zeros(N_USERS + 1, np.int64), np.empty(0, np.int32)
    fill_top(scores.copy(), *none, items, values)
    np.testing.assert_array_equal(items[:, 0], scores.argmax(axis=1))


def naive_measures(liked, items, k):
    recalls, gains = [], []
    for user in range(N_USERS):
        wanted = set(np.flatnonzero(liked[user]))
        if not wanted:
            recalls.append(np.nan)
            gains.append(np.nan)
            continue
        found = [item in wanted for item in items[user][:k]]
        recalls.append(sum(found) / min(k, len(wanted)))
        ideal = sum(1 / np.log2(j + 2) for j in range(min(k, len(wanted))))
        gain = sum(hit / np.log2(j + 2) for j, hit in enumerate(found))
        gains.append(gain / ideal)
    return recalls, gains


@pytest.mark.parametrize("k", [1, 5, N])
def test_measures_have_naive_twins(scores, seen, liked, k):
    items, _ = best(scores, seen)
    held_out = csr_array(3.0 * liked)
    recalls, gains = naive_measures(liked, items, k)
    found = recall_at_k(held_out, items, k, average=False)
    np.testing.assert_allclose(found, recalls)
    np.testing.assert_allclose(ndcg_at_k(held_out, items, k, average=False), gains)
    assert recall_at_k(held_out, items, k) == pytest.approx(np.nanmean(recalls))
    assert ndcg_at_k(held_out, items, k) == pytest.approx(np.nanmean(gains))


def test_gain_is_that_of_scikit_learn(rng, seen, liked):
    scores = rng.normal(size=seen.shape)
    items, _ = best(scores, seen)
    masked = np.where(seen, -100 + scores, scores)
    users = [u for u in range(N_USERS) if liked[u].any() and (~seen[u]).sum() >= N]
    expected = ndcg_score(liked[users], masked[users], k=N)
    gain = ndcg_at_k(csr_array(liked.astype(float))[users], items[users], N)
    assert gain == pytest.approx(expected)


def test_stored_zeros_are_not_liked():
    held_out = csr_array((np.array([0.0, 2.0]), ([0, 0], [1, 2])), shape=(1, 4))
    assert recall_at_k(held_out, [[1, 0]], 2) == 0
    assert recall_at_k(held_out, [[1, 2]], 2) == 1
    nothing = csr_array((1, 4))
    assert np.isnan(recall_at_k(nothing, [[1, 2]], 2))


def test_wrong_lists_get_sentences():
    held_out = csr_array(np.eye(3))
    for items, k, sentence in (
        ([[0, 1]], 1, "row for each of the 3 users"),
        ([[0]] * 3, 2, "at least k"),
        ([[3]] * 3, 1, "from 0 to 2, or -1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            recall_at_k(held_out, items, k)


def test_exposure_and_its_inequality(rng):
    shown = np.array([[0, 3], [3, -1]])
    np.testing.assert_array_equal(exposure(shown, 5), [1, 0, 0, 2, 0])
    assert coverage(shown, 5) == 0.4
    counts = rng.integers(0, 9, 13).astype(float)
    pairs = np.abs(counts[:, None] - counts).mean()
    assert gini(counts) == pytest.approx(pairs / (2 * counts.mean()))
    assert np.isnan(gini([0, 0]))
    with pytest.raises(ValueError, match="from 0 on"):
        gini([-1, 2])


def test_calibration_error(rng):
    proba = rng.dirichlet(np.ones(3), 400)
    y = rng.integers(0, 3, 400)
    error, highest = 0.0, proba.max(axis=1)
    for k in range(10):
        here = (highest >= k / 10) & (highest < (k + 1) / 10)
        if here.any():
            hits = (proba[here].argmax(axis=1) == y[here]).mean()
            error += here.mean() * abs(hits - highest[here].mean())
    assert expected_calibration_error(y, proba, 10) == pytest.approx(error)
    assert expected_calibration_error([1, 0], [[0, 1], [1, 0]]) == 0
    with pytest.raises(ValueError, match="a row for each"):
        expected_calibration_error([1], proba)
