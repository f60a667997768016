"""Rectified units, whose values are real numbers from 0 on."""

import math

import numpy as np
from numba import njit

from skebm.layers._real import Real, whole_steps
from skebm.utils._addresses import KERNEL

# Below this number of standard deviations the tail of the normal distribution is taken
# from its asymptotic series, where five terms leave an error of 1e-11. The formula for
# larger numbers leaves an error of 1e-10.
_TAIL = -30.0
_LOG_2PI = math.log(2 * math.pi)


class ReLU(Real):
    """Units from 0 on: ``energy(h) = sum(exp(log_precision) h**2 / 2 - bias * h)``.

    Given its inputs, a unit has a normal density cut off at 0 [1]_.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean times precision of a unit without inputs, before the cut.
    log_precision : ndarray of shape (n_units,) or None
        ``None`` fixes the precision at 1. Hidden units need that, since a model with
        another precision equals a model with precision 1 and scaled weights.

    References
    ----------
    .. [1] J. Tubiana, S. Cocco, R. Monasson. "Learning protein constitutive motifs from
       sequence data". eLife 8 (2019).
    """

    domain = "numbers from 0 on"

    @classmethod
    def from_moments(cls, mean, variance, n_rows):
        """Return the layer of precision 1 whose units have these means.

        The mean of units without biases is added as one more row, so that no mean is 0.
        """
        layer, no_inputs = cls.zeros(len(mean)), np.zeros((1, len(mean)))
        mean = (mean * n_rows + layer.mean(no_inputs)[0]) / (n_rows + 1)
        # The mean is larger than the bias, and larger than -1 / bias.
        low, high = -1 / mean, mean
        for _ in range(60):
            layer.bias[:] = (low + high) / 2
            below = layer.mean(no_inputs)[0] < mean
            low, high = np.where(below, [layer.bias, high], [low, layer.bias])
        return layer

    @property
    def limits(self):
        """Zero and infinity."""
        return np.zeros(self.n_units), np.full(self.n_units, np.inf)

    def alternatives(self, variable, low, high):
        """Return nodes of the Gauss rule on intervals that suit the decay from 0."""
        scale = float(self.precision[variable]) ** -0.5
        field = np.array([low, high]) + float(self.bias[variable])
        # If the field is far below 0, the density falls like exp(field * x).
        width = min(scale, 1 / max(-field[0], 1e-12))
        n_doublings = whole_steps(np.log2(scale / width))
        top = max(field[1] * scale, 0) + 9
        doubled = np.arange(n_doublings + whole_steps(top) + 1, dtype=float)
        edges = np.r_[0, np.minimum(width * 2**doubled, scale).cumsum()]
        edges = edges[: np.searchsorted(edges, top * scale) + 1]
        node, weight = np.polynomial.legendre.leggauss(12)
        half = np.diff(edges)[:, None] / 2
        values = edges[:-1, None] + half * (node + 1)
        values = values.ravel().astype(self.bias.dtype)
        log_weight = np.log(half * weight).ravel()
        return slice(variable, variable + 1), values[:, None], log_weight

    def _standard(self, inputs):
        """Return the mean before the cut in standard deviations, float64."""
        field = inputs.astype(np.float64) + self.bias
        return field / np.sqrt(self.precision, dtype=np.float64)

    def cgfs(self, inputs):
        """Return the log of the integral of each unit, (n, n_units), float64."""
        t = self._standard(inputs)
        _log_integrals(t.reshape(-1))
        return t - np.log(self.precision, dtype=np.float64) / 2

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        t = self._standard(inputs)
        _means(t.reshape(-1))
        return (t / np.sqrt(self.precision)).astype(inputs.dtype)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return np.maximum(inputs + self.bias, 0) / self.precision

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs, by inversion."""
        t = self._standard(inputs)
        uniform = random.uniform(inputs.shape, inputs.dtype)
        _draws(t.reshape(-1), uniform.reshape(-1))
        return (t / np.sqrt(self.precision)).astype(inputs.dtype)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not finite numbers from 0 on."""
        return ~(np.isfinite(X) & (X >= 0))


