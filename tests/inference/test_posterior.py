"""Means of holes and hidden units, against sums and integrals by brute force."""

import importlib

import numpy as np
import pytest

from skebm.energies import RBM
from skebm.energies.rbm import _observed
from skebm.inference import interval, posterior
from skebm.layers import Bernoulli, Categorical, Columns, Gaussian
from skebm.utils._random import Random
from tests.models import (
    all_states,
    coupled_layers,
    heavy,
    lattice,
    probabilities,
    random_layer,
    random_mixed,
    units_of,
)

# The name in skebm.inference is that of the function.
_posterior = importlib.import_module("skebm.inference.posterior")
FINITE = ("categorical", 3), ("bernoulli", 2)
MIXED = ("categorical", 3), ("gaussian", 1), ("count", 1), ("zero_inflated", 2)


def holes_in(energy, *variables):
    missing = np.zeros((1, energy.visible.n_variables), dtype=bool)
    missing[:, list(variables)] = True
    return units_of(energy.visible, missing)


def expected_means(energy, points, log_weight, row, holes):
    """Return the means of hidden and visible units over points that agree with a row.

    The points have the log weights of a sum or an integral.
    """
    agree = (points == np.where(holes, points, row)).all(axis=1)
    points, log_weight = points[agree], log_weight[agree]
    log_weight = log_weight - energy.energy(points)
    p = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    return p @ energy.hidden_mean(points), p @ points


@pytest.mark.parametrize("kinds", [FINITE, MIXED], ids=["finite", "mixed"])
@pytest.mark.parametrize("hidden", ["bernoulli", "spin"])
def test_sums_over_hidden_states(kinds, hidden):
    energy = random_mixed(*kinds, hidden=hidden)
    points, log_weight = lattice(energy.visible)
    for number, variables in ((5, (0, 2)), (1009, (1,)), (211, (0, 1, 2))):
        row = points[[number % len(points)]]
        holes = holes_in(energy, *variables)
        given = np.where(holes, np.nan, row)
        hidden_mean, visible_mean = posterior(energy, given, holes, 3, Random(0))
        expected = expected_means(energy, points, log_weight, row, holes)
        np.testing.assert_allclose(hidden_mean[0], expected[0], rtol=1e-6)
        hole = holes[0]
        np.testing.assert_allclose(
            visible_mean[0, hole], expected[1][hole], rtol=1e-6, atol=1e-9
        )


def coupled_energies(rng):
    """Return models of coupled visible layers, and points of a bit and a number."""
    for layer in coupled_layers(rng):
        weights = 0.6 * rng.normal(size=(layer.n_units, 3))
        yield RBM(layer, random_layer("bernoulli", 3, rng, visible=False), weights)


@pytest.mark.parametrize("k", range(4), ids=["tree", "learned", "normals", "mixed"])
def test_sums_over_hidden_states_of_coupled_layers(k, rng):
    energy = list(coupled_energies(rng))[k]
    layer = energy.visible
    row = layer.sample(np.zeros((1, layer.n_units)), Random(3))
    if layer.finite:
        points, log_weight = all_states(layer), np.zeros(int(layer.n_states))
        holes = holes_in(energy, 0, 2)
    else:
        line = np.linspace(-15, 15, 6001)
        points = np.repeat(row, len(line), axis=0)
        points[:, -1] = line
        holes = np.zeros(row.shape, dtype=bool)
        holes[:, -1] = True
        if layer.n_units > layer.n_variables:  # a bit comes first
            points = np.concatenate([points, points])
            points[: len(line), 0], points[len(line) :, 0] = 0, 1
            holes[:, 0] = True
        log_weight = np.zeros(len(points))
    assert energy.clamped.draws_exactly
    # Two rows with other holes come first, so that the rows must not be confused.
    rows = np.concatenate([row, row, row])
    missing = np.concatenate([np.zeros_like(holes), np.ones_like(holes), holes])
    means = posterior(energy, rows, missing, 3, Random(0))
    expected = expected_means(energy, points, log_weight, row, holes)
    np.testing.assert_allclose(means[0][2], expected[0], rtol=1e-6)
    hole = holes[0]
    np.testing.assert_allclose(means[1][2, hole], expected[1][hole], rtol=1e-6)
    np.testing.assert_array_equal(means[1][2, ~hole], row[0, ~hole])


