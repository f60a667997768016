"""Units with the values 0, 1, 2, ..., by sums over a table of log base measures.

Fields are arrays of shape (n, n_units). A table, float64 of shape (n_units, n_values),
holds the log base measure of each value, minus infinity for those beyond a unit's last.
"""

import numpy as np
from numba import njit

from skebm.utils._math import fill_exp


def sums(field, table):
    """Return the log of the sum of the weights, and the expectations, float64."""
    log_sum, mean = np.empty(field.shape), np.empty(field.shape)
    _sums(np.ascontiguousarray(field), table, n_values(table), log_sum, mean)
    return log_sum, mean


def modes(field, table):
    """Return the most probable values, in the dtype of ``field``."""
    value = np.arange(table.shape[1], dtype=np.float64)
    log_weight = field[:, :, None] * value + table
    return log_weight.argmax(axis=2).astype(field.dtype)


def draws(field, table, uniform):
    """Return the values that uniforms of the same shape stand for."""
    out = np.empty_like(field, order="C")
    _draws(np.ascontiguousarray(field), table, n_values(table), uniform, out)
    return out


def n_values(table):
    """Return how many values each unit has."""
    return np.isfinite(table).sum(axis=1)


@njit(cache=True, nogil=True, error_model="numpy")
def _weigh(field, base, line, out):
    """Fill ``out`` with weights that are 1 at the largest; return the log of that."""
    top = base[0]
    for x in range(len(line)):
        line[x] = x * field + base[x]
        top = max(top, line[x])
    for x in range(len(line)):
        line[x] -= top
    fill_exp(line, out)
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(field, table, n_values, log_sum, mean):
    room = np.empty((2, table.shape[1]))
    for r in range(len(field)):
        for i in range(len(table)):
            line = room[1, : n_values[i]]
            top = _weigh(field[r, i], table[i], room[0, : n_values[i]], line)
            total = first = 0.0
            for x in range(len(line)):
                total += line[x]
                first += x * line[x]
            log_sum[r, i] = np.log(total) + top
            mean[r, i] = first / total


@njit(cache=True, nogil=True, error_model="numpy")
def _draws(field, table, n_values, uniform, out):
    room = np.empty((2, table.shape[1]))
    for r in range(len(field)):
        for i in range(len(table)):
            line = room[1, : n_values[i]]
            _weigh(field[r, i], table[i], room[0, : n_values[i]], line)
            total = 0.0
            for x in range(len(line)):
                total += line[x]
            height, reached, which = uniform[r, i] * total, 0.0, 0
            for x in range(len(line) - 1):
                reached += line[x]
                which += reached < height
            out[r, i] = which
