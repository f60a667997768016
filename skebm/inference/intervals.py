"""Intervals that hold a share of drawn numbers."""

import numpy as np


def interval(draws, coverage):
    """Return the ends of the interval that holds the next draw of each cell.

    The probabilities below and above the interval are the same. Draws may repeat a
    value, as whole numbers and zeros do. If an end is such a value, its tail is smaller
    than it may be, and the other end gets the rest. The value cannot be split, so the
    coverage may still be larger than it was asked for.

    The draw of rank k among n lies above the next draw with probability k / (n + 1).
    So the coverage is right on average for few draws, too.

    Parameters
    ----------
    draws : ndarray of shape (n_draws, ...)
        Independent draws of each cell.
    coverage : float in (0, 1)

    Returns
    -------
    lower, upper : ndarray of shape (...)
    """
    ordered, tail = np.sort(draws, axis=0), (1 - coverage) / 2
    lower = _quantile(ordered, np.full(draws.shape[1:], tail))
    below = np.where(_repeats(draws, lower), (draws < lower).mean(axis=0), tail)
    upper = _quantile(ordered, below + coverage)
    above = (draws > upper).mean(axis=0)
    raised = np.maximum(lower, _quantile(ordered, 1 - coverage - above))
    return np.where(_repeats(draws, upper), raised, lower), upper


def _quantile(ordered, share):
    """Return the quantile of each cell at its own share, from ordered draws."""
    last = len(ordered) - 1
    place = np.clip(share * (len(ordered) + 1) - 1, 0, last)
    floor = place.astype(np.intp)
    low = np.take_along_axis(ordered, floor[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(floor + 1, last)[None], axis=0)[0]
    return low + (place - floor) * (high - low)


def _repeats(draws, value):
    """Return where several draws have this value."""
    return (draws == value).sum(axis=0) > 1
