"""Features of users and items: who rated what at all, and what is known of them."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.extmath import randomized_svd

from skebm.utils._stored import public


@public("skebm.energies.ratings")
class Exposure(NamedTuple):
    """The main directions of the matrix that says which items were rated.

    Entries of the matrix are divided by the roots of the numbers of ratings of their
    user and item.

    Attributes
    ----------
    basis : ndarray of shape (n_items, n)
        Orthonormal directions.
    shares : ndarray of shape (n_items,)
        The roots that items are divided by, inverted.
    values : ndarray of shape (n,)
        Singular values.
    log_count : float
        The mean logarithm of the numbers of ratings of users.
    n_users : int
        Number of users of the fit.
    """

    basis: np.ndarray
    shares: np.ndarray
    values: np.ndarray
    log_count: float
    n_users: int

    @classmethod
    def of(cls, ratings, n, seed):
        """Return the exposure of ratings, in at most ``n`` directions."""
        shares = 1 / np.sqrt(ratings.popularity + 1.0)
        matrix = _scaled(ratings, shares)
        n = min(n, *matrix.shape)
        _, values, basis = randomized_svd(matrix, n, n_iter=7, random_state=seed)
        log_count = np.log1p(np.diff(ratings.indptr)).mean()
        return cls(basis.T, shares, values, float(log_count), len(ratings))

    def of_users(self, ratings):
        """Return features of users, of shape (n_users, n + 1)."""
        # The root makes a feature as large for many users as for few.
        scores = _scaled(ratings, self.shares) @ self.basis * np.sqrt(self.n_users)
        counts = np.log1p(np.diff(ratings.indptr)) - self.log_count
        return np.column_stack([scores, counts])

    def of_items(self, ratings):
        """Return features of items, of shape (n_items, n + 1)."""
        matrix = _scaled(ratings, self.shares)
        values = np.maximum(self.values, 1e-9)
        scores = matrix.T @ (matrix @ self.basis) / values
        counts = np.log1p(ratings.popularity)
        return np.column_stack([scores * np.sqrt(len(scores)), counts - counts.mean()])


@public("skebm.energies.ratings")
class Content(NamedTuple):
    """The scale of known features: rows have a squared length of 1 on average.

    Attributes
    ----------
    location, scale : ndarray of shape (n_features,)
    """

    location: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, features):
        """Return the scale of features; None of None."""
        if features is None:
            return None
        spread = features.std(axis=0)
        spread = np.where(spread > 0, spread, np.inf)
        return cls(features.mean(axis=0), np.sqrt(features.shape[1]) * spread)

    def scaled(self, features):
        """Return the features in this scale."""
        return (features - self.location) / self.scale


def design(exposure, content, features):
    """Return a constant, features of exposure and what is known, side by side."""
    parts = [np.ones((len(exposure), 1)), exposure]
    if content is not None:
        parts.append(content.scaled(features))
    return np.column_stack(parts)


def designs(exposure, ratings, contents, item_features, user_features):
    """Return the features of users, and those of items, with a constant each.

    Parameters
    ----------
    exposure : Exposure
    ratings : Ratings
    contents : tuple of Content or None
        The scales of the features of items and of users.
    item_features, user_features : ndarray or None
    """
    users = design(exposure.of_users(ratings), contents[1], user_features)
    items = design(exposure.of_items(ratings), contents[0], item_features)
    return users, items


def _scaled(ratings, shares):
    """Return the matrix of what was rated, in CSR."""
    own = 1 / np.sqrt(np.diff(ratings.indptr) + 1.0)
    entries = own[ratings.users] * shares[ratings.items]
    return csr_array((entries, ratings.items, ratings.indptr), shape=ratings.shape)
