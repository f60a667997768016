"""Counts without a maximum."""

import numpy as np
from scipy.special import gammaln, pdtr, pdtrik

from skebm.layers._base import Layer
from skebm.layers._discrete import draws, sums
from skebm.layers._real import whole_steps


class Poisson(Layer):
    """Counts 0, 1, 2, ...: ``energy(x) = sum(nu * log x! - bias * x)``.

    ``nu = exp(log_shape)`` is 1 for the Poisson distribution. At another temperature
    ``nu`` is another number, and the distribution is a Conway-Maxwell-Poisson
    distribution [1]_.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log of the rate without inputs, if ``nu`` is 1.
    log_shape : ndarray of shape (n_units,) or None
        ``None`` fixes ``nu`` at 1.

    References
    ----------
    .. [1] G. Shmueli, T. Minka, J. Kadane, S. Borle, P. Boatwright. "A useful
       distribution for fitting discrete data: revival of the Conway-Maxwell-Poisson
       distribution". Applied Statistics 54 (2005).
    """

    finite = False
    domain = "whole numbers from 0 on"

    def __init__(self, bias, log_shape=None):
        super().__init__(bias)
        self.log_shape = log_shape
        if log_shape is not None:
            self.param_names = ("bias", "log_shape")

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer of counts with rate 1."""
        return cls(np.zeros(n_units, dtype=dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose units have these means, smoothed.

        A row of half counts is added to the ``n_rows`` rows, so that no mean is 0.
        """
        return cls(np.log((mean * n_rows + 0.5) / (n_rows + 1)))

    @property
    def limits(self):
        """Zero and infinity."""
        return np.zeros(self.n_units), np.full(self.n_units, np.inf)

    @property
    def _shape(self):
        if self.log_shape is None:
            return np.ones_like(self.bias)
        return np.exp(self.log_shape)

    def _table(self, field):
        """Return ``-nu log x!`` for the counts that are likely at these fields."""
        return -self._shape[:, None] * gammaln(_values(field, self._shape) + 1)

    def alternatives(self, variable, low, high):
        """Return all counts except a tail with a probability below 1e-16."""
        values = _values(self.bias[variable] + high, self._shape[variable])
        values = values.astype(self.bias.dtype)
        return slice(variable, variable + 1), values[:, None], 0.0

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return gammaln(x + 1) @ self._shape - x @ self.bias

    def cgfs(self, inputs):
        """Return the log of the sum over the counts of each unit, float64."""
        field = (inputs + self.bias).astype(np.float64)
        if self.log_shape is None:
            return np.exp(field)
        return sums(field, self._table(field))[0]

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        field = inputs + self.bias
        if self.log_shape is None:
            return np.exp(field)
        return sums(field, self._table(field))[1].astype(inputs.dtype)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return np.floor(np.exp((inputs + self.bias) / self._shape))

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs, by inversion."""
        field, uniform = inputs + self.bias, random.uniform(inputs.shape)
        if self.log_shape is None:
            rate = np.exp(field.astype(np.float64))
            drawn = np.ceil(pdtrik(uniform, rate))
            # The inverse of the continuous function may be one too large.
            drawn -= pdtr(np.maximum(drawn - 1, 0), rate) >= uniform
            return np.maximum(drawn, 0).astype(inputs.dtype)
        return draws(field, self._table(field), uniform)

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1)."""
        bias = (1 - beta) * self.bias + beta * other.bias
        if self.log_shape is None and other.log_shape is None:
            return self.replace(bias=bias)
        shape = (1 - beta) * self._shape + beta * other._shape
        return self.replace(bias=bias, log_shape=np.log(shape))

    def scaled(self, beta):
        """Return the layer whose energy is ``beta`` times the energy of this one."""
        beta = self.bias.dtype.type(beta)
        return self.replace(bias=beta * self.bias, log_shape=np.log(beta * self._shape))

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        gradient = super().grad(x, weight)
        if self.log_shape is not None:
            gradient["log_shape"] = self._shape * (weight @ gammaln(x + 1))
        return gradient

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not counts."""
        return ~((X >= 0) & (np.rint(X) == X) & np.isfinite(X))


def _values(field, shape):
    """Return the counts that are likely at the largest of these fields."""
    mode = np.exp(np.max(field / shape, initial=0, axis=None))
    # Near its mode the distribution has the variance mode / shape.
    width = np.sqrt(mode / np.min(shape)) + 1 / np.min(shape)
    return np.arange(whole_steps(mode + 10 * width) + 30.0)
