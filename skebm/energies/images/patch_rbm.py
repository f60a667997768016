"""The energy of images by a restricted Boltzmann machine of their patches."""

import numpy as np
from scipy.special import expit

from skebm.energies.images._filter_bank import BOUNDS, FilterBank
from skebm.energies.images._recipe import ImageRecipe
from skebm.energies.images._waves import basis
from skebm.energies.rbm import RBM
from skebm.layers import Bernoulli, Columns, Gaussian, ReLU
from skebm.utils._stored import public

# Intervals of the derivative of a potential, and their width in terms of the inputs of
# rectified units. Beyond the last one the derivative is constant.
_N_INTERVALS, _WIDTH = 512, 0.25
# The first potentials: the threshold of the rectified units, the thresholds of the
# binary units, and the share of the slope that each of these takes away. They are near
# the potentials that a ridge learns. Noise has inputs of this standard deviation, and
# this factor makes potentials as steep as those.
_THRESHOLD, _STEPS, _SHARE, _SCALE, _FACTOR = 0.8, (8.0, 20.0, 45.0), 0.25, 20.0, 50.0
# Patterns with less than this share of the largest precision have no visible unit.
_LEAST_PRECISION = 1e-9


@public("skebm.energies.images")
class PatchRBM(FilterBank):
    """The sum over all positions of the free energy of a patch by a Gaussian RBM.

    The visible units of the RBM are the whitened pixels of a patch, without its mean,
    so that brightness has no energy. Each filter has two rectified hidden units [1]_
    and some pairs of binary ones. The weights of a pair are opposite, so an image and
    its negative have the same energy. Without hidden units, the energy is quadratic in
    the responses of filters; the rectified units make it linear beyond a threshold, and
    the binary ones bend it further. So the free energy is a sum of potentials with the
    shape that edges need, and all of its numbers are of order one.

    At a level of noise, the unit of brightness is a multiple of the noise, and the
    energy is multiplied by a factor: patches overlap, and each pixel is in several.

    Parameters
    ----------
    coefficients : ndarray of shape (n_filters, size ** 2 - 1), float32
        Filters in terms of the patterns of the cosine transform; see
        :class:`FilterBank`. The precision of the pixels is the sum of their squares.
    thresholds : ndarray of shape (n_filters,), float32
        Logarithms of the thresholds of rectified units, whose biases are their
        opposites. A threshold is the slope of the potential behind it.
    portions : ndarray of shape (n_filters, n_steps), float32
        What part of that slope each pair of binary units takes away, which is its
        weight: the softmax of these numbers and of 0, which is left.
    steps : ndarray of shape (n_filters, n_steps), float32
        Logarithms of the inputs at which binary units are on with probability 1/2.
    units : ndarray of shape (n_levels,), float32
        The unit of brightness is the noise times ``exp(-units)``.
    factors : ndarray of shape (n_levels,), float32
        Logarithms of the factors of the energy.
    levels : ndarray of shape (n_levels,)
        See :class:`FilterBank`.

    References
    ----------
    .. [1] V. Nair, G. E. Hinton. "Rectified linear units improve restricted Boltzmann
       machines". ICML 2010.
    """

    def __init__(
        self, coefficients, thresholds, portions, steps, units, factors, levels
    ):
        self.coefficients, self.thresholds = coefficients, thresholds
        self.portions, self.steps = portions, steps
        self.units, self.factors = units, factors
        self.levels = np.asarray(levels, np.float64)

    @property
    def params(self):
        """The filters, thresholds and weights of hidden units, and scales."""
        return {
            "coefficients": self.coefficients,
            "thresholds": self.thresholds,
            "portions": self.portions,
            "steps": self.steps,
            "units": self.units,
            "factors": self.factors,
        }

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink: none."""
        return ()

    def _hidden(self):
        """Return thresholds, weights of binary units, and their thresholds, float64."""
        threshold, odds, steps = (
            np.exp(np.clip(values.astype(np.float64), *BOUNDS))
            for values in (self.thresholds, self.portions, self.steps)
        )
        weights = threshold[:, None] * odds / (1 + odds.sum(axis=1, keepdims=True))
        return threshold[:, None], weights, steps

    @property
    def whitening(self):
        """The matrix that makes visible units of patterns, (n_visible, n_patterns).

        Patterns that no filter responds to have none.
        """
        filters = self.coefficients.astype(np.float64) / self.size
        values, vectors = np.linalg.eigh(filters.T @ filters)
        kept = values > _LEAST_PRECISION * values[-1]
        return np.sqrt(values[kept])[:, None] * vectors[:, kept].T

    @property
    def rbm(self):
        """The RBM of what :meth:`visible` returns."""
        filters = self.coefficients.astype(np.float64) / self.size
        weights = np.linalg.pinv(self.whitening).T @ filters.T
        threshold, scales, steps = self._hidden()
        binary = (weights[:, :, None] * scales).reshape(len(weights), -1)
        bias, step = -threshold.ravel(), -(scales * steps).ravel()
        hidden = Columns([ReLU(np.tile(bias, 2), None), Bernoulli(np.tile(step, 2))])
        visible = Gaussian(np.zeros(len(weights)), np.zeros(len(weights)))
        both = weights, -weights, binary, -binary
        return RBM(visible, hidden, np.concatenate(both, axis=1))

    def visible(self, patches, sigma=None):
        """Return the visible units of patches at a level of noise.

        Parameters
        ----------
        patches : ndarray of shape (n, size, size)
        sigma : float, default=None

        Returns
        -------
        ndarray of shape (n, n_visible), float64
        """
        patterns = patches.reshape(len(patches), -1) @ basis(self.size).T
        return patterns @ self.whitening.T / self.unit(self._middle(sigma))

    def unit(self, sigma):
        """Return the unit of brightness at ``sigma``."""
        return sigma * np.exp(-self._at(sigma, self.units))

    def _at(self, sigma, values):
        """Return values of levels at ``sigma``."""
        return float((self.shares(sigma) * values).sum())

    def interpolate(self, beta):
        """Return the energy times ``beta``."""
        # Levels without a share would make nothing of infinite logarithms.
        factors = self.factors + np.float32(np.log(max(beta, 1e-30)))
        return self.replace({**self.params, "factors": factors})

    def _derivatives(self):
        """Return the derivatives of potentials at the edges of intervals.

        Returns
        -------
        derivative : ndarray of shape (n_filters, n)
        by_threshold : ndarray of shape (n_filters, n)
            Its derivatives in the thresholds of rectified units.
        by_weight, by_step : ndarray of shape (n_filters, n_steps, n)
            Its derivatives in the weights and the thresholds of binary units.
        """
        v = np.arange(_N_INTERVALS + 1) * _WIDTH
        threshold, weights, steps = self._hidden()
        rectified = ReLU(-threshold.ravel(), None)
        inputs = np.broadcast_to(v[:, None], (len(v), len(threshold)))
        on, off = (rectified.mean(s * inputs).T for s in (1, -1))
        # The derivative of a mean is the variance.
        on_slope = 1 - on * (on - v + threshold)
        off_slope = 1 - off * (off + v + threshold)
        weights, ways = weights[..., None], [s * v - steps[..., None] for s in (1, -1)]
        first, second = (expit(weights * way) for way in ways)
        bends = first * (1 - first), second * (1 - second)
        derivative = v - on + off - (weights * (first - second)).sum(axis=1)
        by_weight = second - first - weights * (bends[0] * ways[0] - bends[1] * ways[1])
        by_step = weights**2 * (bends[0] - bends[1])
        return derivative, on_slope - off_slope, by_weight, by_step

    def bank(self, sigma):
        """Return the :class:`Bank` of filters and potentials at ``sigma``."""
        return self.banks([sigma])[0]

    def banks(self, levels):
        """Return the :class:`Bank` at each level of noise; all share the potentials."""
        slopes = np.diff(self._derivatives()[0]).astype(self.dtype)
        slopes[:, -1] = 0
        return [self._scaled(level, slopes) for level in levels]

    def _scaled(self, sigma, slopes):
        """Return the :class:`Bank` of slopes of intervals at ``sigma``."""
        unit, factor = self._at(sigma, self.units), self._at(sigma, self.factors)
        scales = np.full(len(slopes), unit - np.log(_WIDTH), self.dtype)
        # A response of one interval is one unit of the tables, and potentials are
        # divided by the square of sigma.
        weight = np.exp(factor + 2 * unit) / _WIDTH
        return self._tables(scales, slopes, sigma, weight)

    def _gradients(self, levels, sums):
        derivatives = self._derivatives()[1:]
        parts = zip(levels, sums, strict=True)
        return [self._pulled(level, one, *derivatives) for level, one in parts]

    def _pulled(self, sigma, sums, by_threshold, by_weight, by_step):
        shares = self.shares(sigma)
        # Slopes are differences of derivatives, and the last one is 0 in any case.
        edges = -np.diff(np.pad(sums.by_slope[:, :-1], [(0, 0), (1, 1)]))
        edges = np.pad(edges, [(0, 0), (0, 1)])
        in_weights, in_steps = (
            np.einsum("fi,fji->fj", edges, part) for part in (by_weight, by_step)
        )
        threshold, weights, steps = self._hidden()
        along = (in_weights * weights).sum(axis=1, keepdims=True)
        in_threshold = (edges * by_threshold).sum(axis=1) * threshold[:, 0]
        moved, total = sums.moved.sum(), sums.sums.sum()
        return {
            "coefficients": self._by_coefficient(sums.filters),
            "thresholds": in_threshold + along[:, 0],
            "portions": weights * (in_weights - along / threshold),
            "steps": in_steps * steps,
            "units": shares * (moved + total),
            "factors": shares * total,
        }

    def along_bound(self, gradient):
        """Return the gradient itself: filters have no bound."""
        return gradient

    def project(self):
        """Leave the parameters as they are: all of them are free."""


@public("skebm.energies.images")
class PatchRBMRecipe(ImageRecipe):
    """The recipe of :class:`PatchRBM`.

    Parameters
    ----------
    n_filters : int, default=48
        Each has a pair of rectified hidden units, and three pairs of binary ones.
    filter_size : int, default=7
        Height and width of the patches, an odd number of pixels.
    levels : tuple of float, default=(5, 15, 25, 50)
        The noise levels at which units and factors are learned, on the scale of 0 to
        255. All levels share one RBM.
    """

    def build(self, layer, summary, random):
        """Return the energy from which training starts."""
        self.check()
        shape, n_levels = (self.n_filters, len(_STEPS)), len(self.levels)
        # The odds that lead to these shares.
        odds = _SHARE / (1 - _SHARE * len(_STEPS))
        unit = np.log(_SCALE * self.filter_size)
        return PatchRBM(
            self.first_filters(random),
            np.full(self.n_filters, np.log(_THRESHOLD), np.float32),
            np.full(shape, np.log(odds), np.float32),
            np.broadcast_to(np.log(_STEPS), shape).astype(np.float32),
            np.full(n_levels, unit, np.float32),
            np.full(n_levels, np.log(_FACTOR) - 2 * unit, np.float32),
            np.array(self.levels) / 255,
        )
