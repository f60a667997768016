import numpy as np
import pandas as pd
import pytest

from skebm.estimators.recommender import EnergyRecommender
from skebm.inspection import audit_recommendations
from skebm.metrics import recall_at_k
from skebm.model_selection import RatingKFold, RatingTable
from tests.estimators.ratings import MeansRecipe
from tests.tables.test_ratings import stored

N_USERS, N_ITEMS, N = 23, 13, 4


@pytest.fixture
def parts(rng):
    cells = rng.integers(0, 6, (N_USERS, N_ITEMS)).astype(float)
    cells[rng.random(cells.shape) < 0.4] = np.nan
    table = RatingTable(stored(cells))
    cv = RatingKFold(2, by_user=True, random_state=0)
    return [table[rows] for rows in next(cv.split(table))]


@pytest.mark.parametrize("feedback", ["explicit", "implicit"])
def test_audit_is_that_of_single_users(parts, rng, feedback):
    train, test = parts
    model = EnergyRecommender(MeansRecipe(), feedback=feedback).fit(train)
    groups = np.array(["a", "b", "c"])[rng.integers(0, 3, N_USERS)]
    frame = audit_recommendations(model, test, groups=groups, n=N)
    assert list(frame.index) == ["all", *np.unique(groups)]
    assert frame.loc["all", "n_users"] == frame.iloc[1:]["n_users"].sum() == N_USERS
    shown, _ = model.recommend(n=N)
    members = np.flatnonzero(groups == "b")
    here = np.isin(test.users, members)
    found = frame.loc["b"]
    assert found["n_held_out"] == here.sum()
    counts = np.bincount(train.items, minlength=N_ITEMS)
    assert found["popularity"] == pytest.approx(counts[shown[members]].mean())
    assert found["coverage"] == len(np.unique(shown[members])) / N_ITEMS
    least = 2.5 if feedback == "explicit" else 0.5
    liked = test.with_ratings(test.ratings >= least).to_csr()
    assert found["recall"] == pytest.approx(
        recall_at_k(liked[members], shown[members], N)
    )
    if feedback == "explicit":
        errors = model.predict(test)[here] - test.ratings[here]
        assert found["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    else:
        assert np.isnan(found["rmse"])
    alone = audit_recommendations(model, test.to_csr(), n=N)
    pd.testing.assert_frame_equal(alone, frame.loc[["all"]])


def test_wrong_audits_get_sentences(parts):
    model = EnergyRecommender(MeansRecipe()).fit(parts[0])
    with pytest.raises(ValueError, match="groups has 2 entries"):
        audit_recommendations(model, parts[1], groups=[1, 2])
    with pytest.raises(ValueError, match="a row for each of the 23 users"):
        audit_recommendations(model, parts[1].to_csr()[:3])
    other = RatingTable(parts[1].to_csr(), user_ids=np.arange(N_USERS) + 1)
    with pytest.raises(ValueError, match="other users or items"):
        audit_recommendations(model, other)
