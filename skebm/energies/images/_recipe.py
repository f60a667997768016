"""The base of recipes of energies of images."""

from numbers import Integral

import numpy as np

from skebm.energies._recipe import Recipe
from skebm.energies.images._waves import basis

# The learning rate of an objective that has none.
_RATE = 0.001
# About ten minutes of two cores. More updates gain hundredths of a decibel.
_N_UPDATES = 2000
# Height and width of the small half of wide filters, and the weight of the other half.
_SMALL, _WIDE = 5, 0.3


class ImageRecipe(Recipe):
    """Base of recipes of energies of images."""

    monitor, is_shrunk = "images", False

    def __init__(self, n_filters=48, filter_size=7, levels=(5, 15, 25, 50)):
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.levels = levels

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        return getattr(objective, "adam_rate", _RATE)

    def n_updates(self, layer, n_rows):
        """Return the number of updates that ``n_iter="auto"`` stands for."""
        return _N_UPDATES

    def attributes(self, energy, order):
        """Return the filters."""
        return {"filters_": energy.filters}

    def check(self):
        """Raise a sentence about a parameter that no energy can have."""
        size, n = self.filter_size, self.n_filters
        if not isinstance(size, Integral) or size % 2 != 1 or size < 3:
            raise ValueError(
                f"filter_size must be an odd number of pixels from 3 on; got {size!r}."
            )
        if not isinstance(n, Integral) or n < 1:
            raise ValueError(f"n_filters must be a number from 1 on; got {n!r}.")
        levels = np.asarray(self.levels, np.float64)
        rises = levels.ndim == 1 and levels.size and (np.diff(levels) > 0).all()
        if not rises or not 0 < levels[0] <= levels[-1] < np.inf:
            raise ValueError(
                "levels must be standard deviations of noise above 0, in rising order; "
                f"got {self.levels!r}."
            )

    def first_filters(self, random):
        """Return coefficients of the first filters, patterns of the cosine transform.

        All patterns of a small size, or of two sizes if the filters are wide: those of
        a few pixels in the middle, and the widest ones, which weigh less.
        """
        n_waves = self.filter_size**2 - 1
        patterns = np.eye(n_waves, dtype=np.float32)
        margin = (self.filter_size - _SMALL) // 2
        if margin > 0 and self.n_filters < n_waves:
            small = basis(_SMALL)[: self.n_filters // 2].reshape(-1, _SMALL, _SMALL)
            small = np.pad(small, [(0, 0), (margin, margin), (margin, margin)])
            small = small.reshape(len(small), -1) @ basis(self.filter_size).T
            small *= self.filter_size / _SMALL
            patterns = np.concatenate([small, _WIDE * patterns])
        out = np.zeros((self.n_filters, n_waves), np.float32)
        out[: len(patterns)] = patterns[: self.n_filters]
        if self.n_filters > len(patterns):
            shape = self.n_filters - len(patterns), n_waves
            out[len(patterns) :] = random.normal(shape) / self.filter_size
        return out


def responses_to_noise(filters):
    """Return the standard deviation of the responses to noise of variance 1."""
    return np.sqrt((filters**2).sum(axis=(1, 2)))
