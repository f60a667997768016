"""The distribution of each variable given all others."""

import numpy as np

from skebm.energies.rbm._flips import Flips, two_values

# After so many halvings the ends of a bisection differ by little more than rounding: of
# numbers that large, neighbours may be further apart than the width that is asked for.
_MAX_HALVINGS = 64
# A sum over more values than this is long. Then bounds take about so many of them.
_LONG = 2000
# Numbers that the hidden units receive at a time, which limits the memory.
_MAX_RECEIVED = 2**25


def conditionals_by_sum(energy, x, n_values=None):
    """Return ``log p(x_i | all other x)``, each variable summed (or integrated) out.

    With ``n_values`` these are upper bounds, from sums over about so many values.

    What the hidden units receive changes by one row of weights when a variable does:
    so a variable costs a pass over the hidden units, not over the weights.
    """
    if two_values(energy.visible) is not None and (flips := Flips(energy)).allow(x):
        return -np.logaddexp(0, -flips.energies(x))
    inputs = energy.inputs(x)
    at_x = _hidden_part(energy, inputs)
    out = np.empty((len(x), energy.visible.n_variables))
    for feature in range(energy.visible.n_variables):
        out[:, feature] = at_x + _conditional(energy, x, inputs, feature, n_values)
    return out


def alternatives(energy, feature):
    """Return a variable's columns, values and weights whatever the others may be.

    None for a real variable beside hidden units without bounds: the range that matters
    depends on the others.
    """
    columns, values, log_weight = energy.visible.alternatives(feature, 0.0, 0.0)
    if np.isinf(energy.visible.curvature[columns]).all():
        return columns, values, log_weight
    if not np.isfinite(energy.hidden.limits).all():
        return None
    span = _input_range(energy, columns, None)
    return energy.visible.alternatives(feature, *span)


def bounds(energy, x):
    """Return upper bounds of the conditionals that cost little to compute, or None.

    A sum over some of the values of a real unit is a lower bound of its integral. None
    if the conditionals themselves cost little, because no unit has a long grid, or if
    the hidden units are not bounded.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_units)

    Returns
    -------
    ndarray of shape (n, n_variables) or None
    """
    real = np.flatnonzero(np.isfinite(energy.visible.curvature))
    if not len(real) or not np.isfinite(energy.hidden.limits).all():
        return None
    low, high = energy.hidden.limits
    reach = np.abs(energy.weights[real].astype(np.float64)) @ (high - low)
    unit = real[reach.argmax()]
    span = _bounded_range(energy, energy.weights[unit, None])
    _, values, _ = energy.visible.log_ratios(
        energy.visible.variables[unit], x[:1], *span
    )
    if values.shape[-2] <= _LONG:
        return None
    by = conditionals_of_coupled if energy.visible.coupled else conditionals_by_sum
    return by(energy, x, _LONG)


def _conditional(energy, x, inputs, feature, n_values=None):
    """Return the log-probability, but for the hidden units' part at ``x`` itself."""
    # With a block of categories before it, a variable's columns are not its number.
    columns, _, _ = energy.visible.alternatives(feature, 0.0, 0.0)
    weights = energy.weights[columns]
    rest = inputs - x[:, columns] @ weights
    _, values, log_weight = energy.visible.alternatives(
        feature, *_input_range(energy, columns, rest)
    )
    some = _some(len(values), n_values)
    if np.ndim(log_weight):
        log_weight = log_weight[some]
    values = values[some]
    sent, others = values @ weights, np.empty((len(values), len(rest)))
    for part in _parts(len(values), rest.size):
        received = rest + sent[part, None]  # (n_values, n, n_hidden)
        hidden = _hidden_part(energy, received.reshape(-1, rest.shape[1]))
        others[part] = hidden.reshape(-1, len(rest))
    others -= energy.visible.energy_of_variable(columns, values)[:, None]
    at_x = -energy.visible.energy_of_variable(columns, x[:, columns])
    others += np.reshape(log_weight, (-1, 1))
    return at_x - np.logaddexp.reduce(others, axis=0)


