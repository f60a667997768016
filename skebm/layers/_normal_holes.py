"""The distribution of the holes of rows under a mixture of normal distributions."""

from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.special import softmax

from skebm.utils._addresses import KERNEL
from skebm.utils._math import log_sum_exp
from skebm.utils._parallel import map_blocks

# Multiply-adds of a row and a component, for each cube of the number of units.
_WORK = 2
_HALF_LOG_2PI = np.log(2 * np.pi) / 2


class Quadratics(NamedTuple):
    """Quadratic joint energies of rows ``x`` and components, with ``y = x - center``.

    A component has the energy ``y @ precision @ y / 2 - linear @ y - bias @ x -
    constant``.

    Attributes
    ----------
    bias : ndarray of shape (n_units,)
    centers, linear : ndarray of shape (n_components, n_units)
    precisions : ndarray of shape (n_components, n_units, n_units)
    constant : ndarray of shape (n_components,)
    """

    bias: np.ndarray
    centers: np.ndarray
    linear: np.ndarray
    precisions: np.ndarray
    constant: np.ndarray


class NormalsGiven:
    """The holes of rows given their observed units, under a mixture of normals.

    Parameters
    ----------
    model : Quadratics
        Arrays of float64.
    x : ndarray of shape (n, n_units)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_units)
    """

    def __init__(self, model, x, holes):
        self.x, self.holes, self._model = x, np.ascontiguousarray(holes), model
        self._observed = np.where(holes, 0, x).astype(np.float64)

    def cgf(self, inputs):
        """Return the log integral of ``exp(inputs @ x - energy(x))`` over the holes."""
        return log_sum_exp(self.by_component(inputs)[0])

    def mean(self, inputs):
        """Return the rows with the expectations of their holes."""
        log_weight, means = self.by_component(inputs)
        mean = np.einsum("nk,nki->ni", softmax(log_weight, axis=1), means)
        return self._filled(mean, inputs)

    def mode(self, inputs):
        """Return the rows with the holes at the mean of the highest component."""
        log_weight, means = self.by_component(inputs, peaks=True)
        best = log_weight.argmax(axis=1)
        return self._filled(means[np.arange(len(means)), best], inputs)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        uniform = random.fold(0).uniform((len(self.x), 1))[:, 0]
        noise = random.fold(1).normal(self.x.shape)
        log_weight, draws = self.by_component(inputs, noise=noise)
        share = softmax(log_weight, axis=1).cumsum(axis=1)
        which = (uniform[:, None] * share[:, -1:] > share).sum(axis=1)
        return self._filled(draws[np.arange(len(draws)), which], inputs)

    def _filled(self, values, inputs):
        return np.where(self.holes, values, self.x).astype(inputs.dtype, copy=False)

    def moments(self, share, means):
        """Return expected sums of rows and of their squares, for each component.

        Parameters
        ----------
        share : ndarray of shape (n, n_components)
            How much of a row belongs to each component, times the weight of the row.
        means : ndarray of shape (n, n_components, n_units)
            Rows with the means of each component in their holes.

        Returns
        -------
        first : ndarray of shape (n_components, n_units)
            Expected sums of ``x``.
        second : ndarray of shape (n_components, n_units, n_units)
            Expected sums of the products of ``x``, with the covariance of the holes.
        """
        first = np.einsum("nk,nki->ki", share, means)
        weighted = (share[:, :, None] * means).transpose(1, 2, 0)
        second = weighted @ means.transpose(1, 0, 2)
        incomplete = self.holes.any(axis=1)
        if incomplete.any():
            holes = self.holes[incomplete]
            _add_covariances(holes, self._model.precisions, share[incomplete], second)
        return first, second

    def by_component(self, inputs, noise=None, peaks=False):
        """Return log weights of the components, (n, n_components), and their rows.

        The rows, (n, n_components, n_units), have means in the holes, or draws if there
        is ``noise``. With ``peaks`` the log weights are log densities at the means.
        """
        n_rows, n_units = self.x.shape
        n_components = len(self._model.constant)
        field = np.ascontiguousarray(inputs + self._model.bias, np.float64)
        log_weight = np.empty((n_rows, n_components))
        rows = np.empty((n_rows, n_components, n_units))
        noise = np.zeros((n_rows, 0)) if noise is None else noise

        def fill(block):
            cells = self._observed[block], self.holes[block], field[block]
            out = log_weight[block], rows[block]
            _fill(cells, tuple(self._model), noise[block], peaks, out)

        map_blocks(fill, n_rows, _WORK * n_components * n_units**3 // 3)
        return log_weight, rows


@njit(**KERNEL)
def _list(holes, index):
    """Fill ``index`` with the numbers of the holes of a row; return how many."""
    m = 0
    for i in range(len(holes)):
        if holes[i]:
            index[m] = i
            m += 1
    return m


@njit(**KERNEL)
def _solve_lower(lower, m, vector):
    for i in range(m):
        total = vector[i]
        for j in range(i):
            total -= lower[i, j] * vector[j]
        vector[i] = total / lower[i, i]


@njit(**KERNEL)
def _solve_upper(lower, m, vector):
    for i in range(m - 1, -1, -1):
        total = vector[i]
        for j in range(i + 1, m):
            total -= lower[j, i] * vector[j]
        vector[i] = total / lower[i, i]


@njit(**KERNEL)
def _cholesky(precision, index, m, lower):
    """Fill ``lower`` with the factor of a part of a matrix; return its log diagonal."""
    log_det = 0.0
    for i in range(m):
        for j in range(i + 1):
            total = precision[index[i], index[j]]
            for t in range(j):
                total -= lower[i, t] * lower[j, t]
            if i == j:
                lower[i, i] = np.sqrt(max(total, 1e-300))
                log_det += np.log(lower[i, i])
            else:
                lower[i, j] = total / lower[j, j]
    return log_det


@njit(**KERNEL)
def _is_new(holes, r):
    """Return whether a row has other holes than the row before it."""
    return r == 0 or not np.array_equal(holes[r], holes[r - 1])


@njit(**KERNEL)
def _pull(precision, away, holes, vector):
    """Subtract the pull of observed units from the field of the holes.

    Parameters
    ----------
    precision : ndarray of shape (n_units, n_units)
    away : ndarray of shape (n_units,)
        Distances of observed units from the center.
    holes : ndarray of bool of shape (n_units,)
    vector : ndarray of shape (n_units,)
        The field of the holes, one after the other, which is changed.

    Returns
    -------
    float
        The energy of the observed units.
    """
    count, energy = 0, 0.0
    for i in range(len(away)):
        pull = 0.0
        if not holes[i]:
            for j in range(i):
                if not holes[j]:
                    pull += precision[i, j] * away[j]
            energy += away[i] * (pull + precision[i, i] * away[i] / 2)
        else:
            for j in range(len(away)):
                if not holes[j]:
                    pull += precision[i, j] * away[j]
            vector[count] -= pull
            count += 1
    return energy


@njit(**KERNEL)
def _fill(cells, model, noise, peaks, out):
    """Fill log weights of the components and rows with means or draws in the holes.

    A row with the same holes as the row before it has the same factors.
    """
    x, holes, field = cells
    bias, centers, linear, precisions, constant = model
    log_weight, rows = out
    n_units = x.shape[1]
    index, lowers = np.empty(n_units, np.intp), np.empty_like(precisions)
    away, vector = np.empty(n_units), np.empty(n_units)
    log_det = np.empty(len(centers))
    for r in range(len(x)):
        m, is_new = _list(holes[r], index), _is_new(holes, r)
        for k in range(len(centers)):
            total, count, lower = constant[k], 0, lowers[k]
            for i in range(n_units):
                rows[r, k, i] = x[r, i]
                if holes[r, i]:
                    total += field[r, i] * centers[k, i]
                    vector[count] = field[r, i] + linear[k, i]
                    count += 1
                else:
                    away[i] = x[r, i] - centers[k, i]
                    total += bias[i] * x[r, i] + linear[k, i] * away[i]
            total -= _pull(precisions[k], away, holes[r], vector)
            if is_new:
                log_det[k] = _cholesky(precisions[k], index, m, lower)
            _solve_lower(lower, m, vector)
            for i in range(m):
                total += vector[i] * vector[i] / 2
            if not peaks:
                total += m * _HALF_LOG_2PI - log_det[k]
            log_weight[r, k] = total
            for i in range(m if noise.shape[1] else 0):
                vector[i] += noise[r, index[i]]
            _solve_upper(lower, m, vector)
            for i in range(m):
                rows[r, k, index[i]] = centers[k, index[i]] + vector[i]


@njit(**KERNEL)
def _add_covariances(holes, precisions, share, second):
    """Add the covariance of the holes of each row, times its shares, to ``second``.

    Rows with the same holes, one after the other, are taken together.
    """
    n_rows, n_units = holes.shape
    index, lower = np.empty(n_units, np.intp), np.empty((n_units, n_units))
    vector, mass = np.empty(n_units), np.zeros(share.shape[1])
    for r in range(n_rows):
        mass += share[r]
        if r + 1 < n_rows and not _is_new(holes, r + 1):
            continue
        m = _list(holes[r], index)
        for k in range(len(precisions)):
            _cholesky(precisions[k], index, m, lower)
            for c in range(m):
                vector[:m] = 0
                vector[c] = 1
                _solve_lower(lower, m, vector)
                _solve_upper(lower, m, vector)
                for i in range(m):
                    second[k, index[i], index[c]] += mass[k] * vector[i]
        mass[:] = 0
