"""The density of any energy: one that is known by name, and one of a user's own."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skebm import EnergyDensity, RBMDensity
from skebm.energies import ClassChain, ClassMLP, Energy, RBMRecipe, Recipe
from skebm.metrics import energy_gap
from tests.models import assert_frequencies, heavy

SMALL = {"n_iter": 30, "random_state": 0}


@pytest.fixture
def bits(rng):
    return (rng.random((101, 4)) < rng.choice([0.2, 0.8], (101, 1))).astype(float)


@pytest.mark.parametrize("objective", ["pcd", "cd", "pseudo_likelihood"])
def test_an_rbm_by_its_recipe_is_an_rbm_density(bits, objective):
    one = RBMDensity(5, objective=objective, **SMALL).fit(bits)
    other = EnergyDensity(RBMRecipe(5), objective=objective, **SMALL).fit(bits)
    np.testing.assert_array_equal(one.score_samples(bits), other.score_samples(bits))
    np.testing.assert_array_equal(
        one.sample(7, random_state=3), other.sample(7, random_state=3)
    )
    assert one.log_partition_.value == other.log_partition_.value


def test_unknown_names_are_refused_in_a_sentence(bits):
    with pytest.raises(ValueError, match="energy='boltz' is not known"):
        EnergyDensity("boltz").fit(bits)
    with pytest.raises(ValueError, match="kernel='nuts' is not known"):
        EnergyDensity(RBMRecipe(3), kernel="nuts").fit(bits)


class Pairs(Energy):
    """``E(x) = visible.energy(x) - x @ J @ x / 2`` in plain NumPy."""

    def __init__(self, visible, base, couplings):
        self.visible, self.base, self.couplings = visible, base, couplings

    @property
    def params(self):
        return {"bias": self.visible.bias, "couplings": self.couplings}

    def energy(self, x):
        pairs = ((x @ self.couplings) * x).sum(axis=1) / 2
        return np.asarray(self.visible.energy(x), dtype=np.float64) - pairs

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        weight = weight.astype(x.dtype)
        couplings = -(x.T @ (weight[:, None] * x)) / 2
        return {**self.visible.grad(x, weight), "couplings": couplings}


class PairsRecipe(Recipe):
    def build(self, layer, summary, random):
        base = layer.from_moments(summary.mean, summary.variance, summary.n_rows)
        base = base.astype(summary.dtype)
        n = layer.n_units
        couplings = np.zeros((n, n), dtype=summary.dtype)
        return Pairs(base.astype(summary.dtype), base, couplings)


@heavy
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("objective", ["pcd", "cd", "pseudo_likelihood"])
def test_an_energy_of_ones_own_learns_and_is_normalised(bits, objective, dtype):
    X = bits.astype(dtype)
    spec = {"objective": objective, "n_iter": 1000, "random_state": 0}
    spec["learning_rate"] = 0.1
    model = EnergyDensity(PairsRecipe(), **spec).fit(X)
    independent = EnergyDensity(PairsRecipe(), **{**spec, "n_iter": 0}).fit(X)
    assert model.score(X) > independent.score(X) + 0.2
    states = (np.arange(16)[:, None] >> np.arange(4) & 1).astype(dtype)
    probability = np.exp(model.score_samples(states))
    np.testing.assert_allclose(probability.sum(), 1, rtol=1e-5)
    drawn = model.sample(4001, random_state=3)
    assert_frequencies(drawn, states, probability / probability.sum())


@heavy
def test_holes_of_an_energy_of_ones_own(bits):
    model = EnergyDensity(PairsRecipe(), n_iter=100, random_state=0).fit(bits)
    row = np.array([[np.nan, 1.0, 0.0, np.nan]])
    filled = [[a, 1.0, 0.0, b] for a in (0.0, 1.0) for b in (0.0, 1.0)]
    total = np.logaddexp.reduce(model.score_samples(np.array(filled)))
    np.testing.assert_allclose(model.score_samples(row), total, rtol=1e-6)


# -- objects that inherit nothing ------------------------------------------------------


class PlainPairs:
    """An energy in plain NumPy: all pairs of columns, and two layers."""

    def __init__(self, couplings, layer):
        self.couplings = couplings
        self.visible = self.base = layer

    @property
    def params(self):
        return {"couplings": self.couplings}

    def energy(self, x):
        pairs = np.einsum("ni,ij,nj->n", x, self.couplings, x)
        return self.visible.energy(x) - pairs

    def grad(self, x, weight=None):
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        return {"couplings": -(x * weight[:, None]).T @ x}


class PlainRecipe(BaseEstimator):
    def build(self, layer, summary, random):
        shape = layer.n_units, layer.n_units
        layer = layer.from_moments(summary.mean, summary.variance, summary.n_rows)
        return PlainPairs(np.zeros(shape), layer)


def test_plain_objects_learn_and_survive_a_pickle():
    rng = np.random.default_rng(3)
    X = rng.integers(0, 2, (211, 3)).astype(float)
    X[:, 1] = X[:, 0]
    start, end = (
        EnergyDensity(PlainRecipe(), n_iter=n, random_state=0).fit(X) for n in (0, 100)
    )
    assert end.score(X) > start.score(X) + 0.2
    assert pickle.loads(pickle.dumps(end)).score(X) == end.score(X)
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    assert abs(np.exp(end.score_samples(states)).sum() - 1) < 1e-9


def test_what_cannot_be_is_refused_in_a_sentence():
    X = np.random.default_rng(3).normal(size=(20, 3))
    for params, error, sentence in (
        ({"energy": "nonsense"}, ValueError, "Known: 'rbm'"),
        ({"energy": "replicated_softmax"}, ValueError, "is not known"),
        ({"kernel": "tempering"}, ValueError, "does not have a `move`"),
        ({"energy": PlainRecipe()}, TypeError, "PlainPairs has none"),
    ):
        with pytest.raises(error, match=sentence):
            EnergyDensity(n_iter=2).set_params(**params).fit(X)


def test_the_energy_gap_takes_it(bits):
    density = EnergyDensity("pairwise", **SMALL).fit(bits)
    gap, stderr = energy_gap(density, bits[:50], bits[50:])
    energy = density.energy_samples(bits)
    assert gap == pytest.approx(energy[50:].mean() - energy[:50].mean())
    assert stderr > 0


# -- hybrids ---------------------------------------------------------------------------


def bananas(n, seed=3):
    """Return rows around a parabola."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return np.column_stack([x, x**2 + 0.3 * rng.normal(size=n)])


