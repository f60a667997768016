"""Real units."""

import numpy as np

from skebm.layers._base import Layer

# A standardised column explains at most 99.9 % of its variance; the bound keeps a
# column that is constant, or a copy of another, from an infinite density.
_LOG_PRECISION_BOUNDS = np.log(0.1), np.log(1000.0)


class Gaussian(Layer):
    """Real units: ``energy(x) = sum(exp(log_precision) x**2 / 2 - bias * x)``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean times precision of a unit without inputs.
    log_precision : ndarray of shape (n_units,) or None
        Log of the inverse of the variance given the inputs, learned within bounds.
        ``None`` fixes the variance at 1: so for hidden units, whose scale would
        otherwise be free (the gauge).
    """

    finite = False
    domain = "finite numbers"

    def __init__(self, bias, log_precision=None):
        super().__init__(bias)
        self.log_precision = log_precision
        if log_precision is not None:
            self.param_names = ("bias", "log_precision")

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer of standard normal units with fixed variance."""
        return cls(np.zeros(n_units, dtype=dtype))

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the independent layer with these marginals, within the bounds."""
        log_precision = -np.log(np.maximum(variance, 1e-12))
        log_precision = np.clip(log_precision, *_LOG_PRECISION_BOUNDS)
        return cls(mean * np.exp(log_precision), log_precision)

    def alternatives(self, feature, low, high):
        """Return a grid for the trapezoid rule, whose error here is below 1e-12.

        The density of a unit given the rest is a mixture of normal densities of one
        width; for those a step of 0.75 standard deviations is exact to rounding.
        """
        precision = float(self.precision[feature])
        scale = precision**-0.5
        bias = float(self.bias[feature])
        ends = (bias + low) / precision - 8 * scale, (bias + high) / precision
        step = 0.75 * scale
        n_values = int(np.ceil((ends[1] + 8 * scale - ends[0]) / step)) + 1
        values = (ends[0] + step * np.arange(n_values)).astype(self.bias.dtype)
        return slice(feature, feature + 1), values[:, None], np.log(step)

    @property
    def precision(self):
        """Inverse variance given the inputs, shape (n_units,)."""
        if self.log_precision is None:
            return np.ones_like(self.bias)
        return np.exp(self.log_precision)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return (x * x) @ (self.precision / 2) - x @ self.bias

    def cgf(self, inputs):
        """Return the log of the integral of ``exp(x @ inputs - energy(x))``."""
        field = inputs + self.bias
        constant = np.log(2 * np.pi / self.precision.astype(np.float64)).sum() / 2
        quadratic = (field * field) @ (0.5 / self.precision)
        return constant + quadratic.astype(np.float64)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return (inputs + self.bias) / self.precision

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        noise = random.normal(inputs.shape, inputs.dtype)
        return self.mean(inputs) + noise / np.sqrt(self.precision)

    def interpolate(self, other, beta):
        """Return the layer on the way from this one (0) to ``other`` (1)."""
        bias = (1 - beta) * self.bias + beta * other.bias
        if self.log_precision is None and other.log_precision is None:
            return Gaussian(bias)
        precision = (1 - beta) * self.precision + beta * other.precision
        return Gaussian(bias, np.log(precision))

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        gradient = super().grad(x, weight)
        if self.log_precision is not None:
            gradient["log_precision"] = self.precision / 2 * (weight @ (x * x))
        return gradient

    def project(self):
        """Keep the variance within its bounds."""
        if self.log_precision is not None:
            np.clip(self.log_precision, *_LOG_PRECISION_BOUNDS, out=self.log_precision)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are no real number."""
        return ~np.isfinite(X)
