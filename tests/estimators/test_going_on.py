"""Fits that go on from the last fit, and fits that are refused."""

import itertools
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skebm import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDensity,
    EnergyImputer,
    RBMDensity,
)
from skebm.energies import RBMRecipe
from skebm.objectives import PCD

QUICK = {"n_iter": 2, "random_state": 0}
MAKERS = {
    "density": partial(RBMDensity, 3, **QUICK),
    "energy": partial(EnergyDensity, RBMRecipe(3), **QUICK),
    "classifier": partial(EnergyClassifier, 3, **QUICK),
    "detector": partial(EBMAnomalyDetector, "rbm", n_components=3, **QUICK),
    "imputer": partial(EnergyImputer, n_components=3, **QUICK),
    "documents": partial(DocumentDensity, 3, **QUICK),
}
every_estimator = pytest.mark.parametrize("name", MAKERS)
STREAMS = ["density", "energy", "classifier", "documents"]

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture
def rows(rng):
    X = (rng.random((41, 5)) < 0.4).astype(float)
    X[:, 4] = X[:, 3]
    return X, (X[:, 0] > 0).astype(int)


def result(model, X):
    if isinstance(model, EnergyImputer):
        holes = np.where(np.arange(5) == 2, np.nan, X)
        return model.transform(holes)
    if isinstance(model, EnergyClassifier):
        return model.predict_proba(X)
    return model.score_samples(X)


def refusals(name, X, y):
    """Return calls that a fitted estimator refuses."""
    texts = np.full(X.shape, "a", dtype=object) if name == "documents" else X[:, :0]
    calls = [
        lambda model: model.fit(X[:, ::-1], y + 10, sample_weight=-np.ones(len(X))),
        lambda model: model.fit(X, y, sample_weight=np.zeros(len(X))),
        lambda model: model.fit(X, y, sample_weight=np.ones(3)),
        lambda model: model.fit(X[:, :3] * np.inf, y + 10),
        lambda model: model.fit(texts, y + 10),
        lambda model: model.set_params(n_iter=-1).fit(X[:, :3], y + 10),
        lambda model: model.set_params(learning_rate="x").fit(X[:, :3], y + 10),
    ]
    if name == "classifier":
        calls += [
            lambda model: model.fit(X[:, :3], np.ones(len(X))),
            lambda model: model.fit(X, np.where(y, "a", "b"), sample_weight=1 - 2 * y),
            lambda model: model.set_params(hidden="none").fit(X, np.where(y, "a", "b")),
        ]
    if name in ("density", "energy"):
        calls.append(lambda model: model.set_params(objective="none").fit(X[:, :3]))
        calls.append(lambda model: model.set_params(visible="none").fit(X[:, :3]))
    return calls


@every_estimator
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_refused_fit_leaves_the_model(name, rows, warm_start):
    X, y = rows
    for refused in refusals(name, X, y):
        model = MAKERS[name](warm_start=warm_start).fit(X, y)
        names, before = set(vars(model)), result(model, X)
        with pytest.raises((ValueError, TypeError)):
            refused(model)
        assert set(vars(model)) == names
        assert model.n_features_in_ == 5
        np.testing.assert_array_equal(result(model, X), before)


@pytest.mark.parametrize("name", ["density", "imputer", "detector"])
def test_a_refused_fit_leaves_the_names_of_columns(name, rows):
    """Scikit-learn deletes them as soon as it sees names that are numbers."""
    X = pd.DataFrame(rows[0], columns=list("abcde"))
    model = MAKERS[name]().fit(X)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(pd.DataFrame({0: np.where(X["a"] > 0, np.inf, 1.0)}))
    assert list(model.feature_names_in_) == list("abcde")


@every_estimator
def test_a_refused_first_fit_leaves_nothing(name, rows):
    X, y = rows
    for refused in refusals(name, X, y):
        model = MAKERS[name](warm_start=True)
        with pytest.raises((ValueError, TypeError)):
            refused(model)
        assert not [a for a in vars(model) if a.endswith("_") or a.startswith("_")]
        params = MAKERS[name](warm_start=True).get_params(deep=False)
        fresh = MAKERS[name](warm_start=True).fit(X, y)
        model.set_params(**params).fit(X, y)
        np.testing.assert_array_equal(result(model, X), result(fresh, X))


