import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from skebm import EnergyClassifier, RBMDensity
from skebm.monitoring import Epochs
from tests.models import heavy

PATIENT = {"early_stopping": True, "n_iter_no_change": 1000, "random_state": 4}


def caught(model, *data):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model.fit(*data)
    return [str(w.message) for w in seen if w.category is ConvergenceWarning]


@pytest.fixture
def noise(rng):
    """Rows that can only be learned by heart."""
    return (rng.random((61, 29)) < 0.5).astype(np.float32)


@heavy
def test_overfitting_warns_and_the_remedies_help(noise):
    params = {"learning_rate": 0.3, "n_iter": 700, "couplings": "none", **PATIENT}
    model = RBMDensity(101, **params)
    (text,) = caught(model, noise)
    assert "overfits" in text
    scores = np.array(model.history_["validation_score"])
    epoch = model.history_["epoch"][np.nanargmax(scores)]
    lost = np.nanmax(scores) - scores[-1]
    assert f"{lost:.2g} nats less than after epoch {epoch}. " in text
    assert not caught(model.set_params(n_iter=int(epoch)), noise)
    assert not caught(RBMDensity(101, **params, l2=1.0), noise)
    # Nobody knows without rows that are held out.
    assert "overfits" not in str(caught(model.set_params(early_stopping=False), noise))


@heavy
def test_a_classifier_may_overfit_too(noise):
    labels = np.arange(len(noise)) % 2
    model = EnergyClassifier(101, n_iter=700, l2=0, **PATIENT)
    (text,) = caught(model, noise, labels)
    assert "overfits" in text


@heavy
def test_what_generalises_does_not_warn():
    X, y = load_iris(return_X_y=True)
    assert not caught(RBMDensity(16, early_stopping=True, random_state=0), X)
    assert not caught(EnergyClassifier(16, early_stopping=True, random_state=0), X, y)


def test_columns_of_the_history_keep_their_order():
    epochs = object.__new__(Epochs)
    epochs.history, epochs.estimator = {}, SimpleNamespace(verbose=0)
    epochs._record(1, {"score": 2.0, "gap": 3.0, "accuracy": 5.0}, 0.1, 7.0)
    epochs._record(2, {"late": 11.0, "accuracy": 13.0, "later": 17.0}, 0.1, 19.0)
    figures = ["score", "gap", "accuracy", "late", "later"]
    assert list(epochs.history) == ["epoch", *figures, "learning_rate", "seconds"]
    np.testing.assert_equal(epochs.history["late"], [np.nan, 11])
    np.testing.assert_equal(epochs.history["gap"], [3, np.nan])
    assert epochs.history["seconds"] == [7, 19]


@pytest.mark.parametrize("rate", [1e30, 1e100, 1e300])
def test_updates_that_overflow_bring_one_warning_of_ours(rate, rng):
    numbers = rng.normal(size=(61, 2))
    X = pd.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1]})
    X["c"] = rng.choice(["x", "y", "z"], 61)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = RBMDensity(4, learning_rate=rate, n_iter=3, random_state=0).fit(X)
    assert [w.category for w in seen] == [ConvergenceWarning]
    assert "diverged" in str(seen[0].message)
    assert np.isfinite(model.score_samples(X)).all()
