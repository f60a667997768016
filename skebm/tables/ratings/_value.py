"""Ratings as the parts of a CSR matrix of users x items."""

from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from skebm.utils._stored import public


@public("skebm.tables")
class Ratings:
    """What users said of items. What is not stored is not known.

    The parts must not be changed: several values may share them.

    Parameters
    ----------
    indptr : ndarray of int64 of shape (n_users + 1,)
        Where the ratings of each user begin.
    items : ndarray of int32 of shape (n_ratings,)
        The items, in increasing order for each user.
    values : ndarray of float64 of shape (n_ratings,)
        Ratings, or counts. A stored 0 is a rating.
    shape : tuple of int
        Numbers of users and of items.
    levels : ndarray of float64 of shape (n_levels,), default=None
        The distinct ratings in increasing order. None if the values are counts.
    """

    def __init__(self, indptr, items, values, shape, levels=None):
        self.indptr = np.asarray(indptr, dtype=np.int64)
        self.items = np.asarray(items, dtype=np.int32)
        self.values = np.asarray(values, dtype=np.float64)
        self.shape = int(shape[0]), int(shape[1])
        self.levels = levels

    def __len__(self):
        return self.shape[0]

    @classmethod
    def from_csr(cls, matrix, levels=None):
        """Return the ratings of a CSR matrix that is sorted and has no duplicates."""
        parts = matrix.indptr, matrix.indices, matrix.data
        return cls(*parts, matrix.shape, levels)

    @property
    def n_ratings(self):
        """Number of ratings."""
        return len(self.items)

    @cached_property
    def users(self):
        """The user of each rating, int32."""
        numbers = np.arange(self.shape[0], dtype=np.int32)
        return np.repeat(numbers, np.diff(self.indptr))

    @cached_property
    def codes(self):
        """The number of the level of each rating, uint8."""
        return np.searchsorted(self.levels, self.values).astype(np.uint8)

    @cached_property
    def popularity(self):
        """The number of ratings of each item, int64."""
        return np.bincount(self.items, minlength=self.shape[1])

    @cached_property
    def _transposed(self):
        turned = self.to_csr().tocsc()
        parts = turned.indptr, turned.indices, turned.data
        return Ratings(*parts, self.shape[::-1], self.levels)

    def transposed(self):
        """Return the same ratings as items x users. They are computed once."""
        return self._transposed

    def take(self, users):
        """Return the ratings of some users, in that order.

        Parameters
        ----------
        users : slice or array of int
        """
        return Ratings.from_csr(self.to_csr()[users], self.levels)

    @property
    def heard(self):
        """What energies hear of: all ratings, and of counts those above 0."""
        return self if self.levels is not None else self.positive()

    def positive(self):
        """Return the ratings above 0."""
        return self if (self.values > 0).all() else self.kept(self.values > 0)

    def kept(self, keeps):
        """Return some of the ratings, of as many users and items.

        Parameters
        ----------
        keeps : ndarray of bool of shape (n_ratings,)
        """
        indptr = np.append(0, np.cumsum(keeps))[self.indptr]
        parts = indptr, self.items[keeps], self.values[keeps]
        return Ratings(*parts, self.shape, self.levels)

    def joined(self, other):
        """Return these ratings and others, which replace ratings of the same pair.

        Parameters
        ----------
        other : Ratings
            Of as many items. It may have more users.

        Returns
        -------
        Ratings
        """
        n_users = max(self.shape[0], other.shape[0])
        users = np.concatenate([other.users, self.users])
        items = np.concatenate([other.items, self.items])
        values = np.concatenate([other.values, self.values])
        # The first of a pair stays.
        keys = users.astype(np.int64) * self.shape[1] + items
        _, first = np.unique(keys, return_index=True)
        indptr = np.append(0, np.cumsum(np.bincount(users[first], minlength=n_users)))
        shape = n_users, self.shape[1]
        return Ratings(indptr, items[first], values[first], shape, self.levels)

    def to_csr(self):
        """Return the ratings as a CSR array that shares their memory if it can."""
        return csr_array((self.values, self.items, self.indptr), shape=self.shape)
