"""Diagnostics of the training's chains, and the warning where they are stuck."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning

from skebm import EBMAnomalyDetector, RBMDensity
from skebm.metrics import ess, rhat
from skebm.monitoring.mixing import _memory
from skebm.objectives import PCD
from tests.models import heavy

SMALL = {"n_components": 3, "n_iter": 30, "random_state": 0}
# A tree knows of two clusters from the start.
PLAIN = {"couplings": "none", "random_state": 0}


@pytest.fixture
def bits(rng):
    return (rng.random((101, 5)) < rng.choice([0.2, 0.8], (101, 1))).astype(float)


@pytest.fixture
def two_clusters(rng):
    """Two patterns of 23 bits, each bit wrong once in fifty times."""
    pattern, first = rng.random(23) < 0.5, rng.random((503, 1)) < 0.6
    wrong = rng.random((503, 23)) < 0.02
    return (np.where(first, pattern, ~pattern) ^ wrong).astype(np.float32)


def test_figures_are_those_of_the_draws(bits):
    objective = PCD(n_chains=29, n_steps=2)
    rbm = RBMDensity(objective=objective, **SMALL).fit(bits)
    state, energy = rbm._training.objective_state, rbm._energy
    chains, random = state.chains, rbm._training.random.fold(5)
    center = chains.inputs.mean(axis=0)
    covariance = np.cov(chains.inputs, rowvar=False)
    axes = np.linalg.eigh(covariance)[1]
    draws = []
    for t in range(110):
        for k in range(2):
            chains = state.sampler.step(energy, chains, random.fold(t, k))
        watched = (chains.inputs - center) @ axes
        draws.append(np.c_[rbm.energy(chains.visible), watched])
    draws = np.array(draws)
    np.testing.assert_allclose(rbm.chains_rhat_, rhat(draws).max(), rtol=1e-4)
    np.testing.assert_allclose(rbm.chains_ess_, ess(draws).min(), rtol=1e-4)
    assert rbm._mixing.figures.memory == 0
    assert 1 < rbm.chains_rhat_ < 1.3
    assert 20 < rbm.chains_ess_ < 29 * 110 * 2


def test_figures_are_lazy_and_fixed_by_fit(bits):
    models = [RBMDensity(n_jobs=n, **SMALL).fit(bits) for n in (1, 2)]
    assert not models[0]._mixing.is_measured
    models[1].sample(3), models[1].score(bits)
    figures = [(m.chains_rhat_, m.chains_ess_) for m in models]
    assert figures[0] == figures[1]
    for model in (models[0], RBMDensity(**SMALL).fit(bits)):  # looked at, and not yet
        copy = pickle.loads(pickle.dumps(model))
        assert (copy.chains_rhat_, copy.chains_ess_) == figures[0]
    assert not hasattr(clone(models[0]), "chains_rhat_")
    for _ in range(20):  # until the average of the parameters has moved
        models[0].partial_fit(bits)
    assert models[0].chains_rhat_ != figures[0][0]


def test_no_chains_no_figures(bits):
    rbm = RBMDensity(objective="cd", **SMALL).fit(bits)
    assert not hasattr(rbm, "chains_ess_")
    with pytest.raises(AttributeError, match=r"no persistent chains.*'pcd'"):
        rbm._chains()
    assert pickle.loads(pickle.dumps(rbm)).score(bits) == rbm.score(bits)


def test_figures_of_the_detector_and_of_parameters_from_elsewhere(bits):
    detector = EBMAnomalyDetector("rbm", **SMALL).fit(bits)
    assert detector.chains_rhat_ == detector.density_.chains_rhat_
    assert detector.chains_ess_ == detector.density_.chains_ess_
    rbm = detector.density_
    same = RBMDensity.from_parameters(
        rbm.components_, rbm.intercept_visible_, rbm.intercept_hidden_
    )
    assert same.chains_ess_ > 20


def test_memory_is_the_relaxation_time(rng):
    """Of AR(1) the correlation at lag t is rho**t; noise on top forgets at once."""
    n_chains = 10007
    slow = rng.normal(size=n_chains)
    draws, rho = [], np.exp(-1 / 500)
    for _ in range(110):
        slow = rho * slow + np.sqrt(1 - rho**2) * rng.normal(size=n_chains)
        noise = rng.normal(size=(2, n_chains))
        draws.append(np.c_[noise[0], slow + 0.1 * noise[1], 0 * slow])
    np.testing.assert_allclose(_memory(np.array(draws)), 500, rtol=0.1)
    assert _memory(np.array(draws)[:, :, ::2]) == 0
    assert _memory(np.tile(slow[:, None], (110, 1, 1))) == np.inf


def fit_with_warnings(model, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    return [w for w in caught if issubclass(w.category, ConvergenceWarning)]


@heavy
def test_chains_that_stay_in_their_modes_warn(two_clusters):
    (warning,) = fit_with_warnings(RBMDensity(13, **PLAIN), two_clusters)
    text = str(warning.message)
    assert "do not mix" in text
    assert "PCD(sampler='tempering')" in text
    assert warning.filename == __file__


@heavy
def test_the_remedy_is_one(two_clusters):
    tempered = PCD(sampler="tempering")
    model = RBMDensity(13, objective=tempered, **PLAIN)
    assert not fit_with_warnings(model, two_clusters)
    stuck = RBMDensity(13, **PLAIN)
    fit_with_warnings(stuck, two_clusters)
    assert model.chains_rhat_ < 1.3 < 1.5 < stuck.chains_rhat_
    assert model.chains_ess_ > 1.5 * stuck.chains_ess_
    assert model.score(two_clusters) > stuck.score(two_clusters) - 0.05


def test_short_fits_and_single_passes_are_left_alone(two_clusters):
    for params in ({"n_iter": 100}, {"objective": PCD(n_chains=7)}):
        model = RBMDensity(5, **PLAIN, **params)
        caught = fit_with_warnings(model, two_clusters)
        assert not any("do not mix" in str(warning.message) for warning in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.partial_fit(two_clusters)


@heavy
@pytest.mark.parametrize("couplings", ["none", "auto"])
@pytest.mark.parametrize("load", [load_digits, load_iris])
def test_healthy_fits_do_not_warn(load, couplings):
    X = load().data
    model = RBMDensity(16, couplings=couplings, random_state=0)
    assert not fit_with_warnings(model, X > 7 if load is load_digits else X)
    assert model._mixing.is_measured or couplings == "auto"
