"""Densities of rows on disk, in tiny blocks and buffers."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.preprocessing import WindowTransformer
from skebm.tables import disk
from skebm.tables.disk import _stream
from tests.fits import FRAME, HOLES, HOLEY, REALS
from tests.tables.test_disk import mapped, shrink, write

# Fits of a few updates warn.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

_SMALL = {"n_components": 3, "random_state": 0, "couplings": "none"}


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    shrink(monkeypatch)


@pytest.fixture
def bits(rng):
    hidden = rng.normal(size=(403, 1))
    return (rng.random((403, 7)) < 1 / (1 + np.exp(-3 * hidden))).astype(np.float32)


def exact(**options):
    """Return an estimator whose updates have all rows and no random numbers."""
    options = {"objective": "pseudo_likelihood", "batch_size": 10_000, **options}
    return RBMDensity(**_SMALL, n_iter=20, l2=0.0, **options)


def test_a_gradient_of_all_rows_is_the_gradient_in_memory(bits, tmp_path, monkeypatch):
    monkeypatch.setattr(_stream, "_BUFFER_BYTES", 10**6)  # one buffer
    weight = np.arange(403) % 3 + 0.5
    for params in ({}, {"sample_weight": weight}):
        X = mapped(bits, tmp_path)
        found, expected = exact().fit(X, **params), exact().fit(bits, **params)
        np.testing.assert_allclose(found.components_, expected.components_, atol=1e-4)
        np.testing.assert_allclose(found.score(bits), expected.score(bits), atol=1e-4)


@pytest.mark.parametrize("dtype", ["u1", "?", "f4", "f8"])
def test_minibatches_from_disk_learn_as_much(dtype, bits, tmp_path):
    options = {**_SMALL, "n_iter": 15, "batch_size": 20}
    X, expected = mapped(bits.astype(dtype), tmp_path), RBMDensity(**options).fit(bits)
    rbm = RBMDensity(**options).fit(X)
    assert rbm._energy.dtype == (np.float64 if dtype == "f8" else np.float32)
    assert rbm.n_iter_ == 15
    assert abs(rbm.score(bits) - expected.score(bits)) < 0.1
    again = RBMDensity(**options).fit(X)
    np.testing.assert_array_equal(rbm.components_, again.components_)


def test_the_order_of_the_file_hardly_matters(bits, tmp_path):
    ordered = bits[np.argsort(bits.sum(axis=1), kind="stable")]
    scores = [
        RBMDensity(**_SMALL, n_iter=15, batch_size=20)
        .fit(mapped(X, tmp_path))
        .score(bits)
        for X in (bits, ordered)
    ]
    assert abs(scores[0] - scores[1]) < 0.1


def test_scores_and_features_of_rows_on_disk(bits, tmp_path, monkeypatch):
    rbm = RBMDensity(**_SMALL, n_iter=3).fit(bits)
    X = mapped(bits.astype(np.uint8), tmp_path)
    for name in ("score_samples", "energy_samples", "pseudo_log_likelihood"):
        method = getattr(rbm, name)
        np.testing.assert_allclose(method(X), method(bits), rtol=1e-5)
    np.testing.assert_allclose(rbm.score(X), rbm.score(bits), rtol=1e-5)
    np.testing.assert_array_equal(rbm.transform(X), rbm.transform(bits))
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", "f4", (403, 3))
    assert rbm.transform(X, out=out) is out
    np.testing.assert_array_equal(out, rbm.transform(bits))
    with pytest.raises(ValueError, match="out has the shape"):
        rbm.transform(X, out=np.empty((403, 2)))
    for n_rows in (402, 404):
        with pytest.raises(ValueError, match="out has the shape"):
            rbm.transform(X, out=np.empty((n_rows, 3)))


def test_reals_and_holes(tmp_path, rng):
    for X in (REALS, np.tile(HOLES, (5, 1))):
        rbm = RBMDensity(**_SMALL, n_iter=10).fit(mapped(X, tmp_path))
        expected = RBMDensity(**_SMALL, n_iter=10).fit(X)
        units = [e._encoding.encode(X) for e in (rbm, expected)]
        np.testing.assert_array_equal(*units)
        assert abs(rbm.score(X) - expected.score(X)) < 0.1


def test_fits_go_on_and_stop(bits, tmp_path):
    X = mapped(bits, tmp_path)
    rbm = RBMDensity(**_SMALL, n_iter=3, warm_start=True).fit(X).fit(X)
    assert rbm.n_iter_ == 6
    rbm = RBMDensity(**_SMALL, n_iter=3, early_stopping=True).fit(X)
    assert np.isfinite(rbm.history_["validation_score"]).any()
    assert RBMDensity(**_SMALL, n_iter=10**6, max_time=0.05).fit(X).n_iter_ < 10**6
    assert RBMDensity("auto", n_iter=3, random_state=0).fit(X).n_iter_ == 3
    energy = EnergyDensity("mlp", n_iter=3, random_state=0).fit(X)
    assert energy.score_samples(X).shape == (403,)


@pytest.mark.parametrize("X", [FRAME, HOLEY], ids=["frame", "holes"])
def test_a_mixed_table_in_files(X, tmp_path):
    dataset = pytest.importorskip("pyarrow.dataset")
    # All kinds of cells that Parquet gives back as they were.
    X = X.drop(columns="nullable").assign(text=X["text"].astype("str"))
    write(tmp_path, X.iloc[:20], X.iloc[20:21], X.iloc[21:])
    rbm = RBMDensity(**_SMALL, n_iter=3).fit(str(tmp_path))
    expected = RBMDensity(**_SMALL, n_iter=3).fit(X)
    assert rbm.unit_names_.tolist() == expected.unit_names_.tolist()
    assert rbm.feature_names_in_.tolist() == X.columns.tolist()
    units = [e._encoded(X) for e in (rbm, expected)]
    np.testing.assert_array_equal(*units)
    rows = dataset.dataset(tmp_path)
    np.testing.assert_allclose(rbm.score_samples(rows), rbm.score_samples(X))
    assert (rbm.sample(3).dtypes == X.dtypes).all()
    with pytest.raises(ValueError, match="feature names should match"):
        rbm.score_samples(X.drop(columns="real"))
    other = tmp_path / "other"
    other.mkdir()
    write(other, X.drop(columns="real"))
    with pytest.raises(ValueError, match="feature names should match"):
        rbm.score_samples(other)


def test_a_dataset_of_bits_is_an_array_of_bits(bits, tmp_path):
    pytest.importorskip("pyarrow")
    X = pd.DataFrame(bits).set_axis(list("abcdefg"), axis=1)
    as_bytes = X.astype(np.uint8)
    write(tmp_path, as_bytes.iloc[:100], as_bytes.iloc[100:])
    fits = [exact(batch_size=50).fit(tmp_path)]
    write(tmp_path, X.astype(bool).iloc[:100], X.astype(bool).iloc[100:])
    fits.append(exact(batch_size=50).fit(tmp_path))
    for rbm in fits:
        assert set(rbm._table.kinds) == {"bernoulli"}
        assert rbm._energy.dtype == np.float32
    np.testing.assert_array_equal(fits[0].components_, fits[1].components_)
    # Columns that are not 0 and 1 throughout are numbered as in memory.
    as_bytes["c"] = 3 + 4 * as_bytes["c"]
    write(tmp_path, as_bytes.iloc[:100], as_bytes.iloc[100:])
    rbm = exact().fit(tmp_path)
    assert rbm.unit_names_[2] == "c=7"
    np.testing.assert_array_equal(rbm._encoded(as_bytes), bits)


def test_a_small_dataset_is_a_frame(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(disk, "LARGEST_LOADED", 10**6)
    X = FRAME.drop(columns="nullable")
    write(tmp_path, X)
    found = RBMDensity(**_SMALL, n_iter=3).fit(tmp_path / "0.parquet")
    expected = RBMDensity(**_SMALL, n_iter=3).fit(X)
    np.testing.assert_array_equal(found.components_, expected.components_)


def test_bad_rows_on_disk(tmp_path, rng):
    X = rng.integers(0, 2, (61, 3)).astype(float)
    cases = [
        (2.0, "bernoulli", "Bernoulli units take"),
        (0.0, "spin", "Spin units take"),
        (0.5, "count", "Count units take"),
        (np.inf, "auto", "infinity"),
        (1e200, "auto", "beyond 1e\\+150"),
    ]
    for value, visible, sentence in cases:
        bad = 2 * X - 1 if visible == "spin" else X.copy()
        bad[33, 1] = value
        with pytest.raises(ValueError, match=sentence):
            RBMDensity(3, visible=visible).fit(mapped(bad, tmp_path))
    bad[:, 1] = np.nan
    with pytest.raises(ValueError, match="column 1 of X has no value"):
        RBMDensity(3).fit(mapped(bad, tmp_path))
    rbm = RBMDensity(3, n_iter=1).fit(mapped(X, tmp_path))
    with pytest.raises(ValueError, match="2 features, but RBMDensity is expecting 3"):
        rbm.score_samples(mapped(X[:, :2], tmp_path))
    with pytest.raises(ValueError, match="partial_fit takes rows in memory"):
        rbm.partial_fit(mapped(X, tmp_path))


def takes_rows(method):
    return callable(method) and next(iter(signature(method).parameters), "") == "X"


# What reads rows from disk; everything else has a sentence.
FROM_DISK = {
    RBMDensity: {"fit", "fit_transform", "score", "score_samples", "energy_samples"}
    | {"energy", "pseudo_log_likelihood", "transform"},
    EnergyDensity: {"fit", "score", "score_samples", "energy_samples"}
    | {"pseudo_log_likelihood"},
    EnergyClassifier: {"fit", "score", "score_samples", "predict", "predict_proba"}
    | {"predict_log_proba", "decision_function"},
    EBMAnomalyDetector: {"fit", "fit_predict", "score_samples", "predict"}
    | {"decision_function", "anomaly_proba"},
    EnergyImputer: {"fit", "fit_transform", "transform"},
    DocumentDensity: set(),
}


@pytest.mark.parametrize("kind", FROM_DISK)
def test_what_does_not_read_from_disk_says_so(kind, tmp_path):
    pytest.importorskip("pyarrow")
    X = np.random.default_rng(0).integers(0, 2, (41, 3)).astype(float)
    y = np.arange(41) % 2
    params = {} if kind is EBMAnomalyDetector else {"n_components": 2, "n_iter": 1}
    if kind is EnergyClassifier:
        params["generative_weight"] = 0.5
    if kind is EnergyDensity:
        params = {"energy": "pairwise", "n_iter": 1}
    model = kind(**params, random_state=0).fit(X, y)
    write(tmp_path, pd.DataFrame(X))
    arguments = {"y": y, "given": [0], "columns": [0], "column": 0}
    names = [name for name in dir(model) if name[0] != "_"]
    names = [name for name in names if name not in ("chains_rhat_", "chains_ess_")]
    for name in names:
        method = getattr(model, name, None)
        if not takes_rows(method) or name.startswith("set_"):
            continue
        takes = signature(method).parameters
        facts = {n: v for n, v in arguments.items() if n in takes}
        if name in FROM_DISK[kind]:
            method(str(tmp_path), **facts)
            continue
        sentence = "does not read rows from disk|takes rows in memory"
        with pytest.raises((TypeError, ValueError), match=sentence):
            method(str(tmp_path), **facts)


def imputer(**options):
    return EnergyImputer(n_components=3, n_iter=5, random_state=0, **options)


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_holes_of_rows_on_disk_are_filled_as_in_memory(tmp_path, sample_posterior):
    X = mapped(HOLES, tmp_path)
    model = imputer(add_indicator=True, sample_posterior=sample_posterior).fit(X)
    width = HOLES.shape[1]
    hole = np.isnan(HOLES)
    np.testing.assert_array_equal(
        model.indicator_.features_, np.flatnonzero(hole.any(axis=0))
    )
    filled = model.transform(X)
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[:, :width][~hole], HOLES[~hole])
    np.testing.assert_array_equal(filled[:, width:], hole[:, hole.any(axis=0)])
    out = np.empty_like(filled)
    assert model.transform(X, out=out) is out
    np.testing.assert_array_equal(out, filled)
    expected = model.transform(HOLES)
    if sample_posterior:  # other draws in every block
        drawn = filled[:, :width][hole]
        assert len(np.unique(drawn)) == len(drawn)
        others = expected[:, :width][hole]
        noise = np.sqrt((drawn.var() + others.var()) / len(drawn))
        assert abs(drawn.mean() - others.mean()) < 5 * noise
    else:
        np.testing.assert_allclose(filled, expected, rtol=1e-6)


def test_an_imputer_learns_as_much_from_disk(tmp_path, rng):
    whole = rng.normal(size=(403, 1)) + 0.3 * rng.normal(size=(403, 3))
    X = np.where(rng.random(whole.shape) < 0.2, np.nan, whole)
    hole = np.isnan(X)
    errors = [
        np.std((imputer(visible="gaussian").fit(rows).transform(X) - whole)[hole])
        for rows in (X, mapped(X, tmp_path))
    ]
    assert errors[1] < 1.1 * errors[0] < 0.8 * np.std(whole)


def test_an_imputer_of_a_mixed_table_in_files(tmp_path):
    pytest.importorskip("pyarrow")
    write(tmp_path, HOLEY)
    model = imputer().set_output(transform="pandas").fit(str(tmp_path))
    filled, expected = model.transform(str(tmp_path)), model.transform(HOLEY)
    assert list(filled.columns) == list(expected.columns)
    assert not filled.isna().to_numpy().any()
    for name in filled:
        is_number = filled[name].dtype.kind == "f"
        values = (frame[name].tolist() for frame in (filled, expected))
        if is_number:
            np.testing.assert_allclose(*values, rtol=1e-6)
        else:
            assert list(next(values)) == list(next(values))


def test_a_column_without_values_on_disk_is_named(tmp_path):
    X = np.where(np.arange(3) == 1, np.nan, REALS[:, :3])
    with pytest.raises(ValueError, match="The column 1 has no value"):
        imputer().fit(mapped(X, tmp_path))


def test_windows_need_rows_in_memory():
    with pytest.raises(TypeError, match="does not read rows from disk"):
        WindowTransformer().fit("rows.parquet")


def test_pyarrow_is_named_where_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.dataset", None)
    with pytest.raises(ImportError, match="pip install 'skebm\\[parquet\\]'"):
        RBMDensity().fit(tmp_path)


def test_a_column_may_not_change_its_type(tmp_path):
    pytest.importorskip("pyarrow")
    frames = [pd.DataFrame({"age": values}) for values in ([1, 2], ["a", "b"])]
    write(tmp_path, *frames)
    with pytest.raises(ValueError, match="Column 'age' of X is int64 in"):
        RBMDensity().fit(tmp_path)


# -- draws that are written ----------------------------------------------------------


def test_draws_are_written_to_an_array(bits, tmp_path, monkeypatch):
    rbm = RBMDensity(**_SMALL, n_iter=1).fit(bits)
    hybrid = EnergyClassifier(3, generative_weight=0.5, n_iter=1, random_state=0)
    hybrid.fit(bits, np.arange(403) % 2)
    expected = [model.sample(61, random_state=0) for model in (rbm, hybrid)]
    monkeypatch.setattr("skebm.inference.draws._MOST_ROWS", 7)
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, (61, 7))
    for model, rows in zip((rbm, hybrid), expected, strict=True):
        assert model.sample(61, random_state=0, out=out) is out
        np.testing.assert_array_equal(out, rows)
        np.testing.assert_array_equal(model.sample(61, random_state=0), rows)
    assert rbm.sample(0, out=out[:0]).shape == (0, 7)
    for shape in ((60, 7), (62, 7), (61, 6)):
        with pytest.raises(ValueError, match="out has the shape"):
            rbm.sample(61, random_state=0, out=np.empty(shape))
    with pytest.raises(ValueError, match="drawn without given"):
        rbm.sample(2, given=bits[:1], out=np.empty((2, 7)))


def test_draws_of_a_frame_are_written_if_they_are_numbers(bits):
    X = pd.DataFrame(bits, columns=list("abcdefg"))
    out = np.empty((9, 7))
    rbm = RBMDensity(**_SMALL, n_iter=1).fit(X)
    rbm.sample(9, random_state=0, out=out)
    np.testing.assert_array_equal(out, rbm.sample(9, random_state=0))
    X["a"] = np.array(["no", "yes"])[bits[:, 0].astype(int)]
    with pytest.raises(ValueError, match="out takes numbers"):
        RBMDensity(**_SMALL, n_iter=1).fit(X).sample(9, out=out)
