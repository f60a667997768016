import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from skebm.model_selection import RatingKFold, RatingTable


@pytest.fixture
def table(rng):
    mask = rng.random((11, 13)) < 0.5
    values = rng.integers(0, 6, mask.shape)
    users, items = np.nonzero(mask)
    X = sp.coo_array((values[mask], (users, items)), shape=mask.shape)
    return RatingTable(X.tocsr())


def test_folds_are_those_of_scikit_learn(table):
    folds = RatingKFold(4, random_state=3).split(table)
    usual = KFold(4, shuffle=True, random_state=3).split(np.zeros(len(table)))
    for parts, expected in zip(folds, usual, strict=True):
        np.testing.assert_array_equal(parts[0], expected[0])
        np.testing.assert_array_equal(parts[1], expected[1])


@pytest.mark.parametrize("shuffle", [True, False])
def test_folds_by_user_hide_a_share_of_each_user(table, shuffle):
    seed = 0 if shuffle else None
    folds = RatingKFold(3, by_user=True, shuffle=shuffle, random_state=seed)
    counts, seen = np.bincount(table.users, minlength=11), []
    for train, test in folds.split(table):
        hidden = np.bincount(table.users[test], minlength=11)
        assert (np.abs(hidden - counts / 3) < 1).all()
        np.testing.assert_array_equal(
            np.sort(np.r_[train, test]), np.arange(len(table))
        )
        seen.append(test)
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(len(table)))
    again = list(folds.split(table))
    np.testing.assert_array_equal(again[0][1], seen[0])


def test_folds_by_user_are_random(table):
    first, second = (
        next(RatingKFold(3, by_user=True, random_state=seed).split(table))[1]
        for seed in (0, 1)
    )
    assert not np.array_equal(first, second)


class Means(BaseEstimator):
    """The mean rating, shrunk; its score is minus the mean squared error."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None):
        self.mean_ = X.ratings.mean() + self.shift
        self.shape_ = X.to_csr().shape
        return self

    def score(self, X, y=None):
        assert X.to_csr().shape == self.shape_
        return -np.mean((X.ratings - self.mean_) ** 2)


def test_searches_hide_ratings(table):
    cv = RatingKFold(3, random_state=0)
    search = GridSearchCV(Means(), {"shift": [-2.0, 0.0, 2.0]}, cv=cv)
    assert search.fit(table).best_params_ == {"shift": 0.0}
    scores = cross_val_score(Means(), table, cv=cv)
    for score, (train, test) in zip(scores, cv.split(table), strict=True):
        mean = table.ratings[train].mean()
        assert score == pytest.approx(-np.mean((table.ratings[test] - mean) ** 2))


def test_a_matrix_of_users_is_refused(table):
    search = GridSearchCV(Means(), {"shift": [0.0]}, cv=RatingKFold(3))
    with pytest.raises(TypeError, match="RatingTable"):
        search.fit(table.to_csr())
    with pytest.raises(ValueError, match="more than the 2 ratings"):
        list(RatingKFold(3, by_user=True).split(table[:2]))
