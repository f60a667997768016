"""Measures of restored images."""

import numpy as np


def share_right(image_true, image_test):
    """Return the share of pixels of two images that are equal."""
    return float(np.mean(np.equal(image_true, image_test)))


def psnr(image_true, image_test):
    """Return the peak signal-to-noise ratio of an image, in decibels.

    Parameters
    ----------
    image_true, image_test : ndarray of the same shape
        White is 1.

    Returns
    -------
    float
        Infinite if the images are equal.
    """
    error = np.square(np.subtract(image_true, image_test, dtype=np.float64)).mean()
    return float(-10 * np.log10(error)) if error > 0 else np.inf
