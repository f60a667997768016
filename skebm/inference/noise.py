"""The noise of an image, from the quietest frequencies of its flattest patches."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dct

# Height and width of patches, about how many patches are looked at, and how many at a
# time, so that large images take no more memory and time than 512 x 512.
_SIZE, _PATCHES, _CHUNK = 8, 2**16, 2**12
# Shares of the patches, flattest first, and of the high frequencies, quietest first.
_FLAT = np.array([0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0])
_QUIET = np.array([4, 8, 16, 28]) / 43
# The fewest patches, and the largest standard error of an estimate that counts (of the
# logarithm), if there are such estimates.
_FEWEST, _WORST = 12, 0.03
# An estimate is too high if it is above all others' upper bounds of so many standard
# errors. What is higher by _WIDTH counts less by exp(-1/2).
_BOUND, _WIDTH = 2.0, 0.02
# Photographs have grain of their own. This is its typical variance. With it the median
# error on training images of BSD is 0 where noise of 5 / 255 was added.
_GRAIN = 1.3 / 255**2
# Values up to here, with white at 1, are errors of rounding of float32.
_ROUNDING = 1e-6
# If fewer patches than this share are free of clipped pixels, all patches count.
_UNCLIPPED = 0.01


def estimate_noise(plane):
    """Return the standard deviation of white normal noise of a plane of pixels.

    Noise is alike at all frequencies, and the image is not. Patches are ordered by
    their energy at low frequencies, which says nothing of the noise at high ones [1]_.
    The flattest patches give the variance at high frequencies. Grain that comes from a
    sensor or from lines of a scan is not white, so the quietest frequencies count. One
    half of the patches says which these are, and the other half gives the variance: so
    the choice does not lower it.

    Few patches and frequencies give an estimate that varies, and many give one that is
    too high. The result is a mean of estimates of all sizes that are not higher than
    the others by more than their standard errors.

    Parameters
    ----------
    plane : ndarray of shape (height, width)
        1 is white.

    Returns
    -------
    float
        0 for an image whose flattest parts are constant.

    References
    ----------
    .. [1] N. N. Ponomarenko, V. V. Lukin, M. S. Zriakhov, A. Kaarna, J. Astola. "An
       automatic approach to lossy compression of AVIRIS images". IGARSS 2007.
    """
    energies, is_first, every = _energies(plane)
    variances, errors = _variances(*energies, is_first, every)
    if variances.min() <= _ROUNDING**2:
        return 0.0
    level = np.exp(2 * _agreed(0.5 * np.log(variances), errors))
    return float(level / np.sqrt(level + _GRAIN))


def noise_of(planes, shares):
    """Return the noise of an image of which several planes are known.

    Every plane gives an estimate, which texture can only raise. So the lowest counts:
    mostly that of a difference of colours, which is smooth.

    Parameters
    ----------
    planes : list of ndarray of shape (height, width)
    shares : list of float
        The noise of each plane as a share of the noise of the image.

    Returns
    -------
    float
    """
    # The grain of a photograph is about as large in all channels, so planes are brought
    # to the scale of the image before the estimate.
    pairs = zip(planes, shares, strict=True)
    return min(estimate_noise(plane / np.float32(share)) for plane, share in pairs)


def _energies(plane):
    """Return the energies of patches.

    Returns
    -------
    energies : tuple (low, high)
        The energy of each patch at low frequencies, (n_patches,), and at each high
        frequency, (n_patches, n_high).
    is_first : ndarray of bool of shape (n_patches,)
        The half of each patch, in squares of two patches.
    every : int
        Pixels from one patch to the next.
    """
    size = min(_SIZE, *plane.shape)
    every = max(1, round(np.sqrt(plane.size / _PATCHES)))
    windows = sliding_window_view(plane, (size, size))[::every, ::every]
    square = [np.arange(n) * every // (2 * size) for n in windows.shape[:2]]
    is_first = (square[0][:, None] + square[1]).ravel() % 2 == 0
    wave = dct(np.eye(size), axis=0, norm="ortho")
    frequency = np.add.outer(np.arange(size), np.arange(size)).ravel()
    order = np.argsort(frequency, kind="stable")[1:]
    n_low = (frequency[order] < 0.75 * size).sum()
    waves = np.kron(wave, wave)[order].T.astype(np.float32)
    white, black, middle = plane.max(), plane.min(), np.float32(plane.mean())
    low, high, is_open = [], [], []
    rows = max(1, _CHUNK // windows.shape[1])
    for start in range(0, len(windows), rows):
        patches = windows[start : start + rows].reshape(-1, size**2)
        is_open.append(((patches > black) & (patches < white)).all(axis=1))
        energy = ((patches - middle).astype(np.float32, copy=False) @ waves) ** 2
        low.append(energy[:, :n_low].sum(axis=1))
        high.append(energy[:, n_low:])
    low, high, is_open = map(np.concatenate, (low, high, is_open))
    if is_open.mean() < _UNCLIPPED:
        is_open[:] = True
    return (low[is_open], high[is_open]), is_first[is_open], every


def _variances(low, high, is_first, every):
    """Return variances of noise, and the standard errors of half of their logarithms.

    Both are of shape (n_flat, n_quiet).
    """
    flattest, n_high = np.argsort(low), high.shape[1]
    counts = np.maximum(_FEWEST, _FLAT * len(low)).astype(int).clip(max=len(low))
    quiet = np.maximum(1, np.rint(_QUIET * n_high)).astype(int)
    sums, n = np.zeros((2, n_high)), np.zeros((2, 1))
    variances, begin = np.empty((len(counts), len(quiet))), 0
    for row, end in zip(variances, counts, strict=True):
        patches, begin = flattest[begin:end], end
        for half in range(2):
            chosen = patches[is_first[patches] == half]
            sums[half] += high[chosen].sum(axis=0, dtype=np.float64)
            n[half] += len(chosen)
        means = np.where(n > 0, sums / np.maximum(n, 1), sums.sum() / n.sum() / n_high)
        others = np.take_along_axis(means, np.argsort(means[::-1], axis=1), axis=1)
        row[:] = np.cumsum(others.mean(axis=0))[quiet - 1] / quiet
    # Patches that overlap repeat each other. The flattest ones lie apart, so they do so
    # less. The numbers were fitted to the errors on white noise.
    overlap = max((_SIZE / every) ** 2 / 2.4 - 1, 0)
    repeats = 1 + overlap * np.minimum(1, 2 * counts / len(low) + 0.06)
    return variances, 1 / np.sqrt(2 * quiet * (counts / repeats)[:, None])


def _agreed(logs, errors):
    """Return a mean of estimates that leaves out those that are too high."""
    counts = errors <= max(_WORST, 1.2 * errors.min())
    bound = np.where(counts, logs + _BOUND * errors, np.inf).min()
    away = np.maximum(logs - bound, 0) / _WIDTH
    away -= away[counts].min()
    weights = counts * np.exp(-0.5 * away**2) / errors**2
    return (weights * logs).sum() / weights.sum()
