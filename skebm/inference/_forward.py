"""What is measured of an image: some of its pixels, or linear functions of them."""

from operator import index

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from skebm.utils._random import Random

# Power iterations for the norm of an operator, and the factor that covers their error.
_POWERS, _COVER = 30, 1.05
# Gaussian windows from which unknown pixels are filled, each twice as wide as the one
# before, and the least weight of known pixels in a window that is enough.
_WIDTHS, _LEAST_SHARE = 12, 0.05
# Relative difference of two inner products above which one operator is not the adjoint
# of the other.
_MISMATCH = 1e-3
# The key of vectors that only test an operator.
_KEY = 1729


class Forward:
    """What is measured of an image: a linear operator, and which numbers are known.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    operator : LinearOperator or None, default=None
        It takes the pixels of an image row by row. None is the identity.
    known : ndarray of bool or None, default=None
        Which of the measured numbers are known, as an array of their shape. None knows
        all of them.
    is_exact : bool, default=False
        Whether pixels that are known stay as they are. It needs ``known``, and no
        operator.

    Attributes
    ----------
    curvature : float or ndarray of shape (height, width)
        An upper bound of the curvature of ``|A x|^2 / 2``, for all pixels or for each.
    """

    def __init__(self, shape, operator=None, known=None, is_exact=False):
        self.shape, self.operator, self.known = shape, operator, known
        self.is_exact = is_exact
        if operator is not None:
            self.curvature = _COVER * square_norm(operator)
        elif is_exact:
            self.curvature = 0.0
        else:
            self.curvature = 1.0 if known is None else known.astype(np.float32)

    def __call__(self, x):
        """Return what is measured of an image, with 0 for what is not known."""
        out = x
        if self.operator is not None:
            out = self.operator.matvec(x.reshape(-1)).astype(x.dtype, copy=False)
            out = out.reshape(-1 if self.known is None else self.known.shape)
        return out if self.known is None else np.where(self.known, out, 0)

    def adjoint(self, measured):
        """Return the adjoint of the operator of measured numbers."""
        if self.operator is None:
            return measured
        back = self.operator.rmatvec(measured.reshape(-1))
        return back.reshape(self.shape).astype(measured.dtype, copy=False)

    def measured(self, pixels):
        """Return the numbers that are known of what was measured, and 0 elsewhere."""
        if self.known is not None:
            return np.where(self.known, pixels, np.float32(0))
        return pixels if self.operator is None else pixels.reshape(-1)

    def known_like(self, image):
        """Return which pixels are known, with an axis for the channels of an image."""
        return self.known.reshape(*self.known.shape, *[1] * (image.ndim - 2))

    def start(self, measured):
        """Return an image from which a restoration starts."""
        if self.known is not None and self.operator is None:
            return filled(measured, self.known)
        x = self.adjoint(measured)
        again = self.adjoint(self(np.ones(self.shape, x.dtype)))
        return x / np.maximum(again, _LEAST_SHARE)

    def free(self, gradient):
        """Return the gradient without the pixels that stay as they are."""
        return np.where(self.known, 0, gradient) if self.is_exact else gradient


def filled(measured, known):
    """Return a plane whose unknown pixels are means of known ones near them."""
    out, share = np.where(known, measured, 0), known.astype(measured.dtype)
    found = np.zeros(known.shape, bool)
    result, width = out.copy(), 1.0
    for _ in range(_WIDTHS):
        near = gaussian_filter(share, width, mode="reflect")
        new = (near > _LEAST_SHARE) & ~known & ~found
        values = gaussian_filter(out, width, mode="reflect")
        result[new] = values[new] / near[new]
        found |= new
        width *= 2
    return result


def square_norm(operator):
    """Return about the largest eigenvalue of the adjoint times the operator."""
    x, value = Random.from_state(_KEY).normal(operator.shape[1], np.float64), 1.0
    for _ in range(_POWERS):
        x /= np.linalg.norm(x)
        x = np.asarray(operator.rmatvec(operator.matvec(x)), np.float64)
        value = np.linalg.norm(x)
        if value == 0:
            return 0.0
    return float(value)


def check_adjoint(operator):
    """Raise a sentence unless ``rmatvec`` of the operator is the adjoint of it."""
    random = Random.from_state(_KEY)
    n_out, n_in = operator.shape
    u = random.fold(0).normal(n_out, np.float64)
    v = random.fold(1).normal(n_in, np.float64)
    ahead, back = operator.matvec(v), operator.rmatvec(u)
    left, right = float(u @ ahead), float(back @ v)
    size = np.linalg.norm(u) * np.linalg.norm(ahead) + np.finfo(float).tiny
    if not abs(left - right) <= _MISMATCH * size:
        raise ValueError(
            "rmatvec of operator is not the adjoint of matvec: <u, A v> is "
            f"{left:.6g} and <A* u, v> is {right:.6g} for the same random vectors. "
            "Mend rmatvec, or pass a sparse matrix, whose adjoint is known."
        )


def as_operator(operator):
    """Return a linear operator whose adjoint was checked."""
    if not isinstance(operator, LinearOperator):
        try:
            operator = aslinearoperator(operator)
        except (TypeError, ValueError):
            raise TypeError(
                "operator must be a LinearOperator or a sparse matrix; got "
                f"{type(operator).__name__}."
            ) from None
    try:
        check_adjoint(operator)
    except NotImplementedError:
        raise ValueError(
            "operator has no adjoint. Give the LinearOperator an rmatvec."
        ) from None
    return operator


def _checked_shape(shape):
    """Return height and width, or raise a sentence."""
    try:
        height, width = map(index, shape)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(
            f"shape must be the height and width of the restored image; got {shape!r}."
        )
    return height, width


def forward_of(measured_shape, shape, operator, missing, is_exact):
    """Return the :class:`Forward` of the arguments of a user.

    Parameters
    ----------
    measured_shape : tuple of int
        Height and width of what was measured.
    shape : tuple of int or None
        Height and width of the image.
    operator : LinearOperator, matrix or None
    missing : array-like of bool or None
    is_exact : bool
    """
    shape = measured_shape if shape is None else _checked_shape(shape)
    known = None
    if missing is not None:
        known = ~np.asarray(missing, bool)
        if known.shape != measured_shape:
            raise ValueError(
                f"mask has the shape {known.shape}, and the image has {measured_shape} "
                "pixels. Pass one bool for each pixel."
            )
        if not known.any():
            raise ValueError(
                "No pixel is known: mask is True everywhere. It marks the pixels that "
                "are missing; pass ~mask if yours marks those that are known."
            )
    if operator is None:
        if shape != measured_shape:
            raise ValueError(
                f"shape={shape} differs from the {measured_shape} pixels of the image. "
                "Pass the operator that leads from one to the other."
            )
        return Forward(shape, None, known, is_exact)
    operator = as_operator(operator)
    expected = int(np.prod(measured_shape)), int(np.prod(shape))
    if operator.shape != expected:
        raise ValueError(
            f"operator has the shape {operator.shape}, and an image of {shape} pixels "
            f"that is measured as {measured_shape} needs {expected}. Pass "
            "shape=(height, width) of the restored image."
        )
    return Forward(shape, operator, known)
