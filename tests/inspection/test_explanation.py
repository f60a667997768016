"""The bars of what columns add to a score."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from skebm import EBMAnomalyDetector, RBMDensity
from skebm.inspection import ExplanationDisplay
from tests.fits import BITS


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    frame["kind"] = pd.Categorical(rng.choice(["x", "y"], 200))
    frame.loc[0, ["a", "c"]] = [np.nan, 9.123456]
    return frame


@pytest.fixture(scope="module")
def detector(frame):
    return EBMAnomalyDetector(random_state=0).fit(frame)


def test_bars_are_the_parts_of_the_score(detector, frame):
    display = ExplanationDisplay.from_estimator(detector, frame.iloc[[0]], n_bars=3)
    parts = detector.explain(frame).iloc[0]
    assert display.score_ == pytest.approx(detector.score_samples(frame)[0])
    texts = [t.get_text() for t in display.ax_.get_yticklabels()]
    assert texts[0] == "c = 9.123"
    assert texts[-1] == "2 other columns"
    lowest = parts.sort_values()
    widths = [bar.get_width() for bar in display.bars_]
    expected = [*lowest[:3], lowest[3:].sum()]
    np.testing.assert_allclose(widths, expected)
    assert sum(widths) == pytest.approx(display.score_)
    assert display.ax_.get_title().endswith(": outlier")
    low, high = display.ax_.get_xlim()
    assert low < min(widths) < max(widths) < high
    assert {"a = missing", f"kind = {frame['kind'][0]}"} <= set(display.labels)


def test_it_uses_the_axes_that_are_given(detector, frame):
    figure, ax = plt.subplots()
    display = ExplanationDisplay.from_estimator(detector, frame.iloc[[5]], ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.ax_.get_title().endswith(": inlier")
    assert len(display.bars_) == 5


def test_arrays_have_numbered_columns():
    X = np.random.default_rng(1).normal(size=(100, 2))
    detector = EBMAnomalyDetector(random_state=0).fit(X)
    display = ExplanationDisplay.from_estimator(detector, X[:1])
    assert display.labels[0].startswith("column 0 = ")


def test_sentences(detector, frame):
    with pytest.raises(ValueError, match="explains one row; X has 2"):
        ExplanationDisplay.from_estimator(detector, frame[:2])
    with pytest.raises(ValueError, match="n_bars must be a whole number, at least 1"):
        ExplanationDisplay.from_estimator(detector, frame[:1], n_bars=0)
    with pytest.raises(NotFittedError):
        ExplanationDisplay.from_estimator(EBMAnomalyDetector(), frame[:1])
    density = RBMDensity(2, n_iter=1, random_state=0).fit(BITS)
    with pytest.raises(TypeError, match=r"needs `explain`; RBMDensity has none\. Use"):
        ExplanationDisplay.from_estimator(density, BITS[:1])
