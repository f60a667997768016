"""Sentences about rows that an estimator does not take, and one warning a mistake."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skebm import EBMAnomalyDetector, EnergyClassifier, EnergyImputer, RBMDensity

N = 20
Y = [0, 1] * (N // 2)
ALL = [
    RBMDensity(n_iter=1),
    EnergyImputer(n_iter=1),
    EBMAnomalyDetector("rbm", n_iter=1),
    EnergyClassifier(n_iter=1),
]
every_estimator = pytest.mark.parametrize("estimator", ALL)


def fit(estimator, X):
    is_classifier = isinstance(estimator, EnergyClassifier)
    return estimator.fit(X, Y) if is_classifier else estimator.fit(X)


@every_estimator
def test_text_in_arrays(estimator):
    rows = [["a", 1.0], ["b", 2.0]] * (N // 2)
    for X in (rows, np.array(rows), np.array(rows, object)):
        with pytest.raises(ValueError, match="X holds text, such as 'a'"):
            fit(estimator, X)
    fit(estimator, [["1", "2.5"], ["0", "1e-3"]] * (N // 2))


@every_estimator
def test_a_frame_without_rows_yet(estimator):
    with pytest.raises(TypeError, match="LazyFrame"):
        fit(estimator, pl.DataFrame({"a": np.arange(N)}).lazy())


@every_estimator
def test_other_things_in_frames(estimator):
    for cells in ([{"b": 1}] * N, [[1]] * N):
        with pytest.raises(ValueError, match="'a' of X holds objects"):
            fit(estimator, pl.DataFrame({"a": cells}))


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_holes_of_a_classifier(container, rng):
    X = rng.normal(size=(N, 3))
    fitted = EnergyClassifier(n_iter=1).fit(container(X), Y)
    X[3, 1] = np.nan
    sentence = "NaN .*column 1.*EnergyImputer, or set generative_weight above 0"
    for call in (fitted.predict, lambda X: fitted.fit(X, Y)):
        with pytest.raises(ValueError, match=sentence):
            call(container(X))
    EnergyClassifier(n_iter=1, generative_weight=0.5).fit(container(X), Y)


@pytest.mark.parametrize(
    "estimator",
    [
        EBMAnomalyDetector("rbm", n_iter=1, random_state=0),
        EBMAnomalyDetector(RBMDensity(n_iter=1, random_state=0)),
        EnergyImputer(n_iter=1, random_state=0),
    ],
)
def test_one_warning_about_names(estimator, rng):
    named = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "b"])
    for before, after in ((named, named.to_numpy()), (named.to_numpy(), named)):
        fitted = estimator.fit(before)
        method = getattr(fitted, "score_samples", None) or fitted.transform
        right = method(before)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            np.testing.assert_array_equal(method(after), right)
        assert len(caught) == 1
        assert type(estimator).__name__ in str(caught[0].message)
