import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from scipy.stats import binomtest, chisquare
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skebm import EnergyClassifier
from tests.models import grid

N_ROWS, N_COLUMNS, N_HIDDEN = 103, 5, 3
SMALL = {
    "n_components": N_HIDDEN,
    "n_iter": 60,
    "learning_rate": 0.05,
    "random_state": 0,
}
NAMES = np.array(["ant", "bee", "cat"])


def states_of(n_units):
    return (np.arange(2**n_units)[:, None] >> np.arange(n_units) & 1).astype(float)


def make(rng, n_classes=3):
    """Return rows in {0, 1} whose first columns tell the class, and the class."""
    y = rng.integers(0, n_classes, N_ROWS)
    p = 0.2 + 0.6 * np.eye(N_COLUMNS)[y]
    return (rng.random((N_ROWS, N_COLUMNS)) < p).astype(float), y


def joint_energies(model, X):
    """Return E(x, y, h) by its definition, shape (n, n_classes, n_states)."""
    h = states_of(N_HIDDEN)
    own = X @ model.intercept_visible_
    pair = own[:, None] + (X @ model.components_.T) @ h.T + h @ model.intercept_hidden_
    label = model.intercept_class_[:, None] + model.class_components_.T @ h.T
    return -(pair[:, None] + label)