@pytest.mark.parametrize("name", STREAMS)
def test_partial_fit_after_a_refused_first_call(name, rows):
    X, y = rows
    model = MAKERS[name]()
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="weight"):
            call(X[:, :3], y, sample_weight=-np.ones(len(X)))
    model.partial_fit(X, y)
    expected = MAKERS[name]().partial_fit(X, y)
    np.testing.assert_array_equal(result(model, X), result(expected, X))


@pytest.mark.parametrize("name", STREAMS)
def test_an_error_inside_partial_fit_leaves_the_model(name, rows, monkeypatch):
    X, y = rows
    model = MAKERS[name]().partial_fit(X, y)
    expected = result(model.partial_fit(X, y), X)

    def fail(training, *_):
        for value in training.energy.params.values():
            value[...] = 1
        raise RuntimeError("no")

    monkeypatch.setattr("skebm.training._epoch", fail)
    with pytest.raises(RuntimeError):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(result(model, X), expected)
    assert all((v != 1).any() for v in model._training.energy.params.values())


def test_a_warning_that_is_an_error_keeps_the_new_model(rows, monkeypatch):
    monkeypatch.setattr("skebm.estimators._base.complaint", lambda *_: "a complaint")
    model = RBMDensity(3, n_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            model.fit(rows[0])
    assert np.isfinite(model.score(rows[0]))


# -- changed parameters ----------------------------------------------------------------


@pytest.mark.parametrize("steps", [("sgd", "adam"), ("adam", "sgd")])
def test_partial_fit_takes_another_optimizer(rows, steps):
    model = RBMDensity(3, optimizer=steps[0], random_state=0).partial_fit(rows[0])
    model.set_params(optimizer=steps[1]).partial_fit(rows[0])
    assert np.isfinite(model.score(rows[0]))


@pytest.mark.parametrize("first", ["pcd", "cd", "mpf", "pseudo_likelihood"])
@pytest.mark.parametrize("then", ["pcd", "cd", "mpf", "ratio_matching"])
def test_partial_fit_takes_another_objective(rows, first, then):
    options = {"couplings": "none", "random_state": 0}
    model = RBMDensity(3, objective=first, **options).partial_fit(rows[0])
    model.set_params(objective=then).partial_fit(rows[0])
    assert np.isfinite(model.score(rows[0]))


def test_partial_fit_takes_a_changed_spec_and_average(rows):
    objective = PCD(n_chains=11)
    model = RBMDensity(3, objective=objective, average=0.0, random_state=0)
    model.partial_fit(rows[0])
    kept = model._training
    assert model.partial_fit(rows[0])._training is kept
    model.set_params(objective__n_chains=7, average=0.9).partial_fit(rows[0])
    chains = model._training.objective_state.chains
    assert {len(part) for part in chains} == {7}
    assert model._training.average.decay == 0.9
    assert model.n_iter_ == 3
    with pytest.raises(ValueError, match="batch_size"):
        model.set_params(batch_size=-1).partial_fit(rows[0])


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("density", {"n_components": 4}),
        ("density", {"hidden": "gaussian"}),
        ("density", {"hidden": "nonsense"}),
        ("density", {"visible": "spin"}),
        ("density", {"couplings": "none"}),
        ("density", {"n_clusters": 2}),
        ("energy", {"energy": "pairwise"}),
        ("energy", {"energy__n_components": 4}),
        ("energy", {"visible": ["bernoulli"] * 5}),
        ("classifier", {"n_components": 4}),
        ("documents", {"words": "multinomial"}),
        ("detector", {"n_components": 2}),
        ("detector", {"density": EnergyDensity()}),
        ("imputer", {"couplings": "none"}),
    ],
)
def test_a_fit_that_goes_on_refuses_another_model(name, params, rows):
    X, y = rows
    model = MAKERS[name](warm_start=True)
    if name == "energy":
        model.set_params(energy=RBMRecipe(3))
    before = result(model.fit(X, y), X)
    (parameter,) = params
    sentence = rf"{parameter.split('__')[0]}.*warm_start=False"
    model.set_params(**params)
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, y)
    if hasattr(model, "partial_fit"):
        with pytest.raises(ValueError, match=sentence):
            model.partial_fit(X, y)
    np.testing.assert_array_equal(result(model, X), before)
    if not {"nonsense", "spin"} & {str(value) for value in params.values()}:
        model.set_params(warm_start=False).fit(X, y)


