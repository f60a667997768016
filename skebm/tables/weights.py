"""Weights of rows."""

import numpy as np

from skebm.utils._sklearn import check_sample_weight

# Sums over squares of smaller weights, or of their inverses, are not numbers.
_LEAST = 1e-50


def check_weight(sample_weight, X):
    """Return the weights of rows as float64; None if all rows have the same weight."""
    if sample_weight is None:
        return None
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.sum() > 0:
        raise ValueError("sample_weight is zero for all rows: nothing to learn from.")
    if not _LEAST < weight.max() < 1 / _LEAST:
        raise ValueError(
            f"The largest sample_weight is {weight.max():.3g}, but it must be between "
            f"{_LEAST:g} and {1 / _LEAST:g}. A weight says how many rows a row counts "
            "for."
        )
    return weight


def positive(weight):
    """Return the weights above 0; None if there are no weights."""
    return None if weight is None else weight[weight > 0]
