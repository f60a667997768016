"""Sweeps over the factors of users and items, their priors and their errors."""

from typing import NamedTuple

import numpy as np

from skebm.energies.ratings._gaussian import (
    ITEM_VARIANCE,
    USER_VARIANCE,
    Factors,
    left_out_pairs,
)
from skebm.energies.ratings._levels import Levels

# The precision of the errors of a user is learned as if so many more ratings had the
# precision of all.
_NOISE_RATINGS = 30.0
# Thresholds are fitted to at most so many ratings.
_MAX_LEVEL_RATINGS = 200_000


class Learned(NamedTuple):
    """What sweeps change.

    Attributes
    ----------
    users, items : Factors
    coefficients : ndarray of shape (n_features, n_factors)
        From features of users to the prior means of their factors.
    noise : float
        The variance of errors.
    """

    users: Factors
    items: Factors
    coefficients: np.ndarray
    noise: float

    def sweep(self, ratings, centre, designs, alpha, learns_priors=True):
        """Return all parts after a turn of users, items and the noise.

        Parameters
        ----------
        ratings : Ratings
        centre : float
            The mean rating.
        designs : tuple of ndarray of shape (n_rows, n_features)
            Features of users and of items.
        alpha : float
            How strongly coefficients shrink.
        learns_priors : bool, default=True
        """
        values, turned = ratings.values - centre, ratings.transposed()
        users = self.users.given(ratings, values, self.items)
        coefficients, items = self.coefficients, self.items
        if learns_priors:
            rest = alpha, USER_VARIANCE
            users, coefficients = users.with_prior(designs[0], *rest)
        items = items.given(turned, turned.values - centre, users)
        if learns_priors:
            items, _ = items.with_prior(designs[1], alpha, ITEM_VARIANCE)
        total = users.errors(ratings, values, items)
        noise = max(float(total.sum() / max(ratings.n_ratings, 1)), 1e-6)
        users = _shared(users, ratings, total, noise)
        return Learned(users, items, coefficients, noise)

    def levels(self, ratings, centre):
        """Return the thresholds that suit ratings that are left out."""
        step = -(-ratings.n_ratings // _MAX_LEVEL_RATINGS)
        chosen = slice(None, None, step)
        rows, columns = ratings.users[chosen], ratings.items[chosen]
        values = ratings.values[chosen] - centre
        known = rows, columns, values
        mean, variance = left_out_pairs(self.users, self.items, *known)
        variance += 1 / self.users.noise[rows]
        codes = ratings.codes[chosen].astype(np.intp)
        return Levels.fitted(ratings.levels, mean + centre, variance, codes)


def with_noise(users, ratings, values, items, noise):
    """Return users with the precisions of their own errors."""
    return _shared(users, ratings, users.errors(ratings, values, items), noise)


def _shared(users, ratings, errors, noise):
    """Return users with precisions between their own and that of all."""
    counts = np.diff(ratings.indptr) + _NOISE_RATINGS
    return users._replace(noise=counts / (errors + _NOISE_RATINGS * noise))
