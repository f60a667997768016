"""Posteriors of the factors of rows, given weighted values at some columns."""

import numpy as np
from numba import njit

from skebm.utils._addresses import INNER, KERNEL
from skebm.utils._parallel import blocks, map_parts

# Rows that one thread takes at a time. Users differ in their numbers of ratings by a
# factor of hundreds, so blocks are small.
_BLOCK_ROWS = 128


def fold(rated, weights, items, base, pull, *, variance=None):
    """Return normal posteriors of the factors of rows.

    The precision of a row is ``base`` and the sum of ``weights * moments`` over its
    items. Its linear term is ``pull`` and the sum of ``(1 + weights) * means``, which
    says that the value is 1 with a precision of ``1 + weights``, where ``base`` has
    taken it for 0 with a precision of 1.

    Parameters
    ----------
    rated : Ratings of shape (n_rows, n_items)
        Its values are not read.
    weights : ndarray of float64 of shape (n_ratings,)
    items : tuple of ndarrays
        The means of the factors of items, float64 of shape (n_items, k), and the upper
        triangles of their second moments, float32 of shape (n_items, k * (k + 1) // 2).
    base : ndarray of float64 of shape (k, k)
        Symmetric and positive definite.
    pull : ndarray of float64 of shape (n_rows, k)
    variance : float, default=None
        The inverse of a precision of 1. None returns no second moments.

    Returns
    -------
    means : ndarray of float64 of shape (n_rows, k)
    moments : ndarray of float32 of shape (n_rows, k * (k + 1) // 2)
        Second moments of the factors of rows; without rows if ``variance`` is None.
    """
    means, moments = items
    base = packed(base)
    covers, scale = variance is not None, variance or 0.0
    n_rows, k = pull.shape
    found = np.empty((n_rows, k))
    found_moments = np.empty((n_rows if covers else 0, len(base)), dtype=np.float32)
    data = rated.indptr, rated.items, weights, moments, means, base, pull

    def do(block):
        _fold(block.start, block.stop, *data, covers, scale, found, found_moments)

    map_parts(do, blocks(n_rows, _BLOCK_ROWS))
    return found, found_moments


def packed(square):
    """Return the upper triangle of a symmetric matrix, row by row."""
    return np.ascontiguousarray(square[np.triu_indices(len(square))])


def unpacked(triangle):
    """Return the symmetric matrix with an upper triangle."""
    k = (int(np.sqrt(8 * len(triangle) + 1)) - 1) // 2
    square = np.zeros((k, k))
    square[np.triu_indices(k)] = triangle
    return square + np.triu(square, 1).T


# fmt: off
@njit(**KERNEL)
def _fold(start, stop, indptr, items, weights, moments, means, base, pull, covers,
          scale, found, found_moments):
    # fmt: on
    k = pull.shape[1]
    precision, linear = np.empty(len(base)), np.empty(k)
    root, inverse = np.empty((k, k)), np.empty((k, k))
    for row in range(start, stop):
        precision[:] = base
        linear[:] = pull[row]
        for place in range(indptr[row], indptr[row + 1]):
            item, weight = items[place], weights[place]
            moment, mean = moments[item], means[item]
            for x in range(len(precision)):
                precision[x] += weight * moment[x]
            for x in range(k):
                linear[x] += (1 + weight) * mean[x]
        _unpack(precision, root)
        _decompose(root)
        if covers:
            _invert(root, inverse)
        _solve(root, linear)
        found[row] = linear
        if covers:
            _fill_moments(inverse, scale, linear, root, found_moments[row])


@njit(**INNER)
def _unpack(triangle, upper):
    k, place = len(upper), 0
    for x in range(k):
        for y in range(x, k):
            upper[x, y] = triangle[place]
            place += 1


@njit(**INNER)
def _decompose(upper):
    """Replace the upper triangle of A by R of A = R' R."""
    k = len(upper)
    for x in range(k):
        scale = 1 / np.sqrt(upper[x, x])
        for y in range(x, k):
            upper[x, y] *= scale
        for z in range(x + 1, k):
            share = upper[x, z]
            for y in range(z, k):
                upper[z, y] -= share * upper[x, y]


@njit(**INNER)
def _solve(root, linear):
    """Replace b by the solution of R' R x = b."""
    k = len(root)
    for x in range(k):
        linear[x] /= root[x, x]
        for y in range(x + 1, k):
            linear[y] -= root[x, y] * linear[x]
    for x in range(k - 1, -1, -1):
        total = linear[x]
        for y in range(x + 1, k):
            total -= root[x, y] * linear[y]
        linear[x] = total / root[x, x]


@njit(**INNER)
def _invert(root, inverse):
    """Write the lower triangle of the inverse of R'."""
    k = len(root)
    for x in range(k):
        for y in range(x + 1):
            inverse[x, y] = 0.0
        inverse[x, x] = 1.0
        for z in range(x):
            share = root[z, x]
            for y in range(z + 1):
                inverse[x, y] -= share * inverse[z, y]
        scale = 1 / root[x, x]
        for y in range(x + 1):
            inverse[x, y] *= scale


@njit(**INNER)
def _fill_moments(inverse, scale, mean, work, moments):
    """Write the upper triangle of ``scale * L' L + mean mean'`` of a lower triangle."""
    k = len(inverse)
    for x in range(k):
        for y in range(x, k):
            work[x, y] = mean[x] * mean[y]
    for z in range(k):
        for x in range(z + 1):
            share = scale * inverse[z, x]
            for y in range(x, z + 1):
                work[x, y] += share * inverse[z, y]
    place = 0
    for x in range(k):
        for y in range(x, k):
            moments[place] = work[x, y]
            place += 1
