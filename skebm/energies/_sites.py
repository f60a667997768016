"""Formulas for every energy whose variables take finitely many values.

A variable given all others has a categorical distribution, and its values have the
weights ``exp(-energy)``. Conditionals, Gibbs sampling and flips follow from this. They
cost one evaluation of the energy for each value of each variable. A subclass with
faster formulas overrides them.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

# The sum over the holes of a row is exact for at most this many configurations of them.
MAX_HOLE_STATES = 2**13


class Site(NamedTuple):
    """The conditional distribution of a variable given all others.

    Attributes
    ----------
    columns : slice
        The columns that hold the variable.
    values : ndarray of shape (n_values, n_columns)
    probability : ndarray of shape (n, n_values), float64
    """

    columns: slice
    values: np.ndarray
    probability: np.ndarray

    def draw(self, random):
        """Return a drawn value of the variable for each row."""
        return random.categorical(self.probability) @ self.values

    def mean(self):
        """Return the expectation of the columns for each row."""
        return self.probability @ self.values

    def mode(self):
        """Return the most probable value for each row."""
        return self.values[self.probability.argmax(axis=1)]


def have_two_values(layer):
    """Tell whether each unit of a layer takes two values."""
    return layer.n_variables == layer.n_units and all(
        len(layer.alternatives(variable, 0.0, 0.0)[1]) == 2
        for variable in range(layer.n_variables)
    )


def site(energy, x, variable):
    """Return the distribution of a variable given the others, for each row."""
    columns, values, log_weight = _log_weights(energy, x, variable)
    return Site(columns, values, softmax(log_weight, axis=1))


def _log_weights(energy, x, variable):
    """Return columns, values and log weights of a variable, for each row."""
    # The range of the inputs, 0 to 0, matters for unbounded values only.
    columns, values, log_weight = energy.visible.alternatives(variable, 0.0, 0.0)
    rows = np.repeat(x[None], len(values), axis=0)
    rows[:, :, columns] = values[:, None]
    energies = energy.energy(rows.reshape(-1, x.shape[1])).reshape(len(values), -1)
    return columns, values, (np.reshape(log_weight, (-1, 1)) - energies).T


def conditional_log_prob(energy, x):
    """Return ``log p(x_i | all other x)`` for every variable, (n, n_variables)."""
    out = np.empty((len(x), energy.visible.n_variables))
    log_weight_of_x = -energy.energy(x)
    for variable in range(out.shape[1]):
        _, _, log_weight = _log_weights(energy, x, variable)
        out[:, variable] = log_weight_of_x - np.logaddexp.reduce(log_weight, axis=1)
    return out


def swept(energy, x, random, holes=None):
    """Return the rows after each variable was drawn in turn, given all others.

    Parameters
    ----------
    energy : Energy
    x : ndarray of shape (n, n_features)
    random : Random
    holes : ndarray of bool of shape (n, n_features), default=None
        The cells that may change; None is all of them.
    """
    x = x.copy()
    for variable in range(energy.visible.n_variables):
        conditional = site(energy, x, variable)
        put(conditional, conditional.draw(random.fold(variable)), x, holes)
    return x


def put(conditional, values, x, holes=None):
    """Write values of a variable to rows in place, or only to the holes among them.

    ``conditional`` is the :class:`Site` of the variable.
    """
    columns = conditional.columns
    if holes is not None:
        values = np.where(holes[:, columns], values, x[:, columns])
    x[:, columns] = values


# -- flips -----------------------------------------------------------------------------


def _flipped(energy, x):
    """Yield the rows with one unit flipped, for each unit in turn."""
    low, high = energy.visible.limits
    for i in range(x.shape[1]):
        rows = x.copy()
        rows[:, i] = low[i] + high[i] - x[:, i]
        yield rows


def flip_energies(energy, x):
    """Return ``E(x with unit i flipped) - E(x)`` for every unit, float64."""
    energy_of_x = energy.energy(x)
    flips = [energy.energy(rows) - energy_of_x for rows in _flipped(energy, x)]
    return np.stack(flips, axis=1)


def flip_grad(energy, x, weight):
    """Return the gradient of ``sum(weight * flip_energies(x))`` by name."""
    dtype = energy.dtype
    total = energy.grad(x, -weight.sum(axis=1).astype(dtype, copy=False))
    for i, rows in enumerate(_flipped(energy, x)):
        gradient = energy.grad(rows, weight[:, i].astype(dtype, copy=False))
        total = {name: total[name] + value for name, value in gradient.items()}
    return total


# -- holes -----------------------------------------------------------------------------


def log_partition_of_holes(reference, x, holes):
    """Return the log of the sum of ``exp(-reference.energy(x))`` over the holes.

    Parameters
    ----------
    reference : Independent
    x, holes : ndarray of shape (n, n_features)
    """
    layer = reference.layer
    first_units = np.unique(layer.variables, return_index=True)[1]
    per_variable = layer.cgfs(np.zeros((1, layer.n_units), dtype=x.dtype))[0]
    observed = -reference.energy(np.where(holes, 0, x))
    return observed + holes[:, first_units] @ per_variable


def sum_over_holes(energy, x, holes):
    """Return the energy of the observed cells of each row, with the holes summed out.

    Parameters
    ----------
    energy : Energy
    x, holes : ndarray of shape (n, n_features)

    Returns
    -------
    ndarray of shape (n,), float64
        NaN for rows whose holes have more than ``MAX_HOLE_STATES`` configurations.
    """
    out = np.full(len(x), np.nan)
    for r in range(len(x)):
        rows = x[[r]]
        for variable in np.unique(energy.visible.variables[holes[r]]):
            columns, values, _ = energy.visible.alternatives(int(variable), 0.0, 0.0)
            if len(rows) * len(values) > MAX_HOLE_STATES:
                rows = None
                break
            repeated = np.repeat(rows, len(values), axis=0)
            repeated[:, columns] = np.tile(values, (len(rows), 1))
            rows = repeated
        if rows is not None:
            out[r] = -np.logaddexp.reduce(-energy.energy(rows))
    return out
