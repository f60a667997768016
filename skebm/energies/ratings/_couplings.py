"""A coupling between each pair of items, in closed form."""

from typing import NamedTuple

import numpy as np
import scipy.linalg as sl
from numba import njit
from scipy.sparse import csr_array

from skebm.utils._addresses import KERNEL
from skebm.utils._stored import public

# Exponents of the numbers of ratings: a user with many ratings says less by each of
# them, and so does an item with many. Both were chosen on MovieLens-100K.
_USER_SHARE, _ITEM_SHARE = 0.3, 0.3


@public("skebm.energies.ratings")
class Couplings(NamedTuple):
    """The minimum of the pseudo-likelihood of a normal distribution of items [1]_.

    Each item is regressed on all other items. The regression of all items takes one
    inverse of a matrix with a row for each item.

    Attributes
    ----------
    items : ndarray of int of shape (n_coupled,)
        The items that have couplings, in increasing order.
    weights : ndarray of float64 of shape (n_coupled, n_coupled)
        What the first item says of the second; 0 of itself.
    n_items : int

    References
    ----------
    .. [1] H. Steck. "Embarrassingly shallow autoencoders for sparse data". WWW 2019.
    """

    items: np.ndarray
    weights: np.ndarray
    n_items: int

    @classmethod
    def of(cls, choices, strengths, penalty, max_items):
        """Return the couplings that choices of users suggest.

        Parameters
        ----------
        choices : Ratings
        strengths : ndarray of shape (n_ratings,)
        penalty : float
            Added to the squared length of each item.
        max_items : int
            Only so many of the most popular items get couplings.
        """
        n_items, counts = choices.shape[1], choices.popularity
        order = np.argsort(-counts, kind="stable")[:max_items]
        items = np.sort(order[counts[order] > 0])
        if not len(items):
            return cls(items, np.zeros((0, 0)), n_items)
        matrix = _matrix(choices, strengths)[:, items]
        shares = _relative(np.diff(choices.indptr)) ** -_USER_SHARE
        scaled = matrix.multiply(shares[:, None]).tocsr()
        gram = (scaled.T @ scaled).toarray()
        gram[np.diag_indices_from(gram)] += penalty
        root = sl.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
        lower, _ = sl.lapack.dpotri(root, lower=1)
        weights = np.tril(lower) + np.tril(lower, -1).T
        weights /= -np.diag(weights).copy()
        np.fill_diagonal(weights, 0.0)
        weights *= _relative(counts[items])[:, None] ** -_ITEM_SHARE
        return cls(items, weights, n_items)

    def scores(self, choices, strengths):
        """Return what the choices of each user say of all items, (n_users, n_items)."""
        out = np.zeros((choices.shape[0], self.n_items))
        out[:, self.items] = _matrix(choices, strengths)[:, self.items] @ self.weights
        return out

    def fill_pairs(self, choices, strengths, rows, items, out):
        """Write what the choices of a user say of an item, for each pair."""
        places = np.full(self.n_items, -1)
        places[self.items] = np.arange(len(self.items))
        parts = choices.indptr, choices.items, strengths
        _fill_pairs(*parts, places, self.weights, rows, items, out)

    def between(self, items, item):
        """Return what each of some items says of another item."""
        places = np.full(self.n_items, -1)
        places[self.items] = np.arange(len(self.items))
        column, rows = places[item], places[items]
        out = np.zeros(len(items))
        if column >= 0:
            out[rows >= 0] = self.weights[rows[rows >= 0], column]
        return out


@njit(**KERNEL)
def _fill_pairs(indptr, chosen, strengths, places, weights, rows, items, out):
    for pair in range(len(out)):
        row, column = rows[pair], places[items[pair]]
        out[pair] = 0.0
        if column < 0:
            continue
        for place in range(indptr[row], indptr[row + 1]):
            other = places[chosen[place]]
            if other >= 0:
                out[pair] += strengths[place] * weights[other, column]


def _matrix(choices, strengths):
    parts = strengths, choices.items, choices.indptr
    return csr_array(parts, shape=choices.shape)


def _relative(counts):
    """Return counts, at least 1, in units of their mean."""
    counts = np.maximum(counts, 1.0)
    return counts / counts.mean()
