import pickle

import numpy as np
import pandas as pd
import pytest

from skebm import EBMAnomalyDetector


@pytest.mark.parametrize("half_life", [None, 50])
def test_pieces_do_not_matter_and_partial_fit_goes_on_from_fit(half_life, rng):
    X = rng.normal(size=(211, 3))
    X[7] = 9
    facts = {"half_life": half_life, "random_state": 0}
    fitted = EBMAnomalyDetector(**facts).fit(X)
    first = EBMAnomalyDetector(**facts).partial_fit(X)
    pieces = EBMAnomalyDetector(**facts)
    for piece in np.split(X, [2, 3, 100]):
        pieces.partial_fit(piece)
    rest = EBMAnomalyDetector(**facts).fit(X[:100]).partial_fit(X[100:])
    for model in (first, rest, pickle.loads(pickle.dumps(pieces))):
        scores = model.score_samples(X), fitted.score_samples(X)
        np.testing.assert_allclose(*scores, rtol=1e-9)
        assert model.offset_ == pytest.approx(fitted.offset_, rel=1e-9)


def test_fit_begins_anew_and_looks_at_all_rows(rng, monkeypatch):
    monkeypatch.setattr("skebm.estimators._stream._MOST_ROWS", 100)
    monkeypatch.setattr("skebm.estimators._stream._FEWEST_ROWS", 100)
    X = rng.normal(size=(300, 2))
    model = EBMAnomalyDetector(contamination=0.1, random_state=0).fit(X + 50)
    assert (model.fit(X).predict(X) == -1).sum() == 30
    assert len(model._reservoir.X) == 100
    assert model._reservoir.n_seen == 300


@pytest.mark.parametrize("half_life", [None, 50])
def test_bits_do_not_depend_on_threads(half_life, rng, monkeypatch):
    monkeypatch.setattr("skebm.estimators._stream._MOST_ROWS", 1500)
    X, scores = rng.normal(size=(2000, 3)), []
    for n_jobs in (1, 2):
        model = EBMAnomalyDetector(half_life=half_life, n_jobs=n_jobs, random_state=0)
        model.partial_fit(X[:1000]).partial_fit(X[1000:])
        scores.append(model.decision_function(X))
    np.testing.assert_array_equal(*scores)


def test_a_detector_with_a_half_life_follows_a_drift(rng):
    old, new = rng.normal(size=(600, 2)), 20 + rng.normal(size=(300, 2))
    flags = {}
    for half_life in (None, 50):
        model = EBMAnomalyDetector(half_life=half_life, random_state=0)
        model.partial_fit(old)
        assert (model.predict(new) == -1).all()
        model.partial_fit(new)
        flags[half_life] = [(model.predict(rows) == -1).mean() for rows in (old, new)]
    # Old rows count 2^-6 of all, as anomalies would.
    assert flags[50][0] == 1
    assert flags[50][1] < 0.1
    assert flags[None][0] < 0.1


def test_columns_of_a_frame_may_get_new_categories():
    model = EBMAnomalyDetector(random_state=0)
    frame = pd.DataFrame({"a": ["x", "y"] * 20, "b": np.arange(40.0)})
    model.partial_fit(frame)
    model.partial_fit(frame.replace("x", "z"))
    assert np.isfinite(model.score_samples(frame.replace("x", "z"))).all()
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.set_axis(["a", "c"], axis=1))


def test_sentences(rng):
    X = rng.normal(size=(50, 2))
    with pytest.raises(AttributeError, match="partial_fit") as info:
        EBMAnomalyDetector("rbm").partial_fit(X)
    assert "density='experts'" in str(info.value.__cause__)
    model = EBMAnomalyDetector(random_state=0).partial_fit(X)
    scores = model.score_samples(X)
    with pytest.raises(ValueError, match="half_life"):
        model.set_params(half_life=-1).partial_fit(X)
    model.set_params(half_life=None)
    with pytest.raises(ValueError, match="2 features"):
        model.partial_fit(X[:, :1])
    # What is refused leaves the stream as it was.
    np.testing.assert_array_equal(model.score_samples(X), scores)
    assert model._reservoir.n_seen == 50
    assert not hasattr(EBMAnomalyDetector("rbm"), "partial_fit")
