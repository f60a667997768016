import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from skebm.energies.ratings import ChoicesRecipe, NeighboursRecipe
from skebm.estimators.recommender import EnergyRecommender
from skebm.model_selection import RatingKFold, RatingTable
from tests.estimators.ratings import MeansRecipe
from tests.tables.test_ratings import stored

N_USERS, N_ITEMS = 31, 13


@pytest.fixture
def dense(rng):
    users, items = rng.normal(size=N_USERS), rng.normal(size=N_ITEMS)
    cells = np.clip(np.rint(2.5 + users[:, None] + items), 0, 5)
    cells[rng.random(cells.shape) < 0.5] = np.nan
    cells[0, :2] = 0, 5
    return cells


def recommender(**options):
    return EnergyRecommender(MeansRecipe(), **options)


@pytest.fixture
def model(dense):
    return recommender().fit(stored(dense))


def test_predictions_are_those_of_the_energy(model, dense):
    users, items = np.array([0, 5, 5]), np.array([3, 3, 12])
    expected = model.energy_.scores(model._people, users)[np.arange(3), items]
    np.testing.assert_allclose(model.predict(users, items), expected)
    proba = model.predict_proba(users, items)
    assert proba.shape == (3, len(model.levels_))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(model.levels_, np.arange(6))
    # One user, several items.
    np.testing.assert_allclose(model.predict(5, [3, 12]), expected[1:])


def test_new_users_are_folded_in(model, dense):
    X = stored(dense)
    # The same ratings as those of known users.
    items = np.arange(N_USERS) % N_ITEMS
    np.testing.assert_allclose(
        model.predict(X, items), model.predict(np.arange(N_USERS), items)
    )
    for known, new in zip(model.recommend(n=4), model.recommend(X, n=4), strict=True):
        np.testing.assert_array_equal(known, new)
    # Nobody's ratings: the most popular items.
    nobody = model.recommend(csr_array((1, N_ITEMS)), n=N_ITEMS)[0][0]
    np.testing.assert_array_equal(nobody, np.argsort(-model.energy_.shift))


@pytest.mark.parametrize("filter_seen", [True, False])
def test_recommendations(model, dense, filter_seen):
    items, scores = model.recommend([7, 2], n=5, filter_seen=filter_seen)
    for row, user in enumerate((7, 2)):
        all_scores = model.predict(user, np.arange(N_ITEMS))
        if filter_seen:
            all_scores[~np.isnan(dense[user])] = -np.inf
        expected = np.argsort(-all_scores, kind="stable")[:5]
        np.testing.assert_allclose(scores[row], all_scores[expected])
        expected[all_scores[expected] == -np.inf] = -1
        np.testing.assert_array_equal(items[row], expected)


def test_lists_end_where_no_item_is_left():
    X = csr_array(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]]))
    items, scores = recommender().fit(X).recommend(n=10)
    np.testing.assert_array_equal(items, [[2, -1, -1], [-1, -1, -1]])
    np.testing.assert_array_equal(np.isinf(scores), items < 0)


def test_threads_change_nothing(dense):
    one, two = (recommender(n_jobs=n).fit(stored(dense)).recommend() for n in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])


def test_explanations_sum_to_predictions(model, dense):
    frame = model.explain(4, 9)
    assert frame["contribution"].sum() == pytest.approx(model.predict(4, 9)[0])
    rated = frame.drop(index="(no rating)")
    for item, rating in rated["rating"].items():
        assert rating == dense[4, item]
    assert len(rated) == np.isfinite(dense[4]).sum()
    pd.testing.assert_frame_equal(model.explain(stored(dense[4:5]), 9), frame)


def test_similar_items(model):
    items, values = model.similar_items(6, n=3)
    distance = np.abs(model.energy_.shift - model.energy_.shift[6])
    np.testing.assert_array_equal(items, np.argsort(distance)[1:4])
    np.testing.assert_allclose(values, -distance[items])


