"""The density of a real unit given all others, for mixtures of normals."""

import numpy as np
from scipy.special import log_softmax

from skebm.layers._real import normal_grid

# A component whose part of the integral is smaller than the largest part by more than
# this many nats is left out.
_NEGLIGIBLE = 40.0


def log_ratios(layer, variable, x, low, high, log_share):
    """Return a grid of values of a unit; see :meth:`Normals.log_ratios`."""
    z, bias = layer._coordinates(x), float(layer.bias[variable])
    if log_share is None:
        log_share = log_softmax(layer._log_joint(z).T, axis=1)
    factors = layer._double(layer.factors)
    pull = z @ factors @ factors.transpose(0, 2, 1)
    pull -= layer._double(layer.shifts)[:, None]
    slope = np.einsum("kni,ki->nk", pull, layer._whiteners[:, :, variable])
    precision = np.square(layer._roots()[:, :, variable]).sum(axis=1)
    range_of_input = low + bias, high + bias
    chosen = _chosen(log_share, slope, precision, range_of_input)
    slope, log_share = (
        np.take_along_axis(array, chosen, 1)[:, :, None] for array in (slope, log_share)
    )
    precision = precision[chosen][:, :, None]
    scale = precision**-0.5
    # All grids get the length that the widest one needs, in units of their scales.
    steps, step = normal_grid((0.0, (high - low) * scale.max()), 1.0)
    steps = scale * (range_of_input[0] * scale + steps)
    # A grid about the mean that the unit has given the other units.
    away = steps - slope / precision
    total = slope * away + precision / 2 * away**2
    log_weight = log_share - total + bias * away + np.log(step * scale)
    values = (layer._double(x[:, variable, None, None]) + away).astype(x.dtype)
    columns = slice(variable, variable + 1)
    return columns, values.reshape(len(x), -1, 1), log_weight.reshape(len(x), -1)


def _chosen(log_share, slope, precision, ends):
    """Return for each row the components that matter, the same number for all rows.

    Parameters
    ----------
    log_share, slope : ndarray of shape (n, n_components)
    precision : ndarray of shape (n_components,)
    ends : tuple of float
        The smallest and the largest input that the unit can get.
    """
    # The logs of the integrals under the smallest and under the largest input.
    low, high = (
        log_share + (end - slope) ** 2 / (2 * precision) - np.log(precision) / 2
        for end in ends
    )
    # What the rest of the model adds is convex, with slopes between these two inputs:
    # so it raises no component by more than one of the two integrals says.
    most, least = np.maximum(low, high), np.minimum(low, high)
    is_small = most < least.max(axis=1, keepdims=True) - _NEGLIGIBLE
    # Weights that exploded make NaN, which is not small.
    n_needed = (~is_small).sum(axis=1).max()
    return np.argsort(-most, axis=1)[:, :n_needed]
