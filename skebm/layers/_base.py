"""What all layers share: named parameters, structure and copies."""

from functools import partial, update_wrapper
from types import MethodType

import numpy as np
from scipy.special import logsumexp


class Constructor:
    """A classmethod that keeps the structure of an instance on which it is called."""

    def __init__(self, function):
        self.function = function
        update_wrapper(self, function)

    def __get__(self, instance, owner):
        method = MethodType(self.function, owner)
        return method if instance is None else partial(method, **instance.structure)


class Layer:
    """Units that are independent of each other given their inputs.

    A layer has the density ``p(x | inputs) = exp(x @ inputs - energy(x) -
    cgf(inputs))``: every unit couples to the rest of the model by its value ``x``, in
    the layer's natural parameters. A layer does not know which model it is part of.
    The energy of a part of a row that is all zero is 0: so holes are filled with 0.

    Attributes
    ----------
    finite : bool
        Whether a unit takes finitely many values.
    params : dict of str to ndarray
        The learned arrays, shared with the layer: an update in place changes it.
    structure : dict
        Arguments of the layer that are not learned, such as the sizes of blocks.
    """

    finite = True
    param_names = ("bias",)
    structure_names = ()

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
        """Of a parabola that the energy outgrows, for each unit: shape (n_units,).

        Infinite for units whose values are bounded, 0 where no parabola will do.
        """
        return np.full(self.n_units, np.inf if self.finite else 0.0)

    @property
    def n_states(self):
        """Number of configurations; infinite also where a float cannot hold it."""
        return 2**self.n_units if self.finite and self.n_units < 1024 else np.inf

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        bits = np.arange(start, stop)[:, None] >> np.arange(self.n_units) & 1
        return np.asarray(self.values, dtype=self.bias.dtype)[bits]

    def alternatives(self, feature, low, high):
        """Return what else a variable could be, to sum (or integrate) it out.

        Parameters
        ----------
        feature : int
        low, high : float
            The range of the inputs that the rest of the model can give it, where it is
            not bounded.

        Returns
        -------
        columns : slice
            The columns that hold the variable; it may have a step.
        values : ndarray of shape (n_values, n_columns)
        log_weight : float or ndarray of shape (n_values,)
            Log of the weight of each value in the sum.
        """
        values = np.asarray(self.values, dtype=self.bias.dtype)[:, None]
        return slice(feature, feature + 1), values, 0.0

    def cgfs(self, inputs):
        """Return the log normaliser of each variable, (n, n_variables), float64.

        The log of the sum (or integral) of ``exp(x @ inputs - energy(x))`` over the
        values of one variable.
        """
        out = np.empty((len(inputs), self.n_variables))
        for feature in range(self.n_variables):
            _, _, log_weight = self._weighed(feature, inputs)
            out[:, feature] = logsumexp(log_weight, axis=1)
        return out

    def cgf(self, inputs):
        """Return the log normaliser of each row, ``cgfs(inputs).sum(axis=1)``."""
        return self.cgfs(inputs).sum(axis=1)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        out = np.empty_like(inputs)
        for feature in range(self.n_variables):
            columns, values, log_weight = self._weighed(feature, inputs)
            out[:, columns] = values[log_weight.argmax(axis=1)]
        return out

    def _weighed(self, feature, inputs):
        """Return columns and values of a variable, and the log-weights given inputs."""
        ends = (inputs.min(initial=0), inputs.max(initial=0))
        columns, values, log_weight = self.alternatives(feature, *ends)
        alone = np.zeros((len(values), self.n_units), dtype=values.dtype)
        alone[:, columns] = values
        own = np.asarray(log_weight - self.energy(alone), dtype=np.float64)
        return columns, values, inputs[:, columns] @ values.T + own

    @property
    def params(self):
        """The learned arrays by name."""
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
        """Return the layer on the way from this one (0) to ``other`` (1)."""
        theirs = other.params
        return self.replace(
            **{
                name: (1 - beta) * mine + beta * theirs[name]
                for name, mine in self.params.items()
            }
        )

    def scaled(self, beta):
        """Return the layer whose energy is ``beta`` times this one's.

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

    def project(self):
        """Bring the parameters back into their domain, in place."""

    def gauge(self, rows):
        """Take out of ``rows``, in place, what no distribution depends on.

        Parameters
        ----------
        rows : ndarray whose first axis is n_units
            Weights, a bias, or their gradients.

        Returns
        -------
        float or ndarray of shape ``rows.shape[1:]``
            What was taken out, summed over blocks of units; 0.0 where all of it counts.
        """
        return 0.0
