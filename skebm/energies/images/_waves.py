"""The patterns of the cosine transform, in terms of which filters are learned."""

from functools import lru_cache

import numpy as np
from scipy.fft import dct


@lru_cache
def basis(size):
    """Return the patterns of the cosine transform of patches but the constant one.

    Returns
    -------
    ndarray of shape (size ** 2 - 1, size ** 2), float32
        Orthonormal rows, from low to high frequencies.
    """
    waves = dct(np.eye(size), norm="ortho", axis=0)
    order = np.argsort(np.add.outer(range(size), range(size)), axis=None, kind="stable")
    patterns = np.einsum("ay,bx->abyx", waves, waves).reshape(size**2, size**2)
    return np.ascontiguousarray(patterns[order[1:]], dtype=np.float32)
