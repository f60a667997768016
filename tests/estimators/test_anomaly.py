import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import EBMAnomalyDetector, EnergyClassifier, RBMDensity

N_ROWS = 211
SMALL = {"n_components": 3, "n_iter": 30, "random_state": 0}
RBM = {"density": "rbm", **SMALL}


@pytest.fixture
def table(rng):
    """Five columns of all sorts: real, real in [0, 1], two-valued, far from zero."""
    bit = (rng.random(N_ROWS) < 0.3).astype(float)
    x = rng.normal(size=N_ROWS)
    unit = rng.random(N_ROWS)
    return np.column_stack([x, 2 * x + rng.normal(size=N_ROWS), unit, bit, 1e5 + x])


def test_signs(table):
    far = table.copy()
    far[:3, 0] = 30
    model = EBMAnomalyDetector(**RBM).fit(far)
    score = model.score_samples(far)
    assert score[:3].max() < score[3:].min()
    np.testing.assert_allclose(model.decision_function(far), score - model.offset_)
    predicted = model.predict(far)
    np.testing.assert_array_equal(predicted == -1, model.decision_function(far) < 0)
    assert (predicted[:3] == -1).all()
    assert set(predicted) == {-1, 1}
    np.testing.assert_array_equal(score, model.density_.score_samples(far))
    np.testing.assert_array_equal(model.fit_predict(far), predicted)


@pytest.mark.parametrize("n_rows", [2, 10, 100, 211])
@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.29, 0.3, 0.5])
def test_contamination_flags_exactly_that_share(contamination, n_rows, table):
    X = table[:n_rows]
    model = EBMAnomalyDetector(contamination=contamination, **RBM).fit(X)
    n_flagged = (model.predict(X) == -1).sum()
    assert n_flagged == int(contamination * n_rows + 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_auto_flags_at_least_one_row(seed, rng):
    X = rng.normal(size=(37 + seed, 3))
    model = EBMAnomalyDetector(**RBM).fit(X)
    n_flagged = (model.predict(X) == -1).sum()
    assert 1 <= n_flagged < 10


def test_auto_flags_the_one_that_does_not_belong(rng):
    X = rng.normal(size=(N_ROWS, 3))
    X[17] = 12
    assert EBMAnomalyDetector(**RBM).fit(X).predict(X)[17] == -1


@pytest.mark.parametrize("contamination", ["auto", 0.1, 0.3])
def test_weight_is_repetition(contamination, table, rng):
    weight = rng.integers(0, 3, N_ROWS)
    weight[-11:] = 0
    X = table[:, :4]
    model = EBMAnomalyDetector(contamination=contamination, **RBM)
    weighted = model.fit(X, sample_weight=weight)
    offset, score = weighted.offset_, weighted.score_samples(X)
    repeated = model.fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(offset, repeated.offset_, rtol=1e-6)
    np.testing.assert_allclose(score, repeated.score_samples(X), rtol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, csr_matrix, csc_matrix])
def test_kinds_of_columns(container, rng):
    bit = (rng.random(N_ROWS) < 0.3).astype(float)
    columns = {
        "bernoulli": bit,
        "unit interval": rng.random(N_ROWS),
        "two other values": 1 + bit,
        "ones": np.ones(N_ROWS),
        "zeros": np.zeros(N_ROWS),
        "real": rng.normal(size=N_ROWS),
        "minus one": -bit,
    }
    X = container(np.column_stack(list(columns.values())))
    model = EBMAnomalyDetector(**RBM).fit(X)
    kinds = dict(zip(columns, model.density_._table.kinds, strict=True))
    assert kinds.pop("bernoulli") == "bernoulli"
    assert set(kinds.values()) == {"real"}
    for other in (RBMDensity(n_iter=1).fit(X), EnergyClassifier(n_iter=1).fit(X, bit)):
        assert other._table.kinds == model.density_._table.kinds
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize("container", [csr_matrix, csc_matrix])
def test_sparse_equals_dense(container, table):
    dense = EBMAnomalyDetector(**RBM).fit(table)
    sparse = EBMAnomalyDetector(**RBM).fit(container(table))
    np.testing.assert_allclose(
        dense.score_samples(table), sparse.score_samples(container(table)), rtol=1e-6
    )
    np.testing.assert_allclose(dense.offset_, sparse.offset_, rtol=1e-6)


