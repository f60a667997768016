"""Fields of experts: Student potentials of learned filters."""

import numpy as np

from skebm.energies.images._filter_bank import FilterBank
from skebm.energies.images._recipe import ImageRecipe, responses_to_noise
from skebm.utils._stored import public

# The derivative of the potential is a linear spline of so many intervals of this width;
# it is within 0.01 of the derivative, whose largest value is 0.7. Beyond the last
# interval it is constant.
_N_INTERVALS, _WIDTH = 640, 0.2
# The first potentials: the weight of a filter, and the scale in standard deviations of
# the noise. Those that are learned are like them.
_STEEPNESS, _SCALE = 20.0, 0.14
# A filter with the least weight does nothing, but can learn.
_LEAST = 0.001


def student_slopes():
    """Return the slopes of intervals of the derivative of ``log(1 + u^2 / 2)``."""
    grid = np.arange(_N_INTERVALS + 1) * _WIDTH
    slopes = np.diff(grid / (1 + grid**2 / 2)) / _WIDTH
    slopes[-1] = 0
    return slopes.astype(np.float32)


@public("skebm.energies.images")
class Experts(FilterBank):
    """A field of experts: Student potentials of the responses of filters [1]_.

    The potential of filter ``f`` is ``weight_f log(1 + u^2 / 2) / rate_f^2`` where ``u
    = rate_f |w_f * x|``, up to a spline of its derivative. The energy is not convex, so
    its restored image is a stationary point that depends on the start. The filters are
    learned by bilevel learning [2]_.

    Parameters
    ----------
    coefficients, scales, levels
        See :class:`FilterBank`.
    weights : ndarray of shape (n_levels, n_filters), float32
        The weights of filters, above 0.

    References
    ----------
    .. [1] S. Roth, M. J. Black. "Fields of experts". International Journal of Computer
       Vision 82 (2009).
    .. [2] Y. Chen, R. Ranftl, T. Pock. "Insights into analysis operator learning: from
       patch-based sparse models to higher order MRFs". IEEE Transactions on Image
       Processing 23 (2014).
    """

    def __init__(self, coefficients, scales, weights, levels):
        super().__init__(coefficients, scales, levels)
        self.weights = weights

    @property
    def params(self):
        """The coefficients of filters, their scales, and their weights."""
        return {
            "coefficients": self.coefficients,
            "scales": self.scales,
            "weights": self.weights,
        }

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink: none."""
        return ()

    def interpolate(self, beta):
        """Return the energy times ``beta``."""
        return self.replace({**self.params, "weights": beta * self.weights})

    def bank(self, sigma):
        """Return the :class:`Bank` of filters and potentials at ``sigma``."""
        shares = self.shares(sigma)
        # A response of one interval is one unit of the tables. The gain is one over the
        # rate, and the derivative is linear in units of the width.
        scales = shares @ self.scales - np.float32(np.log(_WIDTH))
        weights = shares @ self.weights
        return self._tables(scales, student_slopes()[None], sigma, weights)

    def _pulled(self, sigma, sums):
        shares = self.shares(sigma)
        return {
            "coefficients": self._by_coefficient(sums.filters),
            # The gain is the weight over the rate.
            "scales": np.outer(shares, sums.moved - sums.sums),
            "weights": np.outer(shares, sums.sums / (shares @ self.weights)),
        }

    def project(self):
        """Keep weights above 0, and the gain of all filters at 1 or below."""
        np.maximum(self.weights, _LEAST, out=self.weights)
        self.bound_gain()


@public("skebm.energies.images")
class ExpertsRecipe(ImageRecipe):
    """The recipe of :class:`Experts`.

    Parameters
    ----------
    n_filters : int, default=48
    filter_size : int, default=7
        Odd number of pixels.
    levels : tuple of float, default=(5, 15, 25, 50)
        The noise levels at which parameters are learned, on the scale of 0 to 255.
    """

    def build(self, layer, summary, random):
        """Return the energy from which training starts."""
        self.check()
        shape = len(self.levels), self.n_filters
        scales = np.zeros(shape, np.float32)
        energy = Experts(
            self.first_filters(random),
            scales,
            np.full(shape, _STEEPNESS, np.float32),
            np.array(self.levels) / 255,
        )
        energy.project()
        scales -= np.log(_SCALE * responses_to_noise(energy.filters))
        return energy
