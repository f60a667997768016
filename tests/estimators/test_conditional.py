"""What a fitted density says of rows with holes: scores, draws, completions."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import linregress, norm

from skebm import RBMDensity
from skebm.utils._sparse import dense
from tests.models import heavy

N_DRAWS = 2003


@pytest.fixture(scope="module")
def frame():
    """Return two dependent categories and a number that follows one of them."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 600)
    other = np.where(random.random(600) < 0.8, kind % 2, 1 - kind % 2)
    size = kind + 0.4 * random.normal(size=600)
    return pd.DataFrame(
        {
            "kind": pd.Categorical.from_codes(kind, list("abc")),
            "size": size,
            "flag": other.astype(bool),
        }
    )


@pytest.fixture(scope="module")
def model(frame):
    pierced = frame.astype({"flag": object})
    pierced = pierced.mask(np.random.default_rng(1).random(frame.shape) < 0.2)
    pierced["kind"] = pierced["kind"].astype(frame["kind"].dtype)
    model = RBMDensity(6, n_iter=500, learning_rate=0.2, random_state=0)
    return model.fit(pierced)


def all_rows(frame):
    """Return all values of the discrete columns, without a size."""
    kinds = np.repeat(list("abc"), 2)
    return pd.DataFrame(
        {
            "kind": pd.Categorical(kinds, list("abc")),
            "size": np.nan,
            "flag": np.tile([False, True], 3),
        }
    )


def test_probabilities_of_what_was_observed_sum_to_one(model, frame):
    rows = all_rows(frame)
    assert np.exp(model.score_samples(rows)).sum() == pytest.approx(1, abs=1e-9)
    alone = rows.assign(flag=None)[::2]
    assert np.exp(model.score_samples(alone)).sum() == pytest.approx(1, abs=1e-9)
    nothing = rows[:1].assign(kind=None, flag=None)
    assert model.score_samples(nothing)[0] == pytest.approx(0, abs=1e-9)


def test_the_density_of_a_number_integrates_to_the_probability_of_the_rest(model):
    rows = all_rows(None)[:1]
    line = np.linspace(-6, 9, 3001)
    many = pd.concat([rows] * len(line), ignore_index=True).assign(size=line)
    total = np.exp(model.score_samples(many)).sum() * (line[1] - line[0])
    expected = np.exp(model.score_samples(rows))[0]
    assert total == pytest.approx(expected, rel=1e-6)


def test_the_dependence_was_learned_from_rows_with_holes(model, frame):
    rows = all_rows(frame)
    learned = np.exp(model.score_samples(rows)).reshape(3, 2)
    counts = frame.groupby(["kind", "flag"], observed=False).size()
    expected = counts.to_numpy().reshape(3, 2) / len(frame)
    # Six standard errors of frequencies of 600 rows, a third of them incomplete.
    np.testing.assert_allclose(learned, expected, atol=6 * np.sqrt(0.25 / 400))


def test_conditional_log_prob_is_a_difference_of_scores(model, frame):
    rows = frame[:17]
    given = rows.assign(kind=pd.Categorical([None] * 17, list("abc")), size=np.nan)
    expected = model.score_samples(rows) - model.score_samples(given)
    np.testing.assert_allclose(model.conditional_log_prob(rows, ["flag"]), expected)
    np.testing.assert_allclose(model.conditional_log_prob(rows, [2]), expected)
    nothing = model.conditional_log_prob(rows, ["kind", "size", "flag"])
    np.testing.assert_allclose(nothing, 0, atol=1e-9)
    with pytest.raises(ValueError, match="'colour'"):
        model.conditional_log_prob(rows, ["colour"])


def test_draws_given_a_row(model, frame):
    drawn = model.sample(N_DRAWS, given={"kind": "c"}, random_state=0)
    assert list(drawn.columns) == list(frame.columns)
    assert (drawn["kind"] == "c").all()
    assert drawn["kind"].dtype == frame["kind"].dtype
    rows = all_rows(frame)[4:]
    p = np.exp(model.conditional_log_prob(rows, ["kind"]))[1]
    share = drawn["flag"].astype(float).mean()
    assert abs(share - p) < 6 * np.sqrt(p * (1 - p) / N_DRAWS)
    assert abs(drawn["size"].mean() - 2) < 0.3
    series = pd.Series({"kind": "c"})
    again = model.sample(N_DRAWS, given=series, random_state=0)
    pd.testing.assert_frame_equal(again, drawn)


def test_draws_given_several_rows(model, frame):
    rows = frame[["kind"]][3:5]
    drawn = model.sample(7, given=rows, random_state=0)
    assert list(drawn.index) == [3] * 7 + [4] * 7
    assert (drawn["kind"] == frame["kind"][drawn.index].to_numpy()).all()
    with pytest.raises(ValueError, match="'colour'"):
        model.sample(given={"colour": 1})


