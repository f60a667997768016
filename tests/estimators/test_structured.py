"""Several labels a row, and chains of rows, through the classifier."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skebm import EnergyClassifier
from skebm.energies import CLASS_ENERGIES, ClassChain, MultiLabel

N_ROWS, SEED = 120, 0


def make(energy="linear", **params):
    options = {"n_components": 5, "n_iter": 40, "learning_rate": 0.05}
    return EnergyClassifier(energy=energy, random_state=0, **{**options, **params})


@pytest.fixture
def sets(rng):
    """Two labels of which a coin gives exactly one, and two that follow the rows."""
    X = rng.normal(size=(N_ROWS, 3))
    coin = rng.random(N_ROWS) < 0.5
    Y = np.stack([coin, ~coin, X[:, 0] > 0, X[:, 0] + X[:, 1] > 1], axis=1)
    return X, Y.astype(int)


@pytest.fixture
def words(rng):
    """Letters of words, of which every other row is known from the row before only."""
    lengths = rng.integers(2, 7, 40)
    groups = np.repeat(np.arange(40) * 7 % 40, lengths)
    first = np.append(True, groups[1:] != groups[:-1])
    numbers = np.zeros(len(groups), int)
    for t in range(len(groups)):
        numbers[t] = rng.integers(3) if first[t] else (numbers[t - 1] + 1) % 3
    X = np.eye(3)[numbers] + 0.3 * rng.normal(size=(len(groups), 3))
    X[rng.random(len(groups)) < 0.4] = 0
    return X, np.array(["a", "b", "c"])[numbers], groups


# -- several labels ----------------------------------------------------------------


@pytest.mark.parametrize("energy", CLASS_ENERGIES)
def test_labels_are_predicted_together(energy, sets):
    X, Y = sets
    model = make(energy, n_iter=120).fit(X, Y)
    predicted, probability = model.predict(X), model.predict_proba(X)
    assert predicted.shape == probability.shape == Y.shape
    assert set(np.unique(predicted)) == {0, 1}
    np.testing.assert_array_equal(predicted[:, 0] + predicted[:, 1], 1)
    np.testing.assert_allclose(probability[:, 0] + probability[:, 1], 1, atol=0.1)
    assert accuracy_score(Y[:, 2:], predicted[:, 2:]) > 0.8
    assert model.score(X, Y) == (predicted == Y).all(axis=1).mean()
    # The lowest of the energies of the sets that follow each other.
    best = model.class_energy(X, predicted)
    for k in range(4):
        other = predicted.copy()
        other[:, k] = 1 - other[:, k]
        assert (model.class_energy(X, other) >= best).all()
    np.testing.assert_array_equal(model.classes_, range(4))
    odds = model.decision_function(X)
    np.testing.assert_array_equal(odds > 0, probability > 0.5)
    logs = model.predict_log_proba(X)
    np.testing.assert_allclose(logs, np.log(probability))


def test_couplings_say_which_labels_exclude_each_other(sets):
    X, Y = sets
    couplings = make(n_iter=120).fit(X, Y).label_couplings_
    np.testing.assert_array_equal(couplings, couplings.T)
    assert couplings[0, 1] == couplings.min() < -2


def test_labels_may_be_more_than_can_be_enumerated(sets):
    X, Y = sets
    model = make(MultiLabel("linear", n_exact=1)).fit(X, Y)
    exact = make().fit(X, Y)
    np.testing.assert_array_equal(model.predict(X)[:, :2].sum(axis=1), 1)
    assert abs(model.score(X, Y) - exact.score(X, Y)) < 0.15
    np.testing.assert_array_equal(model.predict(X[3:7]), model.predict(X)[3:7])


class Scores:
    """A user's energies of labels, which have no weights for the columns of a row."""

    def __init__(self):
        self.params = {"levels": np.zeros(4)}

    def class_energy(self, x):
        return np.tile(-self.params["levels"], (len(x), 1))

    def class_grad(self, x, weight):
        return {"levels": -weight.sum(axis=0)}