def test_chains_have_the_conditional_expectations(monkeypatch):
    monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)
    energy = random_mixed(*FINITE)
    states, p = probabilities(energy)
    row, holes = states[[5]], holes_in(energy, 0, 2)
    agree = (states == np.where(holes, states, row)).all(axis=1)
    states, p = states[agree], p[agree] / p[agree].sum()
    rows, holes = np.tile(row, (601, 1)), np.tile(holes, (601, 1))
    hidden, visible, square = posterior(
        energy, rows, holes, 23, Random(0), look=np.square
    )
    for actual, expected in (
        (hidden, p @ energy.hidden_mean(states)),
        (visible[:, holes[0]], (p @ states)[holes[0]]),
        (square, p @ states**2),
    ):
        bound = 6 * actual.std(axis=0) / np.sqrt(len(actual)) + 1e-12
        assert (np.abs(actual.mean(axis=0) - expected) < bound).all()


@pytest.mark.parametrize("max_hidden", [1, 4096], ids=["chains", "exact"])
def test_summaries_are_of_all_draws(max_hidden, monkeypatch):
    monkeypatch.setattr(_observed, "MAX_HIDDEN", max_hidden)
    energy = random_mixed(*FINITE)
    row, holes = all_states(energy.visible)[[5]], holes_in(energy, 0, 2)
    *_, draws = posterior(
        energy,
        row,
        holes,
        300,
        Random(0),
        look=lambda rows: rows,
        summary=lambda draws, axis: draws.swapaxes(0, 1),
    )
    assert draws.shape == (1, 300, 5)
    np.testing.assert_array_equal(draws[:, :, ~holes[0]] - row[:, None, ~holes[0]], 0)
    assert len(np.unique(draws[0], axis=0)) > 1


def test_a_row_does_not_depend_on_later_rows(monkeypatch):
    monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)
    energy = random_mixed(*FINITE)
    rows = np.tile(all_states(energy.visible), (30, 1))
    holes = np.tile(holes_in(energy, 0, 2), (len(rows), 1))
    whole = posterior(energy, rows, holes, 20, Random(0))
    part = posterior(energy, rows[:7], holes[:7], 20, Random(0))
    for all_means, means in zip(whole, part, strict=True):
        np.testing.assert_allclose(all_means[:7], means, rtol=1e-12)


def test_no_rows():
    energy = random_mixed(*FINITE)
    nothing = np.zeros((0, 5))
    hidden, visible, look = posterior(
        energy, nothing, nothing > 0, 20, Random(0), look=np.square
    )
    assert hidden.shape == (0, 3)
    assert visible.shape == look.shape == (0, 5)


# -- several modes ---------------------------------------------------------------------

CLUSTERS = {
    "two": ([-5.0, 5.0], [0.5, 0.5]),
    "unequal": ([-5.0, 5.0], [0.9, 0.1]),
    "four": ([-9.0, -3.0, 3.0, 9.0], [0.4, 0.3, 0.2, 0.1]),
}


def clusters(centers, share, n_other):
    """Return a model of three columns in clusters, and one column of noise.

    ``n_other`` hidden units have no weights. They only make the hidden states more.
    """
    centers, share = np.array(centers), np.array(share)
    means = np.outer([1, 1, 1, 0], centers)
    precision = 4.0
    variance = share @ centers**2 - (share @ centers) ** 2 + 1 / precision
    log_precision = np.log(precision) * np.ones(4)
    visible = Gaussian(np.zeros(4), log_precision)
    log_share = np.log(share) - precision * np.square(means).sum(axis=0) / 2
    hidden = Columns([Categorical(log_share), Bernoulli.zeros(n_other)])
    weights = np.hstack([precision * means, np.zeros((4, n_other))])
    spread = np.array([variance] * 3 + [1 / precision])
    base = Gaussian.from_moments(np.r_[[share @ centers] * 3, 0.0], spread, 1000)
    return RBM(visible, hidden, weights, base=base)


