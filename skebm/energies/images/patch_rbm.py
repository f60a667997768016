"""The energy of images by a restricted Boltzmann machine of their patches."""

import numpy as np
from scipy.optimize import nnls

from skebm.energies.images._filter_bank import FilterBank
from skebm.energies.images._recipe import ImageRecipe
from skebm.energies.images._waves import basis
from skebm.energies.rbm import RBM
from skebm.layers import Count, Gaussian
from skebm.utils._math import sigmoid
from skebm.utils._stored import public

# Intervals of the derivative of a potential, and their width in standard deviations of
# the noise. Beyond the last one the derivative is constant.
_N_INTERVALS, _WIDTH = 512, 0.25
# The first potentials are those of Cauchy's distribution, as of a ridge.
_STEEPNESS, _SCALE = 4.0, 1.5
# The responses at which hidden units switch at the start, in standard deviations of the
# noise, and how sharply: the weight times that response. The units at one response are
# sharp enough to be told from the next ones, and blunt enough for a smooth potential.
_THRESHOLDS, _SHARPNESS = 2.0 ** np.arange(7), 4.0
# The least height of a step.
_LEAST = 0.01


@public("skebm.energies.images")
class PatchRBM(FilterBank):
    """The sum over all positions of the free energy of a patch by an RBM.

    The visible units of the RBM are normal: they are the patterns of the cosine
    transform of a patch but the constant one, so that brightness has no energy. The
    hidden units are binomial [1]_: each stands for several binary units that share
    their weights, so that few weights make a potential with heavy tails. They come in
    pairs of opposite weights, so an image and its negative have the same energy. The
    free energy of a patch is quadratic in each pattern, less softplus functions of the
    responses of the filters: a sum of potentials of filters.

    At a level of noise, the unit of brightness is a multiple of the noise, and the
    energy is multiplied by a factor: patches overlap, and each pixel is in several.

    Parameters
    ----------
    directions : ndarray of shape (n_filters, size ** 2 - 1), float32
        Filters in terms of the patterns, of length 1.
    weights, biases : ndarray of shape (n_filters, n_steps), float32
        The hidden units of filter ``f`` have the weights ``weights[f, j] *
        directions[f]`` and their opposites, and the biases ``biases[f, j]``.
    precision : ndarray of shape (size ** 2 - 1,), float32
        Logarithms of the precisions of the patterns.
    units : ndarray of shape (n_levels,), float32
        The unit of brightness is the noise times ``exp(-units)``.
    factors : ndarray of shape (n_levels,), float32
        Logarithms of the factors of the energy.
    copies : ndarray of int of shape (n_steps,)
        How many binary units each hidden unit stands for.
    levels : ndarray of shape (n_levels,)
        See :class:`FilterBank`.

    References
    ----------
    .. [1] Y. W. Teh, G. E. Hinton. "Rate-coded restricted Boltzmann machines for face
       recognition". Advances in Neural Information Processing Systems 13 (2001).
    """

    def __init__(
        self, directions, weights, biases, precision, units, factors, copies, levels
    ):
        self.directions, self.weights, self.biases = directions, weights, biases
        self.precision, self.units, self.factors = precision, units, factors
        self.copies, self.levels = copies, np.asarray(levels, np.float64)

    @property
    def params(self):
        """The filters, weights and biases of hidden units, and scales."""
        return {
            "directions": self.directions,
            "weights": self.weights,
            "biases": self.biases,
            "precision": self.precision,
            "units": self.units,
            "factors": self.factors,
        }

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink: none."""
        return ()

    @property
    def coefficients(self):
        """One filter for each pattern, and those learned: see :class:`FilterBank`."""
        patterns = np.diag(np.exp(self.precision / 2))
        return np.concatenate([patterns, self.directions]) * np.float32(self.size)

    @property
    def size(self):
        """Height and width of the patches."""
        return round(np.sqrt(len(self.precision) + 1))

    @property
    def rbm(self):
        """The RBM of the patterns of a patch, in the unit of brightness."""
        precision = self.precision.astype(np.float64)
        weights = np.einsum("fw,fj->wfj", self.directions, self.weights)
        weights = weights.reshape(len(precision), -1)
        bias = np.tile(self.biases.ravel(), 2).astype(np.float64)
        copies = np.tile(self.copies, 2 * len(self.directions))
        hidden = Count(bias, np.zeros(len(bias)), copies)
        weights = np.concatenate([weights, -weights], axis=1).astype(np.float64)
        return RBM(Gaussian(np.zeros(len(precision)), precision), hidden, weights)

    def unit(self, sigma):
        """Return the unit of brightness at ``sigma``."""
        return sigma * np.exp(-float(self.shares(sigma) @ self.units))

    def interpolate(self, beta):
        """Return the energy times ``beta``."""
        with np.errstate(divide="ignore"):
            factors = self.factors + np.log(np.float32(beta))
        return self.replace({**self.params, "factors": factors})

    def _responses(self):
        """Return what weights and biases make of the edges of intervals."""
        grid = np.arange(_N_INTERVALS + 1, dtype=self.dtype) * np.float32(_WIDTH)
        inputs = self.weights[..., None] * grid
        return grid, *(sigmoid(self.biases[..., None] + s * inputs) for s in (1, -1))

    def bank(self, sigma):
        """Return the :class:`Bank` of filters and potentials at ``sigma``."""
        _, on, off = self._responses()
        derivative = -np.einsum("fj,fji->fi", self.copies * self.weights, on - off)
        slopes = np.diff(derivative)
        slopes[:, -1] = 0
        quadratic = np.full((len(self.precision), _N_INTERVALS), _WIDTH)
        slopes = np.concatenate([quadratic, slopes]).astype(self.dtype)
        shares = self.shares(sigma)
        unit, factor = shares @ self.units, shares @ self.factors
        scales = np.full(len(slopes), unit - np.log(_WIDTH), self.dtype)
        weight = np.exp(factor + 2 * unit) / _WIDTH
        return self._tables(scales, slopes, sigma, weight)

    def _pulled(self, sigma, sums):
        shares, n = self.shares(sigma), len(self.precision)
        # A pattern's filter has the length exp(precision / 2).
        lengths = (sums.filters * self.filters.reshape(sums.filters.shape)).sum(axis=1)
        grid, on, off = self._responses()
        # The last interval is flat whatever the parameters.
        inner = sums.by_slope[n:, :-1]
        padded = np.pad(inner, [(0, 0), (1, 1)])
        # The sum over intervals of slopes is one over edges of the derivative.
        edges = -(padded[:, :-1] - padded[:, 1:])
        edges = np.concatenate([edges, np.zeros((len(edges), 1))], axis=1)
        risen, fallen = on * (1 - on), off * (1 - off)
        by_bias = self.weights * np.einsum("fi,fji->fj", edges, risen - fallen)
        by_weight = np.einsum("fi,fji->fj", edges, on - off)
        by_weight += self.weights * np.einsum(
            "fi,fji->fj", edges * grid, risen + fallen
        )
        moved, total = sums.moved.sum(), sums.sums.sum()
        return {
            "directions": sums.filters[n:] @ basis(self.size).T,
            "weights": self.copies * by_weight,
            "biases": self.copies * by_bias,
            "precision": lengths[:n] / 2,
            "units": shares * (moved + total),
            "factors": shares * total,
        }

    def project(self):
        """Bring filters to length 1, and the length to the weights."""
        length = np.sqrt((self.directions**2).sum(axis=1, keepdims=True))
        length = np.maximum(length, np.finfo(self.dtype).tiny)
        self.directions /= length
        self.weights *= length


@public("skebm.energies.images")
class PatchRBMRecipe(ImageRecipe):
    """The recipe of :class:`PatchRBM`.

    Parameters
    ----------
    n_filters : int, default=48
        Each has eight pairs of hidden units.
    filter_size : int, default=5
        Height and width of the patches, an odd number of pixels.
    levels : tuple of float, default=(5, 15, 25, 50)
        The noise levels at which units and factors are learned, on the scale of 0 to
        255. All levels share one RBM.
    """

    def __init__(self, n_filters=48, filter_size=5, levels=(5, 15, 25, 50)):
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.levels = levels

    def attributes(self, energy, order):
        """Return the filters of hidden units."""
        return {"filters_": energy.filters[len(energy.precision) :]}

    def build(self, layer, summary, random):
        """Return the energy from which training starts."""
        self.check_size()
        n_waves = self.filter_size**2 - 1
        copies, weights = _first_steps(min(1, n_waves / self.n_filters))
        shape = self.n_filters, 1
        n_levels = len(self.levels)
        energy = PatchRBM(
            self.first_filters(random),
            np.tile(weights, shape).astype(np.float32),
            np.tile(-weights * _THRESHOLDS, shape).astype(np.float32),
            np.full(n_waves, np.log(_STEEPNESS), np.float32),
            np.zeros(n_levels, np.float32),
            np.full(n_levels, -2 * np.log(self.filter_size), np.float32),
            copies,
            np.array(self.levels) / 255,
        )
        energy.project()
        return energy


def _first_steps(share):
    """Return copies and weights that leave a share of the potentials of Cauchy."""
    u = np.arange(0, 1.2 * _THRESHOLDS[-1], _WIDTH)
    wanted = _STEEPNESS * (u - u / (1 + (u / _SCALE) ** 2))
    weights = _SHARPNESS / _THRESHOLDS
    inputs = weights * u[:, None]
    steps = sigmoid(inputs - _SHARPNESS) - sigmoid(-inputs - _SHARPNESS)
    importance = 1 / (1 + u)
    heights, _ = nnls(steps * importance[:, None], wanted * importance)
    copies = np.maximum(1, np.ceil(share * heights / weights))
    return copies.astype(int), np.maximum(share * heights, _LEAST) / copies
