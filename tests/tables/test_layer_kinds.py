"""Layers that are in LAYERS, and not in KINDS."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone

from skebm import EnergyImputer, RBMDensity
from skebm.layers import HIDDEN, LAYERS
from skebm.layers._base import Layer
from skebm.tables.kinds import KINDS, Kind, find_kind
from skebm.tables.table import Table
from skebm.testing import check_layer

N = 101
SHORT = {"n_components": 3, "n_iter": 3, "random_state": 0}


@pytest.fixture
def ternary(monkeypatch):
    """The layer of the developer guide, entered in LAYERS as the guide says."""
    folder = Path(__file__).parents[2] / "doc" / "_code"
    monkeypatch.syspath_prepend(folder)
    from ternary import Ternary

    monkeypatch.setitem(LAYERS, "ternary", Ternary)
    yield Ternary
    sys.modules.pop("ternary")


@pytest.fixture
def votes(rng):
    return rng.integers(-1, 2, (N, 5)).astype(float)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_layer_keeps_its_contract(ternary, dtype, rng):
    bias, cost = rng.normal(size=(2, 5)).astype(dtype)
    layer = ternary(bias, cost)
    check_layer(layer)
    assert layer.n_states == 3**5
    states = layer.states(0, 3**5)
    assert len(np.unique(states, axis=0)) == 3**5
    assert not layer.outside(states).any()
    assert ternary.zeros(700).n_states == np.inf


def test_both_sides_know_the_name(ternary):
    assert HIDDEN["ternary"] is ternary
    assert list(HIDDEN) == ["bernoulli", "spin", "gaussian", "ternary", "relu"]
    with pytest.raises(ValueError, match="'zero_inflated', 'ternary'"):
        find_kind("quaternary")


def test_a_density_of_the_layer(ternary, votes):
    rbm = RBMDensity(visible="ternary", **SHORT).fit(votes)
    assert type(rbm._energy.visible) is ternary
    assert set(np.unique(rbm.sample(53, random_state=0))) == {-1, 0, 1}
    rows = np.stack(np.meshgrid(*[[-1, 0, 1]] * 5), axis=-1).reshape(-1, 5)
    np.testing.assert_allclose(np.exp(rbm.score_samples(rows)).sum(), 1, rtol=1e-9)
    again = pickle.loads(pickle.dumps(rbm))
    np.testing.assert_array_equal(again.score_samples(votes), rbm.score_samples(votes))
    assert clone(rbm).visible == "ternary"


def test_rows_outside_the_domain_of_the_layer_are_refused(ternary, votes):
    bad = np.array([[5.0, 0.5, -7.0, 0.0, 0.0]])
    sentence = "Ternary units take the values -1, 0 and .1, but column 0, column 1, col"
    with pytest.raises(ValueError, match=sentence):
        RBMDensity(visible="ternary", **SHORT).fit(np.vstack([votes, bad]))
    rbm = RBMDensity(visible="ternary", **SHORT).fit(votes)
    for rows in (bad, csr_matrix(bad), bad.astype(np.float32)):
        with pytest.raises(ValueError, match=sentence):
            rbm.score_samples(rows)
        with pytest.raises(ValueError, match="column 2 of X has others"):
            rbm.score_samples(rows)
    assert np.isfinite(rbm.score_samples(csr_matrix(votes))).all()


def test_columns_of_the_layer_beside_others(ternary, votes, rng):
    X = pd.DataFrame(votes[:, :2], columns=["war", "tax"], dtype=int)
    X["age"] = rng.normal(size=N)
    rbm = RBMDensity(visible={"war": "ternary", "tax": "ternary"}, **SHORT).fit(X)
    assert rbm._table.kinds == ("ternary", "ternary", "real")
    assert rbm.unit_names_.tolist() == ["war", "tax", "age"]
    drawn = rbm.sample(53, random_state=0)
    assert (drawn.dtypes == X.dtypes).all()
    assert drawn["war"].isin([-1, 0, 1]).all()
    with pytest.raises(ValueError, match="'tax' of X has others"):
        rbm.score_samples(X.assign(tax=2))


def test_holes_of_the_layer_are_in_its_domain(ternary, votes):
    holes = votes.copy()
    holes[::7, 1] = np.nan
    imputer = EnergyImputer(visible="ternary", **SHORT)
    filled = imputer.fit_transform(holes)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(holes)], votes[~np.isnan(holes)])
    with pytest.raises(ValueError, match="Ternary units"):
        imputer.transform(np.where(np.isnan(holes), np.nan, 7))


def test_the_kind_of_a_layer_leaves_values_as_they_are(ternary, votes):
    kind = find_kind("ternary")
    low, high = kind.limits(np.zeros(5), np.zeros(5))
    np.testing.assert_array_equal([low, high], [[-1] * 5, [1] * 5])
    votes[3, 2] = np.nan
    fitted = kind.fit(votes, np.zeros(5, int), None)
    assert fitted.encode(votes) is fitted.decode(votes) is votes
    assert not fitted.outside(votes, low, high).any()
    assert type(fitted.layer(np.float32)) is ternary
    np.testing.assert_array_equal(fitted.log_volumes(votes), np.zeros((1, 5)))
    assert Table.of_kind("ternary", 3).holds_numbers.all()


def test_a_kind_of_its_own_comes_first(ternary, monkeypatch, rng):
    """Votes that are written as 1, 2 and 3."""

    class Grade(Kind):
        layer_class = ternary
        domain = "the grades 1, 2 and 3"

        def outside(self, X, low, high):
            return ~np.isin(X, [1, 2, 3]) & ~np.isnan(X)

        def encode(self, X):
            return X - 2

        def decode(self, Z):
            return Z + 2

    monkeypatch.setitem(KINDS, "ternary", Grade)
    X = rng.integers(1, 4, (N, 5)).astype(float)
    rbm = RBMDensity(visible="ternary", **SHORT).fit(X)
    assert set(np.unique(rbm.sample(53, random_state=0))) == {1, 2, 3}
    with pytest.raises(ValueError, match="take the grades 1, 2 and 3"):
        rbm.score_samples(X - 2)


@pytest.mark.parametrize("name", LAYERS)
def test_kinds_of_registered_layers_use_them(name):
    assert find_kind(name).layer_class is LAYERS[name]


def test_kinds_hold_numbers_or_not():
    holders = {name for name in KINDS if find_kind(name).holds_numbers}
    real = {"gaussian", "real", "yeo_johnson", "zero_inflated", "unscaled", "scaled"}
    assert holders == {*real, "count"}


def test_a_layer_without_values_is_checked_by_its_limits():
    class Amount(Layer):
        finite = False

        @property
        def limits(self):
            return np.zeros(self.n_units), np.full(self.n_units, np.inf)

    X = np.array([[-1.0, 0.0, 2.5, np.inf, np.nan]])
    np.testing.assert_array_equal(Amount(np.zeros(5)).outside(X), [[1, 0, 0, 1, 1]])
