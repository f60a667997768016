"""Classifiers of rows on disk, in tiny blocks and buffers."""

import numpy as np
import pandas as pd
import pytest

from skebm import EnergyClassifier
from skebm.energies import ClassChain
from skebm.tables import disk
from skebm.tables.disk import _stream
from tests.fits import FRAME, HOLES, LABELS, NAMES
from tests.tables.test_disk import mapped, shrink, write

# Fits of a few updates warn.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_SMALL = {"n_components": 3, "random_state": 0}
_ALL = {"batch_size": 10_000, "n_iter": 20, "learning_rate": 0.05}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture
def data(rng):
    """Rows of two whole columns and three real ones, and labels of three classes."""
    X = rng.normal(size=(203, 5)).astype(np.float32)
    X[:, :2] = rng.integers(0, 4, (203, 2))
    y = (X[:, 0] > 1).astype(int) + (X[:, 2] + X[:, 3] > 0)
    return X, np.array(["low", "mid", "top"])[y]


def one_buffer(monkeypatch):
    monkeypatch.setattr(_stream, "_BUFFER_BYTES", 10**6)


@pytest.mark.parametrize("energy", ["linear", "mlp", "rbm", "quadratic"])
@pytest.mark.parametrize("class_weight", [None, {"low": 2.0, "mid": 3.0, "top": 0.5}])
def test_a_gradient_of_all_rows_is_the_gradient_in_memory(
    energy, class_weight, data, tmp_path, monkeypatch
):
    one_buffer(monkeypatch)
    X, y = data
    options = {"energy": energy, "class_weight": class_weight, **_ALL, **_SMALL}
    weight = np.arange(203) % 3 + 0.5 if energy == "linear" else None
    expected = EnergyClassifier(**options).fit(X, y, sample_weight=weight)
    model = EnergyClassifier(**options).fit(mapped(X, tmp_path), y, weight)
    np.testing.assert_array_equal(model.classes_, expected.classes_)
    probability = [e.predict_proba(X) for e in (model, expected)]
    np.testing.assert_allclose(*probability, atol=1e-4)
    assert np.ptp(probability[0], axis=0).max() > 0.01


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_minibatches_learn_as_much(weight, data, tmp_path):
    X, y = data
    options = {"generative_weight": weight, "batch_size": 20, "n_iter": 25, **_SMALL}
    model = EnergyClassifier(**options).fit(mapped(X, tmp_path), y)
    expected = EnergyClassifier(**options).fit(X, y)
    loss = [
        -m.predict_log_proba(X)[range(203), np.searchsorted(m.classes_, y)].mean()
        for m in (model, expected)
    ]
    assert abs(loss[0] - loss[1]) < 0.1
    again = EnergyClassifier(**options).fit(mapped(X, tmp_path), y)
    np.testing.assert_array_equal(model.components_, again.components_)
    if weight:
        M = mapped(X, tmp_path)
        np.testing.assert_allclose(
            model.score_samples(M), model.score_samples(X), rtol=1e-5
        )


def test_predictions_of_rows_on_disk(data, tmp_path):
    X, y = data
    model = EnergyClassifier("auto", n_iter=5, random_state=0).fit(X, y)
    M = mapped(X, tmp_path)
    for name in ("predict_proba", "predict_log_proba", "decision_function"):
        method = getattr(model, name)
        np.testing.assert_allclose(method(M), method(X), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.predict(M), model.predict(X))
    assert model.score(M, y) == model.score(X, y)
    median = float(np.median(model.predict_proba(X).max(axis=1)))
    model.set_params(reject_below={"probability": median})
    labels = model.predict(M)
    assert None in labels
    np.testing.assert_array_equal(labels, model.predict(X))
    with pytest.raises(ValueError, match="groups needs rows in memory"):
        model.predict(M, groups=np.arange(203))