def test_scores_are_log_probabilities_of_hidden_ratings(dense):
    table = RatingTable(stored(dense))
    train, test = next(RatingKFold(3, random_state=0).split(table))
    model = recommender().fit(table[train])
    hidden = table[test]
    proba = model.predict_proba(hidden)
    codes = np.searchsorted(model.levels_, hidden.ratings)
    expected = np.log(proba[np.arange(len(codes)), codes]).mean()
    assert model.score(hidden) == pytest.approx(expected)
    assert model.score(hidden.to_csr()) == pytest.approx(expected)


def test_scores_of_counts_are_log_probabilities_of_hidden_items(dense):
    table = RatingTable(stored(dense))
    train, test = next(RatingKFold(3, random_state=0).split(table))
    model = recommender(feedback="implicit").fit(table[train])
    seen, log_p = table[train].to_csr(), []
    pairs = np.zeros(seen.shape, bool)
    pairs[table.users[train], table.items[train]] = True
    for user, item, count in zip(
        table.users[test], table.items[test], table.ratings[test], strict=True
    ):
        if count > 0:
            scores = model.predict(user, np.arange(N_ITEMS))
            scores[pairs[user]] = -np.inf
            log_p.append(scores[item] - np.log(np.exp(scores).sum()))
    assert model.score(table[test]) == pytest.approx(np.mean(log_p))
    assert model.levels_ is None
    with pytest.raises(ValueError, match="Counts have no levels"):
        model.predict_proba(0, 0)


def test_searches_hide_ratings(dense):
    table, cv = RatingTable(stored(dense)), RatingKFold(3, random_state=0)
    grid = {"energy__weight": [0.1, 1000.0]}
    search = GridSearchCV(recommender(), grid, cv=cv).fit(table)
    assert search.best_params_ == {"energy__weight": 0.1}
    error = "neg_root_mean_squared_error"
    errors = cross_val_score(recommender(), table, table.ratings, cv=cv, scoring=error)
    assert (-errors < 1).all()


def test_frames_with_ids(dense):
    users, items = np.nonzero(~np.isnan(dense))
    names = np.array([f"user {k:02d}" for k in range(N_USERS)])
    films = np.array([f"film {k:02d}" for k in range(N_ITEMS)])
    frame = pd.DataFrame(
        {"who": names[users], "film": films[items], "stars": dense[users, items]}
    )
    frame = frame.sample(frac=1, random_state=0)
    columns = {"user": "who", "item": "film", "rating": "stars"}
    model = recommender()
    model.fit(model.from_frame(frame, **columns))
    plain = recommender().fit(stored(dense))
    np.testing.assert_allclose(model.predict("user 04", "film 09"), plain.predict(4, 9))
    lists = model.recommend(["user 04"], n=3)[0], plain.recommend([4], n=3)[0]
    np.testing.assert_array_equal(lists[0], films[lists[1]])
    assert "film" in str(model.similar_items("film 01")[0][0])
    # A part of the frame, whose ids have other numbers.
    part = frame[frame["who"].isin(names[20:])]
    rows, columns_ = part["who"], part["film"]
    np.testing.assert_allclose(
        model.predict(model.from_frame(part, **columns)), model.predict(rows, columns_)
    )
    model.score(model.from_frame(part, **columns))


def test_partial_fit_adds_ratings_and_users(dense):
    whole = recommender().fit(stored(dense))
    begun = recommender().partial_fit(stored(dense[:20]))
    rest = np.full_like(dense, np.nan)
    rest[20:] = dense[20:]
    begun.partial_fit(stored(rest))
    users, items = np.arange(N_USERS), np.arange(N_USERS) % N_ITEMS
    np.testing.assert_allclose(begun.predict(users, items), whole.predict(users, items))
    assert len(begun.user_ids_) == N_USERS


