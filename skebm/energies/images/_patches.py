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

    The method is FISTA [1]_, whose momentum restarts where it leads uphill [2]_.

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
    .. [1] A. Beck, M. Teboulle. "A fast iterative shrinkage-thresholding algorithm for
       linear inverse problems". SIAM Journal on Imaging Sciences 2 (2009).
    .. [2] B. O'Donoghue, E. Candes. "Adaptive restart for accelerated gradient
       schemes". Foundations of Computational Mathematics 15 (2015).
    """
    radius, step = bank.radius, noisy.dtype.type(1 / curvature)
    margined = np.empty((x.shape[0] + 2 * radius, x.shape[1] + 2 * radius), x.dtype)
    slopes, gradient, ahead = np.empty_like(margined), np.empty_like(x), x.copy()
    momentum, norm = 1.0, np.inf
    for n in range(n_iter):
        fill_mirrored(ahead, radius, margined)
        slopes[:] = 0
        fill_slope(margined, 0, x.shape[0], bank, slopes)
        fill_folded(slopes, radius, gradient)
        square, uphill = 0.0, 0.0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                g = gradient[i, j] + ahead[i, j] - noisy[i, j]
                gradient[i, j] = g
                square += g * g
                uphill += g * (ahead[i, j] - step * g - x[i, j])
        is_over = square <= tol * tol * x.size
        if uphill > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        share = x.dtype.type((momentum - 1) / following)
        momentum = following
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                new = ahead[i, j] - step * gradient[i, j]
                ahead[i, j] = new + share * (new - x[i, j])
                x[i, j] = new
        norm = np.sqrt(square / x.size)
        if is_over:
            return n + 1, norm
    return n_iter, norm


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
    square = _square(residual)
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
        before, square = square, _square(residual)
        share = out.dtype.type(square / before)
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                way[i, j] = residual[i, j] + share * way[i, j]
    return n_iter


@njit(**KERNEL)
def _square(x):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j] * x[i, j]
    return total
