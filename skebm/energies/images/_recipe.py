"""The base of recipes of energies of images."""

from numbers import Integral

import numpy as np

from skebm.energies._recipe import Recipe

# The learning rate of an objective that has none.
_RATE = 0.001
# About ten minutes of two cores. More updates still gain some tenths of a decibel.
_N_UPDATES = 2000


class ImageRecipe(Recipe):
    """Base of recipes of energies of images."""

    monitor, is_shrunk = "images", False

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        return getattr(objective, "adam_rate", _RATE)

    def n_updates(self, layer, n_rows):
        """Return the number of updates that ``n_iter="auto"`` stands for."""
        return _N_UPDATES

    def attributes(self, energy, order):
        """Return the filters."""
        return {"filters_": energy.filters}

    def check_size(self):
        """Raise a sentence unless filters have a pixel in the middle."""
        if not isinstance(self.filter_size, Integral) or self.filter_size % 2 != 1:
            raise ValueError(
                f"filter_size must be an odd number of pixels; got {self.filter_size}."
            )

    def first_filters(self, random):
        """Return coefficients of filters that together keep the size of an image."""
        n_waves = self.filter_size**2 - 1
        out = np.zeros((self.n_filters, n_waves), np.float32)
        np.fill_diagonal(out, 1)
        if self.n_filters > n_waves:
            shape = self.n_filters - n_waves, n_waves
            out[n_waves:] = random.normal(shape) / self.filter_size
        return out
