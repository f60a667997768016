"""EnergyImputer: what comes in, what goes out, and how good the guesses are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import EnergyImputer, RBMDensity
from tests.models import heavy


def quick(**params):
    return EnergyImputer(
        **{"n_components": 5, "n_iter": 30, "random_state": 0} | params
    )


@pytest.fixture(scope="module")
def frame():
    """Return a frame of every kind of column, with holes."""
    random = np.random.default_rng(0)
    kind = random.integers(0, 3, 120)
    frame = pd.DataFrame(
        {
            "kind": pd.Categorical.from_codes(kind, list("abc")),
            "size": kind + 0.3 * random.normal(size=120),
            "flag": pd.array(kind == 1, dtype="boolean"),
            "count": pd.array(kind + random.integers(0, 2, 120), dtype="Int64"),
            "word": pd.Series(np.array(["x", "y", "z"])[kind], dtype=object),
        },
        index=np.arange(120) + 7,
    )
    return frame.mask(random.random(frame.shape) < 0.2)


def test_a_frame_comes_back_whole_with_its_dtypes(frame):
    imputer = quick().set_output(transform="pandas")
    whole = imputer.fit_transform(frame)
    assert not whole.isna().any(axis=None)
    assert (whole.dtypes == frame.dtypes).all()
    assert list(whole.index) == list(frame.index)
    for name, column in frame.items():
        seen = column.notna()
        pd.testing.assert_series_equal(whole[name][seen], column[seen])
    assert list(imputer.get_feature_names_out()) == list(frame.columns)
    assert imputer.n_iter_ == 30
    assert len(imputer.history_["epoch"]) == 30


def test_arrays_come_out_by_default(frame):
    whole = quick().fit(frame).transform(frame)
    assert isinstance(whole, np.ndarray)
    assert whole.dtype == object
    numbers = quick().fit_transform(frame[["size"]].to_numpy())
    assert numbers.dtype == np.float64


def test_single_precision_stays(frame):
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    X[::3, 1] = np.nan
    assert quick().fit_transform(X).dtype == np.float32


def test_indicators_follow_the_columns(frame):
    imputer = quick(add_indicator=True).set_output(transform="pandas")
    whole = imputer.fit_transform(frame[["size", "kind"]])
    names = ["size", "kind", "missingindicator_size", "missingindicator_kind"]
    assert list(whole.columns) == names
    np.testing.assert_array_equal(whole["missingindicator_size"], frame["size"].isna())
    plain = imputer.set_output(transform="default").transform(frame[["size", "kind"]])
    assert plain.shape == (120, 4)


@pytest.mark.parametrize("keep", [False, True])
def test_empty_columns(frame, keep):
    table = frame.assign(empty=np.nan, void=pd.Series([None] * 120, dtype=object))
    table = table[["empty", "kind", "void", "size"]]
    imputer = quick(keep_empty_features=keep).set_output(transform="pandas")
    whole = imputer.fit_transform(table)
    names = ["empty", "kind", "void", "size"] if keep else ["kind", "size"]
    assert list(whole.columns) == list(imputer.get_feature_names_out()) == names
    if keep:
        assert (whole["empty"] == 0).all()
        assert whole["void"].isna().all()
    X = np.full((20, 2), np.nan)
    X[:, 1] = np.arange(20)
    numbers = quick(keep_empty_features=keep).fit_transform(X)
    assert numbers.shape[1] == 1 + keep
    if keep:
        np.testing.assert_array_equal(numbers[:, 0], 0)
    with pytest.raises(ValueError, match="no value"):
        quick().fit(X[:, :1])


def test_draws_vary_and_means_do_not(frame):
    pierced = frame.assign(size=np.nan).assign(
        size=frame["size"].where(frame.index > 60)
    )
    means = quick().fit(pierced)
    np.testing.assert_array_equal(means.transform(pierced), means.transform(pierced))
    hole = pierced["size"].isna().to_numpy()
    drawn = [
        quick(sample_posterior=True, random_state=k).fit(pierced).transform(pierced)
        for k in (0, 0, 1)
    ]
    sizes = [rows[hole, 1].astype(float) for rows in drawn]
    np.testing.assert_array_equal(sizes[0], sizes[1])
    assert (sizes[0] != sizes[2]).all()
    assert sizes[0].std() > means.transform(pierced)[hole, 1].astype(float).std()


def test_unknown_categories(frame):
    imputer = quick().fit(frame)
    other = frame.assign(word="new")
    with pytest.raises(ValueError, match="'word'"):
        imputer.transform(other)
    lenient = quick(handle_unknown="missing").fit(frame)
    assert set(lenient.transform(other)[:, 4]) <= {"x", "y", "z"}


def test_a_density_of_ones_own(frame):
    density = RBMDensity(3, n_iter=5, random_state=0)
    imputer = EnergyImputer(density).fit(frame)
    assert imputer.density_ is not density
    assert imputer.density_.components_.shape[0] == 3


def test_intervals_hold_the_means(frame):
    imputer = quick().set_output(transform="pandas").fit(frame)
    low, high = imputer.posterior_interval(frame, coverage=0.9)
    mean = imputer.transform(frame)
    hole = frame["size"].isna()
    assert (low["size"] <= high["size"]).all()
    assert ((low["size"] < mean["size"]) & (mean["size"] < high["size"]))[hole].all()
    assert (low["size"] == high["size"])[~hole].all()
    assert low["kind"][frame["kind"].isna()].isna().all()


@heavy
def test_guesses_are_better_than_the_means_of_columns():
    X, _ = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    holes = np.random.default_rng(0).random(X.shape) < 0.2
    filled = EnergyImputer(random_state=0).fit_transform(np.where(holes, np.nan, X))
    np.testing.assert_array_equal(filled[~holes], X[~holes])
    error = np.sqrt(np.mean((filled - X)[holes] ** 2))
    assert error < 0.85 * np.sqrt(np.mean(X[holes] ** 2))


@heavy
def test_in_a_pipeline():
    X, y = load_wine(return_X_y=True)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    pipeline = make_pipeline(
        quick(add_indicator=True), StandardScaler(), LogisticRegression()
    )
    assert pipeline.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.8


def test_an_interrupted_fit_can_be_used(frame):
    class Impatient(RBMDensity):
        def fit(self, X, y=None, sample_weight=None):
            super().fit(X)
            raise KeyboardInterrupt

    imputer = EnergyImputer(Impatient(3, n_iter=2), add_indicator=True)
    with pytest.raises(KeyboardInterrupt):
        imputer.fit(frame)
    assert len(imputer.transform(frame)) == len(frame)
