"""Energies of documents, and the lengths of documents."""

from typing import NamedTuple

import numpy as np

from skebm.energies._bipartite import Bipartite
from skebm.utils._stored import public


class OfDocuments(Bipartite):
    """Base of energies of documents, whose rows are counts of words.

    Parameters
    ----------
    visible, hidden, weights, **options
        As for :class:`skebm.energies.Bipartite`.
    lengths : array-like of int, default=(1,)
        Distinct lengths of documents. Chains that start from the reference have these
        lengths.
    shares : array-like, default=None
        Number of documents of each length. None takes equal numbers.
    """

    option_names = ("lengths", "shares", "base", "coupling")

    def __init__(
        self, visible, hidden, weights, *, lengths=(1,), shares=None, **options
    ):
        super().__init__(visible, hidden, weights, **options)
        self.lengths = np.asarray(lengths)
        self.shares = np.ones(len(lengths)) if shares is None else np.asarray(shares)

    @property
    def sites(self):
        """None, since columns are counts and ``visible`` is the layer of one word."""
        return None

    def draw_lengths(self, n_rows, random):
        """Draw lengths of documents, in proportion to their shares."""
        cumulative = np.cumsum(self.shares)
        uniform = random.uniform((n_rows, 1))[:, 0] * cumulative[-1]
        return self.lengths[np.searchsorted(cumulative[:-1], uniform)]


@public("skebm.energies")
class DocumentSummary(NamedTuple):
    """The facts about the documents of a first fit that a recipe may use.

    Attributes
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_words)
    weight : ndarray of shape (n,) or None
    mean_length : float
        Mean number of words of a document, at least 1.
    """

    X: np.ndarray
    weight: np.ndarray | None
    mean_length: float

    @classmethod
    def of(cls, X, weight):
        """Return the summary of documents."""
        mean_length = np.average(lengths_of(X), weights=weight)
        return cls(X, weight, max(mean_length, 1.0))

    def without_rows(self):
        """Return the summary without documents, which the estimator keeps."""
        return self._replace(X=None, weight=None)


def distinct_lengths(x, weight):
    """Return the distinct lengths of rows, and the total weight of each.

    Parameters
    ----------
    x : {ndarray, CSR matrix} of shape (n, n_words)
    weight : ndarray of shape (n,)

    Returns
    -------
    lengths : ndarray of int
    shares : ndarray of float
    """
    lengths = np.rint(lengths_of(x)[weight > 0]).astype(np.int64)
    lengths, positions = np.unique(lengths, return_inverse=True)
    return lengths, np.bincount(positions, weight[weight > 0])


def lengths_of(x):
    """Return the number of words of each row."""
    return np.asarray(x.sum(axis=1)).reshape(-1)


def spread(lengths, shares, n):
    """Return ``n`` whole numbers that represent a distribution of lengths.

    The sorted lengths are divided into ``n`` groups of the same size, and the numbers
    are the means of the groups. So ``n`` documents of these lengths have the mean
    length of the data, up to rounding.
    """
    rank = np.r_[0, np.cumsum(shares)]
    sums = np.r_[0, np.cumsum(shares * lengths)]
    edges = np.linspace(0, rank[-1], n + 1)
    means = np.diff(np.interp(edges, rank, sums)) / np.diff(edges)
    return np.rint(np.round(means, 6)).astype(np.int64)