@heavy
def test_the_default_is_better_than_its_reference():
    X, held_out = bananas(450), bananas(1000, 5)
    one = GaussianMixture(1)
    density = EnergyDensity(reference=one, visible="gaussian", random_state=0).fit(X)
    gain = density.score(held_out) - one.fit(X).score(held_out)
    found, error = density.gain_
    assert found > 0.3
    assert gain > 0.3
    assert abs(found - gain) < 5 * error
    assert density.log_partition_.upper - density.log_partition_.lower < 0.7
    drawn = density.sample(2000, random_state=0)
    # Of the parabola the reference knows nothing.
    fits = np.corrcoef(drawn[:, 0] ** 2, drawn[:, 1])[0, 1]
    assert fits > 0.8
    assert density.history_["strength"][-1] > 0.3


@heavy
def test_rows_of_noise_have_no_gain():
    X = np.random.default_rng(3).normal(size=(150, 3))
    density = EnergyDensity(random_state=0).fit(X)
    gain, error = density.gain_
    assert 0 <= gain < 0.1
    assert error < 0.1
    reference = density.energy_.reference
    Z = density._encoded(X)
    scores = -reference.energy(Z) - reference.log_partition
    scores -= density._encoding.log_volume(Z)
    assert abs(density.score(X) - scores.mean()) < 0.2


