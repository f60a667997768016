"""Wrong arguments of methods end in sentences that name them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.exceptions import NotFittedError

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyImputer,
    RBMDensity,
)
from skebm.partition import LengthPartition
from tests.models import rbm_detector

N_ROWS, N_COLUMNS = 41, 5


@pytest.fixture(scope="module")
def bits():
    rng = np.random.default_rng(0)
    return (rng.random((N_ROWS, N_COLUMNS)) < 0.4).astype(float)


@pytest.fixture(scope="module")
def density(bits):
    return RBMDensity(3, n_iter=2, random_state=0).fit(bits)


@pytest.fixture(scope="module")
def documents():
    counts = np.random.default_rng(0).poisson(1.0, (N_ROWS, N_COLUMNS))
    return DocumentDensity(3, n_iter=2, random_state=0).fit(counts)


@pytest.fixture(scope="module")
def classifier(bits):
    y = np.arange(N_ROWS) % 2
    params = {"n_iter": 2, "generative_weight": 0.5, "random_state": 0}
    return EnergyClassifier(3, **params).fit(bits, y)


@pytest.mark.parametrize("n_samples", [-1, 2.5, "a", None])
def test_n_samples(density, documents, classifier, n_samples):
    for model in (density, documents, classifier):
        with pytest.raises(ValueError, match="'n_samples' parameter"):
            model.sample(n_samples)


def test_no_samples_are_an_empty_table(density, documents, classifier, bits):
    for model in (density, documents, classifier):
        assert model.sample(0).shape == (0, N_COLUMNS)
    assert density.sample(0, given=bits[:2]).shape == (0, N_COLUMNS)


@pytest.mark.parametrize(
    ("method", "args", "name"),
    [
        ("sample", {"beta": 0}, "beta"),
        ("sample", {"beta": "a"}, "beta"),
        ("sample", {"beta": np.nan}, "beta"),
        ("sample", {"random_state": "a"}, "random_state"),
        ("gibbs", {"X": 0, "n_steps": -1}, "n_steps"),
        ("gibbs", {"X": 0, "n_steps": 2.5}, "n_steps"),
        ("posterior_interval", {"X": 0, "coverage": 0}, "coverage"),
        ("posterior_interval", {"X": 0, "coverage": 1}, "coverage"),
        ("posterior_interval", {"X": 0, "coverage": np.nan}, "coverage"),
        ("posterior_interval", {"X": 0, "coverage": "a"}, "coverage"),
        ("conditional_log_prob", {"X": 0, "given": None}, "given"),
        ("conditional_log_prob", {"X": 0, "given": "zz"}, "given"),
        ("conditional_log_prob", {"X": 0, "given": 99}, "given"),
    ],
)
def test_arguments_of_a_density(density, bits, method, args, name):
    args = {k: bits if k == "X" else v for k, v in args.items()}
    with pytest.raises(ValueError, match=name):
        getattr(density, method)(**args)


@pytest.mark.parametrize("lengths", [-1, np.nan, 2.7, "a", [1, 2, 3], [[1, 2]]])
def test_lengths_of_documents(documents, lengths):
    with pytest.raises(ValueError, match="lengths"):
        documents.sample(2, lengths)


@pytest.mark.parametrize("lengths", [[-1], [np.nan], [np.inf]])
def test_lengths_of_log_z(documents, lengths):
    with pytest.raises(ValueError, match="lengths"):
        documents.log_partition_.at(lengths)


@pytest.mark.parametrize("n_words", [0, -1, 2.5])
def test_words_of_topics(documents, n_words):
    with pytest.raises(ValueError, match="n_words"):
        documents.topics(n_words)


def test_names_of_words_must_match(documents):
    with pytest.raises(ValueError, match="feature_names has 2 words"):
        documents.topics(2, ["only", "two"])


def test_text_is_not_counts():
    with pytest.raises(ValueError, match="CountVectorizer"):
        DocumentDensity(2).fit(["a b", "c d"])


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (RBMDensity, "unit_names_"),
        (RBMDensity, "chains_rhat_"),
        (rbm_detector, "history_"),
        (rbm_detector, "n_iter_"),
        (rbm_detector, "chains_ess_"),
    ],
)
def test_attributes_of_unfitted_estimators(make, name):
    with pytest.raises(NotFittedError):
        getattr(make(), name)


@pytest.mark.parametrize("method", ["transform", "energy", "score", "similarity"])
def test_methods_of_unfitted_documents(method, bits):
    with pytest.raises(NotFittedError):
        getattr(DocumentDensity(), method)(bits)


@pytest.mark.parametrize("labels", [["a", 1], ["a", 1.5]])
def test_labels_of_several_types(bits, labels):
    y = np.array([labels[k % 2] for k in range(N_ROWS)], object)
    with pytest.raises(ValueError, match="labels of several types"):
        EnergyClassifier(2, n_iter=1).fit(bits, y)


def test_as_many_labels_as_rows(classifier, bits):
    with pytest.raises(ValueError, match=f"X has {N_ROWS} rows, but y has 3 labels"):
        classifier.class_energy(bits, [0, 1, 0])


@pytest.mark.parametrize("factor", [-1, np.nan, 1e300])
def test_class_weights(bits, factor):
    y = np.arange(N_ROWS) % 2
    with pytest.raises(ValueError, match="class_weight"):
        EnergyClassifier(2, class_weight={0: factor, 1: 1}).fit(bits, y)


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_weights_of_rows(bits, size):
    with pytest.raises(ValueError, match="sample_weight"):
        RBMDensity(2, n_iter=1).fit(bits, sample_weight=np.full(N_ROWS, size))


def test_numbers_whose_squares_are_infinite(rng):
    X = rng.normal(size=(N_ROWS, 3))
    model = RBMDensity(2, n_iter=1, random_state=0).fit(X)
    X[7, 2] = 1e160
    with pytest.raises(ValueError, match="Column 2 of X holds a number beyond"):
        model.score_samples(X)
    with pytest.raises(ValueError, match="Column 2 of X holds a number beyond"):
        RBMDensity(2).fit(csr_matrix(X))


def test_masked_cells_are_holes(rng):
    X = rng.normal(size=(N_ROWS, 3))
    mask = rng.random(X.shape) < 0.2
    masked = RBMDensity(2, n_iter=1, random_state=0).fit(np.ma.masked_array(X, mask))
    holes = RBMDensity(2, n_iter=1, random_state=0).fit(np.where(mask, np.nan, X))
    np.testing.assert_array_equal(masked.components_, holes.components_)


def test_dates_are_not_numbers():
    X = np.arange(40).reshape(20, 2).astype("M8[s]")
    with pytest.raises(ValueError, match="dates"):
        RBMDensity(2, n_iter=1).fit(X)


def test_few_of_many_names_are_listed():
    wide = RBMDensity(2, n_iter=0).fit(np.eye(20, 1009))
    with pytest.raises(ValueError, match="1009 in all") as caught:
        wide.sample(given={"zz": 1})
    assert len(str(caught.value)) < 200


def test_sparse_rows_without_holes_are_complete(density, bits):
    np.testing.assert_array_equal(density.complete(csr_matrix(bits)), bits)


def test_the_number_of_hidden_units_comes_from_the_parameters(density):
    parts = density.components_, density.intercept_visible_, density.intercept_hidden_
    with pytest.raises(ValueError, match="n_components"):
        RBMDensity.from_parameters(*parts, n_components=2)


def test_masked_cells_are_holes_for_those_who_hold_a_density(rng):
    X = rng.normal(size=(N_ROWS, 3))
    mask = rng.random(X.shape) < 0.2
    masked, holes = np.ma.masked_array(X, mask), np.where(mask, np.nan, X)
    imputer = EnergyImputer(n_iter=1, random_state=0).fit(holes)
    np.testing.assert_array_equal(imputer.transform(masked), imputer.transform(holes))
    detector = EBMAnomalyDetector("rbm", n_iter=1, random_state=0).fit(masked)
    again = EBMAnomalyDetector("rbm", n_iter=1, random_state=0).fit(holes)
    assert detector.offset_ == again.offset_
    text = np.ma.masked_array(np.array([["a", "b"], ["c", "a"], ["a", "a"]]), False)
    text[0, 1] = np.ma.masked
    model = RBMDensity(2, visible="categorical", n_iter=0).fit(text)
    assert list(model.unit_names_) == ["x0=a", "x0=c", "x1=a"]


@pytest.mark.parametrize("make", [RBMDensity, rbm_detector, DocumentDensity])
def test_complex_numbers_in_masked_arrays_are_refused(make):
    with pytest.raises(ValueError, match="Complex data not supported"):
        make(n_iter=0).fit(np.ma.array(np.eye(3) + 1j, mask=np.eye(3)))


@pytest.mark.parametrize(
    "make", [RBMDensity, rbm_detector, DocumentDensity, EnergyClassifier]
)
def test_frames_without_columns_are_refused(make):
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        make(n_iter=0).fit(pd.DataFrame(index=range(4)), [0, 1, 0, 1])


@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier, EnergyImputer])
@pytest.mark.parametrize("dtype", [">f8", ">i4"])
def test_frames_with_the_bytes_of_other_machines(make, dtype):
    X = pd.DataFrame(np.eye(4).astype(dtype))
    native, y = X.astype(X.dtypes.iloc[0].newbyteorder("=")), [0, 1, 0, 1]
    model, other = (make(n_iter=1, random_state=0).fit(x, y) for x in (X, native))
    methods = {EnergyImputer: "transform", EnergyClassifier: "class_energy"}
    method = methods.get(make, "energy_samples")
    one, two = (getattr(m, method)(np.eye(4)) for m in (model, other))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("kind", [csr_matrix, csr_array])
def test_sparse_columns_of_zeros(kind):
    X = kind((3, 2))
    model = RBMDensity(2, n_iter=1, visible="gaussian", random_state=0).fit(X)
    dense = RBMDensity(2, n_iter=1, visible="gaussian", random_state=0)
    zeros = np.zeros((3, 2))
    expected = dense.fit(zeros).energy_samples(zeros)
    np.testing.assert_array_equal(model.energy_samples(X), expected)
    assert np.isfinite(
        EBMAnomalyDetector("rbm", n_iter=0).fit(X).score_samples(X)
    ).all()


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["a", 1, "b"], dtype=object),
        ["a", None, "b"],
        pd.Series(["a", "b", "a"], dtype="category"),
        np.array(["2020-01-01"] * 3, dtype="M8[D]"),
        np.array([{}, [], 0], dtype=object),
    ],
)
def test_labels_of_other_types_than_in_fit(classifier, bits, labels):
    with pytest.raises(ValueError, match=r"fit has not seen.*Known: \[0 1\]"):
        classifier.class_energy(bits[:3], labels)
    with pytest.raises(ValueError, match=r"fit has not seen|several types|label type"):
        classifier.partial_fit(bits[:3], labels)


def test_methods_for_documents_are_refused(bits):
    with pytest.raises(TypeError, match=r"LengthPartition\(\).*AIS"):
        RBMDensity(2, n_iter=0, partition=LengthPartition()).fit(bits)


def test_detectors_of_documents_have_no_figures_of_chains(bits):
    detector = EBMAnomalyDetector(DocumentDensity(2, n_iter=0)).fit(bits)
    for name in ("chains_rhat_", "chains_ess_"):
        with pytest.raises(AttributeError, match=f"no {name} of DocumentDensity"):
            getattr(detector, name)


@pytest.mark.parametrize("name", ["n_components", "n_clusters"])
def test_numbers_beyond_all_memory_are_refused(name, bits):
    with pytest.raises(ValueError, match=f"'{name}' parameter .* range"):
        RBMDensity(n_iter=0).set_params(**{name: 10**30}).fit(bits)


@pytest.mark.parametrize("verbose", [np.int64(3), 10**30])
def test_any_whole_number_of_verbose(verbose, bits, capsys):
    RBMDensity(2, n_iter=1, verbose=verbose).fit(bits)
    assert "epoch 1" in capsys.readouterr().out


@pytest.mark.parametrize("make", [RBMDensity, EnergyClassifier, rbm_detector])
def test_rows_of_several_lengths_end_in_the_words_of_check_array(make):
    with pytest.raises(ValueError, match="inhomogeneous") as caught:
        make(n_iter=0).fit([[1.0, 2.0], [1.0]], [0, 1])
    assert any("sklearn" in str(entry.path) for entry in caught.traceback[-4:])


@pytest.mark.parametrize("make", [DocumentDensity, RBMDensity, rbm_detector])
@pytest.mark.parametrize("dtype", ["m8[us]", "M8[us]"])
@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_frames_of_dates_and_times_are_refused(make, dtype, library):
    dates = np.arange(3).astype(dtype)
    X = library({"a": np.ones(3), "b": dates})
    with pytest.raises(ValueError, match=r"date|time|Datetime|Duration"):
        make(n_iter=0).fit(X)


def test_rows_of_weight_zero_with_the_bytes_of_other_machines():
    X = pd.DataFrame({"a": np.arange(4).astype(">f8"), "b": [1.0, 0.5, 2.0, 3.0]})
    model = RBMDensity(2, n_iter=1, random_state=0).fit(X, sample_weight=[1, 0, 1, 1])
    assert np.isfinite(model.score_samples(X[2:])).all()
