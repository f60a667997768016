"""What a fitted denoiser does with images."""

import warnings
from copy import copy

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skebm.energies.images import Restoration
from skebm.inference import denoise_planes, forward_of, noise_of, restore_plane
from skebm.metrics import psnr, share_right
from skebm.tables import reader_of, with_levels
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._validation import check_finite

# The noise that score adds if sigma is "auto", as a share of white, and its key.
_SCORE_NOISE, _KEY = 0.1, 8191
# The rounding of pixels to 8 bits: the noise of what is inverted if none was found.
_LEAST = 1 / 255 / np.sqrt(12)


class RestorationMixin:
    """Methods of an estimator that has learned an energy of images."""

    def _read(self, X, missing=None, energy=None):
        reader = reader_of(self._energy if energy is None else energy)
        return reader.read(X, type(self).__name__, missing)

    def transform(self, X):
        """Return the restored images.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray

        Returns
        -------
        ndarray, or list of ndarray
            Of the shapes and dtypes of ``X``. With ``sigma="auto"``, an image in which
            no noise is found comes back as it is.
        """
        check_is_fitted(self)
        images = self._read(X)
        planes = images.planes
        levels = self._levels(images, planes)
        facts = *with_levels(planes, levels), self.gradient_tol, self.max_iter
        with use_threads(self.n_jobs):
            restored = denoise_planes(self._energy, *facts)
        self._complain(restored)
        out = images.joined([one.pixels for one in restored])
        for k in np.flatnonzero(levels == 0):
            out[k] = images.arrays[k]
        return out

    def restore(
        self, image, *, mask=None, operator=None, shape=None, sigma=None, details=False
    ):
        """Return the image of lowest energy given what was measured of it.

        Parameters
        ----------
        image : ndarray of shape (height, width[, 3])
            The image that was measured: with holes, blurred, or small.
        mask : ndarray of bool of shape (height, width), default=None
            True where pixels are missing. Their values do not matter.
        operator : LinearOperator or sparse matrix, default=None
            What happened to the pixels, row by row: ``image.ravel()`` is about
            ``operator @ restored.ravel()``, for each channel of colour. None is the
            identity. The method checks that ``rmatvec`` is the adjoint of ``matvec``.
        shape : tuple (height, width), default=None
            The shape of the restored image, if it is not the shape of ``image``.
        sigma : float, default=None
            Standard deviation of the noise of ``image``, in units of its pixels. With a
            mask alone, None keeps the known pixels as they are. Else None takes the
            parameter ``sigma``.
        details : bool, default=False
            Whether to return more than the image.

        Returns
        -------
        ndarray or Restoration
            The restored image, or with ``details`` a
            :class:`~skebm.energies.images.Restoration`, which holds it. Its ``energy``
            is what :meth:`energy_samples` says of it.

        Raises
        ------
        ValueError
            If the shapes of the image, the mask and the operator do not go together, if
            no pixel is known, or if ``rmatvec`` is not the adjoint.
        """
        check_is_fitted(self)
        images = self._read([image], mask)
        image, is_exact = images.arrays[0], sigma is None and operator is None
        is_exact &= mask is not None
        forward = forward_of(image.shape[:2], shape, operator, mask, is_exact)
        planes, levels = images.planes, np.ones(1)
        if sigma is not None:
            levels = images.levels(sigma)
        elif not is_exact:
            levels = self._levels(images, planes)
            levels = np.where(levels == 0, _LEAST, levels)
        facts = forward, self.gradient_tol, self.max_iter
        with use_threads(self.n_jobs):
            parts = [
                restore_plane(self._energy, plane, noise, *facts)
                for plane, noise in zip(*with_levels(planes, levels), strict=True)
            ]
        self._complain(parts)
        [restored] = images.joined([part.pixels for part in parts])
        if is_exact:
            restored = np.where(forward.known_like(image), image, restored)
        return self._detailed(restored, parts) if details else restored

    def _detailed(self, image, parts):
        norm = max(part.gradient_norm for part in parts)
        n_iter = max(part.n_iter for part in parts)
        energy = float(self.energy_samples([image])[0])
        return Restoration(image, energy, n_iter, norm, norm <= self.gradient_tol)

    def energy_samples(self, X, sigma=None):
        """Return the energy of each image: the lower, the more natural.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray
            Of colours the brightness counts.
        sigma : float, default=None
            The level of noise that the energy was learned to remove, on the scale of 0
            to 255. None takes the level in the middle. For ``energy="binary"`` it is a
            share of flipped pixels, and None takes the couplings of clean images.

        Returns
        -------
        ndarray of shape (n,), float64
            In nats. It grows with the number of pixels.
        """
        return np.array([one.sum() for one in self._maps(X, sigma)])

    def energy_map(self, image, sigma=None):
        """Return what the neighbourhood of each pixel gives of the energy.

        Parameters
        ----------
        image : ndarray of shape (height, width[, 3])
        sigma : float, default=None
            As for :meth:`energy_samples`.

        Returns
        -------
        ndarray of shape (height, width), float64
            In nats.
        """
        return self._maps([image], sigma)[0]

    def _maps(self, X, sigma):
        check_is_fitted(self)
        images = self._read(X)
        if sigma is not None:
            check_finite(sigma, "sigma")
        level = None if sigma is None else sigma / images.scale
        with use_threads(self.n_jobs):
            planes = images.brightness
            return [self._energy.energy_map(plane, level) for plane in planes]

    def score(self, X, y=None):
        """Return the mean peak signal-to-noise ratio of restored images, in decibels.

        For ``energy="binary"`` it is the share of pixels that are right.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray
            Noisy images, or clean ones if ``y`` is None. Clean images get the noise
            ``sigma``, the same at each call; ``"auto"`` is a tenth of white, or of the
            pixels.
        y : like X, default=None
            The clean images.

        Returns
        -------
        float
            Higher is better.
        """
        check_is_fitted(self)
        model, clean = self, self._read(X if y is None else y)
        if y is None:
            is_open = isinstance(self.sigma, str)
            levels = np.full(len(clean.arrays), _SCORE_NOISE)
            levels = levels if is_open else clean.levels(self.sigma)
            X = clean.with_noise(levels, Random.from_state(_KEY))
            model = copy(self).set_params(sigma=levels)
        restored = self._read(model.transform(X)).normalised
        if len(restored) != len(clean.arrays):
            raise ValueError(
                f"X has {len(restored)} images and y has {len(clean.arrays)}. Pass the "
                "clean image of each noisy one."
            )
        for k, (one, other) in enumerate(zip(clean.normalised, restored, strict=True)):
            if one.shape != other.shape:
                raise ValueError(
                    f"Image {k} of X has the shape {other.shape}, and that of y has "
                    f"{one.shape}. Pass the clean image of each noisy one."
                )
        alike = share_right if clean.is_binary else psnr
        return float(np.mean(list(map(alike, clean.normalised, restored))))

    def estimate_sigma(self, X):
        """Return the standard deviation of the noise of each image.

        For ``energy="binary"`` it is the share of flipped pixels. Other noise is taken
        to be white and normal. A photograph has grain of its own, which counts as noise
        but for a typical share.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray

        Returns
        -------
        ndarray of shape (n,), float64
            In units of the pixels of the image.
        """
        check_is_fitted(self)
        images = self._read(X)
        return self._estimated(images.planes) * images.units

    def _levels(self, images, planes):
        """Return the noise of each image with white at 1."""
        if isinstance(self.sigma, str):
            return self._estimated(planes)
        return images.levels(self.sigma)

    def _complain(self, restored):
        late = sum(one.gradient_norm > self.gradient_tol for one in restored)
        if late:
            warnings.warn(
                f"{late} of {len(restored)} restorations did not converge in "
                f"{self.max_iter} iterations: their gradients are above gradient_tol. "
                "Raise max_iter or gradient_tol.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _estimated(self, planes):
        """Return the noise of images, from the planes of each."""
        of_bits = getattr(self._energy, "estimate_noise", None)
        if of_bits:
            return np.array([of_bits(part.pixels) for [part] in planes])
        return np.array([noise_of(*zip(*parts, strict=True)) for parts in planes])
