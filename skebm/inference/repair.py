"""Rows of high energy, with other values in the cells to blame."""

import numpy as np

# Values that are tried for a column: quantiles of what training rows have.
_N_VALUES = 33
# Columns that are tried in a step: those that add the most to the energy.
_N_BLAMED = 10
# Rows that are repaired at a time, which bounds the memory.
_BLOCK = 256


def typical_values(X):
    """Return values of each column, in numbers as they occur in it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Training rows, with NaN for holes.

    Returns
    -------
    ndarray of shape (n_values, n_features)
        Quantiles, which for categories are the frequent ones.
    """
    shares = (np.arange(_N_VALUES) + 0.5) / _N_VALUES
    out = np.zeros((_N_VALUES, X.shape[1]), X.dtype)
    for j, column in enumerate(X.T):
        known = column[~np.isnan(column)]
        if len(known):
            out[:, j] = np.quantile(known, shares, method="inverted_cdf")
    return out


def repaired(energy, parts, X, values, limit):
    """Return rows with the fewest cells changed that a greedy search finds.

    Each step changes the cell whose change lowers the energy the most. The columns that
    add the most to the energy of the row are tried, each with all typical values. The
    steps end when the energy is at most ``limit``, or no change lowers it.

    Parameters
    ----------
    energy : callable
        Returns the energy of each row, in nats.
    parts : callable
        Returns what each column adds to it, shape (n_samples, n_features).
    X : ndarray of shape (n_samples, n_features)
    values : ndarray of shape (n_values, n_features)
        See :func:`typical_values`.
    limit : float
        Rows of higher energies are repaired.

    Returns
    -------
    rows : ndarray of shape (n_samples, n_features)
    is_changed : ndarray of bool of shape (n_samples, n_features)
    """
    X, is_changed = X.copy(), np.zeros(X.shape, bool)
    bad = np.flatnonzero(energy(X) > limit)
    for first in range(0, len(bad), _BLOCK):
        rows = bad[first : first + _BLOCK]
        for _ in range(X.shape[1]):
            blame = np.where(is_changed[rows], -np.inf, parts(X[rows]))
            column, value, gain = _best_change(energy, X[rows], blame, values)
            rows, column, value = rows[gain > 0], column[gain > 0], value[gain > 0]
            X[rows, column] = value
            is_changed[rows, column] = True
            rows = rows[energy(X[rows]) > limit] if len(rows) else rows
            if not len(rows):
                break
    return X, is_changed


def _best_change(energy, X, blame, values):
    """Return the column and the value of the best change of each row, and its gain."""
    rows, n_tried = np.arange(len(X)), min(_N_BLAMED, X.shape[1])
    columns = np.argsort(-blame, axis=1, kind="stable")[:, :n_tried]
    tried = np.empty((len(X), n_tried, len(values)))
    for k, of_rows in enumerate(columns.T):
        trial = np.repeat(X[:, None], len(values), axis=1)
        trial[rows, :, of_rows] = values[:, of_rows].T
        tried[:, k] = energy(trial.reshape(-1, X.shape[1])).reshape(len(X), -1)
    tried[np.isneginf(np.take_along_axis(blame, columns, axis=1))] = np.inf
    tried = tried.reshape(len(X), -1)
    best = tried.argmin(axis=1)
    column = columns[rows, best // len(values)]
    return column, values[best % len(values), column], energy(X) - tried[rows, best]
