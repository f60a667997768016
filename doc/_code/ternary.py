"""Units in {-1, 0, +1}."""

import numpy as np
from scipy.special import logsumexp, softmax

from skebm.layers._base import Layer


class Ternary(Layer):
    """Units in {-1, 0, +1}: ``energy(x) = x**2 @ cost - x @ bias``.

    For votes: against, absent, in favour.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Half the log odds of +1 against -1 without inputs.
    cost : ndarray of shape (n_units,)
        Energy of a unit that is not 0: the larger, the more zeros.
    """

    values = (-1.0, 0.0, 1.0)
    domain = "values in [-1, 1]"
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
        """Return the independent layer with these marginals, one row smoothed in."""
        mean, square = (
            (moment * n_rows + prior) / (n_rows + 1)
            for moment, prior in ((mean, 0), (variance + mean**2, 2 / 3))
        )
        plus, minus, zero = (square + mean) / 2, (square - mean) / 2, 1 - square
        return cls(np.log(plus / minus) / 2, np.log(zero) - np.log(plus * minus) / 2)

    @property
    def n_states(self):
        """Number of configurations."""
        return 3.0**self.n_units

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        digits = np.arange(start, stop)[:, None] // 3 ** np.arange(self.n_units) % 3
        return (digits - 1).astype(self.bias.dtype)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return (x * x) @ self.cost - x @ self.bias

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        return logsumexp(self._exponents(inputs), axis=0).sum(axis=1)

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

    def interpolate(self, other, beta):
        """Return the layer on the way from this one (0) to ``other`` (1)."""
        mixed = [
            (1 - beta) * mine + beta * other.params[name]
            for name, mine in self.params.items()
        ]
        return Ternary(*mixed)

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {**super().grad(x, weight), "cost": weight @ (x * x)}

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are no value and no mean of values."""
        return (X < -1) | (X > 1)

    def _exponents(self, inputs):
        """Return minus the energy of each value of each unit, float64."""
        field = (inputs + self.bias).astype(np.float64)
        return np.stack([-field - self.cost, 0 * field, field - self.cost])
