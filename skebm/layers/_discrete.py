"""Units with the values 0, 1, 2, ..., by sums over a table of log base measures."""

import numpy as np


def log_weights(field, table):
    """Return ``x * field + table[unit, x]`` for every value x.

    Parameters
    ----------
    field : ndarray of shape (n, n_units)
    table : ndarray of shape (n_units, n_values), float64
        Minus infinity where a unit has not that value.
    """
    return field[:, :, None] * np.arange(table.shape[1], dtype=np.float64) + table


def log_sums(field, table):
    """Return the log of the sum of the weights, (n, n_units), float64."""
    return np.logaddexp.reduce(log_weights(field, table), axis=2)


def probabilities(field, table):
    """Return the probability of each value, (n, n_units, n_values), float64."""
    terms = log_weights(field, table)
    terms = np.exp(terms - terms.max(axis=2, keepdims=True))
    return terms / terms.sum(axis=2, keepdims=True)


def means(field, table):
    """Return expectations, in the dtype of ``field``."""
    mean = probabilities(field, table) @ np.arange(table.shape[1], dtype=np.float64)
    return mean.astype(field.dtype)


def modes(field, table):
    """Return the most probable values, in the dtype of ``field``."""
    return log_weights(field, table).argmax(axis=2).astype(field.dtype)


def draws(field, table, uniform):
    """Return the values that uniforms of the same shape stand for."""
    below = probabilities(field, table).cumsum(axis=2) < uniform[:, :, None]
    last = np.isfinite(table).sum(axis=1) - 1
    return np.minimum(below.sum(axis=2), last).astype(field.dtype)
