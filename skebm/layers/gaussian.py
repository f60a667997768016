"""Real units."""

import numpy as np

from skebm.layers._real import LOG_PRECISION_BOUNDS, Real, normal_grid


class Gaussian(Real):
    """Real units: ``energy(x) = sum(exp(log_precision) x**2 / 2 - bias * x)``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean times precision of a unit without inputs.
    log_precision : ndarray of shape (n_units,) or None
        Log of the inverse of the variance given the inputs, learned within bounds.
        ``None`` fixes the variance at 1. Hidden units need that, since a model with
        another variance equals a model with variance 1 and scaled weights.
    """

    domain = "finite numbers"

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer whose units have these moments, within the bounds."""
        log_precision = -np.log(np.maximum(variance, 1e-12))
        log_precision = np.clip(log_precision, *LOG_PRECISION_BOUNDS)
        return cls(mean * np.exp(log_precision), log_precision)

    def alternatives(self, variable, low, high):
        """Return a grid of numbers: see :func:`skebm.layers._real.normal_grid`."""
        precision, bias = float(self.precision[variable]), float(self.bias[variable])
        means = (bias + low) / precision, (bias + high) / precision
        values, step = normal_grid(means, precision**-0.5)
        values = values.astype(self.bias.dtype)[:, None]
        return slice(variable, variable + 1), values, np.log(step)

    def cgfs(self, inputs):
        """Return the log of the integral of each unit, (n, n_units), float64."""
        field, precision = inputs + self.bias, self.precision
        constant = np.log(2 * np.pi / precision.astype(np.float64)) / 2
        return constant + (field * field) * (0.5 / precision)

    def cgf(self, inputs):
        """Return the log of the integral of ``exp(x @ inputs - energy(x))``."""
        field = inputs + self.bias
        constant = np.log(2 * np.pi / self.precision.astype(np.float64)).sum() / 2
        quadratic = (field * field) @ (0.5 / self.precision)
        return constant + quadratic.astype(np.float64)

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.precision * x - self.bias

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return (inputs + self.bias) / self.precision

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs: the mean."""
        return self.mean(inputs)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        noise = random.normal(inputs.shape, inputs.dtype)
        return self.mean(inputs) + noise / np.sqrt(self.precision)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not finite numbers."""
        return ~np.isfinite(X)
