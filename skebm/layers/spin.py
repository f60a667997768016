"""Units in {-1, +1}."""

import numpy as np

from skebm.layers._base import Layer
from skebm.utils._math import sigmoid, softplus_sum


class Spin(Layer):
    """Units in {-1, +1}: ``energy(x) = -x @ bias``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Half the log odds of +1 against -1 without inputs (the external field).
    """

    values = (-1.0, 1.0)
    domain = "the values -1 and +1"

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer whose two values are equally likely."""
        return cls(np.zeros(n_units, dtype=dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose units have these means, smoothed.

        A row of zeros is added to the ``n_rows`` rows, so that no mean is -1 or 1.
        """
        return cls(np.arctanh(mean * n_rows / (n_rows + 1)))

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias)

    def cgfs(self, inputs):
        """Return the log of the sum over both values of each unit, float64."""
        field = inputs + self.bias
        return np.logaddexp(field, -field, dtype=np.float64)

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        field = inputs + self.bias
        # log(2 cosh(f)) = softplus(2 f) - f
        return softplus_sum(2 * field) - field.sum(axis=1, dtype=np.float64)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return 2 * sigmoid(2 * (inputs + self.bias)) - 1

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return np.where(inputs + self.bias > 0, 1, -1).astype(inputs.dtype)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        return 2 * random.bernoulli(sigmoid(2 * (inputs + self.bias))) - 1

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not -1 or +1."""
        return np.abs(X) != 1
