"""Planes of pixels beside filter banks: their margins, strips and slopes."""

from itertools import pairwise

import numpy as np

from skebm.energies.images._filters import fill_folded, fill_mirrored, fill_slope
from skebm.utils._parallel import map_parts

# Rows of an image that one thread does at a time.
_STRIP = 64


def mirrored(image, radius):
    """Return the image with a margin of this width, in which it is mirrored."""
    height, width = image.shape
    out = np.empty((height + 2 * radius, width + 2 * radius), image.dtype)
    fill_mirrored(image, radius, out)
    return out


def strips(n_rows):
    """Return pairs of the first row and the end of strips of an image."""
    edges = [*range(0, max(n_rows - _STRIP // 2, 1), _STRIP), n_rows]
    return list(pairwise(edges))


def slope_of(image, bank):
    """Return the derivatives of the sum of potentials in the pixels.

    Parameters
    ----------
    image : ndarray of shape (height, width)
    bank : Bank

    Returns
    -------
    ndarray of shape (height, width)
    """
    margined = mirrored(image.astype(bank.filters.dtype, copy=False), bank.radius)
    out, parts = np.zeros_like(margined), strips(len(image))
    # Strips change rows of the next strip, so every other strip waits.
    for turn in (0, 1):
        map_parts(lambda rows: fill_slope(margined, *rows, bank, out), parts[turn::2])
    folded = np.empty(image.shape, out.dtype)
    fill_folded(out, bank.radius, folded)
    return folded
