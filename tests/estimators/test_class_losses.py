"""Energies and losses of the classifier, and scikit-learn's own tools with them."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_wine
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skebm import EnergyClassifier, RBMDensity
from skebm.energies import (
    CLASS_ENERGIES,
    MLP,
    ClassLinear,
    ClassMLP,
    ClassQuadratic,
)
from skebm.objectives import LOSSES, Hinge, NegativeLogLikelihood, SquareSquare

NAMES = np.array(["ant", "bee", "cat"])
X, Y = load_wine(return_X_y=True)
LEVELS = {name for name, loss in LOSSES.items() if loss.has_levels}
PAIRS = [
    (e, k) for e in CLASS_ENERGIES for k in LOSSES if e != "rbm" or k not in LEVELS
]


def make(**params):
    return EnergyClassifier(7, **{"n_iter": 60, "random_state": 0, **params})


@pytest.mark.parametrize(("energy", "loss"), PAIRS)
def test_each_energy_learns_by_each_loss(energy, loss):
    rate = 0.01 if loss in LEVELS else 0.02
    model = make(energy=energy, loss=loss, learning_rate=rate).fit(X, NAMES[Y])
    assert model.score(X, NAMES[Y]) > 0.9
    energies = model.class_energy(X)
    np.testing.assert_array_equal(model.predict(X), NAMES[energies.argmin(axis=1)])
    probability = np.exp(-energies) / np.exp(-energies).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), probability, rtol=1e-6)
    # The history judges the model by its own loss.
    history, number = pd.DataFrame(model.history_), Y
    name = LOSSES[loss].score_name
    mean_loss = LOSSES[loss]()(energies, number)[0].mean()
    if energy != "rbm" or loss != "nll":
        np.testing.assert_allclose(history[name].iloc[-1], -mean_loss, rtol=1e-6)
    assert history[name].iloc[-1] > history[name].iloc[0]
    assert ("negative_loss" in history) == (loss != "nll")


def test_a_linear_energy_with_the_likelihood_is_logistic_regression():
    Z = StandardScaler().fit_transform(X)
    params = {"visible": "gaussian", "l2": 0.1, "learning_rate": 0.05}
    model = make(energy="linear", n_iter=500, **params).fit(X, Y)
    # The sum of losses of 178 rows, with l2 times the rows as its penalty.
    peer = LogisticRegression(C=1 / (0.1 * len(X)), tol=1e-8, max_iter=1000).fit(Z, Y)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(Z), atol=1e-3)
    assert model.coef_.shape == (3, 13)
    scores = Z @ model.coef_.T + model.intercept_
    np.testing.assert_allclose(-model.class_energy(X), scores, atol=1e-6)


def test_a_quadratic_energy_sees_spread_and_rotation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = (x[:, 0] * x[:, 1] > 0) + 2 * (np.abs(x).max(axis=1) > 1.2)
    params = {"learning_rate": 0.05, "n_iter": 200}
    diagonal, whole = (
        make(energy=ClassQuadratic(rank), **params).fit(x, y).score(x, y)
        for rank in (0, 2)
    )
    assert 0.45 < diagonal < 0.65  # it sees the spread, and guesses the sign
    assert whole > 0.85


@pytest.mark.parametrize(
    ("energy", "visible"),
    [("linear", "auto"), ("quadratic", "auto"), ("mlp", "auto"), ("mlp", "unscaled")],
)
def test_sparse_rows_are_never_made_dense(energy, visible, monkeypatch):
    rng = np.random.default_rng(0)
    rows = rng.random((67, 11)) * (rng.random((67, 11)) < 0.2)
    rows, y = 20 * rows - 3 * (rows > 0), (rows[:, 0] > 0).astype(int)
    model = make(energy=energy, visible=visible, early_stopping=True)
    dense = "scaled" if visible == "auto" else visible
    scaled = clone(model).set_params(visible=dense).fit(rows, y)
    expected = scaled.predict_proba(rows)
    plain = csr_matrix.toarray

    def toarray(self, *args, **kwargs):
        assert self.shape[1] == 2, "only labels may be dense"
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(csr_matrix, "toarray", toarray)
    found = model.fit(csr_matrix(rows), y).predict_proba(csr_matrix(rows))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert model.score(csr_matrix(rows), y) > 0.6


@pytest.mark.parametrize("visible", ["scaled", "unscaled"])
def test_densities_take_sparse_rows_as_dense_ones(visible):
    rng = np.random.default_rng(0)
    rows = rng.random((23, 5)) * (rng.random((23, 5)) < 0.4)
    for model in (
        RBMDensity(3, visible=visible, n_iter=2, random_state=0),
        make(visible=visible, n_iter=2),
    ):
        y = (rows[:, 0] > 0).astype(int)
        method = "predict_proba" if hasattr(model, "predict_proba") else "score_samples"
        expected = getattr(clone(model).fit(rows, y), method)(rows)
        found = getattr(model.fit(csr_matrix(rows), y), method)(csr_matrix(rows))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_large_penalty_leaves_naive_bayes_and_a_small_one_logistic_regression():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 211)
    counts = rng.poisson(1 + (y[:, None] == np.arange(7) % 3)).astype(float)
    model = make(energy=ClassLinear(naive_bayes=1.0), visible="unscaled", l2=100.0)
    shrunk = model.fit(csr_matrix(counts), y)
    peer = MultinomialNB().fit(counts, y)
    expected = peer.feature_log_prob_ - peer.feature_log_prob_.mean(axis=0)
    np.testing.assert_allclose(shrunk.coef_, expected, atol=0.02)
    free, plain = (
        make(energy=ClassLinear(share), visible="unscaled", l2=0.0, n_iter=1000)
        .set_params(learning_rate=0.01)
        .fit(csr_matrix(counts), y)
        for share in (1.0, 0.0)
    )
    found, proba = (m.predict_proba(counts) for m in (free, plain))
    np.testing.assert_allclose(found, proba, atol=0.01)
    assert np.abs(proba - shrunk.predict_proba(counts)).max() > 0.05


@pytest.mark.parametrize("energy", ["quadratic", "mlp"])
def test_weight_is_repetition(energy):
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    model = make(energy=energy, loss="hinge")
    found = clone(model).fit(X, Y, sample_weight=weight).predict_proba(X)
    repeated = np.repeat(X, weight, axis=0), np.repeat(Y, weight)
    np.testing.assert_allclose(found, model.fit(*repeated).predict_proba(X), atol=1e-5)


def test_training_goes_on_and_stops_early():
    model = make(energy=ClassMLP(5), loss=Hinge(2.0), n_iter=3, warm_start=True)
    first = model.fit(X, Y).history_["negative_loss"][-1]
    model.set_params(n_iter=200).fit(X, Y)
    assert model.history_["negative_loss"][-1] > first
    with pytest.raises(ValueError, match="energy was ClassMLP"):
        model.set_params(energy=ClassMLP(6)).fit(X, Y)
    stream = make(energy="mlp", loss="log").partial_fit(
        X[:50], Y[:50], classes=[0, 1, 2]
    )
    assert stream.partial_fit(X, Y).n_iter_ == 2
    model = make(energy="mlp", loss="hinge", early_stopping=True, n_iter=2000)
    history = pd.DataFrame(model.set_params(learning_rate=0.01).fit(X, Y).history_)
    assert len(history) < 2000
    assert -1 < history["validation_score"].iloc[-1] <= 0


def test_wrong_combinations_are_refused_in_a_sentence():
    for params, sentence in [
        ({"energy": "mlp", "generative_weight": 0.1}, "needs energy='rbm' and loss"),
        ({"loss": "hinge", "generative_weight": 1}, "needs energy='rbm' and loss"),
        ({"loss": "square_square"}, "Set energy='mlp', 'quadratic' or 'linear'"),
        ({"energy": "forest"}, "Known: 'rbm', 'linear', 'quadratic', 'mlp'"),
        ({"loss": "huber"}, "Known: 'nll', 'perceptron', 'hinge'"),
        ({"energy": "mlp", "loss": SquareSquare(-1)}, "margin of SquareSquare must"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            make(**params).fit(X, Y)
    with pytest.raises(
        TypeError, match=r"MLP\(\) has no energies of classes.*ClassMLP"
    ):
        make(energy=MLP()).fit(X, Y)


@pytest.mark.parametrize("energy", CLASS_ENERGIES)
def test_the_penalty_of_auto_is_a_prior_of_weights(energy):
    model, precision = make(energy=energy), CLASS_ENERGIES[energy].label_precision
    x, y = X[::2], Y[::2]
    auto = clone(model).fit(x, y, sample_weight=np.full(len(x), 2.0)).predict_proba(X)
    same = model.set_params(l2=precision / (2 * len(x)))
    same.fit(np.tile(x, (2, 1)), [*y, *y])
    np.testing.assert_allclose(auto, same.predict_proba(X), atol=1e-5)
    for params in ({"n_iter": 1}, {"generative_weight": 0.3}):
        if energy == "rbm" or "n_iter" in params:
            model = make(energy=energy, **params)
            without = clone(model).set_params(l2=0.0)
            method = "partial_fit" if "n_iter" in params else "fit"
            results = [getattr(m, method)(X, Y) for m in (model, without)]
            expected = results[1].predict_proba(X)
            np.testing.assert_array_equal(results[0].predict_proba(X), expected)


@pytest.mark.parametrize(("energy", "growth"), [("mlp", 2.0), ("linear", 1.0)])
def test_the_penalty_of_auto_falls_slower_than_the_rows_of_a_perceptron(energy, growth):
    model, precision = make(energy=energy), CLASS_ENERGIES[energy].label_precision
    mass = 8 * 300.0  # 300 rows are few; the growth is their cubic root
    weight = np.full(len(X), mass / len(X))
    same = clone(model).set_params(l2=growth * precision / mass)
    probabilities = [m.fit(X, Y, weight).predict_proba(X) for m in (model, same)]
    np.testing.assert_allclose(*probabilities, atol=1e-6)


# -- an energy of one's own ------------------------------------------------------------


class Distances:
    """Squared distances from centres, in the units of X."""

    def __init__(self):
        self.centres = np.zeros((3, 13))

    @property
    def params(self):
        return {"centres": self.centres}

    def class_energy(self, x):
        return ((x[:, None] - self.centres) ** 2).sum(axis=2) / 2

    def class_grad(self, x, weight):
        return {"centres": -np.einsum("nk,nki->ki", weight, x[:, None] - self.centres)}


def test_an_own_energy_and_an_own_loss():
    class Halved(NegativeLogLikelihood):
        def __call__(self, energies, labels):
            return tuple(part / 2 for part in super().__call__(energies, labels))

    own, Z = Distances(), StandardScaler().fit_transform(X)
    model = make(energy=own, loss=Halved(), learning_rate=0.02).fit(X, Y)
    assert model.score(X, Y) > 0.95
    assert not own.centres.any()
    unscaled = make(energy=own, visible="unscaled", learning_rate=0.02).fit(Z, Y)
    np.testing.assert_allclose(
        unscaled.class_energy(Z), unscaled.energy_.own.class_energy(Z)
    )
    assert unscaled.log_partition_ is None


# -- scikit-learn's own tools ----------------------------------------------------------


def quick(**params):
    params = {"energy": ClassMLP(5), "n_iter": 30, "learning_rate": 0.03, **params}
    return EnergyClassifier(random_state=0, **params)


def test_grid_search_over_losses_and_sizes():
    grid = {"loss": ["nll", "hinge"], "energy__hidden_layer_sizes": [(1,), (5, 3)]}
    search = GridSearchCV(quick(), grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_score_ > 0.9
    sizes = search.best_params_["energy__hidden_layer_sizes"]
    assert search.best_estimator_.energy_.params["weights_1"].shape == (13, sizes[0])
    grid = {"energyclassifier__loss__margin": [0.1, 2.0]}
    pipeline = make_pipeline(StandardScaler(), quick(loss=Hinge()))
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(set(search.cv_results_["rank_test_score"])) >= 1


def test_calibration_repairs_the_probabilities_of_a_margin():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = (x[:, 0] + rng.normal(size=400) > 0).astype(int)
    model = quick(loss=Hinge(margin=20.0), energy="linear", learning_rate=0.5)
    raw = clone(model).fit(x[:200], y[:200]).predict_proba(x[200:])
    calibrated = CalibratedClassifierCV(model, cv=3).fit(x[:200], y[:200])
    after = calibrated.predict_proba(x[200:])
    assert log_loss(y[200:], after) < 0.8 * log_loss(y[200:], raw)


@pytest.mark.parametrize(
    "make_whole",
    [
        OneVsRestClassifier,
        lambda model: VotingClassifier([("a", model), ("b", quick())], voting="soft"),
        lambda model: StackingClassifier([("a", model)], cv=2),
    ],
    ids=["one against rest", "voting", "stacking"],
)
def test_classifiers_of_classifiers(make_whole):
    whole = make_whole(quick(loss="log")).fit(X, NAMES[Y])
    assert whole.score(X, NAMES[Y]) > 0.9


def test_permutation_importance_finds_the_column_that_matters():
    x = np.random.default_rng(0).normal(size=(101, 3))
    y = (x[:, 1] > 0).astype(int)
    model = quick(energy="linear", loss="log").fit(x, y)
    importance = permutation_importance(model, x, y, n_repeats=2, random_state=0)
    assert importance.importances_mean.argmax() == 1
    tuned = TunedThresholdClassifierCV(model, cv=2, scoring="f1").fit(x, y)
    assert tuned.score(x, y) > 0.9
