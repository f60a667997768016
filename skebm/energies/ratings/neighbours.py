"""Couplings between the items that a user rated, as a normal distribution."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skebm.energies.ratings._exposure import Content, Exposure, design, designs
from skebm.energies.ratings._gaussian import Factors, all_pairs, pairs
from skebm.energies.ratings._gaussian_learning import Learned, with_noise
from skebm.utils._parallel import blocks
from skebm.utils._sklearn import Interval
from skebm.utils._stored import public

# Standard deviation of the first factors of items.
_START = 0.1
# Sweeps before priors are learned: factors are near 0 until then.
_FIXED_SWEEPS = 4
# Sweeps that follow new ratings.
_UPDATE_SWEEPS = 5
# Users whose habits are learned at a time, which bounds the memory.
_HABIT_ROWS = 8192


@public("skebm.energies.ratings")
class People(NamedTuple):
    """What an energy knows of users.

    Attributes
    ----------
    factors : Factors
    habits : ndarray of shape (n_users, n_levels)
        Logarithms of how much more often a user chooses a level than is expected.
    ratings : Ratings
    """

    factors: Factors
    habits: np.ndarray
    ratings: object


@public("skebm.energies.ratings")
class Neighbours:
    """Normal ratings of a user, with couplings between all items that the user rated.

    The energy of the ratings ``r`` of a user is ``(r - m)' C^-1 (r - m) / 2``, where
    ``C = W S W' + noise`` has one row for each rated item. The factors of users are
    integrated out; those of items, ``W``, have a normal distribution too, found by
    variational Bayes [1]_. The means of factors are linear in features: in what is
    known of users and items, and in which items were rated at all [2]_. A rating is the
    interval between thresholds in which a normal number falls. The probabilities of
    levels are multiplied by the habits of a user, and sum to 1 again.

    Parameters
    ----------
    levels : Levels
        The thresholds.
    items, users : Factors
        ``users`` are those of the fit.
    coefficients : ndarray of shape (n_features, n_factors)
        From features of users to the prior means of their factors.
    centre, noise : float
        The mean rating, and the variance of its errors.
    exposure : Exposure
    contents : tuple of Content or None
        The scales of the features of items and of users.
    item_features : ndarray or None
    recipe : NeighboursRecipe

    References
    ----------
    .. [1] Y. Lim, Y. Teh. "Variational Bayesian approach to movie rating prediction".
       KDD Cup 2007.
    .. [2] Y. Koren. "Factorization meets the neighborhood". KDD 2008.
    """

    def __init__(
        self,
        levels,
        items,
        users,
        coefficients,
        centre,
        noise,
        exposure,
        contents,
        item_features,
        recipe,
    ):
        self._levels, self.items, self.users = levels, items, users
        self.coefficients, self.centre, self.noise = coefficients, centre, noise
        self.exposure, self.contents = exposure, contents
        self.item_features, self.recipe = item_features, recipe

    @property
    def levels(self):
        """The distinct ratings, of shape (n_levels,)."""
        return self._levels.levels

    # -- users -------------------------------------------------------------------------

    def fold_in(self, ratings, user_features=None):
        """Return what is known of users with these ratings, known or new.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
        user_features : ndarray of shape (n_users, n_features), default=None

        Returns
        -------
        People
        """
        features = self.exposure.of_users(ratings)
        features = design(features, self.contents[1], user_features)
        prior, values = features @ self.coefficients, ratings.values - self.centre
        noise = np.full(len(prior), 1 / self.noise)
        users = Factors.start(prior, self.users.precision, noise)
        users = users.given(ratings, values, self.items)
        users = with_noise(users, ratings, values, self.items, self.noise)
        users = users.given(ratings, values, self.items)
        return People(users, self._habits(users, ratings), ratings)

    def _habits(self, users, ratings):
        """Return how much more often each user chooses each level than expected."""
        found = np.empty((len(ratings), len(self.levels)))
        for block in blocks(len(found), _HABIT_ROWS):
            here = slice(ratings.indptr[block.start], ratings.indptr[block.stop])
            rows, columns = ratings.users[here], ratings.items[here]
            mean, variance = pairs(users, self.items, rows, columns)
            moments = mean + self.centre, variance + 1 / users.noise[rows]
            size, rows = block.stop - block.start, rows - block.start
            codes = ratings.codes[here]
            found[block] = self._levels.habits(rows, size, codes, moments)
        return found

    # -- pairs -------------------------------------------------------------------------

    def expected(self, people, rows, items):
        """Return the expected rating of each pair, of shape (n,)."""
        moments = self._moments(people, rows, items)
        return self._levels.expected(*moments, people.habits[rows])

    def log_proba(self, people, rows, items):
        """Return the log-probability of each level, of shape (n, n_levels)."""
        moments = self._moments(people, rows, items)
        return self._levels.log_proba(*moments, people.habits[rows])

    def scores(self, people, rows):
        """Return the expected ratings of all items, of shape (n_rows, n_items)."""
        mean, variance = all_pairs(people.factors, self.items, rows)
        variance += 1 / people.factors.noise[rows][:, None]
        habits = people.habits[rows][:, None]
        return self._levels.expected(mean + self.centre, variance, habits)

    def _moments(self, people, rows, items):
        """Return the mean and variance of the normal number of each pair."""
        mean, variance = pairs(people.factors, self.items, rows, items)
        return mean + self.centre, variance + 1 / people.factors.noise[rows]

    # -- reasons -----------------------------------------------------------------------

    def explain(self, people, row, item):
        """Return what each rating of a user adds to the expected rating of an item.

        The mean of the normal number is linear in the ratings. The expected rating is a
        function of it, whose change is shared in proportion, as the value of Aumann and
        Shapley on the straight line is.

        Returns
        -------
        items : ndarray of int of shape (n,)
            The items that the user rated.
        contributions : ndarray of shape (n,)
        baseline : float
            The expected rating without any rating of the user, but with the habits and
            the errors of the user.
        """
        users, ratings = people.factors, people.ratings
        here = slice(ratings.indptr[row], ratings.indptr[row + 1])
        rated = ratings.items[here]
        means, covariances = self.items.mean[rated], self.items.covariance[rated].copy()
        w, cross = means.copy(), covariances[:, 0].copy()
        w[:, 0], cross[:, 0] = 1.0, 0.0
        covariances[:, 0] = covariances[:, :, 0] = 0.0
        prior = users.prior[row]
        rest = ratings.values[here] - self.centre - means[:, 0] - w @ prior
        speaks = rest[:, None] * w - cross - covariances @ prior
        towards = np.append(1.0, self.items.mean[item, 1:])
        towards = users.covariance[row] @ towards * users.noise[row]
        parts = speaks @ towards
        mean, variance = self._moments(people, np.array([row]), np.array([item]))
        both = np.append(mean - parts.sum(), mean)
        habits = people.habits[row]
        baseline, rating = self._levels.expected(both, np.repeat(variance, 2), habits)
        total = parts.sum()
        share = (rating - baseline) / total if total else 0.0
        return rated, parts * share, float(baseline)

    def similarities(self, item):
        """Return the correlation of the ratings of each item with those of one."""
        spread = np.linalg.inv(self.users.precision)[1:, 1:]
        means, covariances = self.items.mean[:, 1:], self.items.covariance[:, 1:, 1:]
        own = np.einsum("ij,jk,ik->i", means, spread, means, optimize=True)
        own += np.einsum("ijk,jk->i", covariances, spread)
        return means @ (spread @ means[item]) / np.sqrt(own * own[item])

    # -- learning ----------------------------------------------------------------------

    def update(self, ratings):
        """Return the energy after some sweeps over all ratings so far.

        Parameters
        ----------
        ratings : Ratings
            Of as many items. There may be more users than in ``fit``.

        Returns
        -------
        Neighbours
        """
        contents = self.contents[0], None
        both = designs(self.exposure, ratings, contents, self.item_features, None)
        learned = Learned(self.users, self.items, self.coefficients, self.noise)
        people = self.fold_in(ratings).factors
        learned = learned._replace(users=people)
        for _ in range(_UPDATE_SWEEPS):
            learned = learned.sweep(ratings, self.centre, both, self.recipe.alpha)
        return self._with(learned, ratings)

    def _with(self, learned, ratings):
        """Return the energy with other factors, and thresholds that suit them."""
        levels = learned.levels(ratings, self.centre)
        kept = self.exposure, self.contents, self.item_features, self.recipe
        factors = learned.items, learned.users, learned.coefficients
        return Neighbours(levels, *factors, self.centre, learned.noise, *kept)


@public("skebm.energies.ratings")
class NeighboursRecipe(BaseEstimator):
    """Recipe of a normal distribution of ratings with couplings between items.

    Parameters
    ----------
    n_components : int, default=12
        The rank of the couplings.
    n_exposure : int, default=20
        Number of features that say which items were rated at all.
    alpha : float, default=10
        How strongly coefficients of features shrink: as many users, or items, speak for
        0.
    n_iter : int, default=40
        Number of sweeps over the ratings.
    """

    feedback = "explicit"
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_exposure": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_components=12, *, n_exposure=20, alpha=10.0, n_iter=40):
        self.n_components = n_components
        self.n_exposure = n_exposure
        self.alpha = alpha
        self.n_iter = n_iter

    def fit(self, ratings, *, item_features=None, user_features=None, random):
        """Return the energy of ratings.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
        item_features : ndarray of shape (n_items, n_features), default=None
        user_features : ndarray of shape (n_users, n_features), default=None
        random : Random

        Returns
        -------
        Neighbours
        """
        self._validate_params()
        exposure = Exposure.of(ratings, self.n_exposure, random.fold(0).seed())
        contents = Content.of(item_features), Content.of(user_features)
        both = designs(exposure, ratings, contents, item_features, user_features)
        centre = float(ratings.values.mean()) if ratings.n_ratings else 0.0
        learned = self._start(ratings, both, random.fold(1))
        for k in range(self.n_iter):
            late = k >= _FIXED_SWEEPS
            learned = learned.sweep(ratings, centre, both, self.alpha, late)
        kept = exposure, contents, item_features, self
        users, items, coefficients, noise = learned
        levels = learned.levels(ratings, centre)
        return Neighbours(levels, items, users, coefficients, centre, noise, *kept)

    def _start(self, ratings, both, random):
        """Return small random factors of items, and precisions to begin with."""
        n_users, n_items = ratings.shape
        n = self.n_components + 1
        noise = max(float(np.var(ratings.values)) if ratings.n_ratings else 1.0, 1e-6)
        users = Factors.start(
            np.zeros((n_users, n)), 4 / noise * np.eye(n), np.full(n_users, 1 / noise)
        )
        items = Factors.start(
            np.zeros((n_items, n)), 8 / noise * np.eye(n), np.ones(n_items)
        )
        items.mean[:, 1:] = _START * random.normal((n_items, n - 1))
        coefficients = np.zeros((both[0].shape[1], n))
        return Learned(users, items, coefficients, noise)
