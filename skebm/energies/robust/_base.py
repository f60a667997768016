"""What the experts share: clipped rows, and sums over the units of a row."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL

# Rows are clipped to this many scales, so that one value cannot decide everything.
LIMIT = 5.0
# Added to the mean distance of a column, in scales: equal rows are not infinitely near.
FLOOR = 0.1


def clipped(Z):
    """Return rows whose units are within the limit, float64."""
    return np.clip(Z, -LIMIT, LIMIT)


def clipped_single(Z):
    """Return rows whose units are within the limit, float32, as distances need them."""
    return clipped(Z).astype(np.float32)


def log_distances(apart, n_columns):
    """Return what each unit adds to the log of a distance, above ``log(FLOOR)``.

    The log of ``sum(apart) / n_columns + FLOOR`` is shared out as the distance is.

    Parameters
    ----------
    apart : ndarray of shape (n, n_units), float64
        Absolute differences.
    n_columns : int
    """
    total = apart.sum(axis=1)
    gain = np.log1p(total / n_columns / FLOOR)
    return apart * (gain / np.where(total > 0, total, 1))[:, None]


@njit(**KERNEL)
def row_sums(parts):
    """Return sums whose order does not depend on the number of rows."""
    n, d = parts.shape
    out = np.zeros(n)
    for i in range(n):
        for j in range(d):
            out[i] += parts[i, j]
    return out
