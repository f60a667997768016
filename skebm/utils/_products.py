"""Matrix products with rows that are mostly zero, as binary data are.

A product with such a row is the sum of those rows of the matrix where it is not zero.
Thresholded digits have 13 % ones, and the sums of their rows take 0.5 of the time of
the dense product; at a quarter the two are even.
"""

from functools import lru_cache

import numpy as np
from numba import njit
from scipy.sparse import issparse

from skebm.utils._addresses import BORROWS, INNER, KERNEL, address_of, call
from skebm.utils._parallel import map_blocks

# Share of non-zeros from which the dense product is faster, and the width of a matrix
# below which the loop over its columns is too short to pay for finding them.
_DENSE = 0.25
_MIN_WIDTH = 32
# Rows of a weight gradient that one thread computes at a time.
GRADIENT_ROWS = 256


def product(x, matrix):
    """Return ``x @ matrix``.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n, n_visible)
    matrix : ndarray of shape (n_visible, n_hidden)
    """
    if not (x.dtype == matrix.dtype and matrix.flags.c_contiguous):
        return x @ matrix
    out = np.empty((x.shape[0], matrix.shape[1]), dtype=matrix.dtype)
    if issparse(x):
        _sum_lists(row_sums(out.dtype.char), x.indptr, x.indices, x.data, matrix, out)
    else:
        fill_product(row_sums(out.dtype.char), np.ascontiguousarray(x), matrix, out)
    return out


def weight_gradient(x, shares, coupling):
    """Return ``-coupling * x.T @ shares``, blocks of its rows in parallel.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n, n_columns)
    shares : ndarray of shape (n, n_hidden)
    coupling : float
    """
    out = np.empty((x.shape[1], shares.shape[1]), dtype=shares.dtype)
    shares = shares.dtype.type(-coupling) * shares

    def fill_columns(columns):
        product_of_columns([x], shares, columns, out[columns])

    map_blocks(fill_columns, len(out), shares.size, size=GRADIENT_ROWS)
    return out


def product_of_columns(rows, shares, columns, out):
    """Fill ``out`` with the sum of ``x[:, columns].T @ share``.

    Parameters
    ----------
    rows : list of {ndarray, CSR matrix} of shape (n_k, n_visible)
    shares : ndarray of shape (sum of n_k, n_hidden)
        One under the other.
    columns : slice
    out : ndarray of shape (n_columns, n_hidden)
    """
    start, stop = columns.start, columns.stop
    if _are_sparse(rows, start, stop, shares):
        lists = [_non_zeros(x, start, stop) for x in rows]
        sums = row_sums(out.dtype.char)
        _sum_columns(sums, *_stack(lists), shares, start, stop, out)
    else:
        dense = [x[:, columns] for x in rows]
        dense = [x.toarray() if issparse(x) else x for x in dense]
        np.matmul(np.concatenate(dense).T, shares, out=out)


def _are_sparse(rows, start, stop, matrix):
    """Tell whether few numbers of all rows together are not 0.

    A few dense rows, such as the offsets of a centered gradient, change little.
    """
    arrays = [x for x in rows if not issparse(x)]
    if any(x.dtype != matrix.dtype for x in rows):
        return False
    if not arrays:
        return True
    if matrix.shape[1] < _MIN_WIDTH or not all(x.flags.c_contiguous for x in arrays):
        return False
    share = (stop - start) / rows[0].shape[1]
    n = sum(np.count_nonzero(x[:, start:stop]) for x in arrays)
    n += sum(share * x.nnz for x in rows if issparse(x))
    return n <= _DENSE * len(matrix) * (stop - start)


def _non_zeros(x, start, stop):
    """Return CSR arrays from which ``x[:, start:stop]`` can be read."""
    if issparse(x):
        return x.indptr, x.indices, x.data
    n = np.count_nonzero(x[:, start:stop])
    indptr, indices = np.empty(len(x) + 1, np.int32), np.empty(n, np.int32)
    data = np.empty(n, x.dtype)
    _compress(x, start, stop, indptr, indices, data)
    return indptr, indices, data


def _stack(lists):
    """Return the CSR arrays of matrices one under the other."""
    indptr, indices, data = zip(*lists, strict=True)
    ends = np.cumsum([part[-1] for part in indptr])
    later = [part[1:] + end for part, end in zip(indptr[1:], ends, strict=False)]
    return tuple(map(np.concatenate, ([indptr[0], *later], indices, data)))


