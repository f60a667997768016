"""The density of what was observed, against sums and integrals by brute force."""

import numpy as np
import pytest

from skebm.energies.rbm import _observed
from skebm.energies.rbm._enumeration import hidden_log_weights
from skebm.inference import observed_energy
from skebm.utils._random import Random
from tests.models import (
    all_states,
    grid,
    heavy,
    joint_energies,
    random_mixed,
    random_rbm,
    units_of,
)

FINITE = ("categorical", 3), ("bernoulli", 2)


def brute_force(energy, rows, holes):
    """Return -log of the sum of exp(-F) over all states that agree with each row."""
    states = all_states(energy.visible)
    out = []
    for row, hole in zip(rows, holes, strict=True):
        agree = (states == np.where(hole, states, row)).all(axis=1)
        log_weight = -joint_energies(energy, states[agree], all_states(energy.hidden))
        out.append(-np.logaddexp.reduce(log_weight, axis=None))
    return np.array(out)


def some_holes(energy, rows):
    """Return holes in a different set of variables for each row."""
    n_variables = energy.visible.n_variables
    bits = np.arange(len(rows))[:, None] >> np.arange(n_variables) & 1
    return units_of(energy.visible, bits == 1)


@pytest.fixture(params=["hidden", "holes"])
def way(request, monkeypatch):
    """Sum over the hidden side, or over the holes."""
    if request.param == "holes":
        monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)


@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
def test_finite_models(way, hidden):
    energy = random_mixed(*FINITE, hidden=hidden)
    rows = all_states(energy.visible)
    holes = some_holes(energy, rows)
    actual = observed_energy(energy, np.where(holes, np.nan, rows), holes, Random(0))
    np.testing.assert_allclose(actual, brute_force(energy, rows, holes), rtol=1e-12)


def test_gaussian_hidden_units_beside_categories():
    energy = random_mixed(*FINITE, hidden="gaussian")
    rows = all_states(energy.visible)
    holes = some_holes(energy, rows)
    states = rows
    expected = []
    for row, hole in zip(rows, holes, strict=True):
        agree = (states == np.where(hole, states, row)).all(axis=1)
        expected.append(-np.logaddexp.reduce(-energy.energy(states[agree])))
    actual = observed_energy(energy, rows, holes, Random(0))
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_real_units(way, hidden):
    energy = random_rbm(("gaussian", hidden), 3, 2)
    x = np.random.default_rng(0).normal(size=(2, 3))
    points, log_volume = grid(1, 4001, 25.0)
    plane, log_area = grid(2, 801, 25.0)
    ways = ((1,), points, log_volume), ((0, 2), plane, log_area)
    for hole, fill, volume in ways:
        holes = np.zeros((2, 3), dtype=bool)
        holes[:, hole] = True
        actual = observed_energy(energy, x, holes, Random(0))
        for row, value in zip(x, actual, strict=True):
            rows = np.tile(row, (len(fill), 1))
            rows[:, hole] = fill
            total = np.logaddexp.reduce(-energy.energy(rows)) + volume
            np.testing.assert_allclose(-value, total, rtol=1e-9)


@heavy
def test_annealing_is_close(monkeypatch):
    energy = random_mixed(*FINITE, ("gaussian", 2), hidden="bernoulli")
    rows = energy.visible.sample(np.zeros((8, 7)), Random(5))
    holes = some_holes(energy, rows)
    exact = observed_energy(energy, rows, holes, Random(0))
    monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)
    monkeypatch.setattr(_observed, "MAX_HOLE_STATES", 1)
    estimates = [observed_energy(energy, rows, holes, Random(k)) for k in range(20)]
    error = np.array(estimates) - exact
    some = holes.any(axis=1)
    assert error[:, some].std() > 0  # it was estimated
    spread = error.std(axis=0)[some]
    assert (spread < 0.3).all()
    bound = 6 * spread / np.sqrt(20) + spread**2  # the log of a mean errs by s**2 / 2
    assert (np.abs(error.mean(axis=0)[some]) < bound).all()


def test_the_gradient_is_that_of_the_completed_rows():
    """d/d theta -log p(observed) = E[dF(holes, observed)/d theta | observed]."""
    energy = random_mixed(*FINITE, hidden="bernoulli")
    states = all_states(energy.visible)
    row, hole = states[5], some_holes(energy, states)[5]
    agree = states[(states == np.where(hole, states, row)).all(axis=1)]
    log_weight = -energy.energy(agree)
    p = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    gradient = energy.grad(agree, p)
    for name, value in energy.params.items():
        direction = np.cos(np.arange(value.size)).reshape(value.shape)
        kept, ends = value.copy(), []
        for step in (1e-5, -1e-5):
            value[...] = kept + step * direction
            ends.append(observed_energy(energy, row[None], hole[None], Random(0))[0])
        value[...] = kept
        slope = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose((gradient[name] * direction).sum(), slope, rtol=1e-6)


def test_hidden_weights_are_those_of_the_joint_distribution():
    energy = random_mixed(*FINITE, hidden="spin")
    rows = all_states(energy.visible)[:4]
    hidden, log_weight = hidden_log_weights(energy, rows, np.zeros(rows.shape, bool))
    joint = -joint_energies(energy, rows, hidden)
    np.testing.assert_allclose(log_weight, joint)


def test_a_whole_row_has_its_free_energy():
    energy = random_mixed(*FINITE, ("gaussian", 2))
    rows = energy.visible.sample(np.zeros((3, 7)), Random(5))
    whole = np.zeros(rows.shape, dtype=bool)
    actual = observed_energy(energy, rows, whole, Random(0))
    np.testing.assert_allclose(actual, energy.energy(rows))
