"""The way from one layer of normal distributions to another."""

import numpy as np


def interpolated(start, end, beta):
    """Return the layer whose joint energies lie between the energies of two layers.

    Parameters
    ----------
    start, end : Normals
        With the same centers and colors.
    beta : float
        0 is the start, and 1 is the end.
    """
    bias = (1 - beta) * start.bias + beta * end.bias
    if _are_equal(start, end):
        return start.replace(**{**start.params, "bias": bias})
    squares = []
    for layer in (start, end):
        factors = layer.factors.astype(np.float64)
        squares.append(factors @ factors.transpose(0, 2, 1))
    factors = np.linalg.cholesky((1 - beta) * squares[0] + beta * squares[1])
    log_weight, shifts = (
        (1 - beta) * getattr(start, name) + beta * getattr(end, name)
        for name in ("log_weight", "shifts")
    )
    params = bias, log_weight, shifts, factors.astype(bias.dtype)
    return type(start)(*params, start.centers, start.colors, start.learned)


def _are_equal(start, end):
    """Tell whether two layers differ in their biases only."""
    pairs = [
        (getattr(start, name), getattr(end, name))
        for name in ("log_weight", "shifts", "factors")
    ]
    # Layers that are not learned share their arrays, so a comparison is rare.
    return all(a is b or np.array_equal(a, b) for a, b in pairs)
