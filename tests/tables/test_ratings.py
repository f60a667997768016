import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from skebm.model_selection import RatingTable
from skebm.tables.ratings import Ids, read_features, read_ratings

N_USERS, N_ITEMS = 7, 5


@pytest.fixture
def dense(rng):
    """Ratings from 0 to 4, NaN where there is none; the last item has none."""
    cells = rng.integers(0, 5, (N_USERS, N_ITEMS)).astype(float)
    cells[rng.random(cells.shape) < 0.4] = np.nan
    cells[0, 0], cells[:, -1] = 0, np.nan
    return cells


def stored(dense, form="csr"):
    users, items = np.nonzero(~np.isnan(dense))
    entries = sp.coo_array((dense[users, items], (users, items)), shape=dense.shape)
    return entries.asformat(form)


def as_dense(ratings):
    cells = np.full(ratings.shape, np.nan)
    for user in range(ratings.shape[0]):
        for place in range(ratings.indptr[user], ratings.indptr[user + 1]):
            cells[user, ratings.items[place]] = ratings.values[place]
    return cells


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok"])
def test_stored_zeros_are_ratings(dense, form):
    X = stored(dense, form)
    before = X.copy()
    ratings = read_ratings(X, feedback="explicit")
    np.testing.assert_array_equal(as_dense(ratings), dense)
    assert ratings.levels[0] == 0
    assert ratings.n_ratings == np.isfinite(dense).sum()
    assert X.nnz == before.nnz


def test_dtypes_and_dense_arrays_are_read(dense):
    X = stored(dense)
    wide = sp.csr_array(X, copy=True)
    wide.indices, wide.indptr = wide.indices.astype("i8"), wide.indptr.astype("i8")
    wide.data = wide.data.astype(np.uint8)
    for given in (wide, sp.csr_matrix(X), dense, pd.DataFrame(dense)):
        ratings = read_ratings(given, feedback="explicit")
        np.testing.assert_array_equal(as_dense(ratings), dense)
        assert ratings.indptr.dtype == np.int64
        assert ratings.items.dtype == np.int32


def test_unsorted_rows_are_sorted_in_a_copy():
    X = sp.csr_array((np.array([1.0, 2.0]), np.array([3, 1]), np.array([0, 2])), (1, 5))
    ratings = read_ratings(X, feedback="explicit")
    np.testing.assert_array_equal(ratings.items, [1, 3])
    np.testing.assert_array_equal(ratings.values, [2, 1])
    np.testing.assert_array_equal(X.indices, [3, 1])


def test_views_of_ratings(dense):
    ratings = read_ratings(stored(dense), feedback="explicit")
    turned = ratings.transposed()
    np.testing.assert_array_equal(as_dense(turned), dense.T)
    assert ratings.transposed() is turned
    np.testing.assert_array_equal(ratings.levels[ratings.codes], ratings.values)
    np.testing.assert_array_equal(ratings.popularity, np.isfinite(dense).sum(axis=0))
    np.testing.assert_array_equal(as_dense(ratings.take([5, 2])), dense[[5, 2]])
    positive = np.where(dense > 0, dense, np.nan)
    np.testing.assert_array_equal(as_dense(ratings.positive()), positive)


def test_new_ratings_replace_old_ones(dense, rng):
    new = np.full((N_USERS + 2, N_ITEMS), np.nan)
    new[1], new[-1, 2] = np.arange(5.0), 3.0
    facts = [read_ratings(stored(x), feedback="explicit") for x in (dense, new)]
    joined = facts[0].joined(facts[1])
    expected = np.vstack([dense, np.full((2, N_ITEMS), np.nan)])
    expected = np.where(np.isnan(new), expected, new)
    np.testing.assert_array_equal(as_dense(joined), expected)


def test_parts_of_a_table_keep_users_and_items(dense):
    table = RatingTable(stored(dense))
    assert table.to_csr().nnz == len(table) == table.shape[0]
    part = pickle.loads(pickle.dumps(table[table.users == 2]))
    assert part.to_csr().shape == dense.shape
    alone = np.full_like(dense, np.nan)
    alone[2] = dense[2]
    read = read_ratings(part, feedback="implicit")
    np.testing.assert_array_equal(as_dense(read), alone)


IDS = {
    "text": (["b", "a", "a"], ["x", "y", "x"]),
    "numbers": ([10**12, -5, -5], [1.5, 0.5, 1.5]),
    "categories": (
        pd.Categorical(["b", "a", "a"], ["a", "b", "unused"]),
        pd.Categorical(["x", "y", "x"], ["y", "x"]),
    ),
}


@pytest.mark.parametrize("kind", ["text", "numbers", "categories"])
def test_frames_with_any_ids_are_read(kind):
    users, items = IDS[kind]
    frame = pd.DataFrame({"u": users, "i": items, "r": [0, 2, 5]}, index=[9, 9, 3])
    table = RatingTable.from_frame(frame, user="u", item="i", rating="r")
    assert len(table.user_ids) == len(table.item_ids) == 2
    for row in range(3):
        assert table.user_ids[table.users[row]] == users[row]
        assert table.item_ids[table.items[row]] == items[row]
    np.testing.assert_array_equal(table.ratings, [0, 2, 5])
    assert table.to_csr().nnz == 3


