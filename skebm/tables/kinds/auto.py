"""The rules of "auto"; the docstring of RBMDensity states them for users."""

import numpy as np
from scipy.sparse import issparse

from skebm.tables.curves import Curve, observed

# A count has at most so many different values, and none beyond this.
_MAX_COUNTS, _MAX_COUNT = 20, 20
# A zero-inflated column has at least this share of zeros, and more other values.
_ZERO_SHARE, _MIN_OTHERS = 0.5, 20
# Nats a row that a transform has to add to the normal log-likelihood.
_MIN_GAIN = 0.05


def kind_of_array(X):
    """Return the kind of all columns of an array: Bernoulli if they lie in [0, 1]."""
    values = X.data if issparse(X) else X
    low, high = (f.reduce(values, axis=None, initial=0.0) for f in (np.fmin, np.fmax))
    return "bernoulli" if low >= 0 and high <= 1 else "gaussian"


def kind_of_column(numbers, is_boolean, weight):
    """Return the kind of one column of a frame.

    Parameters
    ----------
    numbers : ndarray of shape (n,) or None
        NaN where a number is missing; None if the column does not hold numbers.
    is_boolean : bool
    weight : ndarray of shape (n,) or None
    """
    if is_boolean:
        return "bernoulli"
    return "categorical" if numbers is None else _kind_of_numbers(numbers, weight)


def _kind_of_numbers(x, weight):
    x, weight = observed(x, weight)
    distinct = np.unique(x)
    if len(distinct) == 2:
        return "bernoulli"
    whole = distinct[0] >= 0 and (distinct == np.floor(distinct)).all()
    if whole and 2 < len(distinct) <= _MAX_COUNTS and distinct[-1] <= _MAX_COUNT:
        return "count"
    zeros = np.average(x == 0, weights=weight)
    if zeros >= _ZERO_SHARE and len(distinct) > _MIN_OTHERS + 1:
        return "zero_inflated"
    if len(distinct) > 2 and Curve.gain(x, weight) > _MIN_GAIN:
        return "yeo_johnson"
    return "gaussian"
