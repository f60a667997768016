"""Thresholds of scores, which labels cannot cross by rounding."""

import numpy as np

# "auto" flags scores this many interquartile ranges below the first quartile: for
# normal scores one row in 300 000, for the skewed scores of real tables a few per cent.
FENCE = 3.0
# What "auto" takes for the interquartile range where the middle scores tie: the range
# of nearly all scores, in interquartile ranges of a normal distribution.
_NEARLY_ALL, _NEARLY_ALL_RANGES = (0.05, 0.95), 2.44
# A score that more than this share of the rows has is not the score of an outlier.
_FEW = 0.05
# Scores of fewer nats apart tie: rounding may depend on the rows that are scored along.
_TIE = 1e-6


def threshold(scores, weight, contamination, fence=FENCE):
    """Return the threshold below which scores are those of outliers.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    weight : array-like of shape (n,), float or None
        How many rows each row counts for.
    contamination : "auto" or float
        The share of the rows that are outliers; see :class:`EBMAnomalyDetector`.
    fence : float, default=3
        How far below the first quartile "auto" looks, in interquartile ranges.
    """
    scores, weight = weighed(scores, weight)
    tie = tie_of(scores, weight)
    if contamination == "auto":
        return _auto(scores, weight, fence, tie)
    order = np.argsort(scores)
    share = weight[order].cumsum() / weight.sum()
    kept = np.searchsorted(share, contamination + 1e-12, side="right")
    return _between(scores, scores[order][min(kept, len(scores) - 1)], tie)


def weighed(scores, weight):
    """Return the scores of the rows that count, and how many rows each counts for."""
    weight = np.ones(1) if weight is None else np.asarray(weight, np.float64)
    weight = np.broadcast_to(weight, scores.shape)
    return scores[weight > 0], weight[weight > 0]


def tie_of(scores, weight):
    """Return the distance of scores that rounding may account for."""
    return _TIE * max(1.0, abs(_quantiles(scores, weight, 0.5)))


def spread_of(scores, weight, tie):
    """Return the interquartile range, or the like of it where the middle ties."""
    first, third = _quantiles(scores, weight, (0.25, 0.75))
    if third - first > tie:
        return third - first
    low, high = _quantiles(scores, weight, _NEARLY_ALL)
    return (high - low) / _NEARLY_ALL_RANGES


def _quantiles(scores, weight, shares):
    # As repetition: the inverse of the weighted distribution function.
    return np.quantile(scores, shares, weights=weight, method="inverted_cdf")


def _auto(scores, weight, n_ranges, tie):
    """Return a threshold below which there are few scores."""
    first, spread = _quantiles(scores, weight, 0.25), spread_of(scores, weight, tie)
    lowest, counts = levels(scores, weight, tie)
    # At least the lowest score is flagged.
    fence = max(first - n_ranges * spread, *lowest[1:2], lowest[0])
    is_common = counts > max(_FEW * weight.sum(), 1)
    return _between(scores, min(fence, lowest[is_common].min(initial=np.inf)), tie)


def levels(scores, weight, tie):
    """Return the lowest score of each group of ties, and the weight of the group."""
    order = np.argsort(scores)
    gaps = np.diff(scores[order]) > tie
    first = np.append(0, np.flatnonzero(gaps) + 1)
    return scores[order][first], np.add.reduceat(weight[order], first)


def _between(scores, threshold, tie):
    """Return a threshold that is not near a score, with the same scores below it.

    A score that ties with the threshold is not below it, whatever its rounding.
    """
    below = scores[scores < threshold - tie]
    low = below.max() if len(below) else threshold - 2 * tie
    high = scores[scores > low].min(initial=threshold)
    return float((low + min(high, threshold)) / 2)
