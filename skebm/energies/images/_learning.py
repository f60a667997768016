"""How filter banks learn: from the error of restored patches to their parameters."""

from typing import NamedTuple

import numpy as np

from skebm.energies.images._filters import fill_bends, fill_sums
from skebm.energies.images._patches import adjoint_patch, restore_patch
from skebm.energies.images._planes import mirrored, slope_of
from skebm.utils._parallel import map_blocks

# Conjugate gradients go on to this share of the first residual, or for so many steps:
# minibatches are noisier than that.
_ADJOINT_TOL, _ADJOINT_STEPS = 0.03, 40
# Multiply-adds of a restored patch, for each pixel and number of the filters.
_WORK = 100


class Sums(NamedTuple):
    """What :func:`skebm.energies.images._filters.fill_sums` adds up."""

    filters: np.ndarray
    moved: np.ndarray
    sums: np.ndarray
    slopes: np.ndarray
    starts: np.ndarray

    @classmethod
    def empty(cls, bank):
        """Return sums of nothing."""
        n_filters = len(bank.filters)
        vectors = np.zeros((2, n_filters))
        return cls(
            np.zeros_like(bank.filters),
            *vectors,
            *np.zeros((2, *bank.slope.shape)),
        )

    @property
    def by_slope(self):
        """The gradient in the slope of each interval."""
        later = self.starts[:, ::-1].cumsum(axis=1)[:, ::-1] - self.starts
        return self.slopes + later


class LearnsByPatches:
    """What a filter bank does for the training: patches are restored, and learned from.

    The energy has ``banks``, ``gains``, ``bound``, ``params``, ``dtype``,
    ``coefficients``, ``_gradients(levels, sums)``, which makes gradients of sums, and
    ``along_bound(gradient)``, what of the gradient of the filters the bounds allow.
    """

    def restoration_pullback(self, noisy, sigma, tol, n_iter):
        """Return restored patches, and the function that makes gradients of them.

        Parameters
        ----------
        noisy : ndarray of shape (n, height, width)
        sigma : ndarray of shape (n,)
            The noise of each patch.
        tol : float
            The gradient at which a restoration ends, as a share of ``sigma``.
        n_iter : int

        Returns
        -------
        restored : ndarray of the shape of ``noisy``
            The minima of ``|x - noisy|^2 / (2 sigma^2) + energy(x, sigma)``.
        pullback : callable
            ``pullback(slope)`` returns the gradient by name of a function whose
            derivatives in the restored patches are ``slope``, by the implicit function
            theorem.
        """
        noisy = np.ascontiguousarray(noisy, dtype=self.dtype)
        restored, gains = noisy.copy(), self.gains()
        banks = self.banks(sigma)
        bounds = [1 + self.bound(bank, gains) for bank in banks]

        def restore(k):
            facts = banks[k], bounds[k], tol * sigma[k], n_iter
            restore_patch(noisy[k], *facts, restored[k])

        self._map_patches(restore, noisy)

        def pullback(slopes):
            slopes = np.ascontiguousarray(slopes, dtype=self.dtype)
            return self._gradient(
                lambda k: _implicit_sums(restored[k], slopes[k], banks[k]), sigma, noisy
            )

        return restored, pullback

    def denoised_pullback(self, noisy, sigma):
        """Return the means of clean patches given noisy ones, and their gradients.

        By the formula of Tweedie these are ``noisy - sigma ** 2 * grad_x(noisy)``, if
        the energy is the energy of noisy patches. The arguments and the results are as
        for :meth:`restoration_pullback`.
        """
        noisy = np.ascontiguousarray(noisy, dtype=self.dtype)
        banks, means = self.banks(sigma), noisy.copy()

        def subtract(k):
            means[k] -= slope_of(noisy[k], banks[k])

        self._map_patches(subtract, noisy)

        def pullback(slopes):
            slopes = np.ascontiguousarray(slopes, dtype=self.dtype)
            return self._gradient(
                lambda k: _sums(noisy[k], slopes[k], banks[k]), sigma, noisy
            )

        return means, pullback

    def _map_patches(self, function, patches):
        """Return ``function(k)`` of each patch, on several threads."""
        work = patches[0].size * self.coefficients.size * _WORK

        def do(block):
            return [function(k) for k in range(block.start, block.stop)]

        blocks = map_blocks(do, len(patches), work, size=1)
        return [one for block in blocks for one in block]

    def _gradient(self, sums_of, sigma, patches):
        """Return minus the sum of the gradients of the patches by name."""
        gradients = self._gradients(sigma, self._map_patches(sums_of, patches))
        total = {
            name: -sum(one[name] for one in gradients).astype(self.dtype)
            for name in self.params
        }
        total["coefficients"] = self.along_bound(total["coefficients"])
        return total


def _implicit_sums(x, slope, bank):
    """Return the :class:`Sums` of a restored patch and the slope of its error."""
    bends, direction = np.empty((len(bank.filters), x.size), x.dtype), np.empty_like(x)
    fill_bends(mirrored(x, bank.radius), 0, len(x), bank, bends)
    adjoint_patch(slope, bends, bank, _ADJOINT_TOL, _ADJOINT_STEPS, direction)
    return _sums(x, direction, bank)


def _sums(x, direction, bank):
    """Return the :class:`Sums` of a patch and a direction."""
    sums = Sums.empty(bank)
    margined = mirrored(x, bank.radius), mirrored(direction, bank.radius)
    fill_sums(*margined, bank, *sums)
    return sums
