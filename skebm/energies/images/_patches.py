"""The kernels that restore one patch, and go back from its error to the parameters.

Training restores millions of patches, and a patch stays in the cache while it is
restored. So a whole patch is one call.
"""

import numpy as np
from numba import njit

from skebm.energies.images._filters import (
    fill_bent,
    fill_folded,
    fill_mirrored,
    fill_slope,
)
from skebm.utils._addresses import KERNEL


@njit(**KERNEL)
def restore_patch(noisy, bank, curvature, tol, n_iter, x):
    """Minimise ``|x - noisy|^2 / 2 + energy(x)`` from where ``x`` is.

    The method is memoryless BFGS [1]_: a quasi-Newton method that knows the last step
    only. A step at whose end the energy rises more steeply than it fell is shortened.

    Parameters
    ----------
    noisy : ndarray of shape (height, width)
    bank : Bank
    curvature : float
        An upper bound of the curvature of the objective.
    tol : float
        The root of the mean square of the gradient at which it stops.
    n_iter : int
        Largest number of iterations.
    x : ndarray of the same shape
        The start, which becomes the restored patch.

    Returns
    -------
    n : int
        Number of iterations.
    norm : float
        The root of the mean square of the last gradient.

    References
    ----------
    .. [1] D. F. Shanno. "Conjugate gradient methods with inexact searches". Mathematics
       of Operations Research 3 (1978).
    """
    radius = bank.radius
    margined = np.empty((x.shape[0] + 2 * radius, x.shape[1] + 2 * radius), x.dtype)
    slopes, gradient, way = np.empty_like(margined), np.zeros_like(x), np.zeros_like(x)
    following, before, norm = np.empty_like(x), 0.0, np.inf
    for n in range(n_iter):
        _move(x, 1.0, way)
        fill_mirrored(x, radius, margined)
        slopes[:] = 0
        fill_slope(margined, 0, x.shape[0], bank, slopes)
        fill_folded(slopes, radius, following)
        _move(following, 1.0, x)
        _move(following, -1.0, noisy)
        square, after = _dot(following, following), _dot(following, way)
        norm = np.sqrt(square / x.size)
        if norm <= tol:
            return n + 1, norm
        if after > -before:
            _move(x, -1.0, way)
            _scale(way, before / (before - after))
            before *= before / (before - after)
            continue
        before = _turn(gradient, following, after - before, curvature, way)
    return n_iter, norm


@njit(**KERNEL)
def _turn(gradient, following, bend, curvature, way):
    """Replace the last step by the next one, and ``gradient`` by ``following``.

    Parameters
    ----------
    gradient, following : ndarray of shape (height, width)
        The gradient before and after the last step.
    bend : float
        The product of their difference and the last step.
    curvature : float
        The first step is the gradient over this number.
    way : ndarray of shape (height, width)

    Returns
    -------
    float
        The product of the gradient and the next step.
    """
    _move(gradient, -1.0, following)  # minus the change of the gradient
    square, along = _dot(gradient, gradient), -_dot(gradient, following)
    first, second, third = 1 / curvature, 0.0, 0.0
    if bend > 0 and square > 0:
        first = bend / square
        second = _dot(following, way) / bend
        third = first * (along - second * square) / bend
    kept, back = way.dtype.type(first), way.dtype.type(first * second)
    again = way.dtype.type(second - third)
    total = 0.0
    for i in range(way.shape[0]):
        for j in range(way.shape[1]):
            g = following[i, j]
            p = -(kept * g + back * gradient[i, j] + again * way[i, j])
            way[i, j], gradient[i, j] = p, g
            total += g * p
    return total


@njit(**KERNEL)
def _move(x, share, way):
    share = x.dtype.type(share)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] += share * way[i, j]


@njit(**KERNEL)
def _scale(x, share):
    share = x.dtype.type(share)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] *= share


@njit(**KERNEL)
def _dot(x, y):
    total = 0.0
    for i in range(x.shape[0]):
        total += np.dot(x[i], y[i])
    return total


@njit(**KERNEL)
def adjoint_patch(slope, bends, bank, tol, n_iter, out):
    """Solve ``(1 + H) out = slope`` by conjugate gradients.

    Parameters
    ----------
    slope : ndarray of shape (height, width)
    bends : ndarray of shape (n_filters, height * width)
        Second derivatives of the potentials, of which the Hessian ``H`` of the energy
        is made.
    bank : Bank
    tol : float
        The norm of the residual at which it stops, as a share of the norm of ``slope``.
    n_iter : int
    out : ndarray of shape (height, width)

    Returns
    -------
    int
        Number of iterations.
    """
    radius = bank.radius
    margined = np.empty(
        (out.shape[0] + 2 * radius, out.shape[1] + 2 * radius), out.dtype
    )
    products, product = np.empty_like(margined), np.empty_like(out)
    residual, way = slope.copy(), slope.copy()
    out[:] = 0
    square = _dot(residual, residual)
    limit = tol * tol * square
    for n in range(n_iter):
        if square <= limit:
            return n
        fill_mirrored(way, radius, margined)
        products[:] = 0
        fill_bent(margined, bends, bank, products)
        fill_folded(products, radius, product)
        bend = 0.0
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                product[i, j] += way[i, j]
                bend += way[i, j] * product[i, j]
        if bend <= 0:  # the patch does not lie in a minimum
            return n
        step = out.dtype.type(square / bend)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] += step * way[i, j]
                residual[i, j] -= step * product[i, j]
        before, square = square, _dot(residual, residual)
        share = out.dtype.type(square / before)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                way[i, j] = residual[i, j] + share * way[i, j]
    return n_iter
