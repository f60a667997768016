"""Rows that a classifier rejects."""

import numpy as np
import pytest

from skebm import EnergyClassifier

QUICK = {"n_components": 3, "n_iter": 60, "learning_rate": 0.03, "random_state": 0}
HYBRID = {**QUICK, "generative_weight": 0.3}


@pytest.fixture
def bits(rng):
    y = rng.integers(0, 3, 103)
    X = (rng.random((103, 5)) < 0.2 + 0.6 * np.eye(5)[y]).astype(float)
    return X, y


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (np.array([0, 1, 2]), -1),
        (np.array([0, 1, 2], np.uint8), -1),
        (np.array([0.0, 1.0, 2.0]), -1),
        (np.array(["ant", "bee", "cat"]), None),
    ],
)
def test_rows_below_the_thresholds_are_rejected(names, missing, bits):
    X, y = bits
    model = EnergyClassifier(**HYBRID).fit(X, names[y])
    labels, score = model.predict(X), model.score(X, names[y])
    sure, density = model.predict_proba(X).max(axis=1), model.score_samples(X)
    limits = {"probability": np.median(sure), "score": np.median(density)}
    for chosen in ({}, *({k: v} for k, v in limits.items()), limits):
        rejected = np.zeros(len(X), bool)
        if "probability" in chosen:
            rejected |= sure < limits["probability"]
        if "score" in chosen:
            rejected |= density < limits["score"]
        assert chosen == {} or 0 < rejected.sum() < len(X)
        found = model.set_params(reject_below=chosen).predict(X)
        assert found.tolist() == [
            missing if no else label
            for no, label in zip(rejected, labels.tolist(), strict=True)
        ]
        assert model.score(X, names[y]) == score


def test_wrong_thresholds(bits):
    X, y = bits
    model = EnergyClassifier(**HYBRID).fit(X, y)
    for wrong in ({"energy": 1}, {"probability": "high"}, {"score": np.nan}):
        with pytest.raises(ValueError, match=r"reject_below=.*must map"):
            model.set_params(reject_below=wrong).predict(X)
    model.set_params(generative_weight=0, reject_below={"score": 0.0}).fit(X, y)
    with pytest.raises(AttributeError, match="score_samples"):
        model.predict(X)
    model.set_params(reject_below={"probability": 0.5}).fit(X, 2 * (y > 0) - 1)
    with pytest.raises(ValueError, match="-1 is a class"):
        model.predict(X)
