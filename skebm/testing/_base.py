"""Comparisons that all checks use."""

import copy

import numpy as np

from skebm.utils._random import Random

# Chance all but never gives a difference of this many standard errors.
SIGMAS = 6
# Rows of the arrays that are tried.
N_ROWS = 11
# Draws whose frequencies, means and variances are compared with exact values.
N_DRAWS = 4001
# Models with at most this many configurations are enumerated.
MAX_STATES = 2**10


def require(condition, sentence):
    """Raise an AssertionError unless all entries of ``condition`` are true."""
    if not np.all(condition):
        raise AssertionError(sentence)


def require_close(actual, desired, sentence, rtol=1e-5, atol=1e-7):
    """Raise an AssertionError that says how far two arrays differ, unless close."""
    error = np.abs(actual - desired)
    close = error <= atol + rtol * np.abs(desired)
    require(close, f"{sentence}: off by up to {np.max(error):.3g}.")


def require_like(array, shape, dtype, what):
    """Raise an AssertionError unless an array is finite, of this shape and dtype."""
    actual, shape = np.shape(array), tuple(shape)
    require(actual == shape, f"{what} has shape {actual}, not {shape}.")
    right = dtype is None or array.dtype == dtype
    require(right, f"{what} has dtype {array.dtype}, not {dtype}.")
    require(np.isfinite(array), f"{what} has entries that are not finite.")


def in_float64(checked):
    """Return a copy of a layer or energy, in float64 if it can be converted."""
    try:
        return checked.astype(np.float64)
    except (AttributeError, TypeError):
        return copy.deepcopy(checked)


def check_gradient(params, gradient, total, value, grad=None):
    """Compare ``gradient`` with central differences of ``total()``.

    Each array of ``params`` is moved in place, as optimizers do, in three random
    directions, and then moved back.

    Parameters
    ----------
    params, gradient : dict of str to ndarray
    total : callable
    value, grad : str
        The names of the value and its gradient in error messages. A single name stands
        for the methods ``energy`` and ``grad`` of an object of this name.
    """
    if grad is None:
        value, grad = f"{value}.energy", f"{value}.grad"
    keys = sorted(gradient), sorted(params)
    require(keys[0] == keys[1], f"{grad} has the keys {keys[0]}, but params {keys[1]}.")
    for k, name in enumerate(keys[1]):
        array, derivative = params[name], gradient[name]
        require_like(derivative, array.shape, array.dtype, f"{grad}[{name!r}]")
        # Differences lose half of the digits.
        step = 1e-5 if array.dtype == np.float64 else 1e-2
        before = array.copy()
        for trial in range(3):
            direction = Random(0, k).fold(trial).normal(array.shape)
            direction /= np.linalg.norm(direction)
            array[...] = before + step * direction
            slope = total()
            array[...] = before - step * direction
            slope = (slope - total()) / (2 * step)
            array[...] = before
            sentence = (
                f"{grad}[{name!r}] is not the derivative of {value}, or params "
                "returns copies"
            )
            tolerance = step * max(1, abs(total()))
            along = np.sum(derivative * direction)
            error = abs(along - slope) / max(abs(slope), np.finfo(float).tiny)
            sentence = f"{sentence} (relative error {error:.2g})"
            require_close(along, slope, sentence, step, tolerance)


def check_slope(checked, x, what):
    """Compare ``grad_x`` of a layer or an energy with central differences.

    Parameters
    ----------
    checked : layer or energy
        In float64, with ``energy`` and ``grad_x``.
    x : ndarray of shape (n, n_units)
    what : str
        "layer" or "energy".
    """
    gradient = checked.grad_x(x)
    require_like(gradient, x.shape, x.dtype, f"{what}.grad_x(x)")
    for i, unit in enumerate(1e-5 * np.eye(x.shape[1])):
        slope = (checked.energy(x + unit) - checked.energy(x - unit)) / 2e-5
        error = np.abs(gradient[:, i] - slope).max() / max(np.abs(slope).max(), 1e-99)
        sentence = (
            f"{what}.grad_x is not the derivative of {what}.energy in column {i} "
            f"(relative error {error:.2g})"
        )
        require_close(gradient[:, i], slope, sentence, 1e-4, 1e-5)
