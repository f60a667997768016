"""The adapter for PyOD, where PyOD is installed."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from skebm import EBMAnomalyDetector


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyod.models.base", None)
    monkeypatch.delitem(sys.modules, "skebm.compat.pyod", raising=False)
    with pytest.raises(ImportError, match=r"skebm\.compat\.pyod needs PyOD\. Install"):
        importlib.import_module("skebm.compat.pyod")


@pytest.fixture(scope="module")
def adapter():
    pytest.importorskip("pyod", reason="PyOD is a peer, not a dependency")
    return importlib.import_module("skebm.compat.pyod").EBM


@pytest.fixture(scope="module")
def rows():
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:10] += 6
    return X, np.arange(200) < 10


def test_signs_and_attributes(adapter, rows):
    X, y = rows
    model = clone(adapter(contamination=0.05, random_state=3)).fit(X)
    ours = EBMAnomalyDetector(random_state=3).fit(X)
    np.testing.assert_array_equal(model.decision_function(X), -ours.score_samples(X))
    np.testing.assert_array_equal(model.decision_scores_, -ours.score_samples(X))
    np.testing.assert_array_equal(model.labels_, y)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    pd.testing.assert_frame_equal(model.explain(X), -ours.explain(X))


def test_probabilities(adapter, rows):
    X, y = rows
    model = adapter(contamination=0.05, random_state=3).fit(X)
    p, confidence = model.predict_proba(X, return_confidence=True)
    ours = EBMAnomalyDetector(contamination=0.05, random_state=3).fit(X)
    np.testing.assert_array_equal(p[:, 1], ours.anomaly_proba(X))
    np.testing.assert_array_equal(p, model.predict_proba(X))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[:, 1].mean(), 0.05, rtol=1e-6)
    assert roc_auc_score(y, p[:, 1]) == 1
    assert confidence.shape == (200,)
    # PyOD's own: the row of the highest energy has the probability 1.
    assert model.predict_proba(X, method="linear")[:, 1].max() == 1
    with pytest.raises(ValueError, match="not a valid"):
        model.predict_proba(X, method="other")
    with pytest.raises(NotFittedError):
        adapter().predict_proba(X)


def test_parameters_and_combination(adapter, rows):
    from pyod.models.iforest import IForest
    from pyod.utils.utility import standardizer

    X, y = rows
    model = adapter("rbm", contamination=0.1, random_state=0)
    assert model.get_params()["density"] == "rbm"
    parts = [model.set_params(density="experts"), IForest(random_state=0)]
    scores = np.column_stack([part.fit(X).decision_scores_ for part in parts])
    assert roc_auc_score(y, standardizer(scores).mean(axis=1)) > 0.99
    with pytest.raises(NotFittedError):
        adapter().decision_function(X)
    with pytest.raises(ValueError, match="contamination"):
        adapter(contamination=0.7)