@pytest.mark.parametrize("generative_weight", [0, 0.1, 1])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_equal_enumeration(n_classes, generative_weight, rng):
    X, y = make(rng, n_classes)
    model = EnergyClassifier(generative_weight=generative_weight, **SMALL).fit(X, y)
    log_weight = np.logaddexp.reduce(-joint_energies(model, X), axis=2)
    evidence = np.logaddexp.reduce(log_weight, axis=1)
    log_proba = log_weight - evidence[:, None]
    np.testing.assert_allclose(model.predict_proba(X), np.exp(log_proba), rtol=1e-9)
    np.testing.assert_allclose(model.predict_log_proba(X), log_proba, atol=1e-9)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    # A constant of the label's coding apart, energies are those of the definition.
    shift = model.class_energy(X) + log_weight
    np.testing.assert_allclose(shift, shift[0, 0], atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_class_of_lowest_energy_wins(n_classes, rng):
    X, y = make(rng, n_classes)
    y = NAMES[y]
    model = EnergyClassifier(**SMALL).fit(X, y)
    energy = model.class_energy(X)
    np.testing.assert_array_equal(model.classes_, NAMES[:n_classes])
    np.testing.assert_array_equal(model.predict(X), NAMES[energy.argmin(axis=1)])
    own = model.class_energy(X, y)
    np.testing.assert_array_equal(
        own, energy[np.arange(N_ROWS), np.searchsorted(NAMES, y)]
    )
    decision = model.decision_function(X)
    if n_classes == 2:
        np.testing.assert_allclose(decision, energy[:, 0] - energy[:, 1])
        np.testing.assert_array_equal(model.predict(X) == "bee", decision > 0)
    else:
        np.testing.assert_allclose(decision, -energy)
    assert model.score(X, y) > 0.6


def test_gaussian_density_of_inputs_and_label_integrates_to_one(rng):
    y = rng.integers(0, 3, N_ROWS)
    X = 50 + 10 * (
        rng.normal(size=(N_ROWS, 2)) + np.array([[2, 0], [0, 2], [-1, -1]])[y]
    )
    params = {"visible": "gaussian", "generative_weight": 0.5, **SMALL}
    model = EnergyClassifier(**params).fit(X, y)
    points, log_volume = grid(2, n_points=301, width=8)
    points = X.mean(axis=0) + X.std(axis=0) * points
    total = np.logaddexp.reduce(model.score_samples(points)) + log_volume
    np.testing.assert_allclose(total + np.log(X.std(axis=0)).sum(), 0, atol=1e-6)


@pytest.mark.parametrize("generative_weight", [0.3, 1])
def test_score_sums_the_label_out(generative_weight, rng):
    X, y = make(rng)
    model = EnergyClassifier(generative_weight=generative_weight, **SMALL).fit(X, y)
    joint = np.logaddexp.reduce(-joint_energies(model, X), axis=2)
    states = states_of(N_COLUMNS)
    everything = -joint_energies(model, states)
    log_z = np.logaddexp.reduce(everything.ravel())
    expected = np.logaddexp.reduce(joint, axis=1) - log_z
    np.testing.assert_allclose(model.score_samples(X), expected, rtol=1e-9)
    np.testing.assert_allclose(np.exp(model.score_samples(states)).sum(), 1)
    np.testing.assert_allclose(
        model.score_samples(X),
        np.logaddexp.reduce(-model.class_energy(X), axis=1)
        - model.log_partition_.value,
    )


def test_density_exists_only_where_one_was_trained(rng):
    X, y = make(rng)
    model = EnergyClassifier(**SMALL).fit(X, y)
    assert not hasattr(model, "score_samples")
    assert not hasattr(model, "sample")
    with pytest.raises(AttributeError) as error:
        model.sample()
    assert "generative_weight" in str(error.value.__cause__ or error.value)
    model = EnergyClassifier(generative_weight=0.1, **SMALL).fit(X, y)
    assert model.score_samples(X).shape == (N_ROWS,)
    assert "not computed" in repr(EnergyClassifier(**SMALL).fit(X, y).log_partition_)


@pytest.mark.parametrize("path", ["exact", "annealed"])
def test_samples_of_a_class(path, rng, monkeypatch):
    if path == "annealed":
        monkeypatch.setattr("skebm.inference.draws._MAX_STATES", 1)
    X, y = make(rng)
    model = EnergyClassifier(generative_weight=1, **{**SMALL, "n_iter": 400})
    model.fit(X, NAMES[y])
    states, n = states_of(N_COLUMNS), 2003
    log_weight = np.logaddexp.reduce(-joint_energies(model, states), axis=2)
    for column, name in enumerate(NAMES):
        rows = model.sample(n, y=name, random_state=column)
        assert rows.shape == (n, N_COLUMNS)
        probability = np.exp(log_weight[:, column])
        probability /= probability.sum()
        hits = (rows[:, None] == states).all(axis=2).sum(axis=0)
        assert hits.sum() == n
        rare = n * probability < 5
        observed = np.append(hits[~rare], hits[rare].sum())
        expected = n * np.append(probability[~rare], probability[rare].sum())
        keep = expected > 0
        assert chisquare(observed[keep], expected[keep]).pvalue > 1e-6
    marginal = np.exp(model.score_samples(states))
    rows = model.sample(n, random_state=7)
    for j in range(N_COLUMNS):
        expected = marginal @ states[:, j]
        assert binomtest(int(rows[:, j].sum()), n, expected).pvalue > 1e-6
    with pytest.raises(ValueError, match="not seen"):
        model.sample(y="dog")


def test_generative_training_alone_classifies(rng):
    X, y = make(rng)
    model = EnergyClassifier(7, generative_weight=1, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.6


def test_long_fit_ends_where_the_likelihood_is_stationary(rng):
    # The derivative of the conditional likelihood by the label's bias is the share of
    # a class among the rows minus its mean probability.
    X, y = make(rng)
    model = EnergyClassifier(
        generative_weight=0, average=0, **{**SMALL, "n_iter": 3000}, l2=0.05
    ).fit(X, y)
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.mean(axis=0), np.eye(3)[y].mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("generative_weight", [0, 0.2, 1])
def test_weight_is_repetition(generative_weight, rng):
    X, y = make(rng)
    weight = rng.integers(0, 3, N_ROWS)
    weighted = EnergyClassifier(generative_weight=generative_weight, **SMALL)
    weighted.fit(X, y, sample_weight=weight)
    repeated = EnergyClassifier(generative_weight=generative_weight, **SMALL)
    repeated.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7
    )
    np.testing.assert_allclose(
        weighted.components_, repeated.components_, rtol=1e-6, atol=1e-10
    )


def test_class_weight_multiplies_the_sample_weight(rng):
    X, y = make(rng)
    factor, weight = {0: 1.0, 1: 5.0, 2: 0.5}, rng.integers(1, 3, N_ROWS)
    one = EnergyClassifier(class_weight=factor, **SMALL)
    one.fit(X, y, sample_weight=weight)
    other = EnergyClassifier(**SMALL)
    other.fit(X, y, sample_weight=weight * np.array([1.0, 5.0, 0.5])[y])
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X))
    n_one = (EnergyClassifier(**SMALL).fit(X, y).predict(X) == 1).sum()
    assert (one.predict(X) == 1).sum() >= n_one
    balanced = EnergyClassifier(class_weight="balanced", **SMALL).fit(X, y)
    count = np.bincount(y)
    other.fit(X, y, sample_weight=(N_ROWS / (3 * count))[y])
    np.testing.assert_allclose(balanced.predict_proba(X), other.predict_proba(X))


def test_balanced_weights_count_repetition(rng):
    X, y = make(rng)
    weight = rng.integers(0, 4, N_ROWS) + (y == 0)
    one = EnergyClassifier(class_weight="balanced", **SMALL)
    one.fit(X, y, sample_weight=weight)
    other = EnergyClassifier(class_weight="balanced", **SMALL)
    other.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-7)


