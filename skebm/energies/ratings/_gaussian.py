"""Normal factors of users and items, learned by variational Bayes."""

from typing import NamedTuple

import numpy as np

from skebm.energies.ratings._gaussian_kernels import (
    fill_errors,
    fill_left_out,
    fill_pairs,
    fill_rows,
)
from skebm.utils._parallel import blocks, map_parts
from skebm.utils._stored import public

# Prior of covariances of factors: so many rows, whose variances are these. Items
# differ less, since the product of both sides has one scale.
PRIOR_ROWS = 4.0
USER_VARIANCE, ITEM_VARIANCE = 0.5, 0.3
# Rows of one call of a kernel.
_BLOCK = 256


@public("skebm.energies.ratings")
class Factors(NamedTuple):
    """Normal distributions of the factors of rows, and the prior that they share.

    Attributes
    ----------
    mean : ndarray of shape (n_rows, n_factors)
        The first factor is a bias.
    covariance : ndarray of shape (n_rows, n_factors, n_factors)
    prior : ndarray of shape (n_rows, n_factors)
        Prior means.
    precision : ndarray of shape (n_factors, n_factors)
        Prior precision.
    noise : ndarray of shape (n_rows,)
        The share of a row in the precision of an error.
    """

    mean: np.ndarray
    covariance: np.ndarray
    prior: np.ndarray
    precision: np.ndarray
    noise: np.ndarray

    @classmethod
    def start(cls, prior, precision, noise):
        """Return factors at their prior mean, without variance."""
        n_rows, n = prior.shape
        return cls(prior.copy(), np.zeros((n_rows, n, n)), prior, precision, noise)

    def given(self, ratings, values, other):
        """Return the factors given ratings and the factors of columns.

        Parameters
        ----------
        ratings : Ratings
            Of rows x columns.
        values : ndarray of shape (n_ratings,)
            Ratings minus the centre.
        other : Factors
        """
        mean, covariance = np.empty_like(self.mean), np.empty_like(self.covariance)

        def fill(rows):
            indptr = ratings.indptr[rows.start : rows.stop + 1]
            known = indptr, ratings.items, values, other.mean, other.covariance
            own = self.noise[rows], other.noise, self.prior[rows], self.precision
            fill_rows(*known, *own, mean[rows], covariance[rows])

        map_parts(fill, blocks(len(mean), _BLOCK))
        return self._replace(mean=mean, covariance=covariance)

    def errors(self, ratings, values, other):
        """Return the sum of the expected squared errors of each row."""
        sums = np.empty(len(self.mean))

        def fill(rows):
            indptr = ratings.indptr[rows.start : rows.stop + 1]
            own = self.mean[rows], self.covariance[rows]
            columns = other.mean, other.covariance
            fill_errors(indptr, ratings.items, values, *own, *columns, sums[rows])

        map_parts(fill, blocks(len(sums), _BLOCK))
        return sums

    def with_prior(self, design, ridge, variance):
        """Return the factors with a prior that is learned from them.

        Parameters
        ----------
        design : ndarray of shape (n_rows, n_features)
            Prior means are linear in these.
        ridge : float
            How many rows speak for coefficients of 0.
        variance : float
            What the prior says of variances.

        Returns
        -------
        factors : Factors
        coefficients : ndarray of shape (n_features, n_factors)
        """
        n_rows, n = self.mean.shape
        gram = design.T @ design + ridge * np.eye(design.shape[1])
        coefficients = np.linalg.solve(gram, design.T @ self.mean)
        prior = design @ coefficients
        rest = self.mean - prior
        total = rest.T @ rest + self.covariance.sum(axis=0)
        total += PRIOR_ROWS * variance * np.eye(n)
        precision = np.linalg.inv(total / (n_rows + PRIOR_ROWS))
        precision = (precision + precision.T) / 2
        return self._replace(prior=prior, precision=precision), coefficients


def pairs(users, items, rows, columns):
    """Return the mean and variance of each pair, without its error."""
    mean, variance = np.empty(len(rows)), np.empty(len(rows))

    def fill(part):
        own = users.mean, users.covariance, items.mean, items.covariance
        fill_pairs(rows[part], columns[part], *own, mean[part], variance[part])

    map_parts(fill, blocks(len(rows), 64 * _BLOCK))
    return mean, variance


def left_out_pairs(users, items, rows, columns, values):
    """Return the mean and variance of rated pairs as if they were not rated.

    The factors of the user and of the item forget the rating; what others learned from
    it stays.
    """
    mean, variance = np.empty(len(rows)), np.empty(len(rows))

    def fill(part):
        known = rows[part], columns[part], values[part], users.noise
        own = users.mean, users.covariance, items.mean, items.covariance
        fill_left_out(*known, *own, mean[part], variance[part])

    map_parts(fill, blocks(len(rows), 8 * _BLOCK))
    return mean, variance


def all_pairs(users, items, rows):
    """Return the mean and variance of each of some users with all items.

    These are :func:`pairs` as products of matrices.
    """
    mean, covariance = users.mean[rows], users.covariance[rows]
    n_users = len(mean)
    left, right = mean.copy(), items.mean.copy()
    left[:, 0] = right[:, 0] = 1.0
    centre = (mean[:, :1] + items.mean[:, 0]) + left[:, 1:] @ right[:, 1:].T
    outer = left[:, :, None] * left[:, None, :]
    others = right[:, :, None] * right[:, None, :]
    shared = items.covariance.copy()
    shared[:, 0, :] = shared[:, :, 0] = 0.0
    size = mean.shape[1] ** 2
    both = (others + shared).reshape(len(right), size)
    variance = covariance.reshape(n_users, size) @ both.T
    variance += outer.reshape(n_users, size) @ items.covariance.reshape(-1, size).T
    return centre, variance
