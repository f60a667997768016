"""What all checks share: conditions with a sentence, and derivatives."""

import copy

import numpy as np

from skebm.utils._random import Random

# Standard errors that chance all but never reaches.
SIGMAS = 6
N_ROWS = 11
N_DRAWS = 4001
MAX_STATES = 2**10


def require(condition, sentence):
    """Raise a sentence unless all of the condition holds."""
    if not np.all(condition):
        raise AssertionError(sentence)


def require_close(actual, desired, sentence, rtol=1e-5, atol=1e-7):
    """Raise a sentence, and by how much, unless two arrays are close."""
    error = np.abs(actual - desired)
    close = error <= atol + rtol * np.abs(desired)
    require(close, f"{sentence}: off by up to {np.max(error):.3g}.")


def require_like(array, shape, dtype, what):
    """Raise a sentence unless an array is finite, of this shape and dtype."""
    actual, shape = np.shape(array), tuple(shape)
    require(actual == shape, f"{what} has shape {actual}, not {shape}.")
    right = dtype is None or array.dtype == dtype
    require(right, f"{what} has dtype {array.dtype}, not {dtype}.")
    require(np.isfinite(array), f"{what} has entries that are not finite.")


def in_float64(part):
    """Return a copy that may be changed, in float64 where the part allows that."""
    return part.astype(np.float64) if hasattr(part, "astype") else copy.deepcopy(part)


def check_gradient(params, gradient, total, what):
    """Compare ``gradient`` with central differences of ``total()``.

    The arrays of ``params`` are moved in place, as optimizers do, in three random
    directions each, and then moved back.
    """
    keys = sorted(gradient), sorted(params)
    require(
        keys[0] == keys[1], f"{what}.grad has the keys {keys[0]}, but params {keys[1]}."
    )
    for k, name in enumerate(keys[1]):
        value, own = params[name], gradient[name]
        require_like(own, value.shape, value.dtype, f"{what}.grad[{name!r}]")
        # Differences lose half the digits.
        step = 1e-5 if value.dtype == np.float64 else 1e-2
        kept = value.copy()
        for trial in range(3):
            direction = Random(0, k).fold(trial).normal(value.shape)
            direction /= np.linalg.norm(direction)
            value[...] = kept + step * direction
            slope = total()
            value[...] = kept - step * direction
            slope = (slope - total()) / (2 * step)
            value[...] = kept
            sentence = (
                f"{what}.grad[{name!r}] is not the derivative of {what}.energy, or "
                f"{what}.params returns copies"
            )
            tolerance = step * max(1, abs(total()))
            require_close(np.sum(own * direction), slope, sentence, step, tolerance)
