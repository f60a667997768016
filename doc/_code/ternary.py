"""Units in {-1, 0, +1}."""

import numpy as np
from scipy.special import logsumexp, softmax

from skebm.layers._base import Layer


class Ternary(Layer):
    """Units in {-1, 0, +1}: ``energy(x) = abs(x) @ cost - x @ bias``.

    The values of a unit can be votes: against, absent, in favour.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Half the log odds of +1 against -1 without inputs.
    cost : ndarray of shape (n_units,)
        Energy of a vote: the larger it is, the more units are 0.
    """

    values = (-1.0, 0.0, 1.0)
    domain = "the values -1, 0 and +1"
    param_names = ("bias", "cost")

    def __init__(self, bias, cost):
        super().__init__(bias)
        self.cost = cost

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer whose three values are equally likely."""
        return cls(np.zeros(n_units, dtype), np.zeros(n_units, dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose units have these moments, one row being smoothed in.

        The row that is smoothed in has mean 0 and mean square 2/3, as if its values
        were equally likely. So every probability is above 0, and its log is finite.
        """
        square = ((variance + mean**2) * n_rows + 2 / 3) / (n_rows + 1)
        mean = mean * n_rows / (n_rows + 1)
        plus, minus, zero = (square + mean) / 2, (square - mean) / 2, 1 - square
        return cls(np.log(plus / minus) / 2, np.log(zero) - np.log(plus * minus) / 2)

    def energy(self, x):
        """Return the energy of each row of ``x``, an array or a CSR matrix."""
        return abs(x) @ self.cost - x @ self.bias

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {"bias": -(weight @ x), "cost": weight @ abs(x)}

    def cgfs(self, inputs):
        """Return the log of the sum over the three values of each unit, float64."""
        return logsumexp(self._exponents(inputs), axis=0)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        minus, _, plus = softmax(self._exponents(inputs), axis=0)
        return (plus - minus).astype(inputs.dtype)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        minus, _, plus = softmax(self._exponents(inputs), axis=0)
        uniform = random.uniform(inputs.shape)
        x = (uniform > 1 - plus).astype(inputs.dtype)
        x[uniform < minus] = -1
        return x

    def _exponents(self, inputs):
        """Return ``x * inputs - energy(x)`` of each unit at its three values."""
        field = (inputs + self.bias).astype(np.float64)
        return np.stack([-field - self.cost, 0 * field, field - self.cost])