@pytest.mark.parametrize("largest", [0, 10**9], ids=["on disk", "loaded"])
def test_labels_in_a_column_of_a_dataset(largest, data, tmp_path, monkeypatch):
    dataset = pytest.importorskip("pyarrow.dataset")
    monkeypatch.setattr(disk, "LARGEST_LOADED", largest)
    one_buffer(monkeypatch)
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcde"))
    frame = frame.astype({"a": np.uint8, "b": np.int32})
    table = frame.assign(label=y)[[*"ab", "label", *"cde"]]
    write(tmp_path, table[:50], table[50:])
    options = {"energy": "linear", "random_state": 0, **_ALL}
    expected = EnergyClassifier(**options).fit(frame, y)
    model = EnergyClassifier(**options).fit(str(tmp_path), "label")
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-4)
    assert model.feature_names_in_.tolist() == list("abcde")
    assert model.classes_.tolist() == ["low", "mid", "top"]
    # The column of the labels may be there, or not.
    rows = dataset.dataset(tmp_path)
    np.testing.assert_array_equal(model.predict(rows), model.predict(frame))
    assert model.score(tmp_path, "label") == model.score(frame, y)
    other = tmp_path / "other"
    other.mkdir()
    write(other, frame)
    np.testing.assert_array_equal(model.predict(other), model.predict(frame))
    # Labels that stand elsewhere.
    model = EnergyClassifier(**options).fit(other, pd.Series(y))
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-4)


def test_a_mixed_table_and_a_dataset_of_bits(tmp_path):
    pytest.importorskip("pyarrow")
    X = FRAME.drop(columns="nullable").assign(text=FRAME["text"].astype("str"))
    write(tmp_path, X[:20].assign(y=NAMES[:20]), X[20:].assign(y=NAMES[20:]))
    model = EnergyClassifier(**_SMALL, n_iter=3).fit(tmp_path, "y")
    expected = EnergyClassifier(**_SMALL, n_iter=3).fit(X, NAMES)
    assert model.unit_names_.tolist() == expected.unit_names_.tolist()
    np.testing.assert_array_equal(model._encoded(X), expected._encoded(X))
    bits = np.random.default_rng(0).integers(0, 2, (61, 3)).astype(np.uint8)
    (tmp_path / "1.parquet").unlink()
    write(tmp_path, pd.DataFrame(bits, columns=list("abc")).assign(y=LABELS))
    model = EnergyClassifier(energy="linear", random_state=0, **_ALL)
    expected = model.fit(bits.astype(np.float32), LABELS).coef_
    np.testing.assert_array_equal(model.fit(tmp_path, "y").coef_, expected)


def test_fits_go_on_and_stop(data, tmp_path):
    X, y = data
    M = mapped(X, tmp_path)
    model = EnergyClassifier(**_SMALL, n_iter=3, warm_start=True).fit(M, y)
    before = model.components_
    model.fit(M[:50], y[:50])
    assert model.n_iter_ == 6
    assert (model.components_ != before).any()
    assert model.classes_.tolist() == ["low", "mid", "top"]
    model = EnergyClassifier(**_SMALL, n_iter=3, early_stopping=True).fit(M, y)
    assert np.isfinite(model.history_["validation_accuracy"]).any()
    assert EnergyClassifier("auto", n_iter=2, random_state=0).fit(M, y).n_iter_ == 2
    # Holes are drawn where a density is learned.
    options = {"generative_weight": 0.5, "n_iter": 2, **_SMALL}
    X = np.tile(HOLES, (3, 1))
    model = EnergyClassifier(**options).fit(mapped(X, tmp_path), np.tile(LABELS, 3))
    assert np.isfinite(model.predict_proba(X)).all()


def test_wrong_labels(data, tmp_path):
    X, y = data
    M = mapped(X, tmp_path)
    model = EnergyClassifier(**_SMALL, n_iter=1)
    with pytest.raises(ValueError, match="y='label' is the name of a column"):
        model.fit(M, "label")
    with pytest.raises(ValueError, match="y='label' is the name of a column"):
        model.fit(X, "label")
    with pytest.raises(ValueError, match="rows of at least two classes"):
        model.fit(M, np.zeros(203, int))
    with pytest.raises(ValueError, match="Labels that depend on each other"):
        model.fit(M, y, groups=np.arange(203))
    with pytest.raises(ValueError, match="Labels that depend on each other"):
        EnergyClassifier(energy=ClassChain()).fit(M, y)
    with pytest.raises(ValueError, match="partial_fit takes rows in memory"):
        model.partial_fit(M, y)
    with pytest.raises(ValueError, match="generative_weight"):
        model.fit(mapped(np.where(X > 2, np.nan, X), tmp_path), y)
    assert not hasattr(model, "classes_")
    pytest.importorskip("pyarrow")
    write(tmp_path, pd.DataFrame(X).set_axis(list("abcde"), axis=1))
    with pytest.raises(ValueError, match=r"y='f' is not a column of X, whose .*'a'"):
        model.fit(tmp_path / "0.parquet", "f")
