"""The choice of the transform of a column by likelihood."""

import itertools
from typing import NamedTuple

import numpy as np

from skebm.tables.curves._logarithm import (
    Logarithm,
    log_and_slope,
    logs_at,
    steepest,
)
from skebm.tables.curves._sample import mean_loss
from skebm.tables.curves._yeo_johnson import YeoJohnson

# Numbers whose standard deviation is below this number times their mean do not need a
# transform, since every smooth function is nearly linear there.
_NARROW = 1e-6
# Rates of logarithms, times the mean distance from the end.
_RATES = np.array([0, 0.25, 0.5, 1, 2, 4, 8, 16])
# Number of ends that are tried below the smallest number, and of pairs of ends.
_N_ENDS, _N_PAIRED = 8, 4
# An end is at least as far from the smallest number as this number of rows reaches.
_ROWS_AT_END = 5
# In the average over this share of the rows, too.
_BULK = 0.05
# An end that is not 0 has to gain this number of nats, beside the price of a number.
_END_MARGIN = 0.04
# A logarithm is not taken nearer to an end than a number of this part of the smallest
# distance that fit has seen.
REACH = 10.0
# The largest share and the largest percentage.
_WHOLES = 1.0, 100.0
# A column holds shares if the largest number is this part of the largest share.
_CLOSE = 0.9
# A number is the end of a column if it is nearer to it than this part of the range.
_TOUCHES = 1e-12
# A column gets a transform if it gains more nats than this.
_MIN_GAIN = 0.05
# Standard deviations between the mean of an unbounded density and an end that the
# numbers cannot pass.
_CLEAR = 5.0


class Candidate(NamedTuple):
    """A transform and its loss.

    Attributes
    ----------
    loss : float
        Mean negative normal log-likelihood up to a constant, plus a price for each
        estimated number: half the log of the number of rows, as in the BIC.
    shape : YeoJohnson or Logarithm
    """

    loss: float
    shape: object


def natural_ends(sample):
    """Return the numbers that a column cannot pass: 0, and 1 or 100 for shares.

    A column holds shares or percentages if its numbers lie between 0 and the end, and
    come close to it. Other choices do not depend on the scale of the numbers.

    Parameters
    ----------
    sample : Sample

    Returns
    -------
    low, high : float
        Infinite if there is no such number.
    """
    low = 0.0 if sample.low >= 0 else -np.inf
    high = 0.0 if sample.high <= 0 and sample.low < 0 else np.inf
    for whole in _WHOLES:
        if low == 0 and _CLOSE * whole < sample.high <= whole:
            high = whole
    return low, high


def best_shape(sample, ends):
    """Return the transform with the largest likelihood, or None for a straight line.

    The choice does not depend on the scale of the numbers. It depends on their origin
    only where they come close to an end.

    Parameters
    ----------
    sample : Sample
    ends : tuple of float
        See :func:`natural_ends`.

    Returns
    -------
    YeoJohnson, Logarithm or None
    """
    mean = sample.values @ sample.share
    spread = np.sqrt(np.square(sample.values - mean) @ sample.share)
    if len(sample.values) <= 2 or spread <= _NARROW * abs(mean):
        return None
    is_clear = min(mean - ends[0], ends[1] - mean) > _CLEAR * spread
    price = np.log(max(sample.size, 2)) / (2 * sample.size)
    found = [_unbounded(sample, price)] if is_clear else []
    found.append(_one_sided(sample, ends[0], price))
    mirror = _one_sided(sample.mirrored, -ends[1], price)
    found.append(mirror._replace(shape=_mirrored(mirror.shape)))
    found.append(_two_sided(sample, ends, price))
    best = min(found, key=lambda candidate: candidate.loss)
    if is_clear and np.log(spread) - best.loss <= _MIN_GAIN:
        return None
    return best.shape


