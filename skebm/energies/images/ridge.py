"""The ridge energy: learned potentials of learned filters, with one lowest image."""

import numpy as np

from skebm.energies.images._filter_bank import FilterBank
from skebm.energies.images._recipe import ImageRecipe, responses_to_noise
from skebm.utils._stored import public

# Intervals of the derivative of a potential, and their width in standard deviations of
# the noise. Beyond the last one the derivative is constant.
_N_INTERVALS, _WIDTH = 33, 0.25
# The steepest descent of a derivative, times the gain of the filters. With 1, data and
# energy together would be flat there, and their minimum might not be unique. What is
# left covers filters that are neither even nor odd, at the mirrored edges.
_CONCAVITY = 0.97
# The first potentials rise by this slope in the first interval, and bend back as much
# as they may: so do those that are learned. This is the standard deviation of the
# responses to noise, in units of the tables.
_STEEPNESS, _SCALE = 30.0, 4.0


@public("skebm.energies.images")
class Ridge(FilterBank):
    """A sum over filters and pixels of learned one-dimensional potentials [1]_, [2]_.

    The derivative of the potential is a linear spline, which all filters share up to
    their scale. Its slopes are so bounded that the minimum of data and energy is unique
    at any level of noise.

    Parameters
    ----------
    coefficients, scales, levels
        See :class:`FilterBank`.
    slopes : ndarray of shape (n_levels, n_potentials, n_intervals), float32
        Slopes of the derivatives. Filter ``f`` has potential ``f % n_potentials``.
    concavity : float
        No slope is below minus this number; 0 makes the energy convex.

    References
    ----------
    .. [1] A. Goujon, S. Neumayer, P. Bohra, S. Ducotterd, M. Unser. "A
       neural-network-based convex regularizer for inverse problems". IEEE Transactions
       on Computational Imaging 9 (2023).
    .. [2] A. Goujon, S. Neumayer, M. Unser. "Learning weakly convex regularizers for
       convergent image-reconstruction algorithms". SIAM Journal on Imaging Sciences 17
       (2024).
    """

    def __init__(self, coefficients, scales, slopes, levels, concavity=_CONCAVITY):
        super().__init__(coefficients, scales, levels)
        self.slopes, self.concavity = slopes, concavity

    @property
    def params(self):
        """The coefficients of filters, their scales, and the slopes of potentials."""
        return {
            "coefficients": self.coefficients,
            "scales": self.scales,
            "slopes": self.slopes,
        }

    def interpolate(self, beta):
        """Return the energy times ``beta``."""
        return self.replace({**self.params, "slopes": beta * self.slopes})

    def bank(self, sigma):
        """Return the :class:`Bank` of filters and potentials at ``sigma``."""
        shares = self.shares(sigma)
        slopes = np.tensordot(shares, self.slopes, 1)
        n_filters = len(self.coefficients)
        if len(slopes) > 1:
            slopes = slopes[np.arange(n_filters) % len(slopes)]
        # A response of one interval is one unit of the tables.
        scales = shares @ self.scales - np.float32(np.log(_WIDTH))
        return self._tables(scales, slopes, sigma)

    def _pulled(self, sigma, sums):
        shares = self.shares(sigma)
        potentials = np.zeros(self.slopes.shape[1:])
        n_filters = len(self.coefficients)
        np.add.at(potentials, np.arange(n_filters) % len(potentials), sums.by_slope)
        return {
            "coefficients": self._by_coefficient(sums.filters),
            # The gain is one over the rate.
            "scales": np.outer(shares, sums.moved - sums.sums),
            "slopes": np.multiply.outer(shares, potentials),
        }

    def project(self):
        """Bring the parameters to where the minimum of data and energy is unique."""
        np.clip(self.slopes, -self.concavity, None, out=self.slopes)
        self.slopes[..., -1] = 0
        self.bound_gain()


@public("skebm.energies.images")
class RidgeRecipe(ImageRecipe):
    """The recipe of :class:`Ridge`.

    Parameters
    ----------
    n_filters : int, default=48
    filter_size : int, default=7
        Odd number of pixels.
    convex : bool, default=False
        Whether the energy is convex on its own. In the papers of :class:`Ridge` it
        restores about half a decibel worse. It suits data that leave an image open.
    levels : tuple of float, default=(5, 15, 25, 50)
        The noise levels at which parameters are learned, on the scale of 0 to 255.
    """

    def __init__(
        self, n_filters=48, filter_size=7, convex=False, levels=(5, 15, 25, 50)
    ):
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.convex = convex
        self.levels = levels

    def build(self, layer, summary, random):
        """Return the energy from which training starts."""
        self.check()
        n_levels = len(self.levels)
        concavity = 0.0 if self.convex else _CONCAVITY
        slopes = np.full(_N_INTERVALS, -concavity)
        slopes[0] = _STEEPNESS
        scales = np.zeros((n_levels, self.n_filters), np.float32)
        energy = Ridge(
            self.first_filters(random),
            scales,
            np.tile(slopes, (n_levels, 1, 1)).astype(np.float32),
            np.array(self.levels) / 255,
            concavity,
        )
        energy.project()
        scales += np.log(_SCALE / responses_to_noise(energy.filters))
        return energy
