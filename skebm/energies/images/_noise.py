"""How many pixels of a binary image were flipped, from the image alone."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

# Patterns are the pixels of a window of this height and width.
_SIZE = 3
_N_PIXELS = _SIZE**2
# Counts that each pattern has besides those of clean images.
_PRIOR = 0.05
# Shares of flipped pixels between which the estimate lies, and how many are tried
# first.
_LOWEST, _HIGHEST, _N_TRIED = 1e-5, 0.49, 30
# Steps towards the best weights of the classes.
_N_STEPS = 40


def pattern_counts(image):
    """Return how often each pattern of 3 x 3 pixels is in an image, shape (512,)."""
    height, width = (max(length - _SIZE + 1, 0) for length in image.shape)
    codes = np.zeros((height, width), np.int64)
    for k in range(_N_PIXELS):
        y, x = divmod(k, _SIZE)
        codes = 2 * codes + image[y : y + height, x : x + width]
    return np.bincount(codes.ravel(), minlength=2**_N_PIXELS).astype(np.float64)


def estimate(counts, clean):
    """Return the share of flipped pixels at which patterns are most probable.

    Clean images have patterns in the proportions of ``clean``, given the number of
    pixels that are ink in a pattern. How many patterns have so much ink differs from
    image to image, so these weights are estimated together with the share.

    Parameters
    ----------
    counts : ndarray of shape (512,)
        The patterns of the image.
    clean : ndarray of shape (512,)
        The patterns of clean images.

    Returns
    -------
    float
        From 0.00001 to 0.49.
    """
    n_ink = np.array([code.bit_count() for code in range(2**_N_PIXELS)])
    classes = n_ink == np.arange(_N_PIXELS + 1)[:, None]
    proportions = classes * (clean + _PRIOR)
    start = proportions.sum(axis=1) / proportions.sum()
    proportions /= proportions.sum(axis=1, keepdims=True)
    seen = counts > 0

    def loss(log_share):
        given = _flipped(proportions, np.exp(log_share))[:, seen]
        weights = start
        for _ in range(_N_STEPS):
            weights = weights * (given @ (counts[seen] / (weights @ given)))
            weights /= weights.sum()
        return -xlogy(counts[seen], weights @ given).sum()

    tried = np.linspace(np.log(_LOWEST), np.log(_HIGHEST), _N_TRIED)
    best = int(np.argmin([loss(one) for one in tried]))
    bounds = tried[max(best - 1, 0)], tried[min(best + 1, _N_TRIED - 1)]
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def _flipped(proportions, share):
    """Return the proportions of patterns after each pixel was flipped by chance."""
    axes = range(1, _N_PIXELS + 1)
    out = proportions.reshape(-1, *(2,) * _N_PIXELS)
    for axis in axes:
        out = (1 - share) * out + share * np.flip(out, axis)
    return out.reshape(len(proportions), -1)