@lru_cache
def row_sums(char):
    """Return the address of :func:`_sum_rows` for numbers of this type."""
    rows, numbers = np.empty((1, 1), char), np.empty(1, np.int32)
    one = rows.dtype.type(1)
    return address_of(_sum_rows, numbers, numbers, rows[0], rows, one, rows)


@njit(**KERNEL)
def fill_product(sums, x, matrix, out):
    """Fill ``out`` with ``x @ matrix``; ``sums`` is :func:`row_sums` of its dtype."""
    # A constant would be a type of its own, and these compiled once more for it.
    start, stop = np.int64(0), x.shape[1]
    n = _count(x, start, stop)
    if matrix.shape[1] < _MIN_WIDTH or n > _DENSE * x.size:
        np.dot(x, matrix, out)
        return
    indptr, indices = np.empty(len(x) + 1, np.int32), np.empty(n, np.int32)
    data = np.empty(n, x.dtype)
    _compress(x, start, stop, indptr, indices, data)
    call(sums, (indptr, indices, data, matrix, out.dtype.type(0), out))


@njit(**INNER)
def fill_product_of_columns(sums, x, columns, shares, step, out):
    """Fill ``out`` with ``factor * x[:, start:stop].T @ shares + decay * out``.

    Parameters
    ----------
    sums : int
        :func:`row_sums` of the dtype.
    x : ndarray of shape (n, n_columns)
    columns : tuple of int
        ``(start, stop)``.
    shares : ndarray of shape (n, n_hidden)
    step : tuple of float
        ``(factor, decay)``. A decay of 1 is a step of gradient descent, a little less
        is one under which weights decay, and 0 overwrites ``out``.
    out : ndarray of shape (stop - start, n_hidden)
    """
    (start, stop), (factor, decay) = columns, step
    n, width = _count(x, start, stop), stop - start
    if shares.shape[1] >= _MIN_WIDTH and n <= _DENSE * len(shares) * width:
        indptr, indices = np.empty(width + 1, np.int32), np.empty(n, np.int32)
        data = np.empty(n, x.dtype)
        _compress_columns(x, start, factor, indptr, indices, data)
        call(sums, (indptr, indices, data, shares, decay, out))
        return
    scaled = np.empty((width, len(x)), dtype=x.dtype)
    for i in range(width):
        for r in range(len(x)):
            scaled[i, r] = factor * x[r, start + i]
    if decay == 0:
        np.dot(scaled, shares, out)
        return
    product = np.empty_like(out)
    np.dot(scaled, shares, product)
    for i in range(width):
        for j in range(out.shape[1]):
            out[i, j] = decay * out[i, j] + product[i, j]


