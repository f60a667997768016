"""Couplings between visible units, as estimators choose and show them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skebm import EBMAnomalyDetector, EnergyClassifier, EnergyImputer, RBMDensity
from skebm.energies import Independent
from tests.models import heavy

SHORT = {"n_components": 3, "n_iter": 3, "random_state": 0}


@pytest.fixture
def frame(rng):
    """Two numbers that depend on each other, a category, and a function of it."""
    job = rng.choice(list("abc"), 401)
    age = rng.normal(size=401)
    pay = age + (job == "a") * 4 + 0.3 * rng.normal(size=401)
    return pd.DataFrame({"age": age, "job": job, "pay": pay, "boss": job == "a"})


def test_what_was_chosen_is_told(frame, capsys):
    model = RBMDensity(verbose=1, **SHORT).fit(frame)
    assert "Mixed" in capsys.readouterr().out
    assert model.couplings_ == "full"
    pairs = {frozenset(edge[:2]) for edge in model.graph_}
    assert frozenset({1, 3}) in pairs  # the category and its function
    assert any(-1 in pair for pair in pairs)  # the component
    nats = [edge[2] for edge in model.graph_]
    assert nats == sorted(nats, reverse=True)
    assert model.precision_.shape == (2, 2)
    assert model.precision_[0, 1] < -0.2


def test_the_precision_is_in_the_order_of_the_columns(rng):
    z = rng.normal(size=(1009, 3))
    X = np.stack([z[:, 0], z[:, 1], z[:, 0] + 0.5 * z[:, 2]], axis=1)
    model = RBMDensity(visible="gaussian", n_clusters=1, n_iter=0).fit(X)
    partial = -model.precision_ / np.sqrt(
        np.outer(np.diag(model.precision_), np.diag(model.precision_))
    )
    assert partial[0, 2] > 0.8
    assert abs(partial[0, 1]) < 0.1
    assert not hasattr(RBMDensity(couplings="none", n_iter=0).fit(X), "precision_")


@pytest.mark.parametrize(
    ("params", "chosen"),
    [
        ({}, "full"),
        ({"couplings": "none"}, "none"),
        ({"couplings": "tree"}, "tree"),
        ({"hidden": "gaussian"}, "none"),
    ],
)
def test_the_parameter_decides(frame, params, chosen):
    assert RBMDensity(**SHORT, **params).fit(frame).couplings_ == chosen


def test_auto_leaves_some_columns_alone(rng):
    bits = (rng.random((211, 5)) < 0.5).astype(float)
    bits[:, 1] = bits[:, 0]
    assert RBMDensity(**SHORT).fit(bits).couplings_ == "tree"
    # An exact gradient, probabilities, few rows.
    model = RBMDensity(objective="pseudo_likelihood", **SHORT).fit(bits)
    assert model.couplings_ == "none"
    assert RBMDensity(**SHORT).fit(0.9 * bits).couplings_ == "none"
    assert RBMDensity(**SHORT).fit(bits[:7]).couplings_ == "none"
    wide = np.tile(bits, (1, 2001))
    assert RBMDensity(1, n_iter=0).fit(wide).couplings_ == "none"


def test_real_hidden_units_refuse_normals(frame):
    with pytest.raises(ValueError, match="couplings='none'"):
        RBMDensity(couplings="full", hidden="gaussian", **SHORT).fit(frame)


def test_training_starts_at_the_tree(rng):
    bits = (rng.random((503, 1)) < 0.5) ^ (rng.random((503, 7)) < 0.1)
    start = RBMDensity(3, n_iter=0).fit(bits.astype(float))
    base = start._energy.base
    tree = -base.energy(bits.astype(float)) - Independent(base).log_partition
    np.testing.assert_allclose(start.score(bits.astype(float)), tree.mean(), atol=0.05)
    apart = RBMDensity(3, n_iter=0, couplings="none").fit(bits.astype(float))
    assert start.score(bits) > apart.score(bits) + 1


def test_threads_and_copies_do_not_matter(frame):
    holes = frame.copy()
    holes.loc[::3, "pay"] = np.nan
    holes.loc[1::5, "job"] = None
    one, two = (RBMDensity(n_jobs=n, **SHORT).fit(holes) for n in (1, 2))
    np.testing.assert_array_equal(one.components_, two.components_)
    scores = one.score_samples(holes)
    np.testing.assert_array_equal(scores, two.score_samples(holes))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.score_samples(holes), scores)
    assert clone(one).couplings == "auto"


@heavy
def test_a_function_of_a_column_is_drawn_as_one(rng):
    number = rng.normal(size=2003)
    frame = pd.DataFrame({"number": number, "sign": number > 0})
    drawn = RBMDensity(**SHORT).fit(frame).sample(2003, random_state=0)
    assert ((drawn["number"] > 0) == drawn["sign"]).mean() > 0.97


def test_single_precision_is_kept(rng):
    X = rng.normal(size=(211, 3)).astype(np.float32)
    X[:, 2] = X[:, 0] + X[:, 1]
    model = RBMDensity(**SHORT).fit(X)
    assert model.components_.dtype == model.sample(3).dtype == np.float32
    assert np.isfinite(model.score_samples(X)).all()


def test_a_stream_begins_at_its_first_rows(frame):
    model = RBMDensity(**SHORT).partial_fit(frame[:200]).partial_fit(frame[200:])
    assert model.couplings_ == "full"
    assert np.isfinite(model.score(frame))


def test_other_estimators_have_them(frame):
    imputer = EnergyImputer(couplings="tree", **SHORT).fit(frame)
    assert imputer.density_.couplings_ == "tree"
    detector = EBMAnomalyDetector("rbm", **SHORT).fit(frame)
    assert detector.density_.couplings_ == "full"
    assert detector.density_.n_clusters == 1
    X, y = frame.drop(columns="boss"), frame["boss"]
    params = {"generative_weight": 0.5, **SHORT}
    for couplings in ("none", "auto"):
        model = EnergyClassifier(couplings=couplings, **params).fit(X, y)
        assert model.couplings_ == {"none": "none", "auto": "full"}[couplings]
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
        assert np.isfinite(model.score_samples(X)).all()