def conditionals_of_coupled(energy, x, n_values=None):
    """Return ``log p(x_i | all other x)`` for a visible layer with couplings.

    The values of a variable may differ from row to row: a grid about the mean of a real
    unit given the others. ``n_values`` as for :func:`conditionals_by_sum`.
    """
    inputs = energy.inputs(x)
    at_x = _hidden_part(energy, inputs)
    out = np.empty((len(x), energy.visible.n_variables))
    units = energy.visible.variables
    for variable in range(out.shape[1]):
        weights = energy.weights[units == variable]
        span = _bounded_range(energy, weights)
        columns, values, log_ratio = energy.visible.log_ratios(variable, x, *span)
        some = _some(values.shape[-2], n_values)
        values, log_ratio = values[..., some, :], log_ratio[:, some]
        away = values - x[:, None, columns]  # (n, n_values, n_columns)
        total = np.empty(log_ratio.shape)
        for part in _parts(away.shape[1], inputs.size):
            received = inputs[:, None] + away[:, part] @ weights
            hidden = _hidden_part(energy, received.reshape(-1, inputs.shape[1]))
            total[:, part] = hidden.reshape(len(x), -1)
        total += log_ratio
        out[:, variable] = at_x - np.logaddexp.reduce(total, axis=1)
    return out


def _some(n_values, n_wanted):
    """Return a slice of about as many values as wanted, evenly over all of them."""
    return slice(None, None, 1 if n_wanted is None else -(-n_values // n_wanted))


def _parts(n_values, size):
    """Return slices of values, for each of which the hidden units receive ``size``."""
    step = max(1, _MAX_RECEIVED // max(size, 1))
    return [slice(k, k + step) for k in range(0, n_values, step)]


def _bounded_range(energy, weights):
    """Return the smallest and largest input of a unit, from bounded hidden units."""
    weights = energy.coupling * weights.astype(np.float64)
    low, high = energy.hidden.limits
    if len(weights) > 1 or not (np.isfinite(low).all() and np.isfinite(high).all()):
        return 0.0, 0.0
    ends = weights[0] * low, weights[0] * high
    return np.minimum(*ends).sum(), np.maximum(*ends).sum()


def _hidden_part(energy, inputs):
    return energy.hidden.cgf(inputs * energy.dtype.type(energy.coupling))


def _input_range(energy, columns, rest):
    """Return the smallest and largest input to a real unit that has a say in its sum.

    Parameters
    ----------
    energy : RBM
    columns : slice
        Of one variable.
    rest : ndarray of shape (n, n_hidden)
        What the hidden units receive from all other variables.
    """
    unit = np.arange(energy.visible.n_units)[columns]
    unit = unit[np.isfinite(energy.visible.curvature[unit])]
    if len(unit) == 0:
        return 0.0, 0.0
    weights = energy.coupling * energy.weights[unit[0]].astype(np.float64)
    low, high = energy.hidden.limits
    if np.isfinite(low).all() and np.isfinite(high).all():
        return _bounded_range(energy, energy.weights[unit[:1]])
    return _range_about_modes(energy, unit[0], weights, energy.coupling * rest)


def _range_about_modes(energy, unit, weights, rest):
    """Return the range of inputs where hidden units have no bound.

    The log-density of the unit given all others has a curvature between ``least``
    (Gaussian hidden units) and its own: so it has one mode, found by bisection, and
    tails no wider than those of a normal density.
    """
    precision = float(energy.visible.curvature[unit])
    bias = float(energy.visible.bias[unit])
    hidden = np.square(weights) / energy.hidden.curvature
    least = max(precision - hidden.sum(), 1e-3 * precision)

    def slope(x):
        received = (rest + x[:, None] * weights).astype(energy.dtype)
        return (
            precision * x - bias - energy.hidden.mean(received).astype(float) @ weights
        )

    start = np.zeros(len(rest))
    ends = start - slope(start) / precision, start - slope(start) / least
    low, high = np.minimum(*ends), np.maximum(*ends)
    for _ in range(_MAX_HALVINGS):
        if not np.max(high - low, initial=0) > precision**-0.5:
            break
        middle = (low + high) / 2
        below = slope(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    width = 9 * least**-0.5
    ends = low.min(initial=np.inf) - width, high.max(initial=-np.inf) + width
    return precision * ends[0] - bias, precision * ends[1] - bias
