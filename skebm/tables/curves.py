"""Monotone transforms of numbers."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import boxcox1p, inv_boxcox1p

from skebm.utils._moments import moments

# A decoded number is at most this number times the largest number that fit has seen.
_REACH = 10.0
# Powers for which the Yeo-Johnson transform maps the real line onto itself.
_POWERS = 0.0, 2.0
# Numbers whose standard deviation is below this number times their mean do not need a
# transform, since every smooth function is nearly linear there.
_NARROW = 1e-6


class Curve(NamedTuple):
    """A monotone transform of one column, followed by standardisation.

    The Yeo-Johnson transform [1]_ is ``sign(x) (exp(q t) - 1) / q`` with ``t = log(1 +
    |x| / unit)``. There ``q`` is ``power`` for positive numbers and ``2 - power`` for
    negative ones. The power lies in [0, 2], where the transform maps the real line onto
    itself. So every number has a density, and every draw is a number. Decoded numbers
    lie between ``low`` and ``high``, which are ten times as large as the numbers that
    ``fit`` has seen.

    Attributes
    ----------
    power : float
        NaN for the logarithm of positive numbers.
    unit : float
        The scale of numbers before the transform.
    location, scale : float
        Mean and standard deviation after the transform.
    low, high : float
        Smallest and largest decoded number.

    References
    ----------
    .. [1] I.-K. Yeo, R. Johnson. "A new family of power transformations to improve
       normality or symmetry". Biometrika 87 (2000).
    """

    power: float
    unit: float
    location: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def fit(cls, x, weight, family="power"):
        """Return the curve with the largest weighted likelihood.

        Parameters
        ----------
        x : ndarray of shape (n,)
            NaN is ignored.
        weight : ndarray of shape (n,) or None
        family : {"power", "log"}, default="power"
            The Yeo-Johnson transform, or the logarithm.
        """
        x, weight = observed(x, weight)
        if not len(x):
            # The column holds nothing but zeros, so any curve will do.
            x, weight = np.ones(1), None
        top = _REACH * (np.abs(x).max(initial=0) or 1.0)
        if family == "log":
            curve = cls(np.nan, 1.0, low=x.min(initial=1) / _REACH, high=top)
        else:
            unit = float(np.average(np.abs(x), weights=weight)) or 1.0
            curve = cls(_best_power(x / unit, weight), unit, low=-top, high=top)
        location, scale = standards(curve._transform(x)[:, None], weight)
        return curve._replace(location=float(location[0]), scale=float(scale[0]))

    def _transform(self, x):
        """Return the transform of numbers before they are standardised."""
        x = np.asarray(x, dtype=np.float64)
        if np.isnan(self.power):
            return np.log(np.where(x > 0, x, np.nan))
        q = np.where(x < 0, 2 - self.power, self.power)
        return np.copysign(boxcox1p(np.abs(x) / self.unit, q), x)

    def encode(self, x):
        """Return the standardised transform of numbers."""
        return (self._transform(x) - self.location) / self.scale

    def decode(self, z):
        """Return the numbers, clipped to ``low`` and ``high``."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        with np.errstate(over="ignore"):
            if np.isnan(self.power):
                x = np.exp(y)
            else:
                q = np.where(y < 0, 2 - self.power, self.power)
                x = np.copysign(self.unit * inv_boxcox1p(np.abs(y), q), y)
        return np.clip(x, self.low, self.high)

    def log_width(self, z):
        """Return ``log(dx / dz)`` at numbers whose standardised transform is ``z``."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        if np.isnan(self.power):
            return np.log(self.scale) + y
        q = np.where(y < 0, 2 - self.power, self.power)
        t = np.where(q == 0, np.abs(y), np.log1p(q * np.abs(y)) / np.where(q, q, 1))
        return np.log(self.scale * self.unit) + (1 - q) * t

    @staticmethod
    def gain(x, weight=None):
        """Return the gain in mean normal log-likelihood by a transform, in nats."""
        x, weight = observed(x, weight)
        x = x / (float(np.average(np.abs(x), weights=weight)) or 1.0)
        mean, variance = moments(x[:, None], weight)
        if np.sqrt(variance[0]) <= _NARROW * abs(mean[0]):
            return 0.0
        return np.log(variance[0]) / 2 - _loss(_best_power(x, weight), x, weight)


def _best_power(x, weight):
    """Return the power with the largest likelihood."""
    return float(
        minimize_scalar(_loss, bounds=_POWERS, args=(x, weight), method="bounded").x
    )


def _loss(power, x, weight):
    """Return the mean negative log-likelihood of numbers, up to a constant.

    The density of a number is a normal density of its transform, times the slope of the
    transform.
    """
    transformed = Curve(power, 1.0)._transform(x)
    scale = standards(transformed[:, None], weight)[1][0]
    log_slope = (power - 1) * np.sign(x) * np.log1p(np.abs(x))
    return np.log(scale) - np.average(log_slope, weights=weight)


def observed(x, weight):
    """Return the numbers that are not NaN, and their weights."""
    is_number = ~np.isnan(x)
    return x[is_number], None if weight is None else weight[is_number]


def standards(X, weight):
    """Return location and scale of each column; the scale of a constant column is 1."""
    mean, variance = moments(X, weight)
    scale = np.sqrt(variance)
    # Such a column is constant up to rounding.
    scale[scale <= 10 * np.finfo(X.dtype).eps * np.abs(mean)] = 1.0
    scale[scale == 0] = 1.0
    return mean, scale
