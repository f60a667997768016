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
# Share of 0 and 1 among the numbers from 0 to 1 of an array of pictures, at least.
_BIT_SHARE = 1 / 3
# Limits of later grey levels, which a scaler learned from other rows. The formulas hold
# for any number, but levels up to 255 are not scaled at all.
LIMITS_OF_LEVELS = -20.0, 20.0
# Rows that are looked at together.
_BLOCK = 1000


def kinds_of_array(X):
    """Return the kind of each column of an array.

    All columns are Bernoulli if they are in [0, 1], and a third of the numbers or more
    is 0 or 1, as in pictures. Else a column is Bernoulli if it holds both 0 and 1 and
    no other number, and other columns are real. So a real table that is scaled to
    [0, 1] stays real.

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
    if low >= 0 and high <= 1 and _bit_share(X, values) >= _BIT_SHARE:
        return ["bernoulli"] * X.shape[1]
    return ["bernoulli" if binary else "real" for binary in _are_binary(X)]


def kinds_of_summary(summary, columns):
    """Return what :func:`kinds_of_array` returns, from facts about all rows.

    Parameters
    ----------
    summary : ArraySummary
    columns : list of int
    """
    low, high = summary.low[columns], summary.high[columns]
    n_bits = summary.n_zeros[columns].sum() + summary.n_ones[columns].sum()
    bit_share = n_bits / max(summary.n_seen[columns].sum(), 1)
    if low.min() >= 0 and high.max() <= 1 and bit_share >= _BIT_SHARE:
        return ["bernoulli"] * len(columns)
    are_binary = summary.are_binary[columns]
    return ["bernoulli" if binary else "real" for binary in are_binary]


def _bit_share(X, values):
    """Return the share of 0 and 1 among the numbers of an array."""
    n_left_out = np.prod(X.shape) - values.size  # zeros of a sparse matrix
    n_bits = np.count_nonzero(values == 0) + np.count_nonzero(values == 1)
    n_numbers = values.size - np.count_nonzero(np.isnan(values))
    return (n_bits + n_left_out) / max(n_numbers + n_left_out, 1)


def columns_of_levels(X, declared, kinds):
    """Tell which columns :func:`kinds_of_array` took for pictures with grey levels.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DataFrame} of shape (n, n_columns)
    declared, kinds : sequence of str of length n_columns
        The kinds that the user named, or "auto", and the kinds of the columns.
    """
    pairs = zip(declared, kinds, strict=True)
    found = np.array([pair == ("auto", "bernoulli") for pair in pairs])
    return found if found.any() and _holds_levels(X) else np.zeros(len(found), bool)


def _holds_levels(X):
    if issparse(X):
        return bool(((X.data > 0) & (X.data < 1)).any())
    for dtype in getattr(X, "dtypes", ()):
        if not (isinstance(dtype, np.dtype) and dtype.kind in "biuf"):
            return False
    X = np.asarray(X, dtype=None if isinstance(X, np.ndarray) else np.float64)
    blocks = (X[lo : lo + _BLOCK] for lo in range(0, len(X), _BLOCK))
    return any(((block > 0) & (block < 1)).any() for block in blocks)


def _are_binary(X):
    """Tell which columns hold both 0 and 1, and no other number."""
    if not issparse(X):
        is_bit = ((X == 0) | (X == 1) | np.isnan(X)).all(axis=0)
        return is_bit & (np.fmin.reduce(X, axis=0) < np.fmax.reduce(X, axis=0))
    X = X.tocsc()
    ends = zip(X.indptr[:-1], X.indptr[1:], strict=True)
    parts = [X.data[lo:hi][X.data[lo:hi] != 0] for lo, hi in ends]
    n_rows = X.shape[0]
    return np.array([0 < len(x) < n_rows and (x == 1).all() for x in parts], bool)


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
