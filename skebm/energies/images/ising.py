"""Black-and-white images: an Ising grid, whose exact minimum is a minimum cut."""

import numpy as np

from skebm.energies._base import Energy
from skebm.energies.images._base import Restoration
from skebm.energies.images._levels import log_odds
from skebm.energies.images._min_cut import minimum_cut
from skebm.energies.images._noise import estimate, pattern_counts
from skebm.energies.images._pixels import ends, offsets, pair_counts

# Numbers of the minimum cut are whole multiples of 1 / 2 ** 20 nats, an error of less
# than a millionth of the odds of a flip.
_PER_NAT = 2**20
# A coupling of more nats is as good as this one: pixels that differ would be e^-40
# times as probable. Sums over 24 neighbours still fit into 32 bits.
_STRONGEST = 40.0


class GridIsing(Energy):
    """An Ising model of images of 0 (paper) and 1 (ink), of any height and width [1]_.

    ``energy(x) = sum_o couplings_o n_o(x) - ink n_1(x)``, where ``n_o(x)`` is the
    number of pairs of pixels at the distance ``o`` that differ, and ``n_1(x)`` the
    number of pixels that are 1. Both pixels of a pair lie in the image. No coupling is
    negative, so the image of lowest energy is a minimum cut [2]_, also with noise.

    Parameters
    ----------
    couplings : ndarray of shape (n_offsets,)
        At least 0, in the order of :func:`~skebm.energies.images._pixels.offsets`. They
        are 2, 4, 6, 10 or 12, so that a pixel has twice as many neighbours.
    ink : ndarray of shape ()
    levels : Levels, default=None
        The couplings with which images are restored. With None they are those of the
        energy. Other couplings restore better: the image of lowest energy is smoother
        than images at this energy are.
    patterns : ndarray of shape (512,), default=None
        How often clean images have each pattern of 3 x 3 pixels, from which the noise
        is estimated.
    context : Context, default=None
        What the noisy pixels around a pixel say about it. It takes the place of the
        noisy pixel itself.
    context_levels : Levels, default=None
        The couplings beside a context. Below their lowest noise, it is not used.

    References
    ----------
    .. [1] S. Geman, D. Geman. "Stochastic relaxation, Gibbs distributions, and the
       Bayesian restoration of images". IEEE Transactions on Pattern Analysis and
       Machine Intelligence 6 (1984).
    .. [2] D. Greig, B. Porteous, A. Seheult. "Exact maximum a posteriori estimation for
       binary images". Journal of the Royal Statistical Society B 51 (1989).
    """

    # The images that an estimator reads for it.
    image_kind = "bits"

    def __init__(
        self,
        couplings,
        ink,
        levels=None,
        patterns=None,
        context=None,
        context_levels=None,
    ):
        self.couplings = np.asarray(couplings, np.float64)
        self.ink = np.asarray(ink, np.float64)
        self.levels, self.patterns = levels, patterns
        self.context, self.context_levels = context, context_levels

    @property
    def offsets(self):
        """Rows and columns between the pixels of a pair, shape (n_offsets, 2)."""
        return offsets(2 * len(self.couplings))

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        return {"couplings": self.couplings, "ink": self.ink}

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return ("couplings",)

    def project(self):
        """Set couplings below 0 to 0, in place."""
        np.maximum(self.couplings, 0, out=self.couplings)

    def energy(self, x):
        """Return the energy of an image, or of each of several, in nats.

        Parameters
        ----------
        x : ndarray of shape (height, width), or a sequence of such arrays

        Returns
        -------
        float, or ndarray of shape (n,)
        """
        if _is_one(x):
            x = bits(x)
            pairs = self.couplings @ pair_counts(x, self.offsets)
            return float(pairs - self.ink * np.count_nonzero(x))
        return np.array([self.energy(image) for image in x], np.float64)

    def energy_map(self, image, noise=None):
        """Return what each pixel gives of the energy: half of its pairs, and its ink.

        Parameters
        ----------
        image : ndarray of shape (height, width)
        noise : float, default=None
            The share of flipped pixels whose couplings count. None takes those of the
            energy.

        Returns
        -------
        ndarray of shape (height, width), in nats
        """
        image, couplings, ink = bits(image), self.couplings, self.ink
        if noise is not None and self.levels is not None:
            couplings, ink = self.levels.at(float(checked_noise(noise, ())))
        out = -ink * image
        for offset, coupling in zip(self.offsets, couplings, strict=True):
            first, second = ends(image.shape, offset)
            differ = (coupling / 2) * (image[first] != image[second])
            out[first] += differ
            out[second] += differ
        return out

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over images with ``weight``.

        Parameters
        ----------
        x : ndarray of shape (height, width), or a sequence of such arrays
        weight : ndarray of shape (n,), default=None
            None takes the mean.
        """
        images = [bits(image) for image in ([x] if _is_one(x) else x)]
        weight = np.full(len(images), 1 / len(images)) if weight is None else weight
        pairs = np.array([pair_counts(image, self.offsets) for image in images])
        ink = np.array([np.count_nonzero(image) for image in images])
        return {"couplings": weight @ pairs, "ink": np.asarray(-(weight @ ink))}

    def estimate_noise(self, image):
        """Return the share of flipped pixels, estimated from the noisy image alone."""
        if self.patterns is None:
            raise ValueError(
                "The noise is estimated from patterns of clean images, but this energy "
                "has none. Give the noise, or learn the energy with BinaryRecipe."
            )
        return estimate(pattern_counts(bits(image)), self.patterns)

    def restore(self, image, noise):
        """Return the image of lowest energy given a noisy one.

        It is the exact minimum of the energy with the couplings of the noise, plus
        ``log((1 - noise) / noise)`` for each pixel that it changes. With a context, it
        is minus the log odds of ink for each pixel of ink instead. If several images
        have the lowest energy, it is the one with the least ink.

        Parameters
        ----------
        image : ndarray of shape (height, width)
            Of 0 and 1.
        noise : float or ndarray of shape (height, width)
            The probability with which a pixel was flipped, from 0 to 0.5. With 0 a
            pixel stays, and with 0.5 it is filled in. The context is not used with an
            array.

        Returns
        -------
        Restoration
        """
        noisy, noise = bits(image), checked_noise(noise, np.shape(image))
        fields, cost, levels = self._evidence(noisy, noise)
        couplings, ink = self.couplings, float(self.ink)
        if levels is not None:
            seen = noise[noise < 0.5]
            couplings, ink = levels.at(seen.mean() if seen.size else 0.5)
        found = lowest(fields - ink, couplings, self.offsets)
        energy = couplings @ pair_counts(found, self.offsets) + cost(found)
        energy -= ink * np.count_nonzero(found)
        found = found.astype(np.asarray(image).dtype)
        # Nothing is iterated, so there is no gradient that could remain.
        return Restoration(found, float(energy), 1, 0.0, True)

    def exact_minimum(self, noisy, noise, known=None):
        """Return the pixels of lowest energy; see :meth:`restore`.

        Parameters
        ----------
        noisy : ndarray of shape (height, width)
        noise : float
        known : ndarray of bool of shape (height, width), default=None
            Which pixels are known. None knows all of them.
        """
        if known is not None:
            noise = np.where(known, noise, 0.5)
        return self.restore(noisy, noise).image

    def _evidence(self, noisy, noise):
        """Return what ink costs in each pixel of a noisy image, and its levels.

        The second result is a function that returns the cost of an image.
        """
        levels = self.context_levels
        if self.context is not None and noise.ndim == 0 and noise >= levels.noise[0]:
            logits = self.context.logits(noisy, float(noise))
            return -logits, lambda x: -logits[x == 1].sum(dtype=np.float64), levels
        odds = np.broadcast_to(log_odds(noise), noisy.shape)
        fields = np.where(noisy, -odds, odds)
        return fields, lambda x: odds[x != noisy].sum(), self.levels


def lowest(fields, couplings, offsets):
    """Return the image of lowest energy, in which 1 costs ``fields``, in nats."""
    whole = np.rint(np.minimum(couplings, _STRONGEST) * _PER_NAT).astype(np.int32)
    # A pixel with a stronger field than all its couplings follows its field.
    enough = 2 * int(whole.sum()) + 1
    fields = np.clip(np.rint(fields * _PER_NAT), -enough, enough).astype(np.int32)
    # Search trees need not look where nothing can flow.
    used = whole > 0
    return minimum_cut(fields, whole[used], offsets[used])[0]


def bits(image):
    """Return an image as uint8, if all its values are 0 and 1."""
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(
            "A black-and-white image must have the shape (height, width), but this one "
            f"has {image.shape}."
        )
    out = image.astype(np.uint8)
    if not np.array_equal(out, image) or out.max(initial=0) > 1:
        raise ValueError(
            "A black-and-white image must have the values 0 (paper) and 1 (ink) only. "
            "Threshold a grey one first, as in (image < 0.5).astype('uint8')."
        )
    return out


def checked_noise(noise, shape):
    """Return the share of flipped pixels as an array, if it is one for each pixel."""
    noise = np.asarray(noise, np.float64)
    if noise.shape not in ((), shape):
        raise ValueError(
            f"noise must be a number or have the shape of the image, {shape}; got "
            f"{noise.shape}."
        )
    if not ((noise >= 0) & (noise <= 0.5)).all():
        raise ValueError(
            "noise must be from 0 to 0.5, the probability with which a pixel was "
            "flipped. If most pixels were, invert the image."
        )
    return noise


def _is_one(x):
    return getattr(x, "ndim", 0) == 2 or (len(x) > 0 and np.ndim(x[0]) == 1)
