"""Draws and completions of rows with holes, against enumeration."""

import numpy as np
import pytest

from skebm.energies.rbm import _observed
from skebm.inference import complete_holes, draw_holes
from skebm.inference import holes as _holes
from skebm.utils._random import Random
from tests.models import (
    all_states,
    assert_frequencies,
    heavy,
    probabilities,
    random_mixed,
    units_of,
)

KINDS = ("categorical", 3), ("bernoulli", 2)
N = 2003


@pytest.fixture
def energy():
    return random_mixed(*KINDS)


def row_with_holes(energy, variables=(0, 2), number=5):
    missing = np.zeros((1, energy.visible.n_variables), dtype=bool)
    missing[:, list(variables)] = True
    return all_states(energy.visible)[[number]], units_of(energy.visible, missing)


def conditional(energy, row, holes):
    """Return the configurations that agree with a row, and their probabilities."""
    states, p = probabilities(energy)
    agree = (states == np.where(holes, states, row)).all(axis=1)
    return states[agree], p[agree] / p[agree].sum()


@pytest.mark.parametrize("way", ["exact", pytest.param("annealed", marks=heavy)])
def test_draws_have_the_conditional_distribution(energy, way, monkeypatch):
    if way == "annealed":
        monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)
    rows, holes = row_with_holes(energy)
    others, more = row_with_holes(energy, (1,), 8)
    rows, holes = np.r_[rows, others], np.r_[holes, more]
    drawn = draw_holes(energy, np.where(holes, np.nan, rows), holes, N, Random(0))
    assert drawn.shape == (2, N, 5)
    for k in range(2):
        assert_frequencies(drawn[k], *conditional(energy, rows[k], holes[k]))


@pytest.mark.parametrize("stages", [(0,), (4, 20)])
def test_fewer_draws_than_chains(energy, stages, monkeypatch):
    monkeypatch.setattr(_observed, "MAX_HIDDEN", 1)
    rows, holes = row_with_holes(energy)
    rows, holes = np.tile(rows, (N, 1)), np.tile(holes, (N, 1))
    monkeypatch.setattr(_holes, "_STAGES", stages)
    drawn = draw_holes(energy, rows, holes, 1, Random(1))[:, 0]
    assert_frequencies(drawn, *conditional(energy, rows[0], holes[0]))


def test_completions_have_the_lowest_energy(energy):
    for variables in ((0,), (1, 2), (0, 1, 2)):
        for number in (0, 7):
            rows, holes = row_with_holes(energy, variables, number)
            states, p = conditional(energy, rows, holes)
            best = complete_holes(energy, rows, holes, Random(0))
            np.testing.assert_array_equal(best[0], states[p.argmax()])


def test_completions_of_real_units_are_modes():
    energy = random_mixed(("gaussian", 2), ("bernoulli", 2))
    rows = energy.visible.sample(np.zeros((3, 4)), Random(5))
    holes = np.zeros((3, 4), dtype=bool)
    holes[:, 0] = True
    best = complete_holes(energy, rows, holes, Random(0))
    line = np.linspace(-8, 8, 4001)
    for row in best:
        others = np.tile(row, (len(line), 1))
        others[:, 0] = line
        assert energy.energy(row[None])[0] <= energy.energy(others).min() + 1e-6
