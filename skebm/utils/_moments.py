"""Means and variances of columns that may have missing values."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.sparsefuncs import mean_variance_axis


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
    hole = np.isnan(X)
    if hole.any():
        weight = np.ones(len(X)) if weight is None else weight
        weight = np.where(hole, 0.0, weight[:, None])
        weight /= np.maximum(weight.sum(axis=0), np.finfo(np.float64).tiny)
        X = np.where(hole, 0.0, X)
        mean = (weight * X).sum(axis=0)
        return mean, (weight * np.square(X - mean)).sum(axis=0)
    mean = np.average(X, axis=0, weights=weight).astype(np.float64)
    return mean, np.average(np.square(X - mean), axis=0, weights=weight)
