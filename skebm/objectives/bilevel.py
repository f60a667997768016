"""The objective of restoration: what is restored from noise is near to the original."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._math import row_weights

# Mean square errors below this one gain nothing: 8-bit pixels have about that much.
_LEAST_ERROR = 1e-5
# Decibels of a factor of e.
_DECIBELS = 10 / np.log(10)


class _Restorations(BaseEstimator):
    """Base of objectives of what is restored from noise.

    A subclass has ``_restored(energy, noisy, sigma)``, which returns restored images,
    and the function that makes gradients of them.
    """

    # Adam suits an exact gradient. This is its learning rate.
    adam_rate = 0.01

    def init(self, energy, random):
        """Return the state before the first minibatch, which is empty."""
        if not 0 < self.low <= self.high < np.inf:
            raise ValueError(
                "low and high are standard deviations above 0, and low is not above "
                f"high; got {self.low!r} and {self.high!r}."
            )
        return ()

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the mean loss of images, and the state.

        Parameters
        ----------
        energy : energy of images
        X : ndarray of shape (n, height, width)
            Brightness from 0 to 1.
        weight : ndarray of shape (n,) or None
            Sums to one. None weighs all images alike.
        state : tuple
        random : Random
        """
        restored, pullback = self._restored(energy, *self._noisy(X, random))
        errors = _errors(restored, X)
        shares = _DECIBELS * row_weights(weight, len(X)) / errors / X[0].size
        return pullback(shares[:, None, None] * 2 * (restored - X)), state

    def loss(self, energy, X, weight, random):
        """Return the loss whose gradient :meth:`gradient` is."""
        restored, _ = self._restored(energy, *self._noisy(X, random))
        losses = _DECIBELS * np.log(_errors(restored, X))
        return float(row_weights(weight, len(X)) @ losses)

    def _noisy(self, X, random):
        """Return noisy images, and the noise of each."""
        ends = np.log([self.low / 255, self.high / 255])
        position = random.fold(0).uniform(len(X))
        sigma = np.exp(ends[0] + position * (ends[1] - ends[0]))
        noise = random.fold(1).normal(X.shape, X.dtype)
        return X + sigma.astype(X.dtype)[:, None, None] * noise, sigma


class Bilevel(_Restorations):
    """Bilevel learning: the minimum of the energy of a noisy image is its original.

    Each visit of an image ``x`` draws a level of noise ``sigma``, evenly on a
    logarithmic scale, and noise. The loss is minus the peak signal-to-noise ratio, in
    decibels, of the image that minimises ``|x - noisy|^2 / (2 sigma^2) + energy(x,
    sigma)``. Its gradient follows from the implicit function theorem [1]_, so it does
    not depend on how the minimum was found. The square error itself would learn from
    the few patches with most texture: after equal numbers of updates that was 0.1 to
    0.3 decibels worse.

    Parameters
    ----------
    low, high : float, default=5, 55
        The range of the noise, on the scale of 0 to 255.
    tol : float, default=3e-3
        The gradient at which a restoration ends, as a share of ``sigma``.
    max_iter : int, default=100
        Largest number of iterations of a restoration.

    References
    ----------
    .. [1] Y. Chen, R. Ranftl, T. Pock. "Insights into analysis operator learning: from
       patch-based sparse models to higher order MRFs". IEEE Transactions on Image
       Processing 23 (2014).
    """

    requires = ("restoration_pullback",)

    def __init__(self, low=5.0, high=55.0, tol=3e-3, max_iter=100):
        self.low = low
        self.high = high
        self.tol = tol
        self.max_iter = max_iter

    def init(self, energy, random):
        """Return the state before the first minibatch, which is empty."""
        if not (isinstance(self.max_iter, Integral) and self.max_iter > 0):
            raise ValueError(
                f"max_iter must be a whole number above 0; got {self.max_iter!r}."
            )
        return super().init(energy, random)

    def _restored(self, energy, noisy, sigma):
        return energy.restoration_pullback(noisy, sigma, self.tol, self.max_iter)


class NoisePrediction(_Restorations):
    """Denoising score matching: the slope of the energy of a noisy image is its noise.

    The loss is minus the peak signal-to-noise ratio of ``noisy - sigma^2 slope``, the
    mean of clean images given a noisy one [1]_. An update costs about a tenth of an
    update of :class:`Bilevel`. But what is learned is the density of noisy images, and
    its mean is not where energy and noise together are lowest.

    Parameters
    ----------
    low, high : float, default=5, 55
        The range of the noise, on the scale of 0 to 255.

    References
    ----------
    .. [1] P. Vincent. "A connection between score matching and denoising autoencoders".
       Neural Computation 23 (2011).
    """

    requires = ("denoised_pullback",)

    def __init__(self, low=5.0, high=55.0):
        self.low = low
        self.high = high

    def _restored(self, energy, noisy, sigma):
        return energy.denoised_pullback(noisy, sigma)


def _errors(restored, X):
    """Return the mean square error of each image, and the least that counts."""
    return np.square(restored - X, dtype=np.float64).mean(axis=(1, 2)) + _LEAST_ERROR
