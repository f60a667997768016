"""Kernels of normal factors of users and items, over the ratings that are known.

The rating of an item by a user is ``centre + a[0] + b[0] + a[1:] @ b[1:]`` with a
normal error, where ``a`` are the factors of the user and ``b`` those of the item. Both
sides look alike, so the kernels speak of rows and columns.
"""

import numpy as np
from numba import njit

from skebm.utils._addresses import INNER, KERNEL


@njit(**INNER)
def _invert(a):
    """Invert a positive definite matrix in place; say whether it was one."""
    n = len(a)
    is_definite = True
    for p in range(n):
        is_definite &= a[p, p] > 0.0
        scale = 1.0 / a[p, p]
        a[p, p] = 1.0
        for j in range(n):
            a[p, j] *= scale
        for i in range(n):
            if i != p:
                factor = a[i, p]
                a[i, p] = 0.0
                for j in range(n):
                    a[i, j] -= factor * a[p, j]
    return is_definite


@njit(**INNER)
def _add_rating(weight, rest, mean, covariance, matrix, vector):
    """Add what one rating says of a row to the precision and to its product.

    Only the lower half of the precision changes: see :func:`_mirror`.
    """
    n = len(mean)
    for x in range(n):
        w = mean[x] if x > 0 else 1.0
        c = covariance[0, x] if x > 0 else 0.0
        vector[x] += weight * (rest * w - c)
        matrix[x, 0] += weight * w
        for y in range(1, x + 1):
            matrix[x, y] += weight * (w * mean[y] + covariance[x, y])


@njit(**INNER)
def _mirror(matrix):
    """Fill the upper half of a symmetric matrix with the lower one."""
    for x in range(len(matrix)):
        for y in range(x):
            matrix[y, x] = matrix[x, y]


@njit(**INNER)
def _pair(mean, covariance, other_mean, other_covariance):
    """Return the mean and variance of the sum that a pair has without its error."""
    n = len(mean)
    centre = mean[0] + other_mean[0]
    variance = covariance[0, 0] + other_covariance[0, 0]
    for x in range(1, n):
        a, b = mean[x], other_mean[x]
        centre += a * b
        variance += 2 * (covariance[0, x] * b + other_covariance[0, x] * a)
        c, d = covariance[x, x], other_covariance[x, x]
        variance += c * d + b * c * b + a * d * a
        # Matrices are symmetric.
        half = 0.0
        for y in range(1, x):
            c, d = covariance[x, y], other_covariance[x, y]
            half += c * d + b * c * other_mean[y] + a * d * mean[y]
        variance += 2 * half
    return centre, variance


@njit(**KERNEL)
def fill_rows(
    indptr, columns, values, means, covariances, own, other, prior, precision, mean, out
):
    """Fill means and covariances of the factors of rows, given those of columns.

    Parameters
    ----------
    indptr : ndarray of int64 of shape (n_rows + 1,)
    columns : ndarray of int32
    values : ndarray of float64
        Ratings minus the centre.
    means : ndarray of shape (n_columns, n)
    covariances : ndarray of shape (n_columns, n, n)
    own, other : ndarray of shape (n_rows,) and (n_columns,)
        The precision of an error is the product of those of its row and its column.
    prior : ndarray of shape (n_rows, n)
        Prior means.
    precision : ndarray of shape (n, n)
        Prior precision.
    mean, out : ndarray of shape (n_rows, n) and (n_rows, n, n)
        Are filled.
    """
    n = prior.shape[1]
    vector = np.empty(n)
    for i in range(len(prior)):
        matrix = out[i]
        for x in range(n):
            vector[x] = 0.0
            for y in range(n):
                matrix[x, y] = precision[x, y]
                vector[x] += precision[x, y] * prior[i, y]
        for t in range(indptr[i], indptr[i + 1]):
            j = columns[t]
            weight, rest = own[i] * other[j], values[t] - means[j, 0]
            _add_rating(weight, rest, means[j], covariances[j], matrix, vector)
        _mirror(matrix)
        _invert(matrix)
        for x in range(n):
            mean[i, x] = 0.0
            for y in range(n):
                mean[i, x] += matrix[x, y] * vector[y]


@njit(**KERNEL)
def fill_errors(indptr, columns, values, mean, covariance, means, covariances, errors):
    """Fill ``errors`` with the sum of the expected squared errors of each row."""
    for i in range(len(errors)):
        errors[i] = 0.0
        for t in range(indptr[i], indptr[i + 1]):
            j = columns[t]
            m, v = _pair(mean[i], covariance[i], means[j], covariances[j])
            errors[i] += (values[t] - m) ** 2 + v


@njit(**KERNEL)
def fill_pairs(rows, columns, mean, covariance, means, covariances, centre, variance):
    """Fill the mean and variance of each pair of a row and a column."""
    for t in range(len(rows)):
        i, j = rows[t], columns[t]
        centre[t], variance[t] = _pair(mean[i], covariance[i], means[j], covariances[j])


@njit(**INNER)
def _leave(weight, rest, mean, covariance, row_mean, row_covariance, matrix, out):
    """Fill the mean and covariance of a row as they are without one rating."""
    n = len(mean)
    vector = np.empty(n)
    matrix[:] = row_covariance
    is_definite = _invert(matrix)
    for x in range(n):
        vector[x] = 0.0
        for y in range(n):
            vector[x] += matrix[x, y] * row_mean[y]
    _add_rating(-weight, rest, mean, covariance, matrix, vector)
    _mirror(matrix)
    is_definite &= _invert(matrix)
    if not is_definite:
        matrix[:] = row_covariance
        out[:] = row_mean
        return
    for x in range(n):
        out[x] = 0.0
        for y in range(n):
            out[x] += matrix[x, y] * vector[y]


@njit(**KERNEL)
def fill_left_out(
    rows, columns, values, own, mean, covariance, means, covariances, centre, variance
):
    """Fill the mean and variance of pairs without what their own rating says.

    Rows and columns each forget the rating; ``own`` are precisions of errors of rows.
    """
    n = mean.shape[1]
    matrix, other = np.empty((n, n)), np.empty((n, n))
    left, right = np.empty(n), np.empty(n)
    for t in range(len(rows)):
        i, j = rows[t], columns[t]
        row, column = (mean[i], covariance[i]), (means[j], covariances[j])
        rest = values[t] - column[0][0]
        _leave(own[i], rest, column[0], column[1], row[0], row[1], matrix, left)
        rest = values[t] - row[0][0]
        _leave(own[i], rest, row[0], row[1], column[0], column[1], other, right)
        centre[t], variance[t] = _pair(left, matrix, right, other)
