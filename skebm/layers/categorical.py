"""One-hot units: one of several categories."""

import numpy as np
from scipy.special import logsumexp, softmax

from skebm.layers._base import Layer


class Categorical(Layer):
    """One variable with ``n_units`` categories, as a one-hot row.

    ``energy(x) = -x @ bias``, and exactly one unit is 1.

    Parameters
    ----------
    bias : ndarray of shape (n_categories,)
        Log of the unnormalised probability of each category without inputs.
    """

    domain = "one-hot rows"

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer with equally likely categories."""
        return cls(np.zeros(n_units, dtype=dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer with these frequencies, one row smoothed in."""
        return cls(np.log((mean * n_rows + 1 / len(mean)) / (n_rows + 1)))

    @property
    def n_features(self):
        """Number of variables: one."""
        return 1

    @property
    def n_states(self):
        """Number of categories."""
        return self.n_units

    def states(self, start, stop):
        """Return the one-hot rows of the categories ``start`` to ``stop - 1``."""
        return np.eye(self.n_units, dtype=self.bias.dtype)[start:stop]

    def alternatives(self, feature, low, high):
        """Return the whole block and its one-hot rows."""
        return slice(0, self.n_units), self.states(0, self.n_units), 0.0

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias)

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        return logsumexp((inputs + self.bias).astype(np.float64), axis=1)

    def mean(self, inputs):
        """Return the probabilities of the categories given the inputs."""
        return softmax(inputs + self.bias, axis=1)

    def sample(self, inputs, random):
        """Draw one-hot rows given the inputs."""
        return random.categorical(self.mean(inputs))

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are no probability."""
        return (X < 0) | (X > 1)
