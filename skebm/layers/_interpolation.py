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
    if not start.learned:
        return start.replace(bias=bias)
    squares = []
    for layer in (start, end):
        factors = layer.factors.astype(np.float64)
        squares.append(factors @ factors.transpose(0, 2, 1))
    factors = np.linalg.cholesky((1 - beta) * squares[0] + beta * squares[1])
    mixed = {
        name: (1 - beta) * start.params[name] + beta * end.params[name]
        for name in ("log_weight", "shifts")
    }
    return start.replace(bias=bias, factors=factors.astype(bias.dtype), **mixed)
