"""The base of layers: named parameters, structure, copies and default formulas."""

from functools import partial, update_wrapper
from types import MethodType

import numpy as np
from scipy.special import logsumexp, softmax

from skebm.layers._given import Given


class Constructor:
    """A classmethod that, called on an instance, takes the structure from there."""

    def __init__(self, function):
        self.function = function
        update_wrapper(self, function)

    def __get__(self, instance, owner):
        method = MethodType(self.function, owner)
        return method if instance is None else partial(method, **instance.structure)


class Layer:
    """Units that are independent of each other given their inputs.

    A layer has the density ``p(x | inputs) = exp(x @ inputs - energy(x) -
    cgf(inputs))``. So every unit couples to the rest of the model by its value ``x``,
    and the parameters are the natural parameters. A layer does not depend on the model
    that it is in. A variable whose units are all 0 has the energy 0, so that holes can
    be filled with 0.

    A subclass adds ``zeros``, ``from_moments``, ``energy``, ``mean`` and ``sample``;
    ``values``, or ``alternatives`` and ``limits``; ``grad`` if it has parameters
    besides the bias. It has its own ``interpolate`` and ``scaled`` if its energy is not
    linear in its parameters.

    Attributes
    ----------
    finite : bool
        Whether a unit takes finitely many values.
    coupled : bool
        Whether units depend on each other, also given their inputs. Such a layer has
        its own ``cgf``, ``given`` and ``log_ratios``, and no ``cgfs``.
    coupling : {"none", "tree", "full"}
        How units are coupled: not at all, along a forest, or also all real units.
    values : tuple of float
        The values of a unit, if all units have the same ones.
    domain : str
        The values of rows of the layer, in the words of an error message: "units take
        ...".
    param_names : tuple of str
        Names of the arguments that are learned.
    structure_names : tuple of str
        Names of the arguments that are not learned, such as the sizes of blocks.
    bias_names : tuple of str
        Names of the parameters that are biases, in the order of the units.
    """

    finite = True
    coupled = False
    coupling = "none"
    domain = "values within their domain"
    param_names = ("bias",)
    structure_names = ()
    bias_names = ("bias",)

    def __init__(self, bias):
        self.bias = np.asarray(bias)

    def __repr__(self):
        return f"{type(self).__name__}(n_units={self.n_units})"

    @property
    def n_units(self):
        """Number of columns of ``x``."""
        return len(self.bias)

    @property
    def variables(self):
        """The variable that each unit belongs to, int, shape (n_units,)."""
        return np.arange(self.n_units)

    @property
    def n_variables(self):
        """Number of variables: a block of categories counts as one."""
        return int(self.variables.max(initial=-1)) + 1

    @property
    def limits(self):
        """Smallest and largest value of each unit, two arrays of shape (n_units,)."""
        return (
            np.full(self.n_units, min(self.values)),
            np.full(self.n_units, max(self.values)),
        )

    @property
    def curvature(self):
        """Curvature of a parabola below the energy of each unit, shape (n_units,).

        Up to a linear function, the energy grows at least as fast as this parabola.
        Infinite for units whose values are bounded, 0 where there is no parabola.
        """
        return np.full(self.n_units, np.inf if self.finite else 0.0)

    @property
    def n_states(self):
        """Number of configurations. It is infinite if it is larger than any float."""
        if not self.finite or self.n_units * np.log2(len(self.values)) >= 1024:
            return np.inf
        return len(self.values) ** self.n_units

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number, unit = np.arange(start, stop)[:, None], np.arange(self.n_units)
        n_values = len(self.values)
        if n_values == 2:
            # A shift is much faster than a division.
            digits = number >> unit & 1
        else:
            digits = number // n_values**unit % n_values
        return np.asarray(self.values, dtype=self.bias.dtype)[digits]

    def outside(self, X):
        """Return which entries of ``X`` are not values of their units.

        Parameters
        ----------
        X : ndarray of shape (n, n_units)
        """
        if hasattr(self, "values"):
            return ~np.isin(X, self.values)
        low, high = self.limits
        return ~(np.isfinite(X) & (low <= X) & (high >= X))

    def alternatives(self, variable, low, high):
        """Return the possible values of a variable, to sum (or integrate) it out.

        Parameters
        ----------
        variable : int
        low, high : float
            The range of the inputs that the variable can get from the rest of the
            model. It matters only if the values are not bounded.

        Returns
        -------
        columns : slice
            The columns that hold the variable. The slice may have a step.
        values : ndarray of shape (n_values, n_columns)
        log_weight : float or ndarray of shape (n_values,)
            Log of the weight of each value in the sum.
        """
        values = np.asarray(self.values, dtype=self.bias.dtype)[:, None]
        return slice(variable, variable + 1), values, 0.0

    def given(self, x, holes):
        """Return the distribution of the holes of rows given their observed units.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)
            The values in the holes do not matter.
        holes : ndarray of bool of shape (n, n_units)
            All units of a variable or none.

        Returns
        -------
        object
            With ``cgf``, ``mean``, ``mode`` and ``sample``, as :class:`Given` has them.
        """
        return Given(self, x, holes)

    def log_ratios(self, variable, x, low=0.0, high=0.0):
        """Return the values of a variable, and their probabilities over that of ``x``.

        Parameters
        ----------
        variable : int
        x : ndarray of shape (n, n_units)
        low, high : float
            As for :meth:`alternatives`.

        Returns
        -------
        columns : slice
            The columns that hold the variable.
        values : ndarray of shape (n_values, n_columns) or (n, n_values, n_columns)
            They may differ from row to row.
        log_weight : ndarray of shape (n, n_values), float64
            ``energy(x)`` minus the energy of ``x`` with the variable at each value,
            plus the log of the weight of the value in a sum or integral.
        """
        columns, values, log_weight = self.alternatives(variable, low, high)
        at_values = log_weight - self.energy_of_variable(columns, values)
        at_x = self.energy_of_variable(columns, x[:, columns])
        return columns, values, at_x[:, None] + at_values

    def energy_of_variable(self, columns, values):
        """Return the energy of one variable. Variables add up, and 0 has none."""
        alone = np.zeros((len(values), self.n_units), dtype=values.dtype)
        alone[:, columns] = values
        return np.asarray(self.energy(alone), dtype=np.float64)

    def cgfs(self, inputs):
        """Return the log normaliser of each variable, (n, n_variables), float64.

        It is the log of the sum (or integral) of ``exp(x @ inputs - energy(x))`` over
        the values of one variable.
        """
        out = np.empty((len(inputs), self.n_variables))
        for variable in range(self.n_variables):
            _, _, log_weight = self._log_weights(variable, inputs)
            out[:, variable] = logsumexp(log_weight, axis=1)
        return out

    def cgf(self, inputs):
        """Return the log normaliser of each row, ``cgfs(inputs).sum(axis=1)``."""
        return self.cgfs(inputs).sum(axis=1)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        out = np.empty_like(inputs)
        for variable in range(self.n_variables):
            columns, values, log_weight = self._log_weights(variable, inputs)
            out[:, columns] = values[log_weight.argmax(axis=1)]
        return out

    def _log_weights(self, variable, inputs):
        """Return columns and values of a variable, and log weights given the inputs."""
        ends = (inputs.min(initial=0), inputs.max(initial=0))
        columns, values, log_weight = self.alternatives(variable, *ends)
        x = np.zeros((len(values), self.n_units), dtype=values.dtype)
        x[:, columns] = values
        without_inputs = np.asarray(log_weight - self.energy(x), dtype=np.float64)
        return columns, values, inputs[:, columns] @ values.T + without_inputs

    @property
    def params(self):
        """The learned arrays by name. Updates in place change the layer."""
        return {name: getattr(self, name) for name in self.param_names}

    @property
    def structure(self):
        """Arguments that are not learned, by name."""
        return {name: getattr(self, name) for name in self.structure_names}

    def replace(self, **params):
        """Return a layer of the same kind and structure with these parameters."""
        return type(self)(**params, **self.structure)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return self.replace(
            **{name: value.astype(dtype) for name, value in self.params.items()}
        )

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1)."""
        return self.replace(
            **{
                name: (1 - beta) * value + beta * other.params[name]
                for name, value in self.params.items()
            }
        )

    def scaled(self, beta):
        """Return the layer whose energy is ``beta`` times the energy of this one.

        Parameters
        ----------
        beta : float
            An inverse temperature, above 0.
        """
        beta = self.bias.dtype.type(beta)
        return self.replace(**{name: beta * v for name, v in self.params.items()})

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {"bias": -(weight @ x)}

    def cgf_grad(self, inputs, weight):
        """Return d cgf / d params, summed over rows with ``weight``.

        This is minus the expectation of d energy / d params given the inputs. A bias is
        added to the inputs, so its derivative is the mean.

        Parameters
        ----------
        inputs : ndarray of shape (n, n_units)
        weight : ndarray of shape (n,)
        """
        gradient = {"bias": weight @ self.mean(inputs)}
        if len(self.params) == 1:
            return gradient
        for variable in range(self.n_variables):
            columns, values, log_weight = self._log_weights(variable, inputs)
            share = (weight @ softmax(log_weight, axis=1)).astype(self.bias.dtype)
            alone = np.zeros((len(values), self.n_units), dtype=self.bias.dtype)
            alone[:, columns] = values
            for name, value in self.grad(alone, share).items():
                if name != "bias":
                    gradient[name] = gradient.get(name, 0) - value
        return gradient

    def project(self):
        """Bring the parameters back into their domain, in place."""

    def gauge(self, rows):
        """Remove the part of ``rows`` that does not change the distribution, in place.

        Parameters
        ----------
        rows : ndarray whose first axis is n_units
            Weights, a bias, or their gradients.

        Returns
        -------
        float or ndarray of shape ``rows.shape[1:]``
            The numbers that were removed, summed over blocks of units. 0.0 if nothing
            was removed.
        """
        return 0.0

    def decorrelate(self, weights):
        """Return weights for the units from weights for uncorrelated coordinates.

        Parameters
        ----------
        weights : ndarray whose first axis is n_units
        """
        return weights

    def precondition(self, rows):
        """Return a gradient, whose first axis is n_units, in the metric of learning.

        A step along it is a step in uncorrelated coordinates. Units that are
        independent of each other need no such change.
        """
        return rows
