"""The image of lowest energy given what was measured of it."""

from itertools import product
from math import sqrt
from typing import NamedTuple

import numpy as np

from skebm.inference._forward import Forward
from skebm.utils._parallel import map_parts

# Planes of at most so many pixels stay in the cache of one core while they are
# restored. Planes of more than so many are cut into tiles.
_SMALL, _LARGE = 2**16, 2**22
# Height and width of tiles, and the width of what they share on each side, over which
# the influence of an edge falls below the rounding of a pixel.
_TILE, _OVERLAP = 1024, 48

# Noise below this share of white is none: it rounds away in any format of images.
_LEAST_NOISE = 1e-5
# The lowest level of noise whose energy restores missing pixels, and the lowest one for
# operators; there the energy counts half. Both were best on images of BSD with 30 % of
# the pixels missing, or blurred and with noise of 2.55 of 255.
_LAST_LEVEL, _LAST_OF_OPERATORS, _WEIGHT_OF_OPERATORS = 5 / 255, 15 / 255, 0.5
# Levels before the last one only lead there.
_ROUGH = 0.02


class Restored(NamedTuple):
    """A plane of pixels, the number of iterations, and the last gradient.

    Attributes
    ----------
    pixels : ndarray of shape (height, width)
    n_iter : int
    gradient_norm : float
        The root of the mean square, as a share of ``sigma``.
    """

    pixels: np.ndarray
    n_iter: int
    gradient_norm: float


def denoise_planes(energy, planes, sigmas, tol, max_iter):
    """Return the restored planes.

    Small planes take one thread each. Large ones are cut into tiles that overlap, which
    take one thread each. All threads share a plane between the two.

    Parameters
    ----------
    energy : energy of images
    planes : list of ndarray of shape (height, width)
    sigmas : list of float
        The noise of each plane. A plane without noise comes back as it is.
    tol : float
        The root of the mean square of the gradient, as a share of ``sigma``, at which
        the restoration ends.
    max_iter : int

    Returns
    -------
    list of Restored
    """
    if hasattr(energy, "exact_minimum"):  # nothing is iterated

        def cut(pair):
            return Restored(energy.exact_minimum(*pair), 1, 0.0)

        return map_parts(cut, list(zip(planes, sigmas, strict=True)))
    out = [Restored(plane, 0, 0.0) for plane in planes]
    noisy = [k for k in range(len(planes)) if sigmas[k] >= _LEAST_NOISE]
    small = [k for k in noisy if planes[k].size <= _SMALL]

    def restore(k):
        return Restored(*energy.restored(planes[k], sigmas[k], tol, max_iter))

    for k, one in zip(small, map_parts(restore, small), strict=True):
        out[k] = one
    for k in noisy:
        plane = planes[k]
        if plane.size > _LARGE:
            out[k] = _by_tiles(energy, plane, sigmas[k], tol, max_iter)
        elif plane.size > _SMALL:
            forward = Forward(plane.shape)
            facts = sigmas[k], forward, plane, tol, max_iter
            out[k] = minimise(energy, sigmas[k], 1.0, plane, *facts)
    return out


def _by_tiles(energy, plane, sigma, tol, max_iter):
    """Restore tiles with overlap, of which the inner parts are kept."""
    out = np.empty(plane.shape, np.float32)
    cuts = [range(0, n, _TILE) for n in plane.shape]

    def restore(corner):
        inner = [slice(c, c + _TILE) for c in corner]
        outer = [slice(max(c - _OVERLAP, 0), c + _TILE + _OVERLAP) for c in corner]
        tile, n, norm = energy.restored(plane[tuple(outer)], sigma, tol, max_iter)
        begin = [i.start - o.start for i, o in zip(inner, outer, strict=True)]
        kept = tuple(slice(b, b + _TILE) for b in begin)
        out[tuple(inner)] = tile[kept]
        return n, norm

    facts = map_parts(restore, list(product(*cuts)))
    return Restored(out, max(n for n, _ in facts), max(norm for _, norm in facts))


