"""Weights of rows."""

import numpy as np

from skebm.utils._sklearn import check_sample_weight


def check_weight(sample_weight, X):
    """Return the weights of rows as float64; None if all rows have the same weight."""
    if sample_weight is None:
        return None
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.sum() > 0:
        raise ValueError("sample_weight is zero for all rows: nothing to learn from.")
    return weight


def positive(weight):
    """Return the weights above 0; None if there are no weights."""
    return None if weight is None else weight[weight > 0]
