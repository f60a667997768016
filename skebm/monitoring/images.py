"""The monitor of an energy of images."""

from math import ceil

import numpy as np

from skebm.metrics import psnr
from skebm.monitoring._base import MAX_SHARE, Look, Monitor, mean, subsample

# Largest number of patches that are watched, of the training and of held-out ones.
_MAX_PATCHES = 32
# Iterations after which a restoration changes little that a figure could show.
_TOL, _MAX_ITER = 1e-2, 100
# Decibels of a patch that is restored exactly.
_HIGHEST = 120.0
# A look restores once what an update restores and goes back from.
_COST = 0.6


class ImageMonitor(Monitor):
    """Peak signal-to-noise ratio of restored patches, in decibels.

    The patches have fixed noise, whose levels are those of the energy in turn. The
    parameters are the parameters of :class:`skebm.monitoring.DensityMonitor`; ``layer``
    is not used.
    """

    score_name = "psnr"

    def __init__(self, X, weight, held_out, layer, random, encoding=None):
        self.sets = {"psnr": subsample(X, weight, random.fold(0), _MAX_PATCHES)}
        if held_out is not None:
            watched = subsample(*held_out, random.fold(1), _MAX_PATCHES)
            self.sets["validation_score"] = watched
        self.noise = random.fold(2).normal((_MAX_PATCHES, *X.shape[1:]), X.dtype)
        self.n_rows = len(X)

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        n_watched = sum(len(rows) for rows, _ in self.sets.values())
        return ceil(_COST * n_watched / (MAX_SHARE * self.n_rows))

    def look(self, energy):
        """Return the figures of this energy, in decibels."""
        scores = {
            name: self._psnr(energy, patches)
            for name, (patches, _) in self.sets.items()
        }
        weights = {name: weight for name, (_, weight) in self.sets.items()}
        figures = {name: mean(scores[name], weights[name]) for name in scores}
        return Look(figures, scores[self.score_name], weights[self.score_name])

    def _psnr(self, energy, patches):
        levels = energy.levels
        sigma = np.resize(levels, len(patches))
        noise = self.noise[: len(patches)]
        noisy = patches + sigma.astype(patches.dtype)[:, None, None] * noise
        restored, _ = energy.restoration_pullback(noisy, sigma, _TOL, _MAX_ITER)
        pairs = zip(patches, restored, strict=True)
        return np.minimum([psnr(*pair) for pair in pairs], _HIGHEST)
