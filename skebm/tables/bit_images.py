"""Images of two values, such as scans, as planes of 0 and 1, and back."""

from typing import NamedTuple

import numpy as np

from skebm.tables.images import Images, Plane, as_levels, stacked

_UNIT = "the share of flipped pixels, above 0 and below 0.5"


class BitImages(NamedTuple):
    """Validated images of two values; it has the methods of :class:`Images`.

    Attributes
    ----------
    arrays : list of ndarray of shape (height, width)
    whites : list of float
        The larger value of each image. The other one is 0.
    is_array : bool
        Whether they came as one array.
    """

    arrays: list
    whites: list
    is_array: bool

    # What `sigma` of methods is divided by.
    scale, is_binary = 1.0, True

    @classmethod
    def read(cls, X, name, missing=None):
        """Return validated images; see :meth:`Images.read`.

        An image has the values 0 and 1, or 0 and the largest value of its dtype. One
        that is 0 everywhere is like the others of its dtype.
        """
        arrays, _, is_array = Images.read(X, name, missing)
        whites = [float(array.max()) for array in arrays]
        for k, (array, white) in enumerate(zip(arrays, whites, strict=True)):
            _check(array, white, f"Image {k}" if len(arrays) > 1 else "The image", name)
        largest = {}
        for array, white in zip(arrays, whites, strict=True):
            largest[array.dtype] = max(largest.get(array.dtype, 1.0), white)
        pairs = zip(arrays, whites, strict=True)
        whites = [white or largest[array.dtype] for array, white in pairs]
        return cls(arrays, whites, is_array)

    @property
    def brightness(self):
        """The planes of 0 and 1, uint8."""
        return [(array != 0).astype(np.uint8) for array in self.arrays]

    @property
    def normalised(self):
        """The planes of 0 and 1."""
        return self.brightness

    @property
    def planes(self):
        """The planes of each image, a list of lists of one :class:`Plane`."""
        return [[Plane(plane, 1.0)] for plane in self.brightness]

    @property
    def units(self):
        """What the shares of flipped pixels are multiplied by."""
        return np.ones(len(self.arrays))

    def levels(self, sigma):
        """Return the share of flipped pixels of each image.

        Parameters
        ----------
        sigma : float or array-like of shape (n,)
        """
        n = len(self.arrays)
        levels = as_levels(sigma, n)
        if levels.shape != (n,) or not ((levels > 0) & (levels < 0.5)).all():
            raise ValueError(
                f"For black-and-white images sigma is {_UNIT}: 'auto', a number, or "
                f"one for each image; got {sigma!r} for {n} images."
            )
        return levels

    def joined(self, planes):
        """Return images made of such planes, in the type in which they came."""
        facts = zip(planes, self.arrays, self.whites, strict=True)
        out = [
            (plane * array.dtype.type(white)).astype(array.dtype)
            for plane, array, white in facts
        ]
        return stacked(out) if self.is_array else out

    def with_noise(self, levels, random):
        """Return planes of which these shares of pixels are flipped."""
        pairs = zip(self.brightness, levels, strict=True)
        return [
            plane ^ (random.fold(k).uniform(plane.shape) < level)
            for k, (plane, level) in enumerate(pairs)
        ]


def reader_of(energy):
    """Return the class that reads the images of an energy or a recipe."""
    is_binary = getattr(energy, "image_kind", "grey") == "bits"
    return BitImages if is_binary else Images


def _check(array, white, what, name):
    """Raise a sentence unless this is an image of 0 and its largest value."""
    if array.ndim == 3:
        raise ValueError(
            f"{what} has colours, and {name} with this energy takes black-and-white "
            "images. Threshold its brightness first, as in image.mean(axis=2) > 127."
        )
    full = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    if white not in (0, 1, full) or not np.isin(array, (0, white)).all():
        raise ValueError(
            f"{what} has grey pixels, and {name} with this energy takes images of two "
            f"values: 0 and 1, or 0 and {full} in {array.dtype}. Threshold it first, "
            f"as in image > {full / 2:g}, or use another energy for grey images."
        )