def test_mixed_ids_and_other_frames():
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame({"user": ["b", 7], "item": [1, 1], "rating": [1, 2]})
    assert set(RatingTable.from_frame(frame).user_ids) == {"b", 7}
    frame = polars.DataFrame({"user": ["b", "c"], "item": [1, 1], "rating": [1, 2]})
    assert list(RatingTable.from_frame(frame).user_ids) == ["b", "c"]


def test_repeated_pairs_of_a_frame():
    frame = pd.DataFrame({"user": [4, 3, 4], "item": list("bab"), "rating": [1, 2, 4]})
    with pytest.raises(ValueError, match=r"User 4 rates item 'b' 2 times.*aggfunc"):
        RatingTable.from_frame(frame)
    mean = RatingTable.from_frame(frame, aggfunc="mean")
    np.testing.assert_array_equal(mean.ratings, [2.5, 2])
    np.testing.assert_array_equal(mean.user_ids[mean.users], [4, 3])
    counted = RatingTable.from_frame(frame, rating=None)
    np.testing.assert_array_equal(counted.ratings, [2, 1])
    with pytest.raises(ValueError, match="aggfunc='x' is not known"):
        RatingTable.from_frame(frame, aggfunc="x")


WRONG = {
    "no column 'film'": ({"item": "film"}, {}),
    "has 1 missing cells": ({}, {"rating": [1, None]}),
    "must hold numbers, but holds 'good'": ({}, {"rating": ["good", "bad"]}),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_wrong_frames_get_sentences(sentence):
    names, columns = WRONG[sentence]
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [1, 2]} | columns)
    with pytest.raises(ValueError, match=sentence):
        RatingTable.from_frame(frame, **names)


TWICE = sp.coo_array((np.ones(3), ([1, 1, 0], [2, 2, 0])), shape=(2, 3))
BAD = {
    "User 1 rates item 2 2 times": TWICE,
    "each user would have rated": np.ones((2, 2)),
    "in BSR format": sp.bsr_array(np.eye(2)),
    "stores nan for user 0 and item 1": sp.csr_array([[1.0, np.nan]]),
    "at most 50 levels": sp.csr_array(np.arange(1.0, 61).reshape(6, 10)),
    "X stores none": sp.csr_array((2, 2)),
    "dtype complex128": sp.csr_array([[1j]]),
    "objects or complex numbers": np.full((2, 2), 1 + 1j),
    "text, objects or complex": pd.DataFrame({"a": ["x"]}),
    "1 dimension": [1.0, 2.0],
    "must be a sparse matrix": "ratings.csv",
    "has the shape": sp.csr_array((0, 3)),
}


@pytest.mark.parametrize("sentence", BAD)
def test_wrong_ratings_get_sentences(sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        read_ratings(BAD[sentence], feedback="explicit")


def test_ratings_that_do_not_fit_get_sentences(dense):
    X = stored(dense)
    with pytest.raises(ValueError, match="ratings of fit are 1, 2"):
        read_ratings(X, feedback="explicit", levels=np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="has 5 items, but the model was fitted to 4"):
        read_ratings(X, feedback="explicit", n_items=4)
    with pytest.raises(ValueError, match="the count -1"):
        read_ratings(sp.csr_array([[-1.0]]), feedback="implicit")
    with pytest.raises(ValueError, match="y must be None"):
        read_ratings(X, [1], feedback="explicit")
    with pytest.raises(ValueError, match="one rating for each"):
        read_ratings(RatingTable(X), [1], feedback="explicit")


def test_bootstrap_samples_of_ratings_get_a_sentence(dense):
    table = RatingTable(stored(dense))
    with pytest.raises(ValueError, match="Drop the repeated rows"):
        table[[0, 0]].to_csr()


def test_ids_have_numbers_and_names():
    ids = Ids(["b", "a", "c"], "user")
    np.testing.assert_array_equal(ids.numbers(["c", "b"], ""), [2, 0])
    assert list(ids.called(np.array([1, -1]))) == ["a", None]
    assert list(Ids([5, 3], "item").called(np.array([1, -1]))) == [3, -1]
    with pytest.raises(ValueError, match=r"user 'x' was not in fit. Help"):
        ids.numbers("x", "Help.")
    assert list(ids.extended(["x", "a"]).names) == ["b", "a", "c", "x"]
    with pytest.raises(ValueError, match="have no ids"):
        ids.lengthened(4)


def test_features_become_numbers():
    frame = pd.DataFrame({"genre": ["a", "b"], "year": [1, 2]})
    np.testing.assert_array_equal(
        read_features(frame, 2, "item_features"), [[1, 1, 0], [2, 0, 1]]
    )
    with pytest.raises(ValueError, match="one row for each of the 3 items"):
        read_features(frame, 3, "item_features")
    with pytest.raises(ValueError, match="missing or infinite"):
        read_features([[np.nan]], 1, "item_features")
