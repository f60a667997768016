"""Intervals of draws: their coverage, and ends that many draws share."""

import numpy as np
import pytest

from skebm.inference import interval


def test_the_next_draw_is_inside_with_the_probability_asked_for(rng):
    for n_draws, coverage in ((19, 0.9), (47, 0.8), (101, 0.9)):
        draws = rng.normal(size=(n_draws, 20011))
        lower, upper = interval(draws, coverage)
        next_draw = rng.normal(size=20011)
        inside = ((lower <= next_draw) & (next_draw <= upper)).mean()
        bound = 6 * np.sqrt(coverage * (1 - coverage) / 20011)
        # Quantiles between two draws are a little off.
        assert abs(inside - coverage) < bound + 0.002
        tails = (next_draw < lower).mean() - (next_draw > upper).mean()
        assert abs(tails) < bound + 0.002


def test_few_draws_have_their_extremes_as_ends():
    draws = np.arange(5.0)[:, None]
    assert [float(end[0]) for end in interval(draws, 0.99)] == [0, 4]


@pytest.mark.parametrize("share", [0.2, 0.6, 0.93])
@pytest.mark.parametrize("sign", [1, -1])
def test_zeros_leave_their_tail_to_the_other_end(rng, share, sign):
    draws = sign * rng.exponential(size=(4001, 1))
    draws[rng.random(4001) < share] = 0
    ends = np.array(interval(draws, 0.9))[:, 0]
    lower, upper = np.sort(sign * ends)
    assert lower == 0
    inside = (np.abs(draws) <= upper).mean()
    assert inside == pytest.approx(max(0.9, (draws == 0).mean()), abs=0.002)


def test_whole_numbers_are_covered_at_least_as_often(rng):
    draws = rng.poisson(1.5, size=(499, 3001))
    lower, upper = interval(draws, 0.9)
    next_draw = rng.poisson(1.5, size=3001)
    inside = ((lower <= next_draw) & (next_draw <= upper)).mean()
    # 0 to 3 hold 0.934.
    assert 0.92 < inside < 0.95
