"""Detectors of anomalies among rows on disk."""

import numpy as np
import pandas as pd
import pytest

from skebm import EBMAnomalyDetector, RBMDensity
from skebm.tables import disk
from tests.tables.test_disk import mapped, shrink, write

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(403, 3))
    X[::40] += 8
    return X


def few(monkeypatch, n):
    monkeypatch.setattr(disk, "sample_size", lambda n_features: n)


@pytest.mark.parametrize("weight", [None, np.arange(403) % 3])
def test_a_sample_of_all_rows_gives_the_fit_in_memory(weight, rows, tmp_path):
    X = mapped(rows, tmp_path)
    model = EBMAnomalyDetector(random_state=0).fit(X, sample_weight=weight)
    there = slice(None) if weight is None else weight > 0
    part = None if weight is None else weight[there]
    expected = EBMAnomalyDetector(random_state=0).fit(rows[there], sample_weight=part)
    assert model.offset_ == expected.offset_
    for name in ("score_samples", "decision_function", "predict", "anomaly_proba"):
        method = getattr(model, name)
        np.testing.assert_array_equal(method(X), getattr(expected, name)(rows))
        np.testing.assert_allclose(method(X), method(rows))
    found = EBMAnomalyDetector(random_state=0).fit_predict(X, sample_weight=weight)
    np.testing.assert_array_equal(found, model.predict(rows))


def test_a_sample_sets_the_threshold(rows, tmp_path, monkeypatch):
    few(monkeypatch, 101)
    X = mapped(rows, tmp_path)
    model = EBMAnomalyDetector(contamination=0.1, random_state=0).fit(X)
    # 0.1 of 101 rows, with a standard deviation of 0.03.
    assert 0.01 < (model.predict(X) == -1).mean() < 0.19
    scores = model.score_samples(model._reservoir.X)
    assert len(scores) == 101
    np.testing.assert_allclose((scores < model.offset_).mean(), 10 / 101)
    assert {tuple(row) for row in model._reservoir.X} <= {tuple(row) for row in rows}


def test_a_stream_goes_on_after_a_sample(rows, tmp_path, monkeypatch):
    """Each row of the sample stands for several rows of the stream."""
    few(monkeypatch, 101)
    model = EBMAnomalyDetector(random_state=0).fit(mapped(rows, tmp_path))
    np.testing.assert_allclose(np.exp(model._reservoir.log_weight), 403 / 101)
    model.partial_fit(rows[:50])
    np.testing.assert_allclose(np.exp(model._reservoir.log_weight[-50:]), 1)


def test_an_rbm_learns_all_rows(rows, tmp_path, monkeypatch):
    few(monkeypatch, 101)
    bits = (rows > 0).astype(np.uint8)
    X = mapped(bits, tmp_path)
    model = EBMAnomalyDetector("rbm", n_iter=3, random_state=0).fit(X)
    density = RBMDensity(4, n_clusters=1, n_iter=3, random_state=0).fit(X)
    np.testing.assert_array_equal(model.density_.components_, density.components_)
    assert model.predict(X).shape == (403,)


def test_labels_in_a_column(rows, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    y = -(np.arange(403) % 40 == 0).astype(int)
    frame = pd.DataFrame(rows, columns=list("abc"))
    write(tmp_path, frame.assign(y=y)[:100], frame.assign(y=y)[100:])
    expected = EBMAnomalyDetector(use_labels=True, random_state=0).fit(frame, y)
    model = EBMAnomalyDetector(use_labels=True, random_state=0).fit(tmp_path, "y")
    assert model.offset_ == expected.offset_
    np.testing.assert_array_equal(model.predict(tmp_path), expected.predict(frame))
    plain = EBMAnomalyDetector(random_state=0).fit(tmp_path, "y")
    assert plain.feature_names_in_.tolist() == list("abc")
    few(monkeypatch, 101)
    model = EBMAnomalyDetector(use_labels=True, random_state=0).fit(tmp_path, "y")
    labels = y[np.flatnonzero(np.isin(rows[:, 0], model._reservoir.X["a"]))]
    assert len(labels) == 101
    with pytest.raises(ValueError, match="X has 403 rows, but y has 2"):
        model.fit(mapped(rows, tmp_path), [0, -1])


def test_rows_in_time_order_come_in_pieces(rows, tmp_path):
    with pytest.raises(ValueError, match="half_life needs all rows in the order"):
        EBMAnomalyDetector(half_life=10.0).fit(mapped(rows, tmp_path))
