"""The base of energies that sum potentials of the responses of filters."""

from functools import partial

import numpy as np

from skebm.energies._base import Energy
from skebm.energies.images._filters import Bank, fill_energies
from skebm.energies.images._learning import LearnsByPatches
from skebm.energies.images._patches import restore_patch
from skebm.energies.images._planes import mirrored, slope_of, strips
from skebm.energies.images._waves import basis
from skebm.utils._parallel import map_parts

# Frequencies at which the gain of filters is computed, in each direction.
_N_FREQUENCIES = 128
_FREQUENCIES = _N_FREQUENCIES, _N_FREQUENCIES
# The power of gains that stands for the largest one.
_POWER = 100
# Bounds of the logarithms of scales, within which no float32 overflows.
BOUNDS = -30, 30


class FilterBank(LearnsByPatches, Energy):
    """Base of energies that sum potentials of the responses of filters.

    ``E(x) = sum_f sum_p psi_f((w_f * x)_p) / sigma^2``, where the potentials depend on
    ``sigma``, the standard deviation of the noise that the energy was learned to
    remove. The filters ``w_f`` sum to zero, so that brightness has no energy.

    Images have shape (n, height, width) and brightness from 0 to 1. A subclass has
    ``bank(sigma)`` and ``_pulled(sigma, sums)``.

    Parameters
    ----------
    coefficients : ndarray of shape (n_filters, size ** 2 - 1), float32
        Filters in terms of the patterns of the cosine transform, times their size. So
        all patterns with the coefficient 1 keep the size of an image.
    scales : ndarray of shape (n_levels, n_filters), float32
        Logarithms of the scale of responses, in terms of the noise.
    levels : ndarray of shape (n_levels,)
        The values of ``sigma`` at which parameters are stored. Between two of them the
        parameters are linear in ``log(sigma)``.
    """

    def __init__(self, coefficients, scales, levels):
        self.coefficients, self.scales = coefficients, scales
        self.levels = np.asarray(levels, np.float64)

    @property
    def size(self):
        """Height and width of the filters."""
        return round(np.sqrt(self.coefficients.shape[1] + 1))

    @property
    def filters(self):
        """The filters, shape (n_filters, size, size)."""
        filters = self.coefficients @ basis(self.size) / np.float32(self.size)
        return filters.reshape(-1, self.size, self.size)

    @property
    def dtype(self):
        """The dtype of parameters, and of the arithmetic."""
        return self.coefficients.dtype

    @property
    def starts_anywhere(self):
        """Without any filters, images are as probable as noise."""
        return True

    def shares(self, sigma):
        """Return the share that each level has in the parameters at ``sigma``."""
        logs = np.log(self.levels)
        at = np.clip(np.log(sigma), logs[0], logs[-1])
        shares = [np.interp(at, logs, one) for one in np.eye(len(logs))]
        return np.array(shares, self.dtype)

    @property
    def beyond(self):
        """A factor by which no sum of gains is higher between the frequencies [1]_.

        They are cosines of at most ``size - 1`` waves in each direction.

        References
        ----------
        .. [1] H. Ehlich, K. Zeller. "Schwankung von Polynomen zwischen Gitterpunkten".
           Mathematische Zeitschrift 86 (1964).
        """
        return 1 / np.cos(np.pi * (self.size - 1) / _N_FREQUENCIES) ** 2

    def gains(self):
        """Return the gain of each filter at each frequency, (n_filters, n)."""
        spectrum = np.fft.rfft2(self.filters, _FREQUENCIES)
        return _squared(spectrum).reshape(len(spectrum), -1)

    def bound_gain(self):
        """Bring the gain of all filters together to 1 or below, in place."""
        gain = self.beyond * self.gains().sum(axis=0).max()
        if gain > 1:
            self.coefficients /= np.sqrt(gain)

    def along_bound(self, gradient):
        """Return a gradient in coefficients without what :meth:`bound_gain` undoes.

        The bound takes back a common growth of all filters, and steps of an optimizer
        that scales them would not see that: they would end where no filter is best. So
        the gradient is that of a function of filters over the root of their largest
        gain, where a high power stands for the largest one.

        Parameters
        ----------
        gradient : ndarray of the shape of ``coefficients``
        """
        spectrum = np.fft.rfft2(self.filters, _FREQUENCIES)
        gains = _squared(spectrum).sum(axis=0)
        spectrum *= (gains / gains.max()) ** _POWER
        growth = np.fft.irfft2(spectrum, _FREQUENCIES)[:, : self.size, : self.size]
        growth = self._by_coefficient(growth.reshape(len(growth), -1))
        along, length = (
            (part * self.coefficients).sum() for part in (gradient, growth)
        )
        return (gradient - along / length * growth).astype(self.dtype)

    def banks(self, levels):
        """Return the :class:`Bank` at each level of noise."""
        return [self.bank(level) for level in levels]

    def _gradients(self, levels, sums):
        """Return the gradient by name of each of several sums."""
        return list(map(self._pulled, levels, sums))

    def curvature(self, sigma):
        """Return an upper bound of the curvature of ``sigma ** 2`` times the energy.

        At the mirrored edges it is one for filters that are even or odd in each
        direction. Others may exceed it there; banks that were learned do by 3 %.
        """
        return self.bound(self.bank(sigma), self.gains())

    def bound(self, bank, gains):
        """Return the bound of the curvature of a bank, given :meth:`gains`."""
        largest = np.maximum(bank.slope.max(axis=1), 0) * bank.gain * bank.rate
        return self.beyond * float((largest @ gains).max())

    def _tables(self, scales, values, sigma, weights=1.0):
        """Return the :class:`Bank` of these scales and slopes of intervals."""
        filters = self.filters.reshape(len(scales), -1)
        start = np.zeros((len(values), 1), values.dtype)
        derivative = np.concatenate([start, values.cumsum(axis=1)[:, :-1]], axis=1)
        intercept = derivative - values * np.arange(values.shape[1], dtype=values.dtype)
        parts = derivative + values / 2
        value = np.concatenate([start, parts.cumsum(axis=1)[:, :-1]], axis=1)
        # Much too high learning rates lead beyond these bounds.
        rate = np.exp(np.clip(scales, *BOUNDS)) / np.float32(sigma)
        tables = (
            np.ascontiguousarray(np.broadcast_to(t, (len(scales), t.shape[1])))
            for t in (value, intercept, values)
        )
        gain = (weights / rate).astype(self.dtype)
        transposed = np.ascontiguousarray(filters.T)
        return Bank(filters, transposed, rate, gain, *tables, self.size // 2)

    # -- images ------------------------------------------------------------------------

    def _middle(self, sigma):
        """Return ``sigma``, or the level in the middle.

        Beyond the levels, potentials do not know what large responses are worth.
        """
        if sigma is None:
            return self.levels[len(self.levels) // 2]
        least, most = self.levels[0], self.levels[-1]
        if not 0.99 * least <= sigma <= 1.01 * most:
            raise ValueError(
                f"The energy has learned noise from {255 * least:.3g} to "
                f"{255 * most:.3g} on the scale of 0 to 255, and sigma is "
                f"{255 * sigma:.3g}. Pass a level of noise between these, or None."
            )
        return sigma

    def energy(self, x, sigma=None):
        """Return the energy of each image, in nats, float64, shape (n,)."""
        return np.array([self.energy_map(one, sigma).sum() for one in x])

    def energy_map(self, image, sigma=None):
        """Return what each pixel's neighbourhood gives of the energy, in nats."""
        sigma, out = self._middle(sigma), np.zeros(image.shape)
        bank = self.bank(sigma)
        margined = mirrored(image.astype(self.dtype, copy=False), bank.radius)

        def fill(rows):
            fill_energies(margined, *rows, bank, out)

        map_parts(fill, strips(len(image)))
        return out / sigma**2

    def potentials(self, responses, sigma=None):
        """Return the potential of each filter at some responses, in nats.

        Parameters
        ----------
        responses : ndarray of shape (n,)
            In units of brightness.
        sigma : float, default=None

        Returns
        -------
        ndarray of shape (n_filters, n), float64
        """
        sigma = self._middle(sigma)
        bank, out = self.bank(sigma), []
        last = bank.slope.shape[1] - 1
        for f in range(len(bank.filters)):
            u = np.abs(np.asarray(responses, np.float64)) * bank.rate[f]
            i = np.minimum(u.astype(int), last)
            mean = bank.intercept[f, i] + bank.slope[f, i] * (u + i) / 2
            value = bank.value[f, i] + mean * (u - i)
            out.append(value * bank.gain[f] / bank.rate[f] / sigma**2)
        return np.array(out)

    def grad_x(self, x, sigma=None):
        """Return d energy / d x, shape (n, height, width)."""
        sigma = self._middle(sigma)
        slope = self.slope_at(sigma)
        return np.stack([slope(one) / sigma**2 for one in x])

    def slope_at(self, sigma):
        """Return the function of an image that is ``sigma ** 2`` d energy / d image."""
        return partial(slope_of, bank=self.bank(sigma))

    def restored(self, noisy, sigma, tol, n_iter):
        """Return the minimum of ``|x - noisy|^2 / (2 sigma^2) + energy(x, sigma)``.

        It takes one thread, and is the fastest way where several images wait.

        Parameters
        ----------
        noisy : ndarray of shape (height, width)
        sigma : float
        tol : float
            The root of the mean square of the gradient, as a share of ``sigma``.
        n_iter : int

        Returns
        -------
        image : ndarray of shape (height, width)
        n_iter : int
        gradient_norm : float
            As a share of ``sigma``.
        """
        noisy = np.ascontiguousarray(noisy, dtype=self.dtype)
        image, bank = noisy.copy(), self.bank(sigma)
        facts = bank, 1 + self.bound(bank, self.gains())
        n, norm = restore_patch(noisy, *facts, tol * sigma, n_iter, image)
        return image, n, norm / sigma

    def _by_coefficient(self, filters):
        return filters @ basis(self.size).T / self.size


def _squared(spectrum):
    return spectrum.real**2 + spectrum.imag**2
