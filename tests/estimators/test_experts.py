"""The default detector of anomalies, and the thresholds of all detectors."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KernelDensity

from skebm import EBMAnomalyDetector
from skebm.utils._threshold import threshold

N_ROWS = 211


def mixed(rng, n=N_ROWS):
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "town": rng.choice(["here", "there", "elsewhere"], n),
            "member": rng.random(n) < 0.3,
            "visits": rng.integers(0, 5, n),
        }
    )
    frame.loc[::7, "age"] = None
    frame.loc[::11, "town"] = None
    return frame


def tied(rng):
    bits, dice = (rng.random((500, 2)) < 0.45) * 1.0, rng.integers(1, 7, (600, 1)) * 1.0
    towns = pd.DataFrame({"a": rng.choice(list("xyz"), 500, p=[0.4, 0.35, 0.25])})
    clusters = np.array([[0.0, 0], [5, 5]])
    return {
        "constant": np.full((50, 3), 0.1),
        "bit": bits[:, :1],
        "bits": bits,
        "dice": dice,
        "categories": towns,
        "two clusters": clusters.repeat([100, 100], axis=0),
        "unequal clusters": clusters.repeat([160, 40], axis=0),
    }


@pytest.mark.parametrize("name", tied(np.random.default_rng(0)))
def test_tables_of_ties_have_no_outliers(name, rng):
    X = tied(rng)[name]
    model = EBMAnomalyDetector(random_state=0).fit(X)
    assert (model.predict(X) == 1).all()


def test_few_rows_apart_from_ties_are_outliers():
    X = np.array([[0.0, 0], [5, 5]]).repeat([194, 6], axis=0)
    predicted = EBMAnomalyDetector(random_state=0).fit_predict(X)
    np.testing.assert_array_equal(predicted, np.repeat([1, -1], [194, 6]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("contamination", ["auto", 0.05])
def test_a_label_does_not_depend_on_other_rows(contamination, dtype, rng):
    X = rng.standard_t(2, size=(N_ROWS, 3)).astype(dtype)
    model = EBMAnomalyDetector(contamination=contamination, random_state=0).fit(X)
    scores = model.score_samples(X)
    alone = [model.score_samples(x[None])[0] for x in X]
    np.testing.assert_array_equal(alone, scores)
    # Nor on the rounding of other densities.
    noisy = scores + 1e-8 * rng.normal(size=N_ROWS)
    np.testing.assert_array_equal(noisy < model.offset_, scores < model.offset_)
    assert (model.predict(X) == -1).any()


@pytest.mark.parametrize("spike", [0, 1e4, 1e6])
def test_one_value_does_not_blind_a_column(spike):
    X = np.random.default_rng(1).normal(size=(1000, 3))
    X[0, 0], X[1:11, 0] = spike, 8
    model = EBMAnomalyDetector(random_state=0).fit(X)
    scores = model.score_samples(X)
    assert roc_auc_score(np.arange(999) >= 10, scores[1:]) > 0.99
    assert (model.predict(X)[1:11] == -1).all()
    frame = pd.DataFrame(X, columns=list("abc"))
    named = EBMAnomalyDetector(random_state=0).fit(frame)
    np.testing.assert_array_equal(named.score_samples(frame), scores)


def test_a_broken_correlation_stands_out():
    X = np.random.default_rng(0).multivariate_normal(
        [0, 0], [[1, 0.995], [0.995, 1]], 2003
    )
    is_broken = np.arange(len(X)) < 40
    X[is_broken, 1] *= -1
    model = EBMAnomalyDetector(random_state=0).fit(X)
    auroc = roc_auc_score(is_broken, -model.score_samples(X))
    apart = X - X.mean(axis=0)
    normal = (apart @ np.linalg.inv(np.cov(X.T)) * apart).sum(axis=1)
    # The spread of the difference over seeds is 0.006.
    assert auroc > roc_auc_score(is_broken, normal) - 0.02
    assert auroc > 0.8


def test_a_mixed_frame_with_holes(rng):
    X = mixed(rng)
    X.loc[3, "age"] = 400
    model = EBMAnomalyDetector(random_state=0).fit(X)
    assert model.predict(X)[3] == -1
    assert model.score_samples(X).argmin() == 3
    row = X.iloc[[5]].assign(town="nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        model.predict(row)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.score_samples(X), model.score_samples(X))
    with pytest.raises(AttributeError, match="history_"):
        _ = model.history_


def test_explanations_sum_to_the_score(rng):
    X = mixed(rng)
    X.index += 1000
    model = EBMAnomalyDetector(random_state=0).fit(X)
    odd = X.iloc[20:70].copy()
    for k, name in enumerate(["age", "visits"]):
        odd.iloc[k::2, odd.columns.get_loc(name)] = 300
    reasons = model.explain(odd)
    assert list(reasons.columns) == list(X.columns)
    assert (reasons.index == odd.index).all()
    np.testing.assert_allclose(
        reasons.to_numpy().sum(axis=1), model.score_samples(odd), rtol=1e-6, atol=1e-6
    )
    blamed = reasons.idxmin(axis=1).to_numpy()
    assert (blamed == np.tile(["age", "visits"], 25)).mean() > 0.9
    numbers = odd[["visits"]].to_numpy()
    with pytest.raises(AttributeError, match="experts"):
        EBMAnomalyDetector(KernelDensity()).fit(numbers).explain(numbers)


def some_labelled(rng):
    """Anomalies in one direction, of which eight have a label."""
    X, y = rng.normal(size=(503, 3)), np.zeros(503, int)
    X[:40, 0] += 2
    y[:8] = -1
    return X, y


def test_labelled_anomalies(rng):
    X, y = some_labelled(rng)
    plain = EBMAnomalyDetector(random_state=0).fit(X)
    ignoring = EBMAnomalyDetector(random_state=0).fit(X, y)
    np.testing.assert_array_equal(ignoring.score_samples(X), plain.score_samples(X))
    model = EBMAnomalyDetector(use_labels=True, contamination=0.1, random_state=0)
    scores = model.fit(X, y).score_samples(X)
    is_normal = np.arange(8, 503) >= 40
    one, two = (
        roc_auc_score(is_normal, s[8:]) for s in (scores, plain.score_samples(X))
    )
    # Over 20 seeds the difference is 0.13 with a standard deviation of 0.04.
    assert one > two + 0.02
    reasons = model.explain(X).to_numpy().sum(axis=1)
    np.testing.assert_allclose(reasons, scores, rtol=1e-6, atol=1e-6)
    assert (model.predict(X[8:]) == -1).sum() == 49
    np.testing.assert_array_equal(model.predict(X), model.fit_predict(X, y))
    # Rows of weight 0 are neither normal rows nor anomalies.
    weight = np.ones(503)
    weight[2] = weight[-2:] = 0
    weighted = model.fit(X, y, weight).score_samples(X)
    fewer = model.fit(X[weight > 0], y[weight > 0]).score_samples(X)
    np.testing.assert_allclose(weighted, fewer)


def test_labels_of_frames_and_wrong_labels(rng):
    X = mixed(rng)
    y = np.where(np.arange(N_ROWS) < 2, -1, 1)
    model = EBMAnomalyDetector(use_labels=True, random_state=0).fit(X, pd.Series(y))
    np.testing.assert_array_equal(model.fit(X, y).predict(X), model.predict(X))
    for wrong, words in [
        (None, "needs y"),
        (y[1:], "inconsistent"),
        (y * 2, "-2, 2 among its labels"),
        (-np.ones(N_ROWS), "all rows"),
        (np.where(y < 0, "odd", "even"), "even, odd"),
    ]:
        with pytest.raises(ValueError, match=words):
            model.fit(X, wrong)
    with pytest.raises(ValueError, match="above 0"):
        model.fit(X, y, sample_weight=y < 0)
    with pytest.warns(UserWarning, match="no -1"):
        model.fit(X, y > 0)
    with pytest.raises(ValueError, match="density='experts'"):
        EBMAnomalyDetector("rbm", use_labels=True).fit(X, y)
    with pytest.raises(ValueError, match="half_life"):
        EBMAnomalyDetector(use_labels=True, half_life=9).fit(X, y)
    with pytest.raises(AttributeError, match="partial_fit"):
        _ = model.partial_fit


def test_rows_without_outliers(rng):
    """The middle of a ring is far from all rows, and not far out in any column."""
    angle = rng.uniform(0, 2 * np.pi, 1009)
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    X += 0.05 * rng.normal(size=X.shape)
    model = EBMAnomalyDetector(novelty=True, random_state=0).fit(X)
    assert (model.predict(X) == 1).all()
    assert model.offset_ == pytest.approx(model.score_samples(X).min(), abs=1e-4)
    inside = 0.3 * rng.normal(size=(50, 2)).clip(-1, 1)
    assert (model.predict(inside) == -1).mean() > 0.9
    reasons = model.explain(inside).to_numpy().sum(axis=1)
    np.testing.assert_allclose(reasons, model.score_samples(inside), rtol=1e-6)
    alone = [model.score_samples(x[None])[0] for x in inside]
    np.testing.assert_array_equal(alone, model.score_samples(inside))


def test_weight_is_repetition(rng):
    X, weight = rng.normal(size=(N_ROWS, 3)), rng.integers(0, 3, N_ROWS)
    model = EBMAnomalyDetector(contamination=0.1, random_state=0)
    weighted = model.fit(X, sample_weight=weight)
    offset, scores = weighted.offset_, weighted.score_samples(X)
    repeated = model.fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(offset, repeated.offset_)
    np.testing.assert_allclose(scores, repeated.score_samples(X))
    # Fractions stand for shares of rows.
    fractions = model.fit(X, sample_weight=weight * 0.3)
    near = np.corrcoef(fractions.score_samples(X), scores)[0, 1]
    assert near > 0.98


def test_sparse_rows_threads_and_many_rows(rng):
    X = rng.normal(size=(10_007, 3)) * (rng.random((10_007, 3)) < 0.5)
    X[7] = 30
    model = EBMAnomalyDetector(random_state=0, n_jobs=2).fit(X)
    scores = model.score_samples(X)
    assert scores.argmin() == 7
    sparse = EBMAnomalyDetector(random_state=0, n_jobs=1).fit(csr_matrix(X))
    np.testing.assert_array_equal(sparse.score_samples(csr_matrix(X)), scores)


def test_parameters_of_the_rbm_warn(rng):
    X = rng.normal(size=(37, 2))
    with pytest.warns(UserWarning, match="n_components, n_iter .* density='rbm'"):
        EBMAnomalyDetector(n_components=3, n_iter=5).fit(X)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_thresholds_lie_between_scores(share, rng):
    scores = rng.normal(size=N_ROWS)
    offset = threshold(scores, None, share)
    assert (scores < offset).sum() == int(share * N_ROWS)
    assert np.abs(scores - offset).min() > 0
    # Ties are not split.
    scores = rng.integers(0, 4, N_ROWS) + 1e-9 * rng.normal(size=N_ROWS)
    flagged = scores < threshold(scores, None, share)
    assert len(set(np.round(scores[flagged])) & set(np.round(scores[~flagged]))) == 0
    assert flagged.mean() <= share