def test_partial_fit(rng):
    X, y = make(rng)
    y = NAMES[y]
    model = EnergyClassifier(N_HIDDEN, learning_rate=0.05, average=0.9, random_state=0)
    two = y != "cat"
    assert model.partial_fit(X[two], y[two], classes=NAMES[::-1]) is model
    np.testing.assert_array_equal(model.classes_, NAMES)
    first = model.score(X, y)
    for _ in range(100):
        model.partial_fit(X, y)
    assert model.n_iter_ == 101
    assert model.score(X, y) > first
    assert model.score(X, y) > 0.6
    with pytest.raises(ValueError, match=r"not seen.*dog"):
        model.partial_fit(X, np.where(two, y, "dog"))


def test_warm_start_and_early_stopping(rng):
    X, y = make(rng)
    model = EnergyClassifier(warm_start=True, **SMALL).fit(X, y)
    before = model.components_.copy()
    model.fit(X, y)
    assert model.n_iter_ == 120
    assert (model.components_ != before).any()
    model = EnergyClassifier(
        early_stopping=True, **{**SMALL, "n_iter": 3000, "learning_rate": 0.1}
    ).fit(X, y)
    history = pd.DataFrame(model.history_)
    assert len(history) == model.n_iter_ < 3000
    columns = ["validation_score", "validation_accuracy", "log_likelihood", "accuracy"]
    assert np.isfinite(history[columns].iloc[-1]).all()


@pytest.mark.parametrize("container", [csr_matrix, csc_matrix])
@pytest.mark.parametrize("generative_weight", [0, 0.3])
@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_sparse_equals_dense(visible, container, generative_weight, rng):
    X, y = make(rng)
    params = {**SMALL, "visible": visible, "generative_weight": generative_weight}
    dense = EnergyClassifier(**params).fit(X, y)
    sparse = EnergyClassifier(**params).fit(container(X), y)
    for name in ("predict_proba", "decision_function", "class_energy"):
        np.testing.assert_allclose(
            getattr(dense, name)(X), getattr(sparse, name)(container(X)), rtol=1e-6
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype, rng):
    X, y = make(rng)
    model = EnergyClassifier(generative_weight=0.2, **SMALL).fit(X.astype(dtype), y)
    for name in ("components_", "class_components_", "intercept_class_"):
        assert getattr(model, name).dtype == dtype
    assert model.sample(3).dtype == dtype
    proba = model.predict_proba(X.astype(dtype))
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)


def test_frames_pipeline_grid_search_and_pickle(rng):
    X, y = make(rng)
    X = pd.DataFrame(X, columns=list("abcde"))
    y = pd.Series(NAMES[y])
    model = EnergyClassifier(generative_weight=0.2, **SMALL)
    pipeline = make_pipeline(FunctionTransformer(), model)
    search = GridSearchCV(pipeline, {"energyclassifier__n_components": [2, 3]}, cv=2)
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()
    model.fit(X, y)
    assert list(model.sample(2, y="bee").columns) == list("abcde")
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    copy.partial_fit(X, y)
    model.partial_fit(X, y)
    np.testing.assert_array_equal(copy.components_, model.components_)


def test_sample_weight_is_routed(rng):
    X, y = make(rng)
    weight = rng.integers(1, 4, N_ROWS).astype(float)
    with config_context(enable_metadata_routing=True):
        model = EnergyClassifier(**SMALL).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), model)
        routed = pipeline.fit(X, y, sample_weight=weight).predict_proba(X)
    direct = EnergyClassifier(**SMALL).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(routed, direct.predict_proba(X))


# -- missing values --------------------------------------------------------------------


def rows_of_two_bits():
    """Return rows whose label is mostly the first bit, and two more bits."""
    random = np.random.default_rng(0)
    X = random.integers(0, 2, (400, 3)).astype(float)
    y = np.where(random.random(400) < 0.9, X[:, 0], 1 - X[:, 0]).astype(int)
    return X, y


def test_holes_are_summed_out_of_predictions():
    X, y = rows_of_two_bits()
    pierced = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    model = EnergyClassifier(
        3, generative_weight=1.0, n_iter=200, learning_rate=0.3, random_state=0
    ).fit(pierced, y)
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    joint = np.exp(-model.class_energy(states) - model.log_partition_.value)
    assert joint.sum() == pytest.approx(1)
    row = np.array([[np.nan, 1.0, np.nan]])
    agree = joint[states[:, 1] == 1].sum(axis=0)
    np.testing.assert_allclose(model.predict_proba(row)[0], agree / agree.sum())
    assert model.score_samples(row)[0] == pytest.approx(np.log(agree.sum()))
    # The first bit tells the label, and was learned although it is often missing.
    proba = model.predict_proba(np.array([[1.0, np.nan, np.nan]]))[0, 1]
    assert 0.75 < proba < 1


def test_a_discriminative_classifier_refuses_holes():
    X, y = rows_of_two_bits()
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        EnergyClassifier().fit(X, y)