def _unbounded(sample, price):
    shape = YeoJohnson.fit(sample, sample.quantile(0.5))
    y = shape.transform(sample.values)
    log_slope = -shape.log_width(y)
    return Candidate(float(mean_loss(y, log_slope, sample.share)) + price, shape)


def _distances_to_ends(sample, end, n_ends):
    """Return distances of possible ends below the smallest number.

    A likelihood grows without bound as the end comes near the smallest number. So the
    end stays away from it as far as some rows reach on its other side, or as twice the
    rows that are equal to it.
    """
    away = sample.values - sample.low
    level = max(2 * sample.share[0], _ROWS_AT_END / sample.size)
    bulk = min(1, level / _BULK) * (sample.quantile(_BULK) - sample.low)
    nearest = max(sample.quantile(level) - sample.low, bulk, away[1])
    if sample.is_whole:
        nearest = max(nearest, 0.5)
    farthest = max(4 * away @ sample.share, 2 * nearest)
    found = np.geomspace(nearest, farthest, n_ends)
    to_end = sample.low - end
    # A number that is the end but for rounding is the end.
    if _TOUCHES * away[-1] < to_end < np.inf:
        return np.r_[found[found < to_end], to_end]
    return found


def _one_sided(sample, end, price):
    """Return the best transform with a lower end."""
    gap = _distances_to_ends(sample, end, _N_ENDS)
    d = sample.values - sample.low + gap[:, None]
    rates = _RATES / (d @ sample.share)[:, None]
    # Arrays of one end at a time stay in the cache, and need no fresh memory.
    pairs = zip(d, rates, strict=True)
    loss = np.stack([_loss(away, some[:, None], sample.share) for away, some in pairs])
    is_free = (gap == sample.low) & (end == 0)
    loss += price + (price + _END_MARGIN) * ~is_free[:, None]
    i, j = np.unravel_index(loss.argmin(), loss.shape)
    lower = end if gap[i] == sample.low - end else float(sample.low - gap[i])
    first = sample.low - _inside(gap[i], sample.low - end)
    shape = Logarithm(lower, np.inf, float(rates[i, j]), float(first), np.inf)
    return Candidate(float(loss[i, j]), shape)


def _two_sided(sample, ends, price):
    """Return the best transform with two ends."""
    mirrored = sample.mirrored
    best = Candidate(np.inf, None)
    for down, up in itertools.product(
        _distances_to_ends(sample, ends[0], _N_PAIRED),
        _distances_to_ends(mirrored, -ends[1], _N_PAIRED),
    ):
        is_down, is_up = down == sample.low - ends[0], up == ends[1] - sample.high
        lower = ends[0] if is_down else sample.low - down
        upper = ends[1] if is_up else sample.high + up
        below, above = sample.values - lower, upper - sample.values
        width = upper - lower
        rates = steepest(_RATES[::2] * 4 / width, width)[:, None]
        down_log, down_slope = log_and_slope(below, rates)
        up_log, up_slope = log_and_slope(above, rates)
        y, log_slope = down_log - up_log, np.log(down_slope + up_slope)
        loss = mean_loss(y, log_slope, sample.share) + price
        is_free = is_down and ends[0] == 0, is_up and ends[1] == 0
        loss += (price + _END_MARGIN) * (2 - sum(is_free))
        j = loss.argmin()
        if loss[j] < best.loss:
            first = sample.low - _inside(down, sample.low - ends[0])
            last = sample.high + _inside(up, ends[1] - sample.high)
            shape = Logarithm(lower, upper, rates[j, 0], first, last)
            best = Candidate(float(loss[j]), shape)
    return best


def _inside(gap, to_end):
    """Return how far outside of fit's numbers a logarithm goes on."""
    return gap * (1 - 1 / REACH) if gap == to_end else gap / 2


def _loss(d, rates, share):
    return mean_loss(*logs_at(d, rates), share)


def _mirrored(shape):
    lower, upper, rate, first, last = shape
    return Logarithm(-upper, -lower, rate, -last, -first)
