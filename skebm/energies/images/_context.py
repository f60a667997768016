"""What the noisy pixels around a pixel say about it."""

from typing import NamedTuple

import numpy as np
from numba import njit
from sklearn.neural_network import MLPClassifier

from skebm.energies.images._levels import log_odds
from skebm.utils._addresses import KERNEL
from skebm.utils._parallel import map_parts
from skebm.utils._stored import public

_N_HIDDEN = 64
# Rounds of the training, windows of each, and the images they are from at least, since
# each image has its own noise.
_N_ROUNDS, _N_WINDOWS, _N_IMAGES = 40, 100_000, 8
# Sizes of minibatches, each for a share of the rounds. Larger ones do what smaller
# steps would do.
_BATCHES = ((0.5, 500), (0.8, 1500), (1.0, 5000))
_RATE = 2e-3
# Rows of an image that one thread does at a time.
_STRIP = 16
# Without noise, a pixel would mean infinitely much.
_LEAST = 1e-6


@public("skebm.energies.images")
class Context(NamedTuple):
    """A perceptron from the window around a noisy pixel to the log odds of ink.

    Its inputs are the pixels of the window, as -1 or 1 times half the log odds of no
    flip, and these log odds themselves. So it knows how much a pixel means.

    Attributes
    ----------
    weights : ndarray of shape (size, size, n_hidden), float32
        Of the pixels.
    odds : ndarray of shape (n_hidden,), float32
        Weights of the log odds.
    bias : ndarray of shape (n_hidden,), float32
    output : ndarray of shape (n_hidden,), float32
    intercept : float
    """

    weights: np.ndarray
    odds: np.ndarray
    bias: np.ndarray
    output: np.ndarray
    intercept: float

    @classmethod
    def learn(cls, images, size, noises, random):
        """Return the perceptron that is learned from clean images with random flips.

        Parameters
        ----------
        images : list of ndarray of uint8 of shape (height, width)
        size : int
            Height and width of the window, odd.
        noises : tuple of float
            The shares of flipped pixels between which each image has its own.
        random : Random
        """
        model = MLPClassifier(
            _N_HIDDEN, alpha=0.0, learning_rate_init=_RATE, random_state=random.seed()
        )
        for k in range(_N_ROUNDS):
            share = (k + 1) / _N_ROUNDS
            size_of_batch = next(n for part, n in _BATCHES if share <= part)
            inputs, ink = _windows(images, size, noises, random.fold(k))
            model.set_params(batch_size=min(size_of_batch, len(ink)))
            model.partial_fit(inputs, ink, classes=[0, 1])
        (first, second), (bias, intercept) = model.coefs_, model.intercepts_
        weights = first[:-1].reshape(size, size, _N_HIDDEN)
        return cls(weights, first[-1], bias, second[:, 0], float(intercept[0]))

    def logits(self, image, noise):
        """Return the log odds of ink in each pixel, given the pixels around it.

        Parameters
        ----------
        image : ndarray of uint8 of shape (height, width)
        noise : float

        Returns
        -------
        ndarray of shape (height, width), float32
        """
        size = len(self.weights)
        odds = np.float32(log_odds(max(noise, _LEAST)))
        # A row of a window has few patterns, so the sum of each is made only once.
        patterns = np.arange(2**size)[:, None] >> np.arange(size)[::-1] & 1
        spins = odds * (patterns - np.float32(0.5))
        tables = np.ascontiguousarray(spins.astype(np.float32) @ self.weights)
        start = odds * self.odds + self.bias
        codes = _codes(image, size)
        out = np.empty(image.shape, np.float32)

        def fill(first):
            part = out[first : first + _STRIP]
            hidden = np.empty((*part.shape, len(start)), np.float32)
            fill_hidden(codes[first:], tables, start, hidden)
            np.dot(hidden, self.output, out=part)

        map_parts(fill, range(0, len(image), _STRIP))
        return out + np.float32(self.intercept)


def _windows(images, size, noises, random):
    """Return inputs of windows of images with random flips, and the clean pixels."""
    radius = size // 2
    inputs, ink = [], []
    chosen = _chosen(images, random.fold(0))
    share = _N_WINDOWS / sum(images[k].size for k in chosen)
    least, most = np.log(noises)
    for k, place in enumerate(chosen):
        image, draw = images[place], random.fold(1, k)
        noise = np.exp(least + (most - least) * draw.uniform((1, 1))[0, 0])
        noisy = image ^ (draw.fold(0).uniform(image.shape) < noise)
        y, x = np.nonzero(draw.fold(1).uniform(image.shape) < share)
        padded = np.pad(noisy, radius, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
        pixels = windows[y, x].reshape(len(y), size**2).astype(np.float32)
        odds = np.full((len(y), 1), log_odds(noise), np.float32)
        inputs.append(np.concatenate([odds * (pixels - np.float32(0.5)), odds], axis=1))
        ink.append(image[y, x])
    return np.concatenate(inputs), np.concatenate(ink)


def _chosen(images, random):
    """Return places of images with twice as many pixels as windows are wanted."""
    mean = np.mean([image.size for image in images])
    n = max(_N_IMAGES, int(np.ceil(2 * _N_WINDOWS / mean)))
    return (random.uniform((n, 1))[:, 0] * len(images)).astype(int)


def _codes(image, size):
    """Return the pixels of each row of a window as a number.

    Returns
    -------
    ndarray of int64 of shape (height + size - 1, width)
    """
    padded = np.pad(image, size // 2, mode="edge").astype(np.int64)
    width = image.shape[1]
    return sum(padded[:, k : k + width] << (size - 1 - k) for k in range(size))


@njit(**KERNEL)
def fill_hidden(codes, tables, start, out):
    """Write the hidden units of a strip: sums over rows of the window, if above 0."""
    height, width, n_hidden = out.shape
    for y in range(height):
        for x in range(width):
            unit = out[y, x]
            for h in range(n_hidden):
                unit[h] = start[h]
            for row in range(len(tables)):
                table = tables[row, codes[y + row, x]]
                for h in range(n_hidden):
                    unit[h] += table[h]
            for h in range(n_hidden):
                unit[h] = max(unit[h], np.float32(0))
