"""The kernels of filter banks: sums over filters and pixels of potentials.

The responses of a few rows of pixels are one matrix product, whose operands stay in the
cache. An image is mirrored at its edges, so that every pixel has a response.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL

# Pixels of a tile: its operands stay in the first two caches. With 48 filters of 7 x 7
# pixels one core does 108 GFLOP/s, and 71 with four times as many pixels.
_TILE = 256


class Bank(NamedTuple):
    """Filters with their potentials, at one level of noise; all in float32.

    The potential of filter ``f`` is ``psi_f(|t|)``. Its derivative is piecewise linear
    in ``u = rate[f] |t|``: it is ``(intercept[f, i] + slope[f, i] u) gain[f]`` where
    ``i`` is the integer part of ``u``, or the last interval beyond the others.

    Attributes
    ----------
    filters : ndarray of shape (n_filters, size ** 2)
    transposed : ndarray of shape (size ** 2, n_filters)
    rate, gain : ndarray of shape (n_filters,)
    value, intercept, slope : ndarray of shape (n_filters, n_intervals)
        The potential at the start of each interval, and its derivative in it.
    radius : int
        The size is ``2 * radius + 1``.
    """

    filters: np.ndarray
    transposed: np.ndarray
    rate: np.ndarray
    gain: np.ndarray
    value: np.ndarray
    intercept: np.ndarray
    slope: np.ndarray
    radius: int


@njit(**KERNEL)
def _inside(y, n):
    """Return the row at which row ``y`` is after mirrors at both edges."""
    y = y % (2 * n)
    return 2 * n - 1 - y if y >= n else y


@njit(**KERNEL)
def fill_mirrored(x, radius, out):
    """Fill ``out`` with the image and a margin, in which the image is mirrored."""
    height, width = x.shape
    for y in range(height + 2 * radius):
        row = _inside(y - radius, height)
        for j in range(radius):
            out[y, j] = x[row, _inside(j - radius, width)]
            out[y, radius + width + j] = x[row, _inside(width + j, width)]
        for j in range(width):
            out[y, radius + j] = x[row, j]


@njit(**KERNEL)
def fill_folded(margined, radius, out):
    """Fill ``out`` by the adjoint: a margin is added where it came from."""
    height, width = out.shape
    out[:] = margined[radius : radius + height, radius : radius + width]
    for y in range(height + 2 * radius):
        row = _inside(y - radius, height)
        for j in range(radius):
            out[row, _inside(j - radius, width)] += margined[y, j]
            out[row, _inside(width + j, width)] += margined[y, radius + width + j]
        if y < radius or y >= radius + height:
            for j in range(width):
                out[row, j] += margined[y, radius + j]


@njit(**KERNEL)
def _gather(margined, first, last, left, right, size, columns):
    """Fill ``columns`` with the neighbours of the pixels of a tile."""
    width = right - left
    for k in range(size * size):
        dy, dx = k // size, k % size
        for y in range(first, last):
            start = (y - first) * width
            for j in range(width):
                columns[k, start + j] = margined[y + dy, left + j + dx]


@njit(**KERNEL)
def _scatter(columns, first, last, left, right, size, out):
    """Add to ``out``, which has a margin, the adjoint of :func:`_gather`."""
    width = right - left
    for k in range(size * size):
        dy, dx = k // size, k % size
        for y in range(first, last):
            start = (y - first) * width
            for j in range(width):
                out[y + dy, left + j + dx] += columns[k, start + j]


@njit(**KERNEL)
def _interval(u, last):
    """Return the number of the interval of ``u``; the first one if it is NaN."""
    return max(min(np.int32(u), np.int32(last)), np.int32(0))


@njit(**KERNEL)
def _derivatives(responses, bank):
    """Replace responses by the derivatives of their potentials."""
    last = bank.slope.shape[1] - 1
    for f in range(responses.shape[0]):
        rate, gain, row = bank.rate[f], bank.gain[f], responses[f]
        intercept, slope = bank.intercept[f], bank.slope[f]
        for j in range(row.size):
            u = abs(row[j]) * rate
            i = _interval(u, last)
            value = (intercept[i] + slope[i] * u) * gain
            row[j] = value if row[j] >= 0 else -value


@njit(**KERNEL)
def _second_derivatives(responses, bank, out):
    """Fill ``out`` with the second derivatives of the potentials of responses."""
    last = bank.slope.shape[1] - 1
    for f in range(responses.shape[0]):
        factor, rate = bank.gain[f] * bank.rate[f], bank.rate[f]
        slope = bank.slope[f]
        for j in range(responses.shape[1]):
            u = abs(responses[f, j]) * rate
            out[f, j] = slope[_interval(u, last)] * factor


@njit(**KERNEL)
def _tile_shape(width):
    """Return the height and width of tiles: several whole rows, or a part of one."""
    return max(1, _TILE // width), min(_TILE, width)


@njit(**KERNEL)
def fill_slope(margined, first, last, bank, out):
    """Add to ``out`` what the pixels of some rows give of d energy / d image.

    Parameters
    ----------
    margined : ndarray of shape (height + 2 * radius, width + 2 * radius)
        A mirrored image.
    first, last : int
        The rows. They change rows ``first`` to ``last + 2 * radius`` of ``out``.
    bank : Bank
    out : ndarray of the shape of ``margined``
    """
    size = 2 * bank.radius + 1
    width, n_filters = margined.shape[1] - size + 1, len(bank.filters)
    step, span = _tile_shape(width)
    columns = np.empty(size * size * step * span, margined.dtype)
    responses = np.empty(n_filters * step * span, margined.dtype)
    for y in range(first, last, step):
        end = min(y + step, last)
        for x in range(0, width, span):
            right = min(x + span, width)
            n = (end - y) * (right - x)
            column = columns[: size * size * n].reshape(size * size, n)
            response = responses[: n_filters * n].reshape(n_filters, n)
            _gather(margined, y, end, x, right, size, column)
            np.dot(bank.filters, column, response)
            _derivatives(response, bank)
            np.dot(bank.transposed, response, column)
            _scatter(column, y, end, x, right, size, out)


@njit(**KERNEL)
def fill_energies(margined, first, last, bank, out):
    """Add to ``out``, of the shape of the image, the sums of potentials by pixel."""
    size = 2 * bank.radius + 1
    width, n_filters = margined.shape[1] - size + 1, len(bank.filters)
    (step, span), end_interval = _tile_shape(width), bank.slope.shape[1] - 1
    for y in range(first, last, step):
        end = min(y + step, last)
        for x in range(0, width, span):
            right = min(x + span, width)
            column = np.empty((size * size, (end - y) * (right - x)), margined.dtype)
            response = np.empty((n_filters, column.shape[1]), margined.dtype)
            _gather(margined, y, end, x, right, size, column)
            np.dot(bank.filters, column, response)
            for f in range(n_filters):
                rate, gain = bank.rate[f], bank.gain[f]
                for j in range(response.shape[1]):
                    u = abs(response[f, j]) * rate
                    i = _interval(u, end_interval)
                    # The derivative is linear: its mean times the way is the potential.
                    mean = bank.intercept[f, i] + bank.slope[f, i] * (u + i) / 2
                    value = bank.value[f, i] + mean * (u - i)
                    out[y + j // (right - x), x + j % (right - x)] += (
                        value * gain / rate
                    )


@njit(**KERNEL)
def fill_bends(margined, first, last, bank, bends):
    """Fill ``bends`` with the second derivatives of potentials at some rows.

    Parameters
    ----------
    margined, first, last, bank
        As for :func:`fill_slope`.
    bends : ndarray of shape (n_filters, height * width)
    """
    size = 2 * bank.radius + 1
    width, n_filters = margined.shape[1] - size + 1, len(bank.filters)
    step, span = _tile_shape(width)
    for y in range(first, last, step):
        end = min(y + step, last)
        for x in range(0, width, span):
            right, start = min(x + span, width), y * width + x
            column = np.empty((size * size, (end - y) * (right - x)), margined.dtype)
            response = np.empty((n_filters, column.shape[1]), margined.dtype)
            _gather(margined, y, end, x, right, size, column)
            np.dot(bank.filters, column, response)
            _second_derivatives(
                response, bank, bends[:, start : start + column.shape[1]]
            )


@njit(**KERNEL)
def fill_bent(margined, bends, bank, out):
    """Add to ``out`` the product of the Hessian of an energy and a mirrored direction.

    Parameters
    ----------
    margined : ndarray of shape (height + 2 * radius, width + 2 * radius)
    bends : ndarray of shape (n_filters, height * width)
    bank : Bank
    out : ndarray of the shape of ``margined``
    """
    size = 2 * bank.radius + 1
    height, width = margined.shape[0] - size + 1, margined.shape[1] - size + 1
    (step, span), n_filters = _tile_shape(width), len(bank.filters)
    columns = np.empty(size * size * step * span, margined.dtype)
    responses = np.empty(n_filters * step * span, margined.dtype)
    for y in range(0, height, step):
        end = min(y + step, height)
        for x in range(0, width, span):
            right, start = min(x + span, width), y * width + x
            n = (end - y) * (right - x)
            column = columns[: size * size * n].reshape(size * size, n)
            response = responses[: n_filters * n].reshape(n_filters, n)
            _gather(margined, y, end, x, right, size, column)
            np.dot(bank.filters, column, response)
            for f in range(n_filters):
                bend = bends[f, start : start + n]
                for j in range(n):
                    response[f, j] *= bend[j]
            np.dot(bank.transposed, response, column)
            _scatter(column, y, end, x, right, size, out)


@njit(**KERNEL)
def fill_sums(margined, direction, bank, filters, moved, sums, slopes, starts):
    """Add the sums of which gradients of ``direction @ d energy / d image`` are made.

    Parameters
    ----------
    margined, direction : ndarray of shape (height + 2 * radius, width + 2 * radius)
        A mirrored image, and a mirrored direction.
    bank : Bank
    filters : ndarray of shape (n_filters, size ** 2)
        The gradient in the filters.
    moved, sums : ndarray of shape (n_filters,), float64
        The gradient in ``log(rate)`` if the gain is fixed, and in ``log(gain)``.
    slopes, starts : ndarray of shape (n_filters, n_intervals), float64
        For each interval, the weighted sum of the way in it, and of the number of
        responses in it.
    """
    size = 2 * bank.radius + 1
    height, width = margined.shape[0] - size + 1, margined.shape[1] - size + 1
    (step, span), n_filters = _tile_shape(width), len(bank.filters)
    product = np.empty_like(bank.filters)
    for y in range(0, height, step):
        end = min(y + step, height)
        for x in range(0, width, span):
            right = min(x + span, width)
            column = np.empty((size * size, (end - y) * (right - x)), margined.dtype)
            along = np.empty_like(column)
            response = np.empty((n_filters, column.shape[1]), margined.dtype)
            change = np.empty_like(response)
            _gather(margined, y, end, x, right, size, column)
            _gather(direction, y, end, x, right, size, along)
            np.dot(bank.filters, column, response)
            np.dot(bank.filters, along, change)
            _add_sums(response, change, bank, moved, sums, slopes, starts)
            np.dot(response, along.T, product)
            filters += product
            np.dot(change, column.T, product)
            filters += product


@njit(**KERNEL)
def _add_sums(responses, changes, bank, moved, sums, slopes, starts):
    """Add the sums; leave first derivatives, and second ones times the changes."""
    last = bank.slope.shape[1] - 1
    for f in range(responses.shape[0]):
        rate, gain = bank.rate[f], bank.gain[f]
        way, total = 0.0, 0.0
        for j in range(responses.shape[1]):
            t, change = responses[f, j], changes[f, j]
            u = abs(t) * rate
            i = _interval(u, last)
            value, slope = bank.intercept[f, i] + bank.slope[f, i] * u, bank.slope[f, i]
            signed = change if t >= 0 else -change
            way += signed * slope * u
            total += signed * value
            slopes[f, i] += signed * gain * (u - i)
            starts[f, i] += signed * gain
            responses[f, j] = value * gain if t >= 0 else -value * gain
            changes[f, j] = change * slope * gain * rate
        moved[f] += way * gain
        sums[f] += total * gain