def test_an_energy_of_the_user_has_couplings_too(sets):
    X, Y = sets
    model = make(Scores(), n_iter=300).fit(X, Y)
    found = model.predict_proba(X[:1])[0]
    np.testing.assert_allclose(found, Y.mean(axis=0), atol=0.1)
    assert model.label_couplings_[0, 1] < -2


def test_other_forms_of_rows_and_labels(sets):
    X, Y = sets
    expected = make().fit(X, Y).predict_proba(X)
    for labels in (csr_matrix(Y), pd.DataFrame(Y), Y.tolist(), Y.astype(bool)):
        np.testing.assert_array_equal(make().fit(X, labels).predict_proba(X), expected)
    frame = pd.DataFrame(X, columns=list("abc"))
    found = make().fit(frame, Y).predict_proba(frame)
    np.testing.assert_allclose(found, expected)
    bits = (X > 0).astype(float)
    found = []
    for rows in (bits, csr_matrix(bits)):
        model = make(visible="unscaled").fit(rows, Y)
        found.append(model.predict_proba(rows))
    np.testing.assert_allclose(*found, atol=1e-6)


def test_weights_are_repetitions_and_streams_go_on(sets):
    X, Y = sets
    weight = np.arange(N_ROWS) % 3
    weighted = make(l2=0.0).fit(X, Y, sample_weight=weight)
    rows = np.repeat(np.arange(N_ROWS), weight)
    repeated = make(l2=0.0, batch_size=N_ROWS).fit(X[rows], Y[rows])
    found = [model.predict_proba(X) for model in (weighted, repeated)]
    np.testing.assert_allclose(*found, atol=1e-5)
    stream = make()
    for _ in range(30):
        stream.partial_fit(X, Y)
    assert stream.score(X, Y) > 0.3
    held_out = make(early_stopping=True).fit(X, Y).history_
    assert {"validation_score", "validation_accuracy"} <= set(held_out)


# -- chains ----------------------------------------------------------------------------


def test_chains_know_what_rows_do_not_show(words):
    X, y, groups = words
    model = make(ClassChain("linear")).fit(X, y, groups=groups)
    alone = make("linear").fit(X, y).score(X, y)
    assert alone < 0.8
    assert model.score(X, y, groups=groups) > 0.95
    cycle = model.transitions_.argmax(axis=1)
    np.testing.assert_array_equal(cycle, [1, 2, 0])
    probability = model.predict_proba(X, groups=groups)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    logs = model.decision_function(X, groups=groups)
    np.testing.assert_allclose(logs, np.log(probability))
    # Each group is on its own.
    there = groups == groups[20]
    found = model.predict_proba(X[there], groups=groups[there])
    np.testing.assert_allclose(found, probability[there], atol=1e-6)
    best = model.predict(X, groups=groups)
    energy = model.class_energy(X, best, groups=groups).sum()
    assert energy <= model.class_energy(X, y, groups=groups).sum()


def test_one_chain_is_as_good_as_its_weight_in_copies(words):
    X, y, groups = words
    twice = np.isin(groups, groups[:30])
    options = {"l2": 0.0, "batch_size": 1000, "n_iter": 20}
    weighted = make(ClassChain(), **options)
    weighted.fit(X, y, sample_weight=1.0 + twice, groups=groups)
    rows = np.concatenate([np.arange(len(y)), np.flatnonzero(twice)])
    names = np.concatenate([groups, groups[twice] + 100])
    repeated = make(ClassChain(), **options).fit(X[rows], y[rows], groups=names)
    found = [m.predict_proba(X, groups=groups) for m in (weighted, repeated)]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_streams_early_stopping_and_class_weights_of_chains(words):
    X, y, groups = words
    stream = make(ClassChain())
    for _ in range(30):
        stream.partial_fit(X, y, classes=["a", "b", "c"], groups=groups)
    assert stream.score(X, y, groups=groups) > 0.9
    model = make(ClassChain(), early_stopping=True).fit(X, y, groups=groups)
    assert max(model.history_["validation_accuracy"]) > 0.8
    heavy = make(ClassChain(), class_weight={"a": 50.0}).fit(X, y)
    assert (heavy.predict(X) == "a").mean() > (y == "a").mean() + 0.1