def test_bernoulli_columns_take_new_values_only_in_their_domain(table):
    model = EBMAnomalyDetector(**RBM).fit(pd.DataFrame(table, columns=list("abcde")))
    with pytest.raises(ValueError, match="'d'"):
        model.predict(pd.DataFrame(table + 2, columns=list("abcde")))


@pytest.mark.parametrize(
    "density",
    [
        RBMDensity(visible="gaussian", hidden="spin", **SMALL),
        make_pipeline(StandardScaler(), RBMDensity(**SMALL)),
        KernelDensity(),
    ],
    ids=["rbm", "pipeline", "kernel"],
)
def test_density_of_ones_own(density, table):
    X = table[:, :3]
    model = EBMAnomalyDetector(density, contamination=0.1).fit(X)
    assert type(model.density_) is type(density)
    assert model.density_ is not density
    np.testing.assert_array_equal(
        model.score_samples(X), model.density_.score_samples(X)
    )
    assert (model.predict(X) == -1).sum() == 21
    assert not hasattr(model, "history_") or model.history_


def test_default_needs_no_preprocessing(table):
    params = {"contamination": 0.1, **RBM}
    one = EBMAnomalyDetector(**params).fit(table)
    scaled = table * np.array([1000, 0.001, 1, 1, 1]) + np.array([5, 0, 0, 0, 0])
    other = EBMAnomalyDetector(**params).fit(scaled)
    np.testing.assert_allclose(
        one.decision_function(table), other.decision_function(scaled), atol=1e-4
    )


def test_frames_pickle_and_scores(table):
    X = pd.DataFrame(table, columns=list("abcde"))
    model = EBMAnomalyDetector(**RBM).fit(X)
    assert list(model.feature_names_in_) == list("abcde")
    expected = model.decision_function(X)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.decision_function(X), expected)
    assert len(pd.DataFrame(model.history_)) == model.n_iter_ == 30
    y = np.where(np.arange(N_ROWS) % 29 == 0, -1, 1)
    table[y < 0, 0] = 30
    auc = cross_val_score(EBMAnomalyDetector(**RBM), table, y, cv=2, scoring="roc_auc")
    assert auc.min() > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype, table):
    X = table[:, :4].astype(dtype)
    model = EBMAnomalyDetector(**RBM).fit(X)
    assert model.density_.components_.dtype == dtype
    assert model.score_samples(X).dtype == np.float64


def test_warm_start(table):
    model = EBMAnomalyDetector(warm_start=True, **RBM).fit(table)
    before = model.density_.components_.copy()
    model.fit(table)
    assert model.n_iter_ == 60
    assert (model.density_.components_ != before).any()
    assert EBMAnomalyDetector(**RBM).fit(table).fit(table).n_iter_ == 30


def test_holes_are_summed_out_of_scores():
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:, 1] = X[:, 0]
    pierced = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)
    pierced[0] = 4, -4, np.nan
    pierced[1] = np.nan
    detector = EBMAnomalyDetector("rbm", random_state=0).fit(pierced)
    scores = detector.decision_function(pierced)
    assert np.isfinite(scores).all()
    assert scores[0] == scores.min()
    assert detector.predict(pierced)[1] == 1  # a row that says nothing


def test_a_density_that_takes_no_holes_says_so():
    from sklearn.neighbors import KernelDensity

    X = np.array([[0.0], [np.nan], [1.0]])
    with pytest.raises(ValueError, match="NaN"):
        EBMAnomalyDetector(KernelDensity()).fit(X)


def test_the_density_of_a_detector_does_not_warn_of_its_draws():
    X = (load_digits().data > 7).astype(np.float32)[:500]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector = EBMAnomalyDetector("rbm", n_components=2, random_state=0).fit(X)
    # There would be something to warn of.
    assert detector.density_.misfit_.to_numpy().max() > 0.2
