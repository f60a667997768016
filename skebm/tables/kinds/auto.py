"""The rules of ``visible="auto"``, which the docstring of RBMDensity states."""

import numpy as np
from scipy.sparse import issparse

from skebm.tables.arrays import are_apart
from skebm.tables.curves import observed

# A column of counts has at most this number of distinct values, and
_MAX_DISTINCT = 20
# no count above this.
_MAX_COUNT = 20
# A zero-inflated column has at least this share of zeros, and
_ZERO_SHARE = 0.5
# more distinct values besides 0 than this.
_MIN_OTHERS = 20


def kinds_of_array(X):
    """Return the kind of each column of an array.

    All columns are Bernoulli if they are in [0, 1], and else real.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_columns)
        NaN where a number is missing.

    Returns
    -------
    list of str
    """
    values = X.data if issparse(X) else X
    low, high = (f.reduce(values, axis=None, initial=0.0) for f in (np.fmin, np.fmax))
    if low >= 0 and high <= 1:
        return ["bernoulli"] * X.shape[1]
    return ["real"] * X.shape[1]


def kind_of_column(numbers, is_boolean, weight, dtype=np.float64):
    """Return the kind of one column of a frame.

    Parameters
    ----------
    numbers : ndarray of shape (n,) or None
        NaN where a number is missing. None if the column does not hold numbers.
    is_boolean : bool
        Whether the dtype of the column is boolean.
    weight : ndarray of shape (n,) or None
    dtype : dtype, default=float64
        The dtype of the numbers in the frame.
    """
    if is_boolean:
        return "bernoulli"
    if numbers is None:
        return "categorical"
    return _kind_of_numbers(numbers, weight, dtype)


def _kind_of_numbers(x, weight, dtype):
    x, weight = observed(x, weight)
    distinct = np.unique(x)
    distinct = distinct[are_apart(distinct, dtype)]
    if len(distinct) == 2:
        return "bernoulli"
    are_counts = distinct[0] >= 0 and (distinct == np.floor(distinct)).all()
    if are_counts and 2 < len(distinct) <= _MAX_DISTINCT and distinct[-1] <= _MAX_COUNT:
        return "count"
    zeros = np.average(x == 0, weights=weight)
    if zeros >= _ZERO_SHARE and len(distinct) > _MIN_OTHERS + 1:
        return "zero_inflated"
    return "real"


def narrow_kinds(X):
    """Return the kind of each column of an array: Bernoulli only if it is {0, 1}.

    A column with one value is real, unless all columns have no other values than 0 and
    1. Beside such columns its scale would be a guess, and made training diverge.

    This is narrower than :func:`kinds_of_array`, since the values of real tables are
    often scaled into [0, 1].

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_columns)
        NaN where a number is missing.

    Returns
    -------
    list of str
    """
    if issparse(X):
        X = X.tocsc()
        ends = list(zip(X.indptr[:-1], X.indptr[1:], strict=True))
        is_binary = np.array([(X.data[lo:hi] == 1).all() for lo, hi in ends], bool)
        varies = np.array([0 < hi - lo < X.shape[0] for lo, hi in ends], bool)
    else:
        is_binary = ((X == 0) | (X == 1) | np.isnan(X)).all(axis=0)
        varies = np.fmin.reduce(X, axis=0) < np.fmax.reduce(X, axis=0)
    if not (is_binary.all() and varies.any()):
        is_binary &= varies
    return ["bernoulli" if binary else "gaussian" for binary in is_binary]
