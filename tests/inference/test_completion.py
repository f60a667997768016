"""Holes of training rows, drawn with the hidden units."""

import numpy as np
import pytest

from skebm.inference import Completion
from skebm.utils._random import Random
from tests.models import (
    all_states,
    assert_frequencies,
    probabilities,
    random_mixed,
    units_of,
)

N = 4001


@pytest.fixture
def energy():
    return random_mixed(("categorical", 3), ("bernoulli", 2))


def with_holes(energy, variables):
    """Return N copies of a row that miss these variables."""
    missing = np.zeros((N, energy.visible.n_variables), dtype=bool)
    missing[:, variables] = True
    rows = np.tile(all_states(energy.visible)[5], (N, 1))
    rows[units_of(energy.visible, missing)] = np.nan
    return rows


def test_visits_draw_the_holes_from_the_model(energy):
    rows = with_holes(energy, [0, 2])
    completion = Completion(energy, rows, Random(0))
    for t in range(20):
        drawn = completion.visit(energy, slice(None), 2, Random(1, t))
    states, p = probabilities(energy)
    agree = (states == np.where(np.isnan(rows[0]), states, rows[0])).all(axis=1)
    assert_frequencies(drawn, states[agree], p[agree] / p[agree].sum())


def test_what_was_observed_stays(energy):
    rows = with_holes(energy, [1])
    rows[::2] = all_states(energy.visible)[3]
    before = rows.copy()
    completion = Completion(energy, rows, Random(0))
    drawn = completion.visit(energy, slice(None), 1, Random(1))
    seen = ~np.isnan(before)
    np.testing.assert_array_equal(drawn[seen], before[seen])
    np.testing.assert_array_equal(rows, before)  # a copy is filled


def test_a_visit_goes_on_from_the_last_one(energy):
    completion = Completion(energy, with_holes(energy, [0]), Random(0))
    before = completion.X.copy()
    rows = np.array([7, 2, 11])
    drawn = completion.visit(energy, rows, 1, Random(1))
    np.testing.assert_array_equal(completion.X[rows], drawn)
    others = np.delete(np.arange(N), rows)
    np.testing.assert_array_equal(completion.X[others], before[others])


def test_an_energy_without_clamped_is_refused():
    with pytest.raises(TypeError, match="clamped"):
        Completion(object(), np.array([[np.nan]]), Random(0))
