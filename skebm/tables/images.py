"""Images as planes of brightness, and back to what they were."""

from typing import NamedTuple

import numpy as np

# An image has at least so many rows and columns: fewer hold no neighbourhood.
_FEWEST = 4
# Values of floats may leave [0, 1] by this much: noise does that, and other units, such
# as 0 to 255, do not stay so close.
_MARGIN = 2.0
# Brightness, and two differences of colour. The rows are orthogonal.
_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float64)
_OPPONENT /= np.array([[3], [np.sqrt(2)], [np.sqrt(6)]])
_BACK = np.linalg.inv(_OPPONENT)


class Plane(NamedTuple):
    """One plane of an image.

    Attributes
    ----------
    pixels : ndarray of shape (height, width), float32
        1 is white.
    noise : float
        The noise of the plane as a share of the noise of the image.
    """

    pixels: np.ndarray
    noise: float


class ImageFormat(NamedTuple):
    """What the pixels of an image were.

    Attributes
    ----------
    dtype : dtype
    largest : float
        The value of white.
    is_colour : bool
    """

    dtype: np.dtype
    largest: float
    is_colour: bool

    @classmethod
    def of(cls, image):
        """Return the format of an image."""
        dtype = image.dtype
        largest = np.iinfo(dtype).max if dtype.kind == "u" else 1.0
        return cls(dtype, float(largest), image.ndim == 3)

    @property
    def n_planes(self):
        """Number of planes."""
        return 3 if self.is_colour else 1

    def planes(self, image):
        """Return the planes: brightness, and the differences of colours if any."""
        if not self.is_colour:
            return [Plane((image / self.largest).astype(np.float32), 1.0)]
        planes = np.tensordot(image / self.largest, _OPPONENT.T, 1).astype(np.float32)
        noise = np.sqrt((_OPPONENT**2).sum(axis=1))
        return [Plane(np.ascontiguousarray(planes[..., k]), noise[k]) for k in range(3)]

    def image(self, planes):
        """Return the image of these planes, each of shape (height, width)."""
        out = planes[0]
        if self.is_colour:
            out = np.tensordot(np.stack(planes, axis=-1), _BACK.T, 1)
        out = np.clip(out, 0, 1) * self.largest
        if self.dtype.kind == "u":
            out = np.rint(out)
        return (out >= 0.5 if self.dtype.kind == "b" else out).astype(self.dtype)


class Images(NamedTuple):
    """Validated images.

    Attributes
    ----------
    arrays : list of ndarray
    formats : list of ImageFormat
    is_array : bool
        Whether they came as one array.
    """

    arrays: list
    formats: list
    is_array: bool

    # What `sigma` of methods is divided by.
    scale, is_binary = 255.0, False

    @classmethod
    def read(cls, X, name, missing=None):
        """Return validated images.

        Parameters
        ----------
        X : ndarray of shape (n, height, width[, 3]), or list of ndarray
            Images of different heights and widths come as a list.
        name : str
            The name of the estimator in messages.
        missing : ndarray of bool or None, default=None
            Pixels of a single image that may have any value. They become 0.

        Raises
        ------
        ValueError
            If there are no images, or if one of them is not an image of grey or colour.
        TypeError
            If the pixels are not numbers.
        """
        is_array = hasattr(X, "ndim")
        _check_collection(X, is_array, name)
        arrays = [np.asarray(image) for image in X]
        shape = arrays[0].shape[:2]
        if missing is not None and len(shape) == 2 and np.shape(missing) == shape:
            missing = np.asarray(missing, bool)
            missing = missing.reshape(*missing.shape, *[1] * (arrays[0].ndim - 2))
            arrays = [np.where(missing, arrays[0].dtype.type(0), arrays[0])]
        for k, array in enumerate(arrays):
            _check(array, f"Image {k}" if len(arrays) > 1 else "The image", name)
        return cls(arrays, [ImageFormat.of(array) for array in arrays], is_array)

    @property
    def brightness(self):
        """The planes of brightness."""
        return [parts[0].pixels for parts in self.planes]

    @property
    def units(self):
        """The value of white of each image."""
        return np.array([form.largest for form in self.formats])

    @property
    def normalised(self):
        """The images as float64, with white at 1."""
        pairs = zip(self.arrays, self.units, strict=True)
        return [np.asarray(array / unit, np.float64) for array, unit in pairs]

    def levels(self, sigma):
        """Return the noise of each image with white at 1.

        Parameters
        ----------
        sigma : float or array-like of shape (n,)
            In units of the pixels.
        """
        n = len(self.arrays)
        levels = as_levels(sigma, n)
        if levels.shape != (n,) or not ((levels > 0) & (levels < np.inf)).all():
            raise ValueError(
                "sigma must be 'auto', a number above 0, or one such number for each "
                f"image; got {sigma!r} for {n} images."
            )
        return levels / self.units

    @property
    def planes(self):
        """The planes of each image, a list of lists of :class:`Plane`."""
        pairs = zip(self.formats, self.arrays, strict=True)
        return [form.planes(array) for form, array in pairs]

    def joined(self, planes):
        """Return images made of such planes, in the type in which they came."""
        rest = iter(planes)
        out = [
            form.image([next(rest) for _ in range(form.n_planes)])
            for form in self.formats
        ]
        return stacked(out) if self.is_array else out

    def with_noise(self, levels, random):
        """Return images with noise of these levels, as floats with white at 1."""
        return [
            array / np.float32(form.largest)
            + np.float32(level) * random.fold(k).normal(array.shape, np.float32)
            for k, (array, form, level) in enumerate(
                zip(self.arrays, self.formats, levels, strict=True)
            )
        ]


