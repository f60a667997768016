import numpy as np
import pytest
from scipy.special import expit, logit

from skebm.utils import _odds as odds
from skebm.utils._odds import fit_odds, probabilities

N_ROWS = 1009


@pytest.fixture
def scores(rng):
    return rng.standard_t(3, size=N_ROWS).round(1)


def naive(scores, weight, new):
    """Log-odds of the share that is more abnormal, with ties in their middle."""
    return logit(
        [weight @ ((scores < s) + (scores == s) / 2) / weight.sum() for s in new]
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_log_odds_are_a_line_in_those_of_ranks(weighted, scores, rng):
    weight = rng.integers(0, 4, N_ROWS) if weighted else None
    counts = np.ones(N_ROWS) if weight is None else weight
    inside = np.unique(scores[counts > 0])
    expected = odds.INTERCEPT - odds.SLOPE * naive(scores, counts, inside)
    p = probabilities(inside, fit_odds(scores, weight))
    np.testing.assert_allclose(p, expit(expected), rtol=1e-9)


def test_knots_lose_little(rng):
    scores = rng.normal(size=5003)
    p = probabilities(scores, fit_odds(scores, None))
    ranks = naive(scores, np.ones(len(scores)), scores)
    expected = expit(odds.INTERCEPT - odds.SLOPE * ranks)
    assert len(fit_odds(scores, None)[0]) <= 1024
    np.testing.assert_allclose(p, expected, atol=5e-3)


def test_weight_is_repetition(scores, rng):
    weight = rng.integers(0, 4, N_ROWS)
    for share in ("auto", 0.07):
        one = fit_odds(scores, weight, share)
        other = fit_odds(np.repeat(scores, weight), None, share)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_the_mean_is_the_share_of_anomalies(share, scores, rng):
    weight = rng.random(N_ROWS)
    p = probabilities(scores, fit_odds(scores, weight, share))
    assert np.average(p, weights=weight) == pytest.approx(share, rel=1e-6)
    same = np.full(7, -3.0)
    np.testing.assert_allclose(probabilities(same, fit_odds(same, None, share)), share)


@pytest.mark.parametrize("novelty", [False, True])
@pytest.mark.parametrize("share", ["auto", 0.1])
def test_probabilities_fall_with_scores(share, novelty, scores):
    line = np.linspace(-1e4, 1e4, 100_003)
    p = probabilities(line, fit_odds(scores, None, share, novelty))
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) <= 0).all()
    # Also beyond all training rows.
    assert (np.diff(p[line < scores.min()]) < 0).all()
    assert probabilities([-np.inf, np.inf], fit_odds(scores, None))[0] == 1


def test_rounding_does_not_part_ties(rng):
    scores = np.repeat([5.0, 3.0, -40.0], [100, 90, 2])
    noisy = scores + 1e-9 * rng.normal(size=len(scores))
    exact, rounded = (probabilities(s, fit_odds(s, None)) for s in (scores, noisy))
    np.testing.assert_allclose(exact, rounded, rtol=1e-6)


def test_no_spread_and_one_row():
    for scores in (np.zeros(50), np.zeros(1)):
        map_of_ties = fit_odds(scores, None)
        p = probabilities(scores, map_of_ties)
        np.testing.assert_allclose(p, expit(odds.INTERCEPT))
        assert probabilities(np.array([-9.0]), map_of_ties)[0] > 4 * p[0]


def test_a_monotone_map_of_scores_changes_nothing(scores):
    by_scores = probabilities(scores, fit_odds(scores, None))
    others = np.sinh(scores)
    by_others = probabilities(others, fit_odds(others, None))
    np.testing.assert_allclose(by_scores, by_others)
