"""Probabilities of anomalies by the ranks of their scores among training scores."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from skebm.utils._threshold import levels, spread_of, tie_of, weighed

# Log-odds of an anomaly are INTERCEPT + SLOPE times the log-odds of the share of the
# training rows that are more normal. Both were fitted to 22 tables of ADBench, by
# logistic regression in which each table weighs the same: see
# asv_bench/compare/anomaly_odds.py, whose estimates are rounded here.
INTERCEPT, SLOPE = -2.3, 0.5
# If the share of anomalies is known, tables are more alike, so ranks say more.
SLOPE_OF_SHARE = 0.7
# For rows to come, where no training row is an anomaly.
INTERCEPT_OF_NOVELTY, SLOPE_OF_NOVELTY = -3.5, 0.65
# Beyond all training scores, log-odds of ranks go on with this times log(1 + excess /
# spread). Larger numbers, and straight lines, cost log-loss on these tables.
BEYOND = 0.25
# Knots of the map, at equal distances of log-odds. With so many, probabilities are off
# by less than 0.005.
_KNOTS = 1024


def fit_odds(scores, weight, contamination="auto", novelty=False):
    """Return a map of scores to log-odds of an anomaly, for :func:`probabilities`.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores of the training rows. Lower ones are more abnormal.
    weight : array-like of shape (n,), float or None
        How many rows each row counts for.
    contamination : "auto" or float
        The mean of the probabilities of the training rows, if it is a number.
    novelty : bool, default=False
        Whether there are no anomalies among the training rows.

    Returns
    -------
    knots : ndarray of shape (n_knots,)
        Scores in ascending order.
    log_odds : ndarray of shape (n_knots,)
        Log-odds of an anomaly at each knot, in descending order.
    step : ndarray of shape (2,)
        The spread of the scores, and what log-odds rise by below all knots.
    """
    scores, weight = weighed(scores, weight)
    tie = tie_of(scores, weight)
    lowest, counts = levels(scores, weight, tie)
    # The rank of tied rows is in their middle.
    more_abnormal = (counts.cumsum() - counts / 2) / counts.sum()
    ranks = -logit(more_abnormal)
    knots = _thin(ranks)
    lowest_knots, ranks_of_knots = lowest[knots], ranks[knots]
    if novelty:
        intercept, slope = INTERCEPT_OF_NOVELTY, SLOPE_OF_NOVELTY
    elif contamination == "auto":
        intercept, slope = INTERCEPT, SLOPE
    else:
        slope = SLOPE_OF_SHARE
        seen = slope * np.interp(lowest, lowest_knots, ranks_of_knots)
        intercept = _intercept(seen, counts / counts.sum(), contamination)
    spread = max(spread_of(scores, weight, tie), tie)
    step = np.array([spread, slope * BEYOND])
    return lowest_knots, intercept + slope * ranks_of_knots, step


def probabilities(scores, odds):
    """Return the probability of an anomaly at each score, float64, shape (n,)."""
    knots, log_odds, (spread, rise) = odds
    beyond = np.log1p(np.maximum(knots[0] - scores, 0) / spread)
    return expit(np.interp(scores, knots, log_odds) + rise * beyond)


def _thin(ranks):
    """Return indices of at most so many levels, the first and the last among them."""
    if len(ranks) <= _KNOTS:
        return np.arange(len(ranks))
    wanted = np.linspace(-ranks[0], -ranks[-1], _KNOTS)
    return np.unique(np.searchsorted(-ranks, wanted).clip(0, len(ranks) - 1))


def _intercept(log_odds, share, mean):
    """Return what to add to log-odds, so that probabilities have this mean."""
    # With the first, all probabilities are below the mean; with the second, above.
    low, high = logit(mean) - log_odds.max() - 1, logit(mean) - log_odds.min() + 1
    return brentq(lambda b: share @ expit(b + log_odds) - mean, low, high)
