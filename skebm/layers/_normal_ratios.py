"""The density of a real unit given all others, for mixtures of normals."""

import numpy as np
from scipy.special import log_softmax

from skebm.layers._real import normal_grid


def log_ratios(layer, variable, x, low, high, log_share):
    """Return a grid of values of a unit; see :meth:`Normals.log_ratios`."""
    z, bias = layer._coordinates(x), float(layer.bias[variable])
    if log_share is None:
        log_share = log_softmax(layer._log_joint(z).T, axis=1)
    factors = layer._double(layer.factors)
    pull = z @ factors @ factors.transpose(0, 2, 1)
    pull -= layer._double(layer.shifts)[:, None]
    slope = np.einsum("kni,ki->kn", pull, layer._whiteners[:, :, variable])
    precision = np.square(layer._roots()[:, :, variable]).sum(axis=1)
    values, log_weight = [], []
    for k in range(layer.n_components):
        scale = precision[k] ** -0.5
        ends = (low + bias) / precision[k], (high + bias) / precision[k]
        steps, step = normal_grid(ends, scale)
        # A grid about the mean that the unit has given the other units.
        away = steps - slope[k, :, None] / precision[k]
        total = slope[k, :, None] * away + precision[k] / 2 * away**2
        log_weight.append(log_share[:, k, None] - total + bias * away + np.log(step))
        values.append(layer._double(x[:, variable, None]) + away)
    values = np.concatenate(values, axis=1)[:, :, None].astype(x.dtype)
    columns = slice(variable, variable + 1)
    return columns, values, np.concatenate(log_weight, axis=1)
