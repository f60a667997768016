"""The Yeo-Johnson transform about any center."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import boxcox1p, inv_boxcox1p

from skebm.tables.curves._sample import mean_loss
from skebm.utils._stored import public

# Powers for which the transform maps the real line onto itself.
_POWERS = 0.0, 2.0


@public("skebm.tables.curves")
class YeoJohnson(NamedTuple):
    """A power of numbers on each side of a center.

    The Yeo-Johnson transform [1]_ is ``sign(t) (exp(q s) - 1) / q`` with ``t = (x -
    center) / unit`` and ``s = log(1 + |t|)``. There ``q`` is ``power`` above the
    center and ``2 - power`` below. The power lies in [0, 2], where the transform maps
    the real line onto itself. So every number has a density, and every draw is a
    number.

    Attributes
    ----------
    power : float
        1 makes the transform a straight line.
    unit : float
        The scale of numbers before the transform.
    center : float, default=0.0

    References
    ----------
    .. [1] I.-K. Yeo, R. Johnson. "A new family of power transformations to improve
       normality or symmetry". Biometrika 87 (2000).
    """

    power: float
    unit: float
    center: float = 0.0

    @classmethod
    def fit(cls, sample, center=0.0):
        """Return the transform with the largest likelihood of a sample."""
        away = sample.values - center
        unit = float(np.abs(away) @ sample.share) or 1.0
        t = away / unit

        def loss(power):
            log_slope = (power - 1) * np.sign(t) * np.log1p(np.abs(t))
            return mean_loss(_transform(t, power), log_slope, sample.share)

        power = minimize_scalar(loss, bounds=_POWERS, method="bounded").x
        return cls(float(power), unit, float(center))

    def transform(self, x):
        """Return the transform of numbers."""
        return _transform((x - self.center) / self.unit, self.power)

    def inverse(self, y):
        """Return the numbers."""
        q = np.where(y < 0, 2 - self.power, self.power)
        t = np.copysign(inv_boxcox1p(np.abs(y), q), y)
        return self.center + self.unit * t

    def log_width(self, y):
        """Return ``log(dx / dy)`` at numbers whose transform is ``y``."""
        q = np.where(y < 0, 2 - self.power, self.power)
        s = np.where(q == 0, np.abs(y), np.log1p(q * np.abs(y)) / np.where(q, q, 1))
        return np.log(self.unit) + (1 - q) * s


def _transform(t, power):
    q = np.where(t < 0, 2 - power, power)
    return np.copysign(boxcox1p(np.abs(t), q), t)
