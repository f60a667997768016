"""Rectified units: real numbers from 0 on."""

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skebm.layers._real import Real


class ReLU(Real):
    """Units from 0 on: ``energy(h) = sum(exp(log_precision) h**2 / 2 - bias * h)``.

    Given its inputs, a unit has a normal density cut off at 0 [1]_.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Mean times precision of a unit without inputs, before the cut.
    log_precision : ndarray of shape (n_units,) or None
        ``None`` fixes the precision at 1: so for hidden units, whose scale would
        otherwise be free.

    References
    ----------
    .. [1] J. Tubiana, S. Cocco, R. Monasson. "Learning protein constitutive motifs from
       sequence data". eLife 8 (2019).
    """

    domain = "numbers from 0 on"

    @property
    def limits(self):
        """Zero and infinity."""
        return np.zeros(self.n_units), np.full(self.n_units, np.inf)

    def alternatives(self, feature, low, high):
        """Return nodes of Gauss's rule on intervals that fit the decay from 0 on."""
        scale = float(self.precision[feature]) ** -0.5
        field = np.array([low, high]) + float(self.bias[feature])
        # Far from its cut a density falls like exp(field * x).
        width = min(scale, 1 / max(-field[0], 1e-12))
        edges = [0.0]
        while edges[-1] < (max(field[1] * scale, 0) + 9) * scale:
            edges.append(edges[-1] + width)
            width = min(2 * width, scale)
        node, weight = np.polynomial.legendre.leggauss(12)
        half = np.diff(edges)[:, None] / 2
        values = np.array(edges[:-1])[:, None] + half * (node + 1)
        values = values.ravel().astype(self.bias.dtype)
        log_weight = np.log(half * weight).ravel()
        return slice(feature, feature + 1), values[:, None], log_weight

    def _standard(self, inputs):
        """Return the mean before the cut in standard deviations, float64."""
        return (inputs + self.bias).astype(np.float64) / np.sqrt(self.precision)

    def cgfs(self, inputs):
        """Return the log of the integral of each unit, (n, n_units), float64."""
        t = self._standard(inputs)
        log_precision = np.log(self.precision.astype(np.float64))
        return (np.log(2 * np.pi) - log_precision + t * t) / 2 + log_ndtr(t)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        t = self._standard(inputs)
        hazard = np.exp(-(t * t + np.log(2 * np.pi)) / 2 - log_ndtr(t))
        mean = (t + hazard) / np.sqrt(self.precision)
        return mean.astype(inputs.dtype)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return np.maximum(inputs + self.bias, 0) / self.precision

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs, by inversion."""
        t = self._standard(inputs)
        uniform = random.uniform(inputs.shape, inputs.dtype).astype(np.float64)
        x = t - ndtri_exp(np.log(uniform) + log_ndtr(t))
        return (np.maximum(x, 0) / np.sqrt(self.precision)).astype(inputs.dtype)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are no number from 0 on."""
        return ~(np.isfinite(X) & (X >= 0))
