"""Classifiers of which some rows have no label."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from skebm import EnergyClassifier
from skebm.tables import TrainingRows

N_COLUMNS = 12
QUICK = {"n_components": 2, "n_iter": 60, "random_state": 0}


def clusters(rng, n=211):
    """Return noisy rows of two patterns, and their pattern."""
    pattern = np.arange(N_COLUMNS) % 2
    y = np.arange(n) % 2
    flips = rng.random((n, N_COLUMNS)) < 0.15
    return (np.abs(pattern ^ y[:, None]) ^ flips).astype(float), y


def hidden(y, n_labelled=4, missing=-1):
    """Return the labels with all but the first few missing."""
    y = y.astype(object) if missing is None else y.copy()
    y[n_labelled:] = missing
    return y


def test_rows_without_label_teach_the_classes(rng):
    X, y = clusters(rng)
    # The labelled rows are mixtures of both patterns, and differ in four columns only.
    pattern, place = np.arange(N_COLUMNS) % 2, np.arange(N_COLUMNS)
    X[:2] = [pattern ^ (place >= 8), pattern ^ (place >= 4)]
    labels = hidden(y, 2)
    alone = EnergyClassifier(**QUICK, generative_weight=0).fit(X, labels)
    both = EnergyClassifier(**QUICK).fit(X, labels)
    np.testing.assert_array_equal(both.classes_, [0, 1])
    # The better of the two patterns is right in all but one of a thousand rows.
    assert both.score(X, y) > 0.97
    assert both.score(X, y) > alone.score(X, y) + 0.02


def test_missing_labels_of_all_kinds_are_the_same(rng):
    X, y = clusters(rng, 37)
    names = np.array(["ant", "bee"])
    proba = EnergyClassifier(**QUICK).fit(X, hidden(y)).predict_proba(X)
    strings = hidden(names[y], missing=None)
    for labels in (
        hidden(y.astype(float)),
        hidden(y, missing=None),
        hidden(y, missing=None).tolist(),
        strings,
        pd.Series(strings.tolist(), dtype="str"),
    ):
        model = EnergyClassifier(**QUICK).fit(X, labels)
        assert len(model.classes_) == 2
        assert model.classes_.dtype.kind in "ifUO"
        np.testing.assert_array_equal(model.predict_proba(X), proba)
    sparse = EnergyClassifier(**QUICK, visible="bernoulli")
    sparse.fit(csr_matrix(X), hidden(y))
    np.testing.assert_allclose(sparse.predict_proba(csr_matrix(X)), proba, rtol=1e-6)


def test_minus_one_beside_one_class_is_a_class(rng):
    X, y = clusters(rng, 37)
    model = EnergyClassifier(**QUICK).fit(X, 2 * y - 1)
    np.testing.assert_array_equal(model.classes_, [-1, 1])
    assert not hasattr(model, "score_samples")
    model = EnergyClassifier(**QUICK).partial_fit(X, 2 * y - 1, classes=[-1, 0, 1])
    np.testing.assert_array_equal(model.classes_, [-1, 0, 1])


@pytest.mark.parametrize("energy", ["rbm", "linear"])
def test_weight_zero_leaves_out_rows_without_label(energy, rng):
    X, y = clusters(rng, 37)
    model = EnergyClassifier(energy=energy, generative_weight=0, **QUICK)
    some = model.fit(X, hidden(y)).predict_proba(X)
    few = model.fit(X[:4], y[:4]).predict_proba(X)
    np.testing.assert_array_equal(some, few)


def test_energies_without_density_say_what_else_there_is(rng):
    X, y = clusters(rng, 37)
    for weight in ("auto", 0.1):
        model = EnergyClassifier(energy="mlp", generative_weight=weight)
        with pytest.raises(ValueError, match="SelfTrainingClassifier"):
            model.fit(X, hidden(y))
    with pytest.raises(ValueError, match="without a label only"):
        EnergyClassifier(**QUICK).fit(X, [None] * len(X))


def test_weights_of_rows_without_label(rng):
    X, y = clusters(rng, 37)
    weight = rng.integers(0, 3, len(y))
    weight[:2] = 1
    labels = hidden(y, 30)  # so many that no row is visited twice
    model = EnergyClassifier(class_weight={0: 2.0, 1: 1.0}, **QUICK)
    some = model.fit(X, labels, sample_weight=weight).predict_proba(X)
    rows = np.repeat(np.arange(len(y)), weight)
    other = model.fit(X[rows], labels[rows]).predict_proba(X)
    # The labels are drawn anew for each row, so these are two estimates.
    assert (some.argmax(axis=1) == other.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("n_labelled", [1, 7, 101])
@pytest.mark.parametrize("has_weight", [False, True])
def test_visits_of_an_epoch(n_labelled, has_weight, rng):
    n = 211
    numbers, labels = np.arange(n), np.where(np.arange(n) < n_labelled, 0, -1)
    weight = rng.random(n) if has_weight else None
    rows = TrainingRows(numbers[:, None], weight, None, {}, False, False, labels)
    visits = rows.visited()
    assert (visits.labels >= 0).mean() >= 0.25
    total = np.bincount(visits.units[:, 0], weights=visits.weight, minlength=n)
    np.testing.assert_allclose(total, np.ones(n) if weight is None else weight)


def test_held_out_rows_have_labels(rng):
    X, y = clusters(rng)
    model = EnergyClassifier(early_stopping=True, **QUICK).fit(X, hidden(y, 40))
    assert np.isfinite(model.history_["validation_score"][-1])
    assert model.score(X, y) > 0.9
    grown = EnergyClassifier("auto", n_iter=10, random_state=0)
    grown.fit(X, hidden(y, 100))
    # Of rows with a label, which a model of no use decides at log(1 / 2).
    path = grown.capacity_path_
    assert path["train_score"].iloc[-1] > path["train_score"].iloc[0] > -0.75


def test_streams_and_holes(rng):
    X, y = clusters(rng)
    model = EnergyClassifier(2, random_state=0, generative_weight=0.5)
    model.partial_fit(X[:50], y[:50])
    for _ in range(20):
        model.partial_fit(X, hidden(y, 50))
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match="without a label only"):
        model.partial_fit(X, np.full(len(y), -1))
    with pytest.raises(ValueError, match="a weight above 0"):
        model.partial_fit(X, hidden(y, 50), sample_weight=np.arange(len(y)) >= 50)
    X[5:, ::3][rng.random((len(X) - 5, 4)) < 0.3] = np.nan
    holes = EnergyClassifier(**QUICK).fit(X, hidden(y, 20))
    assert holes.score(X, y) > 0.9


def test_numbers_that_are_no_class_are_told():
    """Only if the user has not shown to know, and at the line of the call."""
    X, y = np.arange(12.0)[:, None] % 5, np.arange(12) % 3 - 1
    sizes = {"n_components": 2, "n_iter": 1, "random_state": 0}
    with pytest.warns(UserWarning, match="If -1 is a class, give it") as warned:
        model = EnergyClassifier(**sizes).fit(X, y)
    assert warned[0].filename == __file__
    assert list(model.classes_) == [0, 1]
    with warnings.catch_warnings(action="error", category=UserWarning):
        EnergyClassifier(generative_weight=0.05, **sizes).fit(X, y)
        EnergyClassifier(**sizes).fit(X[y != 0], y[y != 0])
