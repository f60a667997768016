"""The distribution of each variable given all others."""

import numpy as np

from skebm.energies._flips import Flips, two_values


def conditionals_by_sum(energy, x):
    """Return ``log p(x_i | all other x)``, each variable summed (or integrated) out.

    What the hidden units receive changes by one row of weights when a variable does:
    so a variable costs a pass over the hidden units, not over the weights.
    """
    if two_values(energy.visible) is not None and (flips := Flips(energy)).allow(x):
        return -np.logaddexp(0, -flips.energies(x))
    inputs = energy.inputs(x)
    own = _hidden_part(energy, inputs)
    out = np.empty((len(x), energy.visible.n_features))
    for feature in range(energy.visible.n_features):
        out[:, feature] = own + _conditional(energy, x, inputs, feature)
    return out


def alternatives(energy, feature):
    """Return a variable's columns, values and their weights; see `RBM.alternatives`."""
    # With a block of categories before it, a variable's columns are not its number.
    columns, _, _ = energy.visible.alternatives(feature, 0.0, 0.0)
    span = _input_range(energy, columns)
    return energy.visible.alternatives(feature, *span)


def _conditional(energy, x, inputs, feature):
    """Return the log-probability, but for the hidden units' part at ``x`` itself."""
    columns, values, log_weight = alternatives(energy, feature)
    weights = energy.weights[columns]
    rest = inputs - x[:, columns] @ weights
    received = rest + (values @ weights)[:, None]  # (n_values, n, n_hidden)
    hidden = _hidden_part(energy, received.reshape(-1, rest.shape[1]))
    others = hidden.reshape(len(values), -1)
    others -= _energy_alone(energy.visible, columns, values)[:, None]
    own = -_energy_alone(energy.visible, columns, x[:, columns])
    return own - np.logaddexp.reduce(others, axis=0) - log_weight


def _hidden_part(energy, inputs):
    return energy.hidden.cgf(inputs * energy.dtype.type(energy.coupling))


def _energy_alone(layer, columns, values):
    """Return the energy of one variable: units of a layer add up, and 0 has none."""
    alone = np.zeros((len(values), layer.n_units), dtype=values.dtype)
    alone[:, columns] = values
    return np.asarray(layer.energy(alone), dtype=np.float64)


def _input_range(energy, columns):
    """Return the smallest and largest input to a visible unit that is not finite."""
    if energy.visible.finite:
        return 0.0, 0.0
    low, high = getattr(energy.hidden, "values", (0.0, 1.0))
    weights = energy.weights[columns].ravel()
    ends = np.stack([weights * low, weights * high])
    ends = energy.coupling * ends.astype(np.float64)
    return ends.min(axis=0).sum(), ends.max(axis=0).sum()


def conditionals_of_normal(energy, x):
    """Return the conditionals of the normal density of a Gaussian-Gaussian RBM."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    matrix = np.diag(energy.visible.precision) - weights @ weights.T
    linear = energy.visible.bias + weights @ energy.hidden.bias
    precision = np.diag(matrix)
    mean = x + (linear - x @ matrix) / precision
    return (np.log(precision / (2 * np.pi)) - precision * np.square(x - mean)) / 2
