"""What a look at a model with exploded weights costs, and that it is right."""

import tracemalloc
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from skebm import EnergyDensity
from skebm.energies import RBM
from skebm.energies.rbm import _conditionals
from skebm.layers import Bernoulli, Gaussian, Normals
from skebm.monitoring import Epochs
from skebm.monitoring.density import DensityMonitor
from skebm.utils._random import Random
from tests.models import heavy


def wide_rbm(rng, factor, *, coupled):
    """Return a model whose real units have long grids, and rows."""
    X = rng.normal(size=(7, 3)) @ rng.normal(size=(3, 3))
    visible = Gaussian(np.zeros(3), np.zeros(3))
    if coupled:
        visible = Normals.from_rows(X, None, Random(0), 2)
    weights = factor * rng.normal(size=(3, 5))
    return RBM(visible, Bernoulli(rng.normal(size=5)), weights), X


@pytest.mark.parametrize("coupled", [False, True])
def test_bounds_lie_above_conditionals(rng, coupled):
    ordinary, X = wide_rbm(rng, 1.0, coupled=coupled)
    assert ordinary.conditional_bounds(X) is None
    for factor in (500.0, 3000.0):
        exploded, X = wide_rbm(rng, factor, coupled=coupled)
        bounds = exploded.conditional_bounds(X)
        exact = exploded.conditional_log_prob(X)
        assert (bounds >= exact - 1e-9 * np.abs(exact)).all()
        assert exact.mean() < bounds.mean() < exact.mean() / 2 < 0


@pytest.mark.parametrize("coupled", [False, True])
def test_long_grids_are_taken_in_parts(rng, coupled, monkeypatch):
    model, X = wide_rbm(rng, 300.0, coupled=coupled)
    whole = model.conditional_log_prob(X)
    monkeypatch.setattr(_conditionals, "_MAX_RECEIVED", 7001)
    np.testing.assert_array_equal(model.conditional_log_prob(X), whole)


def test_a_look_at_a_diverged_model_computes_no_conditionals(rng, monkeypatch):
    good, X = wide_rbm(rng, 0.1, coupled=True)
    exploded = good.replace({**good.params, "weights": 1e4 * good.weights})
    monitor = DensityMonitor(X, None, None, good.visible, Random(0))
    exact = monitor.look(exploded).figures[monitor.score_name]
    parts = SimpleNamespace(early_stopping=False)
    training = SimpleNamespace(energy=good, n_epochs=0)
    epochs = Epochs(parts, None, monitor, training, 1, {})
    assert exact < monitor.least < epochs.baseline

    def conditionals(model, x):
        raise AssertionError("computed")

    monkeypatch.setattr(RBM, "conditional_log_prob", conditionals)
    with pytest.raises(FloatingPointError):
        monitor.look(exploded)


@heavy
def test_a_fit_that_diverges_takes_little_memory():
    X = np.random.default_rng(0).poisson(1.0, (61, 3))
    tracemalloc.start()
    with warnings.catch_warnings(action="ignore"):
        model = EnergyDensity(l1=1e6, n_iter=1, random_state=0).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e8
    assert np.isfinite(model.score(X))