def minimise(energy, level, weight, measured, sigma, forward, start, tol, max_iter):
    """Minimise ``|A x - measured|^2 / 2 + weight level^2 energy(x, level)``.

    The method is memoryless BFGS [1]_: a quasi-Newton method that knows the last step
    only. It begins with steps of one over a bound of the curvature of each pixel. A
    step at whose end the energy rises more steeply than it fell is shortened.

    Parameters
    ----------
    energy : energy of images
    level : float
        The noise for which the energy was learned.
    weight : float
    measured : ndarray
    sigma : float
        The noise of the measured numbers.
    forward : Forward
        The operator ``A``.
    start : ndarray of shape (height, width)
        Where it starts.
    tol : float
        The root of the mean square of the gradient, as a share of ``sigma``, at which
        it stops.
    max_iter : int

    Returns
    -------
    Restored

    References
    ----------
    .. [1] D. F. Shanno. "Conjugate gradient methods with inexact searches". Mathematics
       of Operations Research 3 (1978).
    """
    dtype, slope = start.dtype.type, energy.slope_at(level)
    scale = np.asarray(
        1 / (forward.curvature + weight * energy.curvature(level)), dtype
    )
    x, way, gradient = start.copy(), np.zeros_like(start), np.zeros_like(start)
    before, norm, n_iter = 0.0, np.inf, 0
    for _ in range(max_iter):
        n_iter += 1
        x += way
        following = slope(x)
        following *= dtype(weight)
        following += forward.adjoint(forward(x) - measured)
        following = forward.free(following)
        norm = sqrt(_dot(following, following) / x.size) / sigma
        if norm <= tol:
            break
        after = _dot(following, way)
        if after > -before:
            x -= way
            way *= dtype(before / (before - after))
            before *= before / (before - after)
        else:
            way = _turned(following, following - gradient, after - before, scale, way)
            gradient, before = following, _dot(following, way)
    return Restored(x, n_iter, float(norm))


def _turned(gradient, change, bend, scale, way):
    """Return the step that follows the step ``way``, which changed the gradient."""
    scaled = scale * change
    square = _dot(change, scaled)
    if bend <= 0 or square == 0:
        return -scale * gradient
    first = bend / square
    second = _dot(gradient, way) / bend
    third = first * (_dot(gradient, scaled) - second * square) / bend
    dtype = way.dtype.type
    scaled *= dtype(first * second)
    scaled -= dtype(first) * scale * gradient
    scaled -= dtype(second - third) * way
    return scaled


def _dot(x, y):
    return float(np.vdot(x, y))


def restore_plane(energy, measured, sigma, forward, tol, max_iter):
    """Return the plane of lowest energy given what was measured of it.

    The energy of the highest level of noise comes first, since it has the fewest
    minima, and the levels below follow.

    Parameters
    ----------
    energy : energy of images
    measured : ndarray of shape (height, width)
    sigma : float
        The noise of the measured numbers, above 0.
    forward : Forward
    tol : float
        The root of the mean square of the gradient, as a share of the noise of the last
        level, at which the restoration ends.
    max_iter : int
        Iterations of each level.

    Returns
    -------
    Restored
    """
    if hasattr(energy, "exact_minimum"):
        if forward.operator is not None:
            raise ValueError(
                "The energy of black-and-white images has an exact minimum, which an "
                "operator does not leave. Use energy='ridge' for blurred images."
            )
        noise = 0.0 if forward.is_exact else sigma
        return Restored(energy.exact_minimum(measured, noise, forward.known), 1, 0.0)
    sigma = 0.0 if forward.is_exact else max(sigma, _LEAST_NOISE)
    least, factor = _LAST_LEVEL, 1.0
    if forward.operator is not None and sigma < _LAST_OF_OPERATORS:
        least, factor = _LAST_OF_OPERATORS, _WEIGHT_OF_OPERATORS
    last = min(max(sigma, least), energy.levels[-1])
    levels = [level for level in energy.levels[::-1] if level > 1.2 * last] + [last]
    measured = forward.measured(measured)
    x, n_iter = forward.start(measured), 0
    for level in levels:
        weight = 1.0 if forward.is_exact else factor * (sigma / level) ** 2
        near = tol if level == last else max(tol, _ROUGH)
        unit = level * weight
        facts = measured, unit, forward, x, near, max_iter
        x, n, norm = minimise(energy, level, weight, *facts)
        n_iter += n
    return Restored(x, n_iter, norm)