@heavy
def test_frames_with_holes():
    rng = np.random.default_rng(3)
    X = bananas(200)
    frame = pd.DataFrame(X, columns=["x", "y"])
    frame["sign"] = pd.Categorical(np.where(X[:, 0] > 0, "plus", "minus"))
    frame["count"] = rng.poisson(2, 200)
    frame.loc[:40, "y"] = np.nan
    frame.loc[30:60, "sign"] = np.nan
    density = EnergyDensity(n_iter=10, random_state=0).fit(frame)
    assert np.isfinite(density.score_samples(frame)).all()
    completed = density.complete(frame, random_state=0)
    assert not completed.isna().any(axis=None)
    pd.testing.assert_frame_equal(completed.iloc[61:], frame.iloc[61:])
    means = density.posterior_mean(frame)
    assert not means.isna().any(axis=None)
    drawn = density.sample(200, random_state=0)
    agrees = (drawn["sign"] == "plus") == (drawn["x"] > 0)
    assert agrees.mean() > 0.8
    given = density.sample(50, given={"sign": "minus", "x": -2.0}, random_state=0)
    assert 1 < given["y"].mean() < 6


def test_no_gain_without_held_out_rows(bits):
    for params in ({"early_stopping": False}, {"energy": "pairwise"}):
        density = EnergyDensity(**{**SMALL, **params}).fit(bits)
        with pytest.raises(AttributeError, match="early_stopping=True"):
            _ = density.gain_


def test_few_rows_leave_the_reference_as_it_is():
    X = bananas(17)
    density = EnergyDensity(n_iter=5, random_state=0).fit(X)
    assert np.nanmax(density.history_["strength"]) == 0
    assert density.log_partition_.upper - density.log_partition_.lower < 1e-3


@heavy
def test_going_on():
    X = bananas(200)
    facts = {"reference": GaussianMixture(1), "random_state": 0}
    density = EnergyDensity(n_iter=5, warm_start=True, **facts).fit(X)
    before = density.score(X)
    assert density.fit(X).score(X) > before - 0.1
    stream = EnergyDensity(**facts)
    for _ in range(3):
        stream.partial_fit(X)
    assert stream.n_iter_ == 3
    assert np.isfinite(stream.score(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_slopes_of_columns_with_curves(dtype):
    X = np.exp(np.random.default_rng(3).normal(size=(300, 4)) * [1, 0.1, 2, 1])
    X[:, 3] = 1 / (1 + X[:, 3])
    density = EnergyDensity(n_iter=3, random_state=0).fit(X.astype(dtype))
    assert density._encoding.is_curved
    x = X[:11]
    found = density.grad_energy(x.astype(dtype))
    assert found.dtype == np.float64
    for j in range(4):
        step = 1e-5 * x[:, j]
        move = np.where(np.arange(4) == j, step[:, None], 0)
        ends = density.energy_samples(x + move) - density.energy_samples(x - move)
        tolerance = 1e-4 if dtype == np.float64 else 0.05
        expected = ends / (2 * step)
        error = np.abs(found[:, j] - expected)
        assert (error <= tolerance * (np.abs(expected) + 1 / x[:, j])).all()


def test_slopes_that_cannot_be(bits):
    X = np.random.default_rng(3).normal(size=(60, 2))
    density = EnergyDensity(n_iter=1, random_state=0)
    with pytest.raises(NotFittedError):
        density.grad_energy(X)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="grad_energy takes rows without missing"):
        density.fit(X[1:]).grad_energy(X)
    assert not hasattr(EnergyDensity("rbm", n_iter=0).fit(bits), "grad_energy")


@pytest.mark.parametrize("energy", [ClassMLP(), ClassChain("linear")])
def test_energies_of_labels_are_refused(energy, bits):
    with pytest.raises(TypeError, match=r"is no density of rows\. EnergyDensity takes"):
        EnergyDensity(energy).fit(bits)


def test_a_reference_without_weights_says_so():
    X, weight = bananas(40), np.linspace(1, 2, 40)
    density = EnergyDensity(reference=GaussianMixture(2), n_iter=1, random_state=0)
    with pytest.raises(ValueError, match="takes no sample_weight in fit"):
        density.fit(X, sample_weight=weight)
    density.set_params(reference=KernelDensity()).fit(X, sample_weight=weight)
