"""Images to restore, and slopes of losses, for the tests of filter banks."""

import numpy as np


def image(random, *shape, size=0.05):
    """Return an image whose rows are random walks, float32."""
    steps = random.normal(shape, np.float64)
    return (size * steps.cumsum(axis=-1)).astype(np.float32)


def slope_of(loss, value, way, step):
    """Return the slope of a loss by differences, as an array moves along a way."""
    before, losses = value.copy(), []
    for sign in (1, -1):
        value[...] = before + sign * step * way
        losses.append(loss())
    value[...] = before
    return (losses[0] - losses[1]) / (2 * step)
