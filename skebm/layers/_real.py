"""The base of layers of real units: a precision, fixed or learned."""

import numpy as np

from skebm.layers._base import Layer

# Inputs can explain at most 99.9 % of the variance of a standardised column. Without
# this bound a constant column, or a copy of another, would get an infinite density.
LOG_PRECISION_BOUNDS = np.log(0.1), np.log(1000.0)
# A grid with more steps means that the weights have exploded.
_MAX_STEPS = 100_000


class Real(Layer):
    """Units with the energy ``sum(exp(log_precision) u**2 / 2) - x @ bias``.

    ``u`` are the real units. They are all units of ``x``, unless a subclass overrides
    ``_real``.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
    log_precision : ndarray of shape (n_real,) or None
        ``None`` fixes it at 0.
    """

    finite = False

    def __init__(self, bias, log_precision=None):
        super().__init__(bias)
        self.log_precision = log_precision
        if log_precision is not None:
            self.param_names = ("bias", "log_precision")

    @classmethod
    def zeros(cls, n_units, dtype=np.float64):
        """Return a layer without biases and with fixed precision 1."""
        return cls(np.zeros(n_units, dtype=dtype))

    @staticmethod
    def _real(x):
        return x

    @property
    def precision(self):
        """Factor of ``u**2 / 2`` in the energy, for each real unit."""
        if self.log_precision is None:
            return np.ones_like(self.bias)
        return np.exp(self.log_precision)

    @property
    def curvature(self):
        """The precision."""
        return self.precision

    @property
    def limits(self):
        """Minus and plus infinity."""
        return np.full(self.n_units, -np.inf), np.full(self.n_units, np.inf)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        real = self._real(x)
        return (real * real) @ (self.precision / 2) - x @ self.bias

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1)."""
        bias = (1 - beta) * self.bias + beta * other.bias
        if self.log_precision is None and other.log_precision is None:
            return self.replace(bias=bias)
        precision = (1 - beta) * self.precision + beta * other.precision
        return self.replace(bias=bias, log_precision=np.log(precision))

    def scaled(self, beta):
        """Return the layer whose energy is ``beta`` times the energy of this one."""
        beta = self.bias.dtype.type(beta)
        return self.replace(
            bias=beta * self.bias, log_precision=np.log(beta * self.precision)
        )

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        gradient = super().grad(x, weight)
        if self.log_precision is not None:
            real = self._real(x)
            gradient["log_precision"] = self.precision / 2 * (weight @ (real * real))
        return gradient

    def project(self):
        """Keep the precision within its bounds."""
        if self.log_precision is not None:
            np.clip(self.log_precision, *LOG_PRECISION_BOUNDS, out=self.log_precision)


def normal_grid(mean, scale):
    """Return the grid and the step of a trapezoid rule with an error below 1e-12.

    Parameters
    ----------
    mean : pair of float
        The smallest and the largest mean of a mixture of normal densities.
    scale : float
        The standard deviation of these densities. The step is 0.75 times the scale,
        which is exact up to rounding.

    Raises
    ------
    FloatingPointError
        If the means are so far apart that the weights must have exploded.
    """
    step = 0.75 * scale
    low, high = mean[0] - 8 * scale, mean[1] + 8 * scale
    n_steps = whole_steps((high - low) / step)
    return low + step * np.arange(n_steps + 1), step


def whole_steps(number):
    """Return the number of steps of a sum or an integral, rounded up.

    Raises
    ------
    FloatingPointError
        If it is so large, or not finite, that the weights must have exploded.
    """
    if not number < _MAX_STEPS:
        raise FloatingPointError(
            "The weights are too large to sum or integrate a unit out. Lower "
            "learning_rate."
        )
    return int(np.ceil(number))
