"""Closed forms for an RBM of Gaussian units, whose density is normal."""

import numpy as np

from skebm.layers import Gaussian


def is_normal(energy):
    """Tell whether all units are Gaussian."""
    sides = (energy.visible, energy.hidden)
    layers = [layer for side in sides for layer in getattr(side, "layers", [side])]
    return all(isinstance(layer, Gaussian) for layer in layers)


def log_partition_of_normal(energy):
    """Return log Z in nats, since both sides are jointly normal."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    matrix = np.block(
        [
            [np.diag(energy.visible.curvature), -weights],
            [-weights.T, np.diag(energy.hidden.curvature)],
        ]
    )
    linear = np.concatenate([energy.visible.bias, energy.hidden.bias])
    try:
        log_det = 2 * np.log(np.diag(np.linalg.cholesky(matrix))).sum()
    except np.linalg.LinAlgError:
        raise ValueError(
            "The partition function of this Gaussian-Gaussian RBM is infinite: the "
            "largest singular value of its scaled weights is not below 1."
        ) from None
    quadratic = linear @ np.linalg.solve(matrix, linear)
    return float((len(linear) * np.log(2 * np.pi) - log_det + quadratic) / 2)


def conditionals_of_normal(energy, x):
    """Return the log density of each column given the others, shape (n, n_visible)."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    back = weights / energy.hidden.curvature
    matrix = np.diag(energy.visible.curvature) - back @ weights.T
    linear = energy.visible.bias + back @ energy.hidden.bias
    precision = np.diag(matrix)
    mean = x + (linear - x @ matrix) / precision
    return (np.log(precision / (2 * np.pi)) - precision * np.square(x - mean)) / 2


def integral_of_normal(energy, x, hole):
    """Return the energy of the observed units, with the holes integrated out.

    The integral has a closed form, since the free energy is a quadratic function of the
    holes.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
        0 in the holes.
    hole : ndarray of bool of shape (n_visible,)
        The holes, which are the same for all rows.
    """
    weights = energy.coupling * energy.weights.astype(np.float64)
    scaled = weights / energy.hidden.curvature
    matrix = np.diag(energy.visible.curvature) - scaled @ weights.T
    inner = matrix[np.ix_(hole, hole)]
    linear = (energy.visible.bias + scaled @ energy.hidden.bias)[hole]
    linear = linear - x @ matrix[:, hole]
    log_det = np.linalg.slogdet(inner)[1]
    quadratic = (linear * np.linalg.solve(inner, linear.T).T).sum(axis=1)
    log_integral = (hole.sum() * np.log(2 * np.pi) - log_det + quadratic) / 2
    return energy.energy(x) - log_integral