def test_warm_start_of_a_holder_takes_changed_parameters(rows):
    model = MAKERS["detector"](warm_start=True).fit(rows[0])
    model.set_params(n_iter=3, learning_rate=0.5).fit(rows[0])
    assert model.n_iter_ == 5
    assert model.density_.learning_rate == 0.5


# -- classes, and rows that are held out -----------------------------------------------


@pytest.mark.parametrize("classes", [[0, 1, 2], [5, 6], ["a", "b"], [0]])
def test_classes_stay(rows, classes):
    X, y = rows
    model = MAKERS["classifier"]().partial_fit(X, y, classes=[1, 0])
    before = result(model, X)
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=classes)
    np.testing.assert_array_equal(result(model, X), before)
    model.partial_fit(X, y, classes=[0, 1])
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_with_rare_classes(rows, weighted):
    X, y = rows
    weight = np.ones(len(X)) if weighted else None
    rare = np.where(np.arange(len(X)) == 7, 2, y)
    model = MAKERS["classifier"](early_stopping=True)
    model.fit(X, rare, sample_weight=weight)
    assert "validation_score" in model.history_
    assert model.classes_.tolist() == [0, 1, 2]
    model.fit(X[:10], np.arange(10) % 3)
    assert "validation_score" in model.history_


@pytest.mark.parametrize("name", STREAMS)
def test_early_stopping_with_too_few_rows(name, rows):
    X, y = rows
    y = np.arange(len(y)) % 2
    model = MAKERS[name](early_stopping=True, validation_fraction=0.9).fit(X, y)
    before = result(model, X)
    few = 2 if name == "classifier" else 1
    sentence = "validation_fraction=0.9.*early_stopping=False"
    with pytest.raises(ValueError, match=sentence):
        model.fit(X[:few], y[:few])
    np.testing.assert_array_equal(result(model, X), before)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_loses_no_rows_to_validation(name, rows):
    X, y = rows
    one, other = (MAKERS[name](early_stopping=b) for b in (True, False))
    for model in (one, other):
        model.partial_fit(X, y).partial_fit(X[:1], y[:1])
    assert "validation_score" not in one.history_
    np.testing.assert_array_equal(result(one, X), result(other, X))


# -- the scale of a stream -------------------------------------------------------------


@pytest.fixture(scope="module")
def far():
    X = np.random.default_rng(0).normal(1000, 100, (300, 3))
    X[:, 1] += X[:, 0]
    return X


def stream(model, X, first, size, *y):
    edges = [0, *range(first, len(X), size), len(X)]
    for lo, hi in itertools.pairwise(edges):
        model.partial_fit(X[lo:hi], *[labels[lo:hi] for labels in y])
        assert model.n_features_in_ == X.shape[1]
    return model


@pytest.mark.parametrize("first", [1, 2, 5, 50])
@pytest.mark.parametrize("visible", ["auto", "gaussian"])
def test_a_stream_settles_its_scale(far, first, visible):
    model = RBMDensity(3, visible=visible, random_state=0)
    assert np.isfinite(stream(model, far[:first], 1, 1).score(far[:first]))
    stream(model, far, 100, 100)
    whole = RBMDensity(3, visible=visible, random_state=0)
    expected = stream(whole, far, 100, 100).pseudo_log_likelihood(far).mean()
    found = model.pseudo_log_likelihood(far).mean()
    assert abs(found - expected) < 0.7
    assert 3 < model.n_iter_ <= first + 3
    assert model._first_rows is None


