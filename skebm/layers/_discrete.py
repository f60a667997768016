"""Sums over the values 0, 1, 2, ... of units, from a table of log base measures.

A field is the sum of inputs and bias, of shape (n, n_units). A table, float64 of shape
(n_units, n_values), holds the log base measure of each value. It is minus infinity for
values that a unit does not have.
"""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
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
    """Return draws by inversion, from uniform numbers of the same shape."""
    out = np.empty_like(field, order="C")
    _draws(np.ascontiguousarray(field), table, n_values(table), uniform, out)
    return out


def n_values(table):
    """Return the number of values of each unit."""
    return np.isfinite(table).sum(axis=1)


@njit(**KERNEL)
def _weigh(field, log_base, exponent, out):
    """Fill ``out`` with weights over the largest weight; return the log of that."""
    top = log_base[0]
    for x in range(len(exponent)):
        exponent[x] = x * field + log_base[x]
        top = max(top, exponent[x])
    for x in range(len(exponent)):
        exponent[x] -= top
    fill_exp(exponent, out)
    return top


@njit(**KERNEL)
def _sums(field, table, n_values, log_sum, mean):
    buffer = np.empty((2, table.shape[1]))
    for r in range(len(field)):
        for i in range(len(table)):
            weight = buffer[1, : n_values[i]]
            top = _weigh(field[r, i], table[i], buffer[0, : n_values[i]], weight)
            total = first = 0.0
            for x in range(len(weight)):
                total += weight[x]
                first += x * weight[x]
            log_sum[r, i] = np.log(total) + top
            mean[r, i] = first / total


@njit(**KERNEL)
def _draws(field, table, n_values, uniform, out):
    buffer = np.empty((2, table.shape[1]))
    for r in range(len(field)):
        for i in range(len(table)):
            weight = buffer[1, : n_values[i]]
            _weigh(field[r, i], table[i], buffer[0, : n_values[i]], weight)
            total = 0.0
            for x in range(len(weight)):
                total += weight[x]
            height, reached, which = uniform[r, i] * total, 0.0, 0
            for x in range(len(weight) - 1):
                reached += weight[x]
                which += reached < height
            out[r, i] = which
