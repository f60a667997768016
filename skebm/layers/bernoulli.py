"""Units in {0, 1}."""

import numpy as np

from skebm.layers._base import Layer
from skebm.utils._math import sigmoid, softplus_sum


class Bernoulli(Layer):
    """Units in {0, 1}: ``energy(x) = -x @ bias``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log odds of a unit without inputs.
    """

    values = (0.0, 1.0)
    domain = "values in [0, 1]"

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer whose two values are equally likely."""
        return cls(np.zeros(n_units, dtype=dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose units have these means, smoothed.

        A row of fair coins is added to the ``n_rows`` rows, so that no mean is 0 or 1.
        """
        p = (mean * n_rows + 0.5) / (n_rows + 1)
        return cls(np.log(p / (1 - p)))

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias)

    def cgfs(self, inputs):
        """Return the log of the sum over both values of each unit, float64."""
        return np.logaddexp(0, inputs + self.bias, dtype=np.float64)

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        return softplus_sum(inputs + self.bias)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return sigmoid(inputs + self.bias)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return (inputs + self.bias > 0).astype(inputs.dtype)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        return random.bernoulli(self.mean(inputs))

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not numbers in [0, 1]."""
        return (X < 0) | (X > 1)