# A word has bits of 32 rows: so the compiler may vectorise the loop over columns, which
# no list of a column allows; of a sparse one few bits are left to look at.
@njit(fastmath={"nnan"}, **INNER)
def _compress_columns(x, start, factor, indptr, indices, data):
    """Fill CSR arrays with ``factor`` times columns of ``x``, from ``start`` on."""
    width, n_words = len(indptr) - 1, (len(x) + 31) // 32
    words = np.zeros((n_words, width), dtype=np.uint32)
    for r in range(len(x)):
        line, shift = words[r // 32], np.uint32(r % 32)
        row = x[r, start : start + width]
        for i in range(width):
            line[i] |= np.uint32(row[i] != 0) << shift
    n = 0
    indptr[0] = 0
    for i in range(width):
        for w in range(n_words):
            word = np.int64(words[w, i])
            while word != 0:
                lowest = word & -word
                # The exponent of the float is the logarithm of this power of two.
                r = 32 * w + (np.float32(lowest).view(np.int32) >> 23) - 127
                indices[n], data[n] = r, factor * x[r, start + i]
                word ^= lowest
                n += 1
        indptr[i + 1] = n


@njit(fastmath={"nnan"}, **BORROWS)
def _count(x, start, stop):
    """Return the number of non-zeros of ``x[:, start:stop]``."""
    n = 0
    for r in range(len(x)):
        n_row, line = np.int32(0), x[r, start:stop]
        for i in range(len(line)):
            n_row += np.int32(line[i] != 0)
        n += n_row
    return n


# That nothing is NaN spares the comparison half of its instructions, as does a slice
# with a counter that has no sign: nothing can be counted from the end.
@njit(fastmath={"nnan"}, **KERNEL)
def _compress(x, start, stop, indptr, indices, data):
    """Fill CSR arrays with ``x[:, start:stop]``."""
    line, n = np.empty(stop - start, dtype=np.int32), 0
    indptr[0] = n
    for r in range(len(x)):
        row, k = x[r, start:stop], np.uint64(0)
        for i in range(len(row)):  # no branch: nobody can foresee the zeros
            line[k] = i
            k += np.uint64(row[i] != 0)
        count = np.int64(k)
        for t in range(count):
            indices[n + t] = start + line[t]
            data[n + t] = row[line[t]]
        n += count
        indptr[r + 1] = n


@njit(**KERNEL)
def _sum_lists(sums, indptr, indices, data, matrix, out):
    """Fill ``out`` with ``x @ matrix`` for a CSR matrix x."""
    call(sums, (indptr, indices, data, matrix, out.dtype.type(0), out))


@njit(**KERNEL)
def _sum_columns(sums, indptr, indices, data, matrix, start, stop, out):
    """Fill ``out`` with ``x[:, start:stop].T @ matrix`` for a CSR matrix x."""
    # The lists by column: where each one ends, its rows and its values.
    ends = np.zeros(stop - start + 1, dtype=np.int32)
    for t in range(len(indices)):
        if start <= indices[t] < stop:
            ends[indices[t] - start + 1] += 1
    for i in range(stop - start):
        ends[i + 1] += ends[i]
    rows = np.empty(ends[-1], dtype=np.int32)
    values = np.empty(ends[-1], dtype=data.dtype)
    for r in range(len(indptr) - 1):
        for t in range(indptr[r], indptr[r + 1]):
            if start <= indices[t] < stop:
                end = ends[indices[t] - start]
                rows[end], values[end] = r, data[t]
                ends[indices[t] - start] = end + 1
    for i in range(stop - start, 0, -1):  # each end has moved on to the next one
        ends[i] = ends[i - 1]
    ends[0] = 0
    call(sums, (ends, rows, values, matrix, out.dtype.type(0), out))


# Eight rows at a time: so the sum is read and written once for eight of them.
@njit(fastmath={"contract"}, **BORROWS)
def _sum_rows(indptr, indices, data, matrix, decay, out):
    """Add ``x @ matrix`` to ``decay * out`` for a CSR matrix x."""
    width = matrix.shape[1]
    for r in range(len(out)):
        total, first, stop = out[r], indptr[r], indptr[r + 1]
        whole = stop - (stop - first) % 8
        if decay == 0:
            for j in range(width):
                total[j] = 0
        elif decay != 1:
            for j in range(width):
                total[j] *= decay
        for t in range(first, whole, 8):
            a, b = matrix[indices[t]], matrix[indices[t + 1]]
            c, d = matrix[indices[t + 2]], matrix[indices[t + 3]]
            e, f = matrix[indices[t + 4]], matrix[indices[t + 5]]
            g, h = matrix[indices[t + 6]], matrix[indices[t + 7]]
            p, q, u, v = data[t], data[t + 1], data[t + 2], data[t + 3]
            w, x, y, z = data[t + 4], data[t + 5], data[t + 6], data[t + 7]
            for j in range(width):
                total[j] += ((p * a[j] + q * b[j]) + (u * c[j] + v * d[j])) + (
                    (w * e[j] + x * f[j]) + (y * g[j] + z * h[j])
                )
        if stop - whole >= 4:
            a, b = matrix[indices[whole]], matrix[indices[whole + 1]]
            c, d = matrix[indices[whole + 2]], matrix[indices[whole + 3]]
            p, q, u, v = data[whole], data[whole + 1], data[whole + 2], data[whole + 3]
            for j in range(width):
                total[j] += (p * a[j] + q * b[j]) + (u * c[j] + v * d[j])
            whole += 4
        if stop - whole >= 2:
            a, b = matrix[indices[whole]], matrix[indices[whole + 1]]
            p, q = data[whole], data[whole + 1]
            for j in range(width):
                total[j] += p * a[j] + q * b[j]
            whole += 2
        if whole < stop:
            a, p = matrix[indices[whole]], data[whole]
            for j in range(width):
                total[j] += p * a[j]