def test_the_scale_waits_for_a_second_value(far):
    X = far.copy()
    X[:120, 2] = 7.0
    model = stream(RBMDensity(3, random_state=0), X, 40, 40)
    scores = model.pseudo_log_likelihood(X[120:], per_feature=True)
    assert (scores.mean(axis=0) > -9).all()


def test_a_stream_of_one_row_at_a_time_keeps_weights_and_labels(far):
    y = (far[:, 0] > 1000).astype(int)
    model = EnergyClassifier(3, class_weight="balanced", random_state=0)
    model.partial_fit(far[:1], y[:1], classes=[0, 1])
    for i in range(1, 9):
        weight = np.ones(1) if i % 2 else None
        model.partial_fit(far[[i]], y[[i]], sample_weight=weight)
    kept = model._first_rows
    np.testing.assert_array_equal(kept.X, far[:9])
    np.testing.assert_array_equal(kept.labels, y[:9])
    assert kept.weight.tolist() == [1.0] * 9
    assert kept.n_settled == 8
    for _ in range(60):
        model.partial_fit(far, y)
    assert model._first_rows is None
    assert model.score(far, y) > 0.8


def test_a_refused_piece_leaves_the_first_rows(far):
    model = RBMDensity(3, random_state=0).partial_fit(far[:3])
    before = model.score_samples(far), model._first_rows
    with pytest.raises(ValueError, match="sample_weight"):
        model.partial_fit(far, sample_weight=-np.ones(300))
    np.testing.assert_array_equal(model.score_samples(far), before[0])
    assert model._first_rows is before[1]


def test_a_fit_settles_the_scale_for_good(far):
    model = RBMDensity(3, n_iter=2, random_state=0).fit(far[:9])
    scale = model._encoding
    assert model.partial_fit(far)._encoding is scale
    model = RBMDensity(3, n_iter=2, warm_start=True, random_state=0)
    model.partial_fit(far[:1]).fit(far)
    assert model.pseudo_log_likelihood(far).mean() > -19


@pytest.mark.parametrize(("couplings", "n_lost"), [("none", 0), ("auto", 2)])
def test_a_stream_of_single_rows_learns_to_its_end(couplings, n_lost):
    """An unusual row is no divergence, and does not end the learning either."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    model = RBMDensity(5, couplings=couplings, random_state=0)
    with warnings.catch_warnings(action="ignore"):
        stream(model, X, 1, 1)
    assert 200 - n_lost <= model.n_iter_ <= 200
    assert model._training.rate_factor > 1e-3
    assert model.score(X) > -5


def test_an_interrupt_before_there_is_a_model_leaves_none(far, monkeypatch):
    def interrupted(model, training):
        raise KeyboardInterrupt

    model = RBMDensity(3, n_iter=1, random_state=0)
    with monkeypatch.context() as patched:
        patched.setattr(RBMDensity, "_fitted_attributes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(far)
    with pytest.raises(NotFittedError):
        model.transform(far)
    before = model.fit(far).transform(far), vars(model).copy()
    with monkeypatch.context() as patched:
        patched.setattr(RBMDensity, "_fitted_attributes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(far[:50])
    np.testing.assert_array_equal(model.transform(far), before[0])
    assert vars(model) == before[1]


def test_an_interrupt_of_the_threshold_leaves_the_last_detector(far, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    model = EBMAnomalyDetector(RBMDensity(3, **QUICK))
    with monkeypatch.context() as patched:
        patched.setattr(EBMAnomalyDetector, "_settle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(far)
    with pytest.raises(NotFittedError):
        model.predict(far)
    before = model.fit(far).decision_function(far)
    with monkeypatch.context() as patched:
        patched.setattr(EBMAnomalyDetector, "_settle", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.fit(far[:50])
    np.testing.assert_array_equal(model.decision_function(far), before)
