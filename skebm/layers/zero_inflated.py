"""Numbers that are exactly 0 with some probability."""

import numpy as np

from skebm.layers._real import LOG_PRECISION_BOUNDS, Real, normal_grid
from skebm.utils._math import sigmoid


class ZeroInflated(Real):
    """Variables that are exactly 0 or a real number, with two units each [1]_.

    The columns are ``[z_1 .. z_k, u_1 .. u_k]``. The unit ``z`` in {0, 1} tells whether
    the variable is a number, and ``u = z * y`` is that number (spike and slab).
    ``energy(x) = -x @ bias + sum(exp(log_precision) u**2 / 2)``.

    Parameters
    ----------
    bias : ndarray of shape (2 * k,)
        First the biases of ``z``: the log odds of a number without inputs, minus the
        log of the integral over the number. Then the biases of ``u``: mean times
        precision without inputs.
    log_precision : ndarray of shape (k,)
        Log of the inverse of the numbers' variance given the inputs, within bounds.

    References
    ----------
    .. [1] A. Courville, J. Bergstra, Y. Bengio. "A spike and slab restricted Boltzmann
       machine". AISTATS 2011.
    """

    domain = "pairs of z in {0, 1} and a finite number that is 0 where z is"

    def __init__(self, bias, log_precision):
        super().__init__(bias, log_precision)

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer without biases, of ``n_units / 2`` variables."""
        if n_units % 2:
            raise ValueError(
                f"ZeroInflated has two units a variable, so n_units={n_units} must be "
                "even: pass twice the number of variables."
            )
        return cls(np.zeros(n_units, dtype), np.zeros(n_units // 2, dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose variables have these moments, smoothed.

        A row in which every ``z`` is 1/2 is added to the ``n_rows`` rows.
        """
        k = len(mean) // 2
        on = (mean[:k] * n_rows + 0.5) / (n_rows + 1)
        center = mean[k:] / on
        spread = (variance[k:] + mean[k:] ** 2) / on - center**2
        log_precision = -np.log(np.maximum(spread, 1e-12))
        log_precision = np.clip(log_precision, *LOG_PRECISION_BOUNDS)
        precision = np.exp(log_precision)
        slab = precision * center**2 / 2 + np.log(2 * np.pi / precision) / 2
        bias = np.log(on / (1 - on)) - slab, precision * center
        return cls(np.concatenate(bias), log_precision)

    def _real(self, x):
        return x[:, self.n_variables :]

    @property
    def n_variables(self):
        """Number of variables."""
        return len(self.log_precision)

    @property
    def variables(self):
        """The variable that each unit belongs to, the same in both halves."""
        return np.tile(np.arange(self.n_variables), 2)

    @property
    def curvature(self):
        """Infinite for ``z``, the precision for ``u``."""
        return np.concatenate([np.full(self.n_variables, np.inf), self.precision])

    @property
    def limits(self):
        """Smallest and largest value of each unit."""
        ends = np.repeat([[0.0, 1.0], [-np.inf, np.inf]], self.n_variables, axis=0)
        return ends[:, 0], ends[:, 1]

    def alternatives(self, variable, low, high):
        """Return 0 with weight 1, and a grid of numbers."""
        k, precision = self.n_variables, float(self.precision[variable])
        bias = float(self.bias[k + variable])
        means = (bias + low) / precision, (bias + high) / precision
        grid, step = normal_grid(means, precision**-0.5)
        values = np.ones((1 + len(grid), 2), dtype=self.bias.dtype)
        values[0], values[1:, 1] = 0, grid
        log_weight = np.full(len(values), np.log(step))
        log_weight[0] = 0
        return slice(variable, variable + k + 1, k), values, log_weight

    def _odds_and_center(self, inputs):
        """Return the log odds of a number against 0, and the mean of the number."""
        k, precision = self.n_variables, self.precision
        field = inputs + self.bias
        center = field[:, k:] / precision
        slab = (field[:, k:] * center + np.log(2 * np.pi / precision)) / 2
        return field[:, :k] + slab, center

    def cgfs(self, inputs):
        """Return the log of sum and integral over each variable, float64."""
        return np.logaddexp(0, self._odds_and_center(inputs)[0].astype(np.float64))

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        odds, center = self._odds_and_center(inputs)
        on = sigmoid(odds)
        return np.concatenate([on, on * center], axis=1)

    def mode(self, inputs):
        """Return 0 or the mean of the number, whichever is more probable as a whole."""
        odds, center = self._odds_and_center(inputs)
        on = (odds > 0).astype(inputs.dtype)
        return np.concatenate([on, on * center], axis=1)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        odds, center = self._odds_and_center(inputs)
        on = random.fold(0).bernoulli(sigmoid(odds))
        noise = random.fold(1).normal(on.shape, inputs.dtype)
        return np.concatenate([on, on * (center + noise / np.sqrt(self.precision))], 1)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` cannot be values of ``z`` or ``u``.

        A ``z`` is 0 or 1. A ``u`` is finite, and it is 0 if its ``z`` is 0.
        """
        z, u = np.split(X, 2, axis=1)
        wrong_z = (z != 0) & (z != 1)
        wrong_u = ~np.isfinite(u) | ((z == 0) & (u != 0))
        return np.concatenate([wrong_z, wrong_u], axis=1)