def test_partial_fit_adds_users_by_their_ids():
    frame = pd.DataFrame({"user": ["b", "c"], "item": [1, 2], "rating": [1, 5]})
    model = recommender().fit(RatingTable.from_frame(frame))
    new = pd.DataFrame({"user": ["a", "b"], "item": [1, 1], "rating": [5, 5]})
    model.partial_fit(RatingTable.from_frame(new))
    assert list(model.user_ids_) == ["b", "c", "a"]
    np.testing.assert_array_equal(model.explain("b", 1)["rating"][:-1], [5])
    np.testing.assert_array_equal(model.explain("a", 2)["rating"][:-1], [5])
    new = pd.DataFrame({"user": ["a"], "item": [3], "rating": [5]})
    with pytest.raises(ValueError, match="item 3 was not in fit"):
        model.partial_fit(RatingTable.from_frame(new))


CALLS = {
    "user 31 was not in fit. Pass the ratings of new users": lambda m: m.predict(31, 0),
    "user -1 was not in fit": lambda m: m.recommend([-1]),
    "item 13 was not in fit. Refit": lambda m: m.similar_items(13),
    "similar_items takes one item; got 0": lambda m: m.similar_items([]),
    "similar_items takes one item; got 2": lambda m: m.similar_items([1, 2]),
    "items is missing": lambda m: m.predict([0, 1]),
    "users has 2 entries, but items has 3": lambda m: m.predict([0, 1], [0, 1, 2]),
    "n must be a whole number": lambda m: m.recommend(n=0),
    "users must be ids": lambda m: m.predict([{0: 1}], 0),
    "takes one user and one item": lambda m: m.explain([0, 1], 2),
    "the model was fitted to 13": lambda m: m.recommend(csr_array((1, 5))),
    "the rating 7, but": lambda m: m.score(csr_array(np.full((1, N_ITEMS), 7.0))),
    "X has 40 users": lambda m: m.score(csr_array(np.ones((40, N_ITEMS)))),
}


@pytest.mark.parametrize("sentence", CALLS)
def test_wrong_arguments_get_sentences(model, sentence):
    with pytest.raises(ValueError, match=sentence):
        CALLS[sentence](model)


def test_models_are_cloned_and_stored(model):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.recommend()[0], model.recommend()[0])
    with pytest.raises(NotFittedError):
        clone(model).recommend()
    with pytest.raises(ValueError, match="energy='x' is not known"):
        EnergyRecommender("x").fit(csr_array(np.eye(2)))


def test_recipes_are_for_one_kind_of_feedback():
    X = csr_array([[1.0, 0], [2, 1]])
    with pytest.raises(ValueError, match=r"feedback='implicit', but .* 'explicit'"):
        EnergyRecommender(ChoicesRecipe()).fit(X)
    with pytest.raises(ValueError, match=r"feedback='explicit', but .* 'implicit'"):
        EnergyRecommender(NeighboursRecipe(), feedback="implicit").fit(X)


def test_numbers_whose_squares_overflow_are_refused():
    X = csr_array([[1.0, 0], [2, 1]])
    with pytest.raises(ValueError, match=r"ratings as large as 2e\+300"):
        EnergyRecommender().fit(1e300 * X)
    with pytest.raises(ValueError, match="item_features has values above"):
        EnergyRecommender().fit(X, item_features=[[1e300], [0]])


def test_nobody_gets_no_recommendations():
    recipe = NeighboursRecipe(1, n_exposure=1, n_iter=1)
    model = EnergyRecommender(recipe).fit(csr_array([[1.0, 0], [2, 1]]))
    items, scores = model.recommend([], n=1)
    assert items.shape == scores.shape == (0, 1)


def test_scores_need_something_to_score():
    liked = csr_array(np.eye(6) + np.eye(6, k=1))
    model = EnergyRecommender(feedback="implicit", random_state=0).fit(liked)
    with pytest.raises(ValueError, match="no choices that fit had not seen"):
        model.score(liked)
    stars = EnergyRecommender(random_state=0).fit(3 * liked)
    with pytest.raises(ValueError, match="X has no ratings"):
        stars.score(csr_array((6, 6)))


def test_ids_that_are_a_table_get_a_sentence():
    model = EnergyRecommender(random_state=0).fit(csr_array(np.eye(6)))
    with pytest.raises(ValueError, match="must be ids"):
        model.recommend([csr_array(np.eye(2)), [1, [2]]])
