import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KernelDensity

from skebm import EBMAnomalyDetector

N_ROWS = 211


@pytest.fixture
def table(rng):
    X = rng.standard_t(4, size=(N_ROWS, 3))
    X[:11] += 8
    return X


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"novelty": True},
        {"contamination": 0.05},
        {"half_life": 50},
        {"density": KernelDensity()},
    ],
    ids=str,
)
def test_probabilities_fall_with_scores_of_any_rows(params, table, rng):
    model = EBMAnomalyDetector(random_state=0).set_params(**params).fit(table)
    X = np.concatenate([table, 100 * rng.normal(size=(53, 3))])
    p, order = model.anomaly_proba(X), np.argsort(model.score_samples(X))
    assert p.shape == (len(X),)
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p[order]) <= 0).all()
    assert p[:11].min() > p[11:N_ROWS].mean()
    # Each row alone has its probability, and so has it after a file.
    again = pickle.loads(pickle.dumps(model))
    alone = [again.anomaly_proba(x[None])[0] for x in X[::17]]
    np.testing.assert_allclose(alone, p[::17], rtol=1e-12)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_contamination_is_the_mean(share, table):
    model = EBMAnomalyDetector(contamination=share, random_state=0).fit(table)
    assert model.anomaly_proba(table).mean() == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("novelty", [False, True])
def test_no_row_of_a_constant_table_is_probable(novelty):
    X = np.full((50, 3), 0.1)
    model = EBMAnomalyDetector(novelty=novelty, random_state=0).fit(X)
    assert model.anomaly_proba(X).max() < 0.1


def test_labelled_rows_do_not_count(table):
    y = np.where(np.arange(N_ROWS) < 8, -1, 0)
    share = {"contamination": 0.1, "use_labels": True}
    model = EBMAnomalyDetector(random_state=0, **share).fit(table, y)
    p = model.anomaly_proba(table)
    assert p[8:].mean() == pytest.approx(0.1, rel=1e-6)
    assert p[:8].mean() > 0.6


def test_streams(rng):
    old, new = rng.normal(size=(400, 2)), 20 + rng.normal(size=(200, 2))
    model = EBMAnomalyDetector(half_life=50, random_state=0).partial_fit(old)
    assert model.anomaly_proba(new).min() > 0.5
    assert model.partial_fit(new).anomaly_proba(new).mean() < 0.2


def test_frames(table):
    frame = pd.DataFrame(table, columns=list("abc"))
    one = EBMAnomalyDetector(random_state=0).fit(frame).anomaly_proba(frame)
    other = EBMAnomalyDetector(random_state=0).fit(table).anomaly_proba(table)
    np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="features"):
        EBMAnomalyDetector(random_state=0).fit(table).anomaly_proba(table[:, :2])


def test_it_is_not_a_classifier():
    # scikit-learn's checks of sparse rows ask predict_proba for a column a class.
    assert not hasattr(EBMAnomalyDetector, "predict_proba")
