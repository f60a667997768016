"""The recipe of energies of black-and-white images, learned from clean ones."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from skebm.energies._recipe import Recipe
from skebm.energies.images._context import Context
from skebm.energies.images._levels import Levels, log_odds
from skebm.energies.images._noise import pattern_counts
from skebm.energies.images._pixels import NEIGHBOURHOODS, offsets, vote_counts
from skebm.energies.images.ising import GridIsing, bits, lowest
from skebm.utils._math import sigmoid
from skebm.utils._parallel import map_parts

# The pseudo-likelihood has its maximum within these nats even where pixels that differ
# were never seen.
_STRONGEST = 10.0
# The search starts at the best of these shares of the couplings of the
# pseudo-likelihood. Images of large plain areas have couplings that are far too strong.
_SHARES = (0.05, 0.08, 0.12, 0.18, 0.26, 0.36, 0.46, 0.58, 0.75, 1.0)
# The search goes by this share of the largest coupling, and then by halves of it.
_STEP, _N_SWEEPS = 0.3, 5
_CONTEXTS = (0, 3, 5, 7, 9, 11)
# The perceptron learns from noise that exceeds the levels by this factor on both sides.
_BEYOND, _MOST_NOISE = 1.3, 0.45
# The perceptron learns from so many times the pixels of the couplings.
_MORE = 10
# Large images are cut into squares of this height and width, some of which are used.
_TILE = 256
# Images that one thread restores at a time.
_AT_ONCE = 16


class BinaryRecipe(Recipe):
    """An Ising grid of black-and-white images, learned from clean ones.

    The energy has the couplings of the largest pseudo-likelihood [1]_. For each share
    of flipped pixels, the couplings that restore are those with the fewest wrong
    pixels: a search changes one after the other, and restores the clean images after
    pixels were flipped at random.

    A perceptron of the noisy pixels around a pixel then takes the place of the pixel
    itself, as in a discriminative random field [2]_. It is used from the noise on from
    which it leaves fewer wrong pixels.

    Parameters
    ----------
    n_neighbours : {4, 8, 12, 20, 24}, default=8
        The neighbours with which a pixel is coupled.
    noise_levels : sequence of float, default=(0.01, 0.03, 0.1, 0.2, 0.3)
        Shares of flipped pixels, in rising order. Between them, couplings are
        interpolated.
    n_pixels : int, default=300_000
        Number of pixels from which couplings are learned; the perceptron learns from
        ten times as many. More images than that are left out at random, as are parts of
        large ones.
    context_size : int, default=9
        Height and width of the window around a pixel that the perceptron sees, odd and
        from 3 to 11. With 0 there is no perceptron, so that restored images are those
        of lowest energy of the grid alone.

    References
    ----------
    .. [1] J. Besag. "Statistical analysis of non-lattice data". The Statistician 24
       (1975).
    .. [2] S. Kumar, M. Hebert. "Discriminative random fields". International Journal of
       Computer Vision 68 (2006).
    """

    # The images that an estimator reads for it.
    image_kind = "bits"

    def __init__(
        self,
        n_neighbours=8,
        noise_levels=(0.01, 0.03, 0.1, 0.2, 0.3),
        n_pixels=300_000,
        context_size=9,
    ):
        self.n_neighbours = n_neighbours
        self.noise_levels = noise_levels
        self.n_pixels = n_pixels
        self.context_size = context_size

    def learn(self, images, random, report=None):
        """Return the energy of images.

        Parameters
        ----------
        images : sequence of ndarray of shape (height, width)
            Clean images of 0 (paper) and 1 (ink), which may differ in size.
        random : Random
        report : callable, default=None
            Is called with a line of text after each step.

        Returns
        -------
        GridIsing
        """
        report = report or (lambda line: None)
        levels = self._checked_levels()
        tiles = tiles_of([bits(image) for image in images])
        images = some(tiles, self.n_pixels, random.fold(0))
        pairs = offsets(self.n_neighbours)
        energy = GridIsing(*pseudo_likelihood(images, pairs))
        report("pseudo-likelihood")
        energy.patterns = np.sum([pattern_counts(image) for image in images], axis=0)
        found, contextual = [], []
        context = self._context(tiles, levels, random.fold(2))
        for k, noise in enumerate(levels):
            noisy = flipped(images, noise, random.fold(1, k))
            odds = log_odds(noise)
            fields = [np.where(image, -odds, odds) for image in noisy]
            start = energy.couplings, float(energy.ink)
            found.append(Trial(images, fields, pairs).search(*start))
            report(f"noise {noise:g}: {1 - found[-1][-1]:.4f} of the pixels right")
            if context is not None:
                fields = [-context.logits(image, noise) for image in noisy]
                contextual.append(Trial(images, fields, pairs).search(*start))
                right = 1 - contextual[-1][-1]
                report(f"noise {noise:g}: {right:.4f} with their surroundings")
        energy.levels = _levels(levels, found)
        # The part of the noise, up to the most, where the surroundings help.
        worse = [a[-1] >= b[-1] for a, b in zip(contextual, found, strict=False)]
        first = max((k + 1 for k, one in enumerate(worse) if one), default=0)
        if first < len(contextual):
            energy.context = context
            energy.context_levels = _levels(levels[first:], contextual[first:])
        return energy

    def _context(self, tiles, levels, random):
        """Return the perceptron of surroundings, or None."""
        if self.context_size == 0:
            return None
        noises = levels[0] / _BEYOND, min(levels[-1] * _BEYOND, _MOST_NOISE)
        images = some(tiles, _MORE * self.n_pixels, random.fold(0))
        return Context.learn(images, self.context_size, noises, random.fold(1))

    def _checked_levels(self):
        if self.n_neighbours not in NEIGHBOURHOODS:
            raise ValueError(
                f"n_neighbours must be one of {NEIGHBOURHOODS}; got "
                f"{self.n_neighbours!r}."
            )
        if self.context_size not in _CONTEXTS:
            raise ValueError(
                f"context_size must be one of {_CONTEXTS}; got {self.context_size!r}."
            )
        if not isinstance(self.n_pixels, Integral) or self.n_pixels < 1:
            raise ValueError(
                f"n_pixels must be a number from 1 on; got {self.n_pixels!r}."
            )
        levels = np.array(self.noise_levels, np.float64).reshape(-1)
        edges = np.concatenate([[0], levels, [0.5]])
        if levels.size == 0 or not (np.diff(edges) > 0).all():
            raise ValueError(
                "noise_levels must be shares of flipped pixels above 0 and below 0.5, "
                f"in rising order; got {self.noise_levels!r}."
            )
        return levels


def some(tiles, n_pixels, random):
    """Return as many tiles, in random order, as have so many pixels, or all."""
    order = random.permutation(len(tiles))
    before = np.cumsum([0, *(tiles[k].size for k in order[:-1])])
    return [tiles[k] for k in order[before < n_pixels]]


def tiles_of(images):
    """Return the images, those that are large in parts."""
    corners = [
        (image, y, x)
        for image in images
        for y in range(0, image.shape[0], _TILE)
        for x in range(0, image.shape[1], _TILE)
    ]
    if not corners:
        raise ValueError("Black-and-white images to learn from must have pixels.")
    return [image[y : y + _TILE, x : x + _TILE] for image, y, x in corners]


def pseudo_likelihood(images, offsets):
    """Return couplings, at least 0, and ink of the largest pseudo-likelihood.

    ``p(pixel | all others)`` is a logistic regression on the votes of its neighbours,
    so the loss is convex.
    """
    votes, n_paper, n_ink = vote_counts(images, offsets)
    inputs = np.column_stack([votes, np.ones(len(votes))])
    n = n_paper + n_ink

    def loss(params):
        logits = inputs @ params
        nats = n @ np.logaddexp(0, logits) - n_ink @ logits
        return nats / n.sum(), (n * sigmoid(logits) - n_ink) @ inputs / n.sum()

    limits = [(0, _STRONGEST)] * len(offsets) + [(-_STRONGEST, _STRONGEST)]
    start = np.zeros(len(limits))
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return best[:-1], best[-1]


def flipped(images, noise, random):
    """Return images in which pixels are flipped with the probability ``noise``."""
    uniform = (random.fold(k).uniform(x.shape) for k, x in enumerate(images))
    return [image ^ (u < noise) for image, u in zip(images, uniform, strict=True)]


def _levels(noise, found):
    """Return the levels of what searches found."""
    couplings, ink, _ = zip(*found, strict=True)
    return Levels(noise, np.array(couplings), np.array(ink))


class Trial(NamedTuple):
    """Clean images and what the noise made of them.

    Attributes
    ----------
    images : list of ndarray of shape (height, width)
    fields : list of ndarray of shape (height, width)
        What ink costs in each pixel of the noisy image, without couplings.
    offsets : ndarray of int of shape (n_offsets, 2)
    """

    images: list
    fields: list
    offsets: np.ndarray

    def wrong(self, couplings, ink):
        """Return the share of wrong pixels after a restoration."""

        def count(start):
            part = slice(start, start + _AT_ONCE)
            pairs = zip(self.images[part], self.fields[part], strict=True)
            return sum(
                np.count_nonzero(lowest(field - ink, couplings, self.offsets) != image)
                for image, field in pairs
            )

        parts = range(0, len(self.images), _AT_ONCE)
        return sum(map_parts(count, parts)) / sum(image.size for image in self.images)

    def search(self, couplings, ink):
        """Return couplings, ink and the fewest wrong pixels found."""
        starts = [share * np.append(couplings, ink) for share in _SHARES]
        fewest, k = min((self.wrong(p[:-1], p[-1]), k) for k, p in enumerate(starts))
        best = starts[k]
        steps = np.full(len(best) + 1, _STEP)
        for _ in range(_N_SWEEPS):
            for i in range(len(steps)):
                # One coupling after the other, ink, and at last all of them together.
                whole = i == len(best)
                move = best if whole else np.eye(len(best))[i] * best[:-1].max()
                for side in (1, -1):
                    tried = best + side * steps[i] * move
                    tried[:-1] = np.maximum(tried[:-1], 0)
                    wrong = self.wrong(tried[:-1], tried[-1])
                    if wrong < fewest:
                        fewest, best = wrong, tried
                        break
                else:
                    steps[i] /= 2
        return best[:-1], best[-1], fewest
