"""Counts with a known maximum."""

from functools import cached_property

import numpy as np
from scipy.special import gammaln, softmax

from skebm.layers._base import Constructor, Layer
from skebm.layers._discrete import draws, modes, sums
from skebm.utils._sparse import dense

# With the shape 1 / 20 the distribution is nearly geometric, and with 20 a count is
# nearly constant.
_LOG_SHAPE_BOUNDS = -np.log(20.0), np.log(20.0)
# Largest size of a bias in the search for the bias that belongs to a mean. No smoothed
# mean needs a larger one.
_MAX_BIAS = 500.0
# Bisections of that search: each gains one binary digit.
_N_BISECTIONS = 50


class Count(Layer):
    """Counts from 0 to a maximum, of the Conway-Maxwell-binomial distribution [1]_.

    ``energy(x) = sum(-bias * x - nu * log C(maximum, x))``, ``nu = exp(log_shape)``. At
    ``nu = 1`` this is the binomial distribution. It is wider for smaller ``nu``, and
    narrower for larger ``nu``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log odds of a trial without inputs, if ``nu`` is 1.
    log_shape : ndarray of shape (n_units,)
        Log of ``nu``, learned within bounds.
    maximum : array-like of int, shape (n_units,), or int
        Largest value of each unit; not learned.

    Raises
    ------
    ValueError
        If a maximum is below 1, or if their number is not the number of units.

    References
    ----------
    .. [1] J. Kadane. "Sums of possibly associated Bernoulli variables: the
       Conway-Maxwell-binomial distribution". Bayesian Analysis 11 (2016).
    """

    domain = "whole numbers from 0 to the column's maximum"
    param_names = ("bias", "log_shape")
    structure_names = ("maximum",)

    def __init__(self, bias, log_shape, maximum):
        super().__init__(bias)
        self.log_shape = log_shape
        maximum = np.asarray(maximum)
        if maximum.ndim and maximum.shape != self.bias.shape:
            raise ValueError(
                f"maximum has shape {maximum.shape}, but there are {len(self.bias)} "
                "units. Give one number for all of them, or one for each."
            )
        if (maximum < 1).any() or (maximum != np.rint(maximum)).any():
            raise ValueError(
                f"maximum must hold whole numbers from 1 on, not {maximum.tolist()}. "
                "Leave out columns that are always 0."
            )
        self.maximum = np.broadcast_to(maximum, self.bias.shape).astype(np.intp)

    @Constructor
    def zeros(cls, n_units, dtype=np.float64, maximum=1):  # noqa: N805
        """Return a layer of binomial counts with fair trials."""
        return cls(np.zeros(n_units, dtype), np.zeros(n_units, dtype), maximum)

    @Constructor
    def from_moments(cls, mean, variance, n_rows, maximum=1):  # noqa: N805
        """Return the layer whose units have these moments, smoothed.

        A row with equally likely values is added to the ``n_rows`` rows. Then the means
        are exact, and the variances are as near as the bounds of the shape allow.
        """
        layer = cls.zeros(len(mean), np.float64, maximum)
        top = layer.maximum
        # The moments of a uniform distribution over the values.
        flat_mean, flat_square = top / 2, top * (2 * top + 1) / 6
        square = ((variance + mean**2) * n_rows + flat_square) / (n_rows + 1)
        mean = (mean * n_rows + flat_mean) / (n_rows + 1)

        def is_wide(log_shape):
            layer.log_shape[:] = log_shape
            layer._set_bias(mean)
            return layer._moments()[1] > square - mean**2

        _bisect(is_wide, _LOG_SHAPE_BOUNDS, len(mean))
        # The distribution of two values does not depend on the shape.
        layer.log_shape[top == 1] = 0
        return layer

    def _set_bias(self, mean):
        """Set the bias so that the units have these means."""

        def is_below(bias):
            self.bias[:] = bias
            return self._moments()[0] < mean

        _bisect(is_below, (-_MAX_BIAS, _MAX_BIAS), self.n_units)

    def _moments(self):
        """Return mean and variance of each unit without inputs."""
        value = np.arange(self._table.shape[1])
        probability = softmax(self.bias[:, None] * value + self._table, axis=1)
        mean = probability @ value
        return mean, probability @ value**2 - mean**2

    @property
    def limits(self):
        """Zero and the maximum."""
        return np.zeros(self.n_units), self.maximum.astype(np.float64)

    @property
    def n_states(self):
        """Number of configurations. It is infinite if it is larger than any float."""
        with np.errstate(over="ignore"):
            return np.prod(self.maximum + 1.0)

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number, digits = np.arange(start, stop), []
        for maximum in self.maximum:
            digits.append(number % (maximum + 1))
            number //= maximum + 1
        return np.stack(digits, axis=1).astype(self.bias.dtype)

    def alternatives(self, variable, low, high):
        """Return all values of the unit."""
        values = np.arange(self.maximum[variable] + 1, dtype=self.bias.dtype)
        return slice(variable, variable + 1), values[:, None], 0.0

    @cached_property
    def _log_binomial(self):
        """``log C(maximum, x)`` of each unit and value; minus infinity beyond."""
        maximum = self.maximum[:, None].astype(np.float64)
        value = np.arange(maximum.max(initial=0) + 1)
        failures = maximum - value
        table = gammaln(maximum + 1) - gammaln(value + 1) - gammaln(abs(failures) + 1)
        return np.where(failures >= 0, table, -np.inf)

    @property
    def _table(self):
        return np.exp(self.log_shape.astype(np.float64))[:, None] * self._log_binomial

    def _log_binomials(self, x):
        """Return ``log C(maximum, x)`` of each entry, in the dtype of ``x``."""
        number = np.rint(dense(x)).astype(np.intp)
        return self._log_binomial[np.arange(self.n_units), number].astype(x.dtype)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias) - self._log_binomials(x) @ np.exp(self.log_shape)

    def cgfs(self, inputs):
        """Return the log of the sum over the values of each unit, float64."""
        return sums(inputs + self.bias, self._table)[0]

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return sums(inputs + self.bias, self._table)[1].astype(inputs.dtype)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return modes(inputs + self.bias, self._table)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs, by inversion."""
        uniform = random.uniform(inputs.shape)
        return draws(inputs + self.bias, self._table, uniform)

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1)."""
        shape = (1 - beta) * np.exp(self.log_shape) + beta * np.exp(other.log_shape)
        bias = (1 - beta) * self.bias + beta * other.bias
        return self.replace(bias=bias, log_shape=np.log(shape))

    def scaled(self, beta):
        """Return the layer whose energy is ``beta`` times the energy of this one."""
        beta = self.bias.dtype.type(beta)
        return self.replace(
            bias=beta * self.bias, log_shape=np.log(beta) + self.log_shape
        )

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        slope = -np.exp(self.log_shape) * (weight @ self._log_binomials(x))
        return {**super().grad(x, weight), "log_shape": slope}

    def project(self):
        """Keep the shape within its bounds."""
        np.clip(self.log_shape, *_LOG_SHAPE_BOUNDS, out=self.log_shape)

    def outside(self, X):
        """Return which entries of ``X`` are not counts up to the maximum."""
        return ~((X >= 0) & (self.maximum >= X) & (np.rint(X) == X))


def _bisect(is_low, ends, n):
    """Solve ``n`` equations by bisection.

    Parameters
    ----------
    is_low : callable
        ``is_low(middle)`` keeps a trial solution, and returns where it is too low.
    ends : pair of float
        The solutions lie between these numbers.
    n : int
    """
    low, high = (np.full(n, float(end)) for end in ends)
    for _ in range(_N_BISECTIONS):
        middle = (low + high) / 2
        below = is_low(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
