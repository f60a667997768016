"""Means and variances of columns that may have missing values."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.sparsefuncs import mean_variance_axis

from skebm.utils._sparse import dense

# Approximate number of rows from which an eigenvalue is estimated.
_N_ROWS_OF_EIGENVALUE = 2000
# Numbers that fit the second level of the cache.
_NUMBERS = 100_000


def moments(X, weight):
    """Return the weighted mean and variance of each column.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_features)
        NaN is missing; missing values are left out.
    weight : ndarray of shape (n,) or None
        Weights of the rows; None weighs all rows alike.

    Returns
    -------
    mean, variance : ndarray of shape (n_features,), float64
    """
    if issparse(X):
        return tuple(
            np.asarray(m, dtype=np.float64)
            for m in mean_variance_axis(X, axis=0, weights=weight)
        )
    if weight is None:
        mean = X.mean(axis=0, dtype=np.float64)
    else:
        mean = np.average(X, axis=0, weights=weight.astype(np.float64))
    # A hole makes its column's mean a hole: there is no need to look at all numbers.
    if np.isnan(mean).any() and (hole := np.isnan(X)).any():
        weight = np.ones(len(X)) if weight is None else weight
        weight = np.where(hole, 0.0, weight[:, None])
        weight /= np.maximum(weight.sum(axis=0), np.finfo(np.float64).tiny)
        X = np.where(hole, 0.0, X)
        mean = (weight * X).sum(axis=0)
        return mean, (weight * np.square(X - mean)).sum(axis=0)
    return mean, _variance(X, mean, weight)


def largest_eigenvalue(X, encode=dense):
    """Return the largest eigenvalue of the covariance of columns, from some rows.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n, n_features)
        A hole, which is NaN, counts as the mean of its column.
    encode : callable, default=dense
        Makes a dense array of the rows.
    """
    X = encode(X[:: max(1, X.shape[0] // _N_ROWS_OF_EIGENVALUE)]).astype(np.float64)
    away = np.nan_to_num(X - moments(X, None)[0])
    return float(randomized_svd(away, 1, random_state=0)[1][0] ** 2 / len(X))


def _variance(X, mean, weight):
    """Return the weighted mean square of ``X - mean``, in parts that fit the cache.

    Rows are added one after the other, as one sum over all of them would add them.
    """
    n_rows = min(len(X), -(-_NUMBERS // X.shape[1]))
    squares = np.zeros((n_rows + 1, X.shape[1]))
    for lo in range(0, len(X), n_rows):
        rows = X[lo : lo + n_rows]
        part = squares[1 : len(rows) + 1]
        np.subtract(rows, mean, out=part)
        np.square(part, out=part)
        if weight is not None:
            part *= weight[lo : lo + n_rows, None]
        # The first line is the sum up to here, if there is one.
        squares[0] = squares[int(lo == 0) : len(rows) + 1].sum(axis=0)
    return squares[0] / (len(X) if weight is None else weight.sum(dtype=np.float64))