@config_context(enable_metadata_routing=True)
def test_groups_are_routed_through_pipelines_and_searches(words):
    X, y, groups = words
    model = make(ClassChain(), n_iter=10)
    routes = ("fit", "predict", "score")
    for route in routes:
        getattr(model, f"set_{route}_request")(groups=True)
    pipeline = make_pipeline(StandardScaler(), model)
    options = {"cv": GroupKFold(2), "params": {"groups": groups}}
    scores = cross_val_score(pipeline, X, y, **options)
    assert scores.min() > 0.8
    alone = cross_val_score(pipeline, X, y, cv=2, params={"groups": np.arange(len(y))})
    assert alone.max() < scores.min()
    grid = {"energy": [ClassChain("linear"), ClassChain("quadratic")]}
    search = GridSearchCV(model, grid, cv=GroupKFold(2)).fit(X, y, groups=groups)
    assert search.best_score_ > 0.8
    assert search.best_estimator_.score(X, y, groups=groups) > 0.8
    pipeline.fit(X, y, groups=groups)
    assert (pipeline.predict(X, groups=groups) == y).mean() > 0.8


# -- sentences -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"loss": "hinge"}, "loss='hinge' is for one label a row"),
        ({"energy": "rbm", "generative_weight": 0.5}, "generative_weight=0.5 is for"),
        ({"class_weight": "balanced"}, "class_weight='balanced' is for one label"),
        ({"energy": ClassChain()}, "ClassChain.* needs y with one label"),
        ({"energy": MultiLabel(ClassChain())}, "has no energies of classes"),
    ],
)
def test_what_label_sets_do_not_go_with(params, says, sets):
    with pytest.raises((ValueError, TypeError), match=says):
        make(**params).fit(*sets)
    plain = clone(make(**params))
    is_taken = get_tags(plain).classifier_tags.multi_label
    assert is_taken == ("MultiLabel" in repr(params.get("energy")))


def test_wrong_label_sets(sets):
    X, Y = sets
    model = make(n_iter=1)
    for bad in (Y + 1, Y.astype(str), np.where(Y == 1, np.nan, 0.0)):
        with pytest.raises(ValueError, match="y must hold 0 and 1 only"):
            model.fit(X, bad)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="groups are chains of rows"):
        model.fit(X, Y, groups=np.arange(N_ROWS))
    with pytest.raises(ValueError, match=r"MultiLabel.* needs y as an ind"):
        make(MultiLabel()).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="does not name the 4 columns of y"):
        model.partial_fit(X, Y, classes=["a", "b", "c", "d"])
    model.set_params(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="y was an indicator matrix when the model"):
        model.fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="indicator matrix with 4 columns"):
        model.fit(X, Y[:, :3])
    with pytest.raises(ValueError, match="class_energy needs y"):
        model.class_energy(X)
    with pytest.raises(ValueError, match="y was one label a row when the model"):
        make(n_iter=1, warm_start=True).fit(X, Y[:, 2]).fit(X, Y)


def test_wrong_groups(words):
    X, y, groups = words
    model = make(ClassChain(), n_iter=1)
    with pytest.raises(ValueError, match=r"rows of group 1 do not follow each other"):
        model.fit(X[:4], y[:4], groups=[1, 2, 2, 1])
    with pytest.raises(ValueError, match="but groups has 3 entries"):
        model.fit(X, y, groups=[1, 2, 3])
    weight = np.ones(len(y))
    weight[0] = 0
    with pytest.raises(ValueError, match="sample_weight is 0 for some rows of a group"):
        model.fit(X, y, sample_weight=weight, groups=groups)
    with pytest.raises(ValueError, match="at least two classes"):
        model.fit(X, np.zeros(len(y)), groups=groups)
    model.fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="but groups has 2 entries"):
        model.predict(X, groups=[0, 1])
    plain = make(n_iter=1).fit(X, y)
    for method in (plain.predict, plain.predict_proba, plain.class_energy):
        with pytest.raises(ValueError, match="groups are chains of rows"):
            method(X, groups=groups)
