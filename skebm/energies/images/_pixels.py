"""Pixels of binary images and their neighbours."""

import numpy as np

# The squared distance of the farthest neighbour, by the number of neighbours.
_REACH = {4: 1, 8: 2, 12: 4, 20: 5, 24: 8}
NEIGHBOURHOODS = tuple(_REACH)


def offsets(n_neighbours):
    """Return rows and columns between the pixels of a pair, one of each two opposites.

    Parameters
    ----------
    n_neighbours : {4, 8, 12, 20, 24}

    Returns
    -------
    ndarray of int of shape (n_neighbours / 2, 2)
        The nearest first.
    """
    reach = _REACH[n_neighbours]
    half = [(dy, dx) for dy in range(3) for dx in range(-2, 3) if (dy, dx) > (0, 0)]
    near = [o for o in half if o[0] ** 2 + o[1] ** 2 <= reach]
    return np.array(sorted(near, key=lambda o: (o[0] ** 2 + o[1] ** 2, o)))


def ends(shape, offset):
    """Return two slices of an image: the first pixels of all pairs, and the second."""
    first, second = [], []
    for length, step in zip(shape, offset, strict=True):
        first.append(slice(max(0, -step), max(0, length - max(0, step))))
        second.append(slice(max(0, step), max(0, length + min(0, step))))
    return tuple(first), tuple(second)


def pair_counts(image, offsets):
    """Return the number of pairs of each offset whose pixels differ."""
    counts = []
    for offset in offsets:
        first, second = ends(image.shape, offset)
        counts.append(np.count_nonzero(image[first] != image[second]))
    return np.array(counts, np.float64)


def votes(image, offsets):
    """Return how many of the two neighbours at each offset are ink, minus paper.

    Returns
    -------
    ndarray of int64 of shape (n_offsets, height, width)
        From -2 to 2; a neighbour outside the image does not vote.
    """
    spins = 2 * image.astype(np.int64) - 1
    out = np.zeros((len(offsets), *image.shape), np.int64)
    for one, offset in zip(out, offsets, strict=True):
        first, second = ends(image.shape, offset)
        one[first] += spins[second]
        one[second] += spins[first]
    return out


def vote_counts(images, offsets):
    """Return the different votes of neighbours, and the pixels that have them.

    They are all that the pseudo-likelihood of a model of pairs knows of the images.

    Returns
    -------
    votes : ndarray of int64 of shape (n, n_offsets)
    n_paper, n_ink : ndarray of shape (n,)
        Numbers of pixels that are 0 and 1.
    """
    powers = 5 ** np.arange(len(offsets), dtype=np.int64)
    codes = [np.tensordot(powers, votes(x, offsets) + 2, 1).ravel() for x in images]
    kinds, place = np.unique(np.concatenate(codes), return_inverse=True)
    ink = np.concatenate([image.ravel() for image in images])
    n, n_ink = (np.bincount(place, w, len(kinds)) for w in (None, ink))
    return kinds[:, None] // powers % 5 - 2, n - n_ink, n_ink