def as_levels(sigma, n):
    """Return one level of noise for each image; what is no number becomes 0."""
    try:
        levels = np.asarray(sigma, np.float64)
    except (TypeError, ValueError):
        return np.zeros(n)
    return np.full(n, levels) if levels.ndim == 0 else levels


def stacked(images):
    """Return images of one dtype as one array, which keeps their byte order, too."""
    return np.stack(images).astype(images[0].dtype, copy=False)


def with_levels(planes, levels):
    """Return the pixels of all planes of images, and the noise of each plane.

    Parameters
    ----------
    planes : list of lists of Plane
    levels : ndarray of shape (n_images,)
    """
    pairs = [
        (part.pixels, level * part.noise)
        for parts, level in zip(planes, levels, strict=True)
        for part in parts
    ]
    return [list(column) for column in zip(*pairs, strict=True)]


def _check_collection(X, is_array, name):
    """Raise a sentence unless this is an array or a list of images."""
    if is_array and X.ndim not in (3, 4):
        hint = " Pass [image], a list, for a single image." if X.ndim == 2 else ""
        raise ValueError(
            f"{name} takes images of shape (n_samples, height, width), with a last "
            f"axis of 3 for colour, or a list of images; got the shape {X.shape}.{hint}"
        )
    if not is_array and (isinstance(X, str) or not hasattr(X, "__len__")):
        raise TypeError(
            f"{name} takes an array or a list of images; got {type(X).__name__}."
        )
    if len(X) == 0:
        raise ValueError(f"{name} needs one image at least; got none.")


def _check(image, what, name):
    """Raise a sentence unless this is an image."""
    if image.dtype.kind not in "buf":
        hint = " Convert it by astype(numpy.uint8)." if image.dtype.kind == "i" else ""
        raise TypeError(
            f"{what} has the dtype {image.dtype}. {name} takes bool, uint8, uint16, "
            f"and floats from 0 to 1.{hint}"
        )
    is_image = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if not is_image:
        raise ValueError(
            f"{what} has the shape {image.shape}. {name} takes (height, width), or "
            "(height, width, 3) for colour. Drop a channel of transparency first."
        )
    if min(image.shape[:2]) < _FEWEST:
        raise ValueError(
            f"{what} has the shape {image.shape}; {name} needs {_FEWEST} rows and "
            "columns at least."
        )
    if image.dtype.kind != "f":
        return
    low, high = image.min(), image.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            f"{what} has pixels that are NaN or infinite. Mark them as unknown by "
            "mask= of restore."
        )
    if low < -_MARGIN or high > 1 + _MARGIN:
        raise ValueError(
            f"{what} has values from {low:.4g} to {high:.4g}. Floats are brightness "
            "from 0 to 1: divide by 255, or pass uint8."
        )


def patches_of(planes, size, most):
    """Return patches that cover planes without overlap, at most about ``most``.

    Every patch is turned and mirrored in one of eight ways.

    Parameters
    ----------
    planes : list of ndarray of shape (height, width)
    size : int
        Height and width of a patch. Smaller planes are mirrored at their edges.
    most : int

    Returns
    -------
    patches : ndarray of shape (n, size, size), float32
    sources : ndarray of int of shape (n,)
        The plane of each patch.
    """
    out, sources = [], []
    for number, plane in enumerate(planes):
        missing = [max(size - n, 0) for n in plane.shape]
        plane = np.pad(plane, [(0, n) for n in missing], mode="symmetric")
        counts = [n // size for n in plane.shape]
        sources += [number] * (counts[0] * counts[1])
        rest = [(n - c * size) // 2 for n, c in zip(plane.shape, counts, strict=True)]
        for i in range(counts[0]):
            for j in range(counts[1]):
                y, x = rest[0] + i * size, rest[1] + j * size
                out.append(plane[y : y + size, x : x + size])
    every = -(-len(out) // most)
    out = [np.rot90(patch, k % 4) for k, patch in enumerate(out[::every])]
    turned = [p.T if k % 8 >= 4 else p for k, p in enumerate(out)]
    patches = np.ascontiguousarray(np.stack(turned), dtype=np.float32)
    return patches, np.array(sources[::every])
