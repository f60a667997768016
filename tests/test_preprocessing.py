import doctest
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skebm import EBMAnomalyDetector, preprocessing
from skebm.preprocessing import WindowTransformer

EACH = ["values", "differences", "mean", "std", "min", "max"]
_WHY = "the window of a row has the rows before it"
# A window of one row depends on nothing else, so no check may fail.
FAILS = {
    1: {},
    3: {
        "check_methods_sample_order_invariance": _WHY,
        "check_methods_subset_invariance": _WHY,
    },
}


@parametrize_with_checks(
    [WindowTransformer(1), WindowTransformer(3)],
    expected_failed_checks=lambda transformer: FAILS[transformer.width],
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def naive(X, groups, width, edge):
    """Return the features of each window, by loops."""
    out = []
    for t in range(len(X)):
        rows = [X[s] for s in range(t + 1) if groups[s] == groups[t]][-width:]
        n_before = width - len(rows)
        before = rows[0] if edge == "repeat" else np.full(X.shape[1], np.nan)
        window = np.array([before] * n_before + rows)
        parts = [window, np.diff(window, axis=0)]
        functions = np.nanmean, np.nanstd, np.nanmin, np.nanmax
        parts += [np.array([f(column) for column in window.T]) for f in functions]
        out.append(np.concatenate([part.ravel() for part in parts]))
    return np.array(out)


@pytest.mark.parametrize("edge", ["missing", "repeat"])
@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_windows(edge, n_groups, width, rng):
    X = rng.normal(size=(23, 2))
    X[7, 0] = np.nan
    groups = rng.integers(0, n_groups, 23)
    transformer = WindowTransformer(width, features=EACH, edge=edge)
    labels = None if n_groups == 1 else np.array(["c", "a", "b"])[groups]
    # A window of one missing value has no mean, and NumPy warns of that.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        expected = naive(X, groups, width, edge)
    for result in (
        transformer.fit_transform(X, groups=labels),
        transformer.fit(X).transform(X, groups=labels),
    ):
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    assert result.shape[1] == len(transformer.get_feature_names_out())


def test_no_row_sees_a_later_row(rng):
    X = rng.normal(size=(31, 2))
    transformer = WindowTransformer(5, features=EACH)
    whole = transformer.fit_transform(X)
    for t in (1, 4, 17):
        np.testing.assert_array_equal(transformer.transform(X[:t]), whole[:t])


@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("n_before", [2, 13])
def test_windows_that_continue(n_groups, n_before, rng):
    X, groups = rng.normal(size=(29, 2)), rng.integers(0, n_groups, 29)
    whole = WindowTransformer(4).fit_transform(X, groups=groups)
    transformer = WindowTransformer(4, continues=True)
    first = transformer.fit_transform(X[:n_before], groups=groups[:n_before])
    rest = transformer.transform(X[n_before:], groups=groups[n_before:])
    np.testing.assert_array_equal(np.concatenate([first, rest]), whole)
    # Without the option each call begins a new series.
    transformer.set_params(continues=False).fit(X[:n_before])
    assert np.isnan(transformer.transform(X[n_before:])[0, :6]).all()


def test_names_and_frames(rng):
    index = pd.date_range("2020-01-01", periods=5)
    frame = pd.DataFrame({"a": np.arange(5.0), "b": [1, 3, 2, 2, 0]}, index=index)
    transformer = WindowTransformer(3, features=["mean", "values", "differences"])
    result = transformer.set_output(transform="pandas").fit_transform(frame)
    assert list(result.columns) == [
        *("a_lag2", "b_lag2", "a_lag1", "b_lag1", "a_lag0", "b_lag0"),
        *("a_diff1", "b_diff1", "a_diff0", "b_diff0", "a_mean", "b_mean"),
    ]
    assert result.index.equals(index)
    last = result.iloc[-1]
    assert (last["b_lag2"], last["b_lag0"], last["b_diff0"]) == (2, 0, -2)
    assert last["a_diff1"] == 1
    assert last["b_mean"] == pytest.approx(4 / 3)


def test_single_precision_stays(rng):
    X = rng.normal(size=(9, 2)).astype(np.float32)
    assert WindowTransformer(3, features=EACH).fit_transform(X).dtype == np.float32


def test_pipelines_score_each_row(rng):
    X = np.sin(np.arange(400.0) / 5)[:, None] + 0.05 * rng.normal(size=(400, 1))
    X[350:353] = X[349]  # usual values that do not move
    model = make_pipeline(WindowTransformer(6), EBMAnomalyDetector(random_state=0))
    scores = model.fit(X[:200]).score_samples(X)
    assert scores.shape == (400,)
    assert 350 <= scores[200:].argmin() + 200 <= 358
    assert scores[350:358].min() < scores[6:200].min()
    forest = make_pipeline(
        WindowTransformer(6, edge="repeat"), IsolationForest(n_estimators=5)
    )
    assert np.isfinite(forest.fit(X).score_samples(X)).all()
    split = TimeSeriesSplit(2)

    def mean(pipeline, X, y=None):
        return pipeline.score_samples(X).mean()

    assert np.isfinite(cross_val_score(model, X, cv=split, scoring=mean)).all()


def test_groups_are_routed(rng):
    X, groups = rng.normal(size=(60, 1)), np.arange(60) % 2
    with sklearn.config_context(enable_metadata_routing=True):
        windows = WindowTransformer(3).set_transform_request(groups=True)
        windows.set_fit_request(groups=True)
        model = make_pipeline(windows, EBMAnomalyDetector(random_state=0))
        model.fit(X, groups=groups)
        scores = model.decision_function(X, groups=groups)
    rows = clone(windows).fit_transform(X, groups=groups)
    expected = EBMAnomalyDetector(random_state=0).fit(rows).decision_function(rows)
    np.testing.assert_array_equal(scores, expected)


def test_sentences(rng):
    X = rng.normal(size=(9, 2))
    for params, words in [
        ({"width": 0}, "width"),
        ({"features": "median"}, "features"),
        ({"features": ["mean", "median"]}, "features.*one or several of values"),
        ({"features": []}, "features"),
        ({"features": "differences", "width": 1}, "Set width to 2"),
        ({"edge": "zero"}, "edge"),
    ]:
        with pytest.raises(ValueError, match=words):
            WindowTransformer(**params).fit(X)
    with pytest.raises(ValueError, match=r"groups has the shape \(3,\).*9 rows"):
        WindowTransformer().fit_transform(X, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="both fit and transform"):
        WindowTransformer(continues=True).fit(X).transform(X, groups=np.arange(9))


def test_example():
    assert doctest.testmod(preprocessing) == (0, 4)