def rows_of_clusters(centers, share, n_rows, rng):
    """Return rows of the model of :func:`clusters`."""
    center = rng.choice(centers, n_rows, p=share)[:, None] * [1, 1, 1, 0]
    return center + 0.5 * rng.normal(size=(n_rows, 4))


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.parametrize("n_other", [3, pytest.param(13, marks=heavy)])
def test_every_mode_gets_its_share(name, n_other, rng):
    centers, share = CLUSTERS[name]
    energy = clusters(centers, share, n_other)
    assert energy.clamped.draws_exactly == (n_other == 3)
    rows = rows_of_clusters(centers, share, 199, rng)
    holes = np.tile([True, True, True, False], (199, 1))
    hidden, visible, ends = posterior(
        energy,
        rows,
        holes,
        100,
        Random(0),
        look=lambda rows: rows,
        summary=lambda draws, axis: np.stack(interval(draws, 0.9), axis=1),
    )
    mean = share @ np.array(centers)
    spread = np.sqrt(share @ np.square(centers) - mean**2)
    error = (visible[:, :3] - mean) / spread
    if n_other == 3:
        np.testing.assert_allclose(error, 0, atol=1e-9)
        np.testing.assert_allclose(hidden[:, : len(share)], np.tile(share, (199, 1)))
    else:
        # A hundred chains that each see one mode, with unequal weights.
        assert np.sqrt(np.square(error).mean()) < 0.2
        assert np.abs(error.mean()) < 0.05
    inside = (ends[:, 0] <= rows) & (rows <= ends[:, 1])
    # The three columns of a row are in one cluster.
    assert abs(inside[:, :3].mean() - 0.9) < 4 * np.sqrt(0.09 / 199)


@heavy
def test_one_step_of_few_chains_would_not_do(rng, monkeypatch):
    monkeypatch.setattr(_posterior, "_STEPS", _posterior._STEPS[1:2])
    centers, share = CLUSTERS["two"]
    energy = clusters(centers, share, 13)
    rows = rows_of_clusters(centers, share, 199, rng)
    holes = np.tile([True, True, True, False], (199, 1))
    _, visible = posterior(energy, rows, holes, 100, Random(0))
    assert np.sqrt(np.square(visible[:, :3] / 5).mean()) > 0.3


@pytest.mark.parametrize("max_hidden", [1, 4096], ids=["chains", "exact"])
def test_intervals_hold_rows_of_the_model(max_hidden, monkeypatch, rng):
    monkeypatch.setattr(_observed, "MAX_HIDDEN", max_hidden)
    energy = random_mixed(("gaussian", 3), ("bernoulli", 2), n_hidden=5)
    points, log_weight = (
        all_states(energy.hidden),
        -energy.T.energy(all_states(energy.hidden)),
    )
    p = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    hidden = points[rng.choice(len(points), 997, p=p)]
    rows = energy.visible.sample(hidden @ energy.weights.T, Random(3))
    holes = rng.random(rows.shape) < 0.5
    *_, ends = posterior(
        energy,
        rows,
        holes,
        100,
        Random(0),
        look=lambda rows: rows[:, :3],
        summary=lambda draws, axis: np.stack(interval(draws, 0.9), axis=1),
    )
    numbers = rows[:, :3]
    inside = (ends[:, 0] <= numbers) & (numbers <= ends[:, 1])
    inside = inside[holes[:, :3]]
    assert abs(inside.mean() - 0.9) < 4 * np.sqrt(0.09 / len(inside))
