"""Logarithms of the distances of numbers from the ends of an interval."""

from typing import NamedTuple

import numpy as np

from skebm.utils._stored import public

# Largest rate of an interval, times its width: a larger exponential is infinite.
_STEEPEST = 300.0


@public("skebm.tables.curves")
class Logarithm(NamedTuple):
    """A logarithm near the ends of an interval that becomes a straight line far away.

    With ``L(d) = log(exp(rate d) - 1)``, the transform is ``L(x - lower)`` if only the
    lower end is finite, ``-L(upper - x)`` if only the upper end is, and ``L(x - lower)
    - L(upper - x)`` if both are. The limit of rate 0 is ``L(d) = log(d)``, so the
    transform is a logarithm or a logit. At rate 1 and with ``lower`` 0, exponential
    numbers become logistic ones.

    Below ``first`` and above ``last`` the transform goes on as ``log(1 + d)`` of the
    distance. It is therefore defined for all numbers, and a number outside the interval
    has a density, although a very small one.

    Attributes
    ----------
    lower, upper : float
        Ends of the interval. One of them may be infinite.
    rate : float
    first, last : float
        Numbers inside the interval, or the infinite ends.
    """

    lower: float
    upper: float
    rate: float
    first: float
    last: float

    @property
    def ends(self):
        """Both ends of the interval."""
        return self.lower, self.upper

    def transform(self, x):
        """Return the transform of numbers."""
        y = self._inner(np.clip(x, self.first, self.last))
        for end, sign in ((self.first, -1), (self.last, 1)):
            if np.isfinite(end):
                beyond = np.maximum(sign * (x - end), 0)
                y = y + sign * np.log1p(self._slope(end) * beyond)
        return y

    def inverse(self, y):
        """Return the numbers."""
        low, high = self._turns
        down, up = self._distances(np.clip(y, low, high))
        if np.isinf(self.upper):
            x = self.lower + down
        elif np.isinf(self.lower):
            x = self.upper - up
        else:
            x = np.where(down < up, self.lower + down, self.upper - up)
        for turn, y_turn, sign in ((self.first, low, -1), (self.last, high, 1)):
            if np.isfinite(turn):
                beyond = np.expm1(np.maximum(sign * (y - y_turn), 0))
                x = x + sign * beyond / self._slope(turn)
        return x

    def log_width(self, y):
        """Return ``log(dx / dy)`` at numbers whose transform is ``y``."""
        low, high = self._turns
        inner = np.clip(y, low, high)
        return np.abs(y - inner) - np.log(self._slopes(*self._distances(inner)))

    @property
    def _turns(self):
        """The transforms of ``first`` and ``last``."""
        turns = self.first, self.last
        return [x if np.isinf(x) else float(self._inner(x)) for x in turns]

    def _inner(self, x):
        y = 0.0
        if np.isfinite(self.lower):
            y = y + log_of_distance(x - self.lower, self.rate)
        if np.isfinite(self.upper):
            y = y - log_of_distance(self.upper - x, self.rate)
        return y

    def _slope(self, x):
        return self._slopes(x - self.lower, self.upper - x)

    def _slopes(self, down, up):
        ends = (self.lower, down), (self.upper, up)
        return sum(slope_at(d, self.rate) for end, d in ends if np.isfinite(end))

    def _distances(self, y):
        """Return the distances from both ends of numbers with the transform ``y``."""
        if np.isinf(self.upper):
            return _from_log(y, self.rate), np.inf
        if np.isinf(self.lower):
            return np.inf, _from_log(-y, self.rate)
        width = self.upper - self.lower
        near = _nearer(-np.abs(y), self.rate, width)
        return np.where(y < 0, near, width - near), np.where(y < 0, width - near, near)


def log_of_distance(d, rate):
    """Return ``log(exp(rate d) - 1)`` of positive numbers, or ``log(d)`` at rate 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rate == 0, np.log(d), rate * d + np.log(-np.expm1(-rate * d)))


def logs_at(d, rate):
    """Return :func:`log_of_distance` and the logarithm of its derivative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log_d, log_rest = np.log(d), np.log(-np.expm1(-rate * d))
        log_slope = np.where(rate == 0, -log_d, np.log(rate) - log_rest)
        return np.where(rate == 0, log_d, rate * d + log_rest), log_slope


def log_and_slope(d, rate):
    """Return :func:`log_of_distance` and its derivative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = -np.expm1(-rate * d)
        slope = np.where(rate == 0, 1 / d, rate / rest)
        return np.where(rate == 0, np.log(d), rate * d + np.log(rest)), slope


def slope_at(d, rate):
    """Return the derivative of :func:`log_of_distance`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rate == 0, 1 / d, rate / -np.expm1(-rate * d))


def _from_log(y, rate):
    """Return the inverse of :func:`log_of_distance`."""
    if rate == 0:
        return np.exp(y)
    # NumPy warns of a hole here.
    with np.errstate(invalid="ignore"):
        return np.logaddexp(0, y) / rate


def _nearer(y, rate, width):
    """Return the distance from the nearer end, whose transform is ``y <= 0``."""
    odds = np.exp(y)
    if rate == 0:
        return width * odds / (1 + odds)
    # The exponential of the distance times the rate solves a quadratic equation.
    far = np.exp(rate * width)
    w = (1 - odds + np.sqrt((1 - odds) ** 2 + 4 * odds * far)) / 2
    # Near 1 this has more digits than log(w).
    return np.log1p(odds * (far / w - 1)) / rate


def steepest(rate, width):
    """Return the rate, or the largest that an interval of this width takes."""
    return np.minimum(rate, _STEEPEST / width)