def test_draws_given_a_dict_have_a_clean_index(model):
    for given in ({"kind": "a"}, pd.Series({"kind": "a"}, name=9)):
        drawn = model.sample(3, given=given, random_state=0)
        assert list(drawn.index) == [0, 1, 2]


def test_what_was_given_comes_back_to_the_bit(model, frame):
    drawn = model.sample(3, given=frame[["size"]][:5], random_state=0)
    np.testing.assert_array_equal(drawn["size"], np.repeat(frame["size"][:5], 3))


def test_cold_draws_are_typical_and_hot_ones_diverse(model):
    mean = [
        model.score_samples(model.sample(500, beta=beta, random_state=0)).mean()
        for beta in (0.3, 1.0, 4.0)
    ]
    assert mean[0] < mean[1] < mean[2]
    with pytest.raises(ValueError, match="beta"):
        model.sample(beta=0)


def test_the_completion_is_the_most_probable_one(model, frame):
    asked = all_rows(frame).assign(size=2.0, kind=None)[:2]
    whole = model.complete(asked, random_state=0)
    rows = all_rows(frame).assign(size=2.0)
    score = model.score_samples(rows).reshape(3, 2)
    for k in range(2):
        assert whole["kind"].iloc[k] == "abc"[score[:, k].argmax()]


def test_the_posterior_mean_is_that_of_many_draws(model):
    row = pd.DataFrame({"kind": pd.Categorical(["a"], list("abc"))})
    row = row.assign(size=np.nan, flag=None)
    mean = model.posterior_mean(pd.concat([row] * 23, ignore_index=True))["size"]
    drawn = model.sample(N_DRAWS, given=row, random_state=0)["size"]
    bound = 6 * np.hypot(drawn.std() / np.sqrt(N_DRAWS), mean.std() / np.sqrt(23))
    assert abs(mean.mean() - drawn.mean()) < bound
    low, high = model.posterior_interval(row)
    inside = norm.cdf(high["size"][0], drawn.mean(), drawn.std())
    inside -= norm.cdf(low["size"][0], drawn.mean(), drawn.std())
    assert 0.8 < inside < 0.97


def test_features_of_rows_with_holes(model, frame):
    whole = model.transform(frame)
    pierced = frame.assign(size=np.where(np.arange(600) % 2, np.nan, frame["size"]))
    features = model.transform(pierced)
    np.testing.assert_array_equal(np.isnan(features).sum(), 0)
    # Without the number they are averages over it, and nearer to each other.
    assert features[1::2].std() < whole[1::2].std()


def test_surprise_of_each_cell(model, frame):
    rows = frame[:7].astype({"flag": object})
    rows.loc[2, "size"] = np.nan
    terms = model.pseudo_log_likelihood(rows, per_feature=True)
    assert np.isnan(terms[2, 1])
    assert np.isfinite(np.delete(terms.ravel(), 7)).all()
    expected = model.conditional_log_prob(rows[2:3], ["kind"])
    assert terms[2, 2] == pytest.approx(expected[0])
    whole = model.pseudo_log_likelihood(frame[:2], per_feature=True)
    np.testing.assert_allclose(terms[:2], whole)


@heavy
def test_arrays_with_holes():
    random = np.random.default_rng(0)
    X = random.normal(size=(300, 1)) + 0.5 * random.normal(size=(300, 4))
    holes = random.random(X.shape) < 0.3
    model = RBMDensity(5, hidden="gaussian", random_state=0)
    model.fit(np.where(holes, np.nan, X))
    filled = model.posterior_mean(np.where(holes, np.nan, X))
    np.testing.assert_array_equal(filled[~holes], X[~holes])
    error = np.sqrt(np.mean((filled - X)[holes] ** 2))
    assert error < 0.8 * X[holes].std()  # the mean would have 1
    assert np.isfinite(model.score_samples(np.where(holes, np.nan, X))).all()


@heavy
@pytest.mark.parametrize("whole", [False, True])
def test_the_slope_of_draws_is_that_of_the_regression_on_whole_rows(whole):
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    rows = pd.DataFrame({"x": x, "y": x + random.normal(size=200)})
    rows.loc[random.permutation(200)[:130], "y"] = np.nan
    complete = rows.dropna()
    line = linregress(complete["x"], complete["y"])
    model = RBMDensity(8, random_state=0)
    model.fit(complete if whole else rows)
    ask = pd.DataFrame({"x": np.repeat(x, 5), "y": np.nan})
    drawn = model.sample(1, given=ask, random_state=1)
    slope = linregress(drawn["x"], drawn["y"]).slope
    assert abs(slope - line.slope) < 2 * line.stderr


def test_sparse_rows_are_their_own_best_guess():
    X = np.eye(5)
    model = RBMDensity(2, n_iter=0, visible="bernoulli", random_state=0).fit(X)
    rows = csr_matrix(X)
    for whole in (model.posterior_mean(rows), *model.posterior_interval(rows)):
        np.testing.assert_array_equal(dense(whole), X)