@njit(**KERNEL)
def _log_integral(t):
    """Return the log of the integral of ``exp(t x - x**2 / 2)`` over x from 0 on."""
    if t > _TAIL:
        return (t * t + _LOG_2PI) / 2 + math.log(_cdf(t))
    q = 1 / (t * t)
    return math.log((1 - q * (1 - q * (3 - q * (15 - q * 105)))) / -t)


@njit(**KERNEL)
def _cdf(t):
    return math.erfc(-t * math.sqrt(0.5)) / 2


@njit(**KERNEL)
def _log_integrals(t):
    """Replace each number by its log integral."""
    for i in range(len(t)):
        t[i] = _log_integral(t[i])


@njit(**KERNEL)
def _means(t):
    """Replace each mean by the mean of the density that is cut off at 0."""
    for i in range(len(t)):
        if t[i] > _TAIL:
            density = math.exp(-(t[i] * t[i] + _LOG_2PI) / 2)
            t[i] = max(t[i] + density / _cdf(t[i]), 0.0)
        else:
            q = 1 / (t[i] * t[i])
            t[i] = (1 - q * (2 - q * (10 - q * (74 - q * 706)))) / -t[i]


@njit(**KERNEL)
def _draws(t, uniform):
    """Replace each mean by the number above which the share ``uniform`` lies."""
    for i in range(len(t)):
        if t[i] > _TAIL:
            t[i] = max(t[i] - _quantile(float(uniform[i]) * _cdf(t[i])), 0.0)
        else:
            t[i] = _tail_draw(-t[i], -math.log(uniform[i]))


@njit(**KERNEL)
def _tail_draw(start, height):
    """Return the distance above ``start`` of the share ``exp(-height)`` of the tail.

    It is one step of Newton's method. The step starts where the density has fallen by
    that factor.
    """
    x = 2 * height / (math.sqrt(start * start + 2 * height) + start)
    rest = _log_integral(-start - x)
    fallen = x * (start + x / 2) - rest + _log_integral(-start)
    return max(x - math.exp(rest) * (fallen - height), 0.0)


# Ratios of polynomials near the middle and in two ranges of the tails, from M. Wichura,
# "Algorithm AS 241: the percentage points of the normal distribution", Applied
# Statistics 37 (1988). The coefficient of the highest power comes first.
# fmt: off
_MIDDLE = (
    (2509.0809287301227, 33430.57558358813, 67265.7709270087,
     45921.95393154987, 13731.69376550946, 1971.5909503065513,
     133.14166789178438, 3.3871328727963665),
    (5226.495278852854, 28729.085735721943, 39307.89580009271,
     21213.794301586597, 5394.196021424751, 687.1870074920579,
     42.31333070160091, 1.0),
)
_NEAR = (
    (0.0007745450142783414, 0.022723844989269184, 0.2417807251774506,
     1.2704582524523684, 3.6478483247632045, 5.769497221460691,
     4.630337846156546, 1.4234371107496835),
    (1.0507500716444169e-09, 0.0005475938084995345, 0.015198666563616457,
     0.14810397642748008, 0.6897673349851, 1.6763848301838038,
     2.053191626637759, 1.0),
)
_FAR = (
    (2.0103343992922881e-07, 2.7115555687434876e-05, 0.0012426609473880784,
     0.026532189526576124, 0.29656057182850487, 1.7848265399172913,
     5.463784911164114, 6.657904643501103),
    (2.0442631033899397e-15, 1.421511758316446e-07, 1.8463183175100548e-05,
     0.0007868691311456133, 0.014875361290850615, 0.1369298809227358,
     0.599832206555888, 1.0),
)
# fmt: on


@njit(**KERNEL)
def _ratio(x, coefficients):
    above, below = 0.0, 0.0
    for k in range(8):
        above = above * x + coefficients[0][k]
        below = below * x + coefficients[1][k]
    return above / below


@njit(**KERNEL)
def _quantile(p):
    """Return the quantile of the standard normal distribution."""
    q = p - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(0.180625 - q * q, _MIDDLE)
    r = math.sqrt(-math.log(min(p, 1 - p)))
    size = _ratio(r - 1.6, _NEAR) if r <= 5 else _ratio(r - 5, _FAR)
    return math.copysign(size, q)
