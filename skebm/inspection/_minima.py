"""Local minima of a function on a grid."""

from itertools import product

import numpy as np


def local_minima(energy, axes, function):
    """Return the local minima of a grid, moved to the minima of the function nearby.

    A point of an interval is compared with its neighbours, and the ends of the interval
    do not count. A level is compared with all other levels. The point then moves to the
    minimum of the parabola through its neighbours, if the function is lower there. It
    stays where it is on an axis of whole numbers.

    Parameters
    ----------
    energy : ndarray, with one axis of the array for each axis of the grid
    axes : list of Axis
    function : callable
        Energies of a list of arrays of values, one array for each axis.

    Returns
    -------
    places : ndarray of shape (n_minima, n_axes)
        Where the minima stand in a plot, the lowest first.
    energies : ndarray of shape (n_minima,)
    """
    is_lowest = np.isfinite(energy)
    for k, axis in enumerate(axes):
        if axis.is_levels:
            is_lowest &= energy == energy.min(axis=k, keepdims=True)
    smooth = [k for k, axis in enumerate(axes) if not axis.is_levels]
    padded = np.pad(
        energy,
        [(1, 1) if k in smooth else (0, 0) for k in range(len(axes))],
        constant_values=-np.inf,
    )
    for shift in product((-1, 0, 1), repeat=len(smooth)):
        if not any(shift):
            continue
        window = [slice(None)] * len(axes)
        for k, s in zip(smooth, shift, strict=True):
            window[k] = slice(1 + s, energy.shape[k] + 1 + s)
        other = padded[tuple(window)]
        # Of equal neighbours the first counts.
        is_lowest &= (
            (energy < other) if shift < (0,) * len(shift) else (energy <= other)
        )
    cells = np.argwhere(is_lowest)
    if not len(cells):
        return np.empty((0, len(axes))), np.empty(0)
    shifts = np.array([_shift(energy, cell, smooth) for cell in cells])
    shifts[:, [axis.is_whole for axis in axes]] = 0
    start, moved = (
        [_at(a, cells[:, k], s[:, k]) for k, a in enumerate(axes)]
        for s in (np.zeros_like(shifts), shifts)
    )
    before, after = energy[tuple(cells.T)], np.asarray(function(moved))
    is_better = after < before
    places = np.stack(
        [
            cells[:, k] if axis.is_levels else np.where(is_better, moved[k], start[k])
            for k, axis in enumerate(axes)
        ],
        axis=1,
    ).astype(float)
    energies = np.where(is_better, after, before)
    order = np.argsort(energies)
    return places[order], energies[order]


def _at(axis, indices, shifts):
    """Return the values of an axis at shifted indices."""
    if axis.is_levels:
        return axis.values[indices]
    return axis.values[indices] + shifts * (axis.values[1] - axis.values[0])


def _shift(energy, cell, smooth):
    """Return the way, in cells, to the minimum of the parabola through neighbours."""
    steps = np.eye(len(cell), dtype=int)

    def at(step):
        return energy[tuple(cell + step)]

    n, shift = len(smooth), np.zeros(len(cell))
    slope, curvature = np.zeros(n), np.zeros((n, n))
    for i, k in enumerate(smooth):
        slope[i] = (at(steps[k]) - at(-steps[k])) / 2
        curvature[i, i] = at(steps[k]) + at(-steps[k]) - 2 * at(0)
    if n == 2:
        a, b = steps[smooth]
        mixed = (at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / 4
        curvature[0, 1] = curvature[1, 0] = mixed
    if n and np.isfinite(curvature).all() and np.linalg.cond(curvature) < 1e8:
        shift[smooth] = np.clip(-np.linalg.solve(curvature, slope), -1, 1)
    return shift
