"""Sums over the units of a row."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL


@njit(**KERNEL)
def row_sums(parts):
    """Return sums whose order does not depend on the number of rows."""
    n, d = parts.shape
    out = np.zeros(n)
    for i in range(n):
        for j in range(d):
            out[i] += parts[i, j]
    return out
