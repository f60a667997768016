"""A product of two energies of ratings: of factors, and of hidden units."""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, clone

from skebm.energies.ratings.neighbours import NeighboursRecipe
from skebm.energies.ratings.rbm import RatingRBMRecipe
from skebm.utils._stored import public

# The share of ratings on which the weights of the two energies are chosen, and the
# weights of the second one that are tried.
_HELD_OUT, _WEIGHTS = 0.1, np.linspace(0, 1, 11)
# Pairs of users and items whose levels are held in memory at a time.
_BLOCK = 2**20


@public("skebm.energies.ratings")
class Both(NamedTuple):
    """What two energies know of users.

    Attributes
    ----------
    first, second : state
        What the ``fold_in`` of each of them returns.
    """

    first: object
    second: object


@public("skebm.energies.ratings")
class RatingProduct:
    """A product of experts [1]_: a weighted mean of two energies of a rating.

    The log-probability of a level is the weighted mean of the log-probabilities of the
    two experts, up to the constant that makes probabilities of it.

    Parameters
    ----------
    first, second : energy of ratings
    weight : float
        The weight of ``second``, from 0 to 1.

    References
    ----------
    .. [1] G. Hinton. "Training products of experts by minimizing contrastive
       divergence". Neural Computation 14 (2002).
    """

    def __init__(self, first, second, weight):
        self.first, self.second, self.weight = first, second, weight

    @property
    def levels(self):
        """The distinct ratings, of shape (n_levels,)."""
        return self.first.levels

    def _mean(self, first, second):
        return (1 - self.weight) * first + self.weight * second

    def fold_in(self, ratings, user_features=None):
        """Return what is known of users with these ratings, known or new."""
        parts = (
            energy.fold_in(ratings, user_features)
            for energy in (self.first, self.second)
        )
        return Both(*parts)

    def log_proba(self, people, rows, items):
        """Return the log-probability of each level, of shape (n, n_levels)."""
        first = self.first.log_proba(people.first, rows, items)
        second = self.second.log_proba(people.second, rows, items)
        return log_softmax(self._mean(first, second), axis=1)

    def expected(self, people, rows, items):
        """Return the expected rating of each pair, of shape (n,)."""
        return np.exp(self.log_proba(people, rows, items)) @ self.levels

    def scores(self, people, rows):
        """Return the expected ratings of all items, of shape (n_rows, n_items)."""
        n_users = people.first.ratings.shape[0]
        rows, n_items = np.arange(n_users)[rows], people.first.ratings.shape[1]
        step = max(1, _BLOCK // n_items)
        items, out = np.arange(n_items), np.empty((len(rows), n_items))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            pairs = np.repeat(some, n_items), np.tile(items, len(some))
            out[start : start + step].flat = self.expected(people, *pairs)
        return out

    def explain(self, people, row, item):
        """Return what each rating of a user adds to the expected rating of an item.

        It is the weighted mean of what it adds for the two experts. The baseline is the
        rest of the expected rating.

        Returns
        -------
        items : ndarray of int of shape (n,)
        contributions : ndarray of shape (n,)
        baseline : float
        """
        items, first, _ = self.first.explain(people.first, row, item)
        _, second, _ = self.second.explain(people.second, row, item)
        parts = self._mean(first, second)
        whole = self.expected(people, np.array([row]), np.array([item]))[0]
        return items, parts, float(whole - parts.sum())

    def similarities(self, item):
        """Return the mean of the similarities of each item to one."""
        return self._mean(self.first.similarities(item), self.second.similarities(item))

    def update(self, ratings):
        """Return the product after both experts have seen all ratings so far."""
        parts = self.first.update(ratings), self.second.update(ratings)
        return RatingProduct(*parts, self.weight)


@public("skebm.energies.ratings")
class BothRecipe(BaseEstimator):
    """Recipe of the product of couplings between items and of hidden units.

    A tenth of the ratings is held out while both are fitted once, to choose the weight
    with which their log-probability is highest. Then both are fitted to all ratings.

    Parameters
    ----------
    neighbours : NeighboursRecipe, default=None
    rbm : RatingRBMRecipe, default=None
    """

    feedback = "explicit"

    def __init__(self, neighbours=None, rbm=None):
        self.neighbours = neighbours
        self.rbm = rbm

    def fit(self, ratings, *, random, **options):
        """Return the energy of ratings.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
        random : Random
        **options
            Features, as for the recipes of both.

        Returns
        -------
        RatingProduct
        """
        held_out = random.fold(0).uniform((ratings.n_ratings,)) < _HELD_OUT
        weight = 0.5
        if 0 < held_out.sum() < len(held_out):
            trial = self._fitted(ratings.kept(~held_out), 0.5, random, options)
            weight = _best(trial, ratings, held_out, options.get("user_features"))
        return self._fitted(ratings, weight, random, options)

    def _fitted(self, ratings, weight, random, options):
        pairs = (self.neighbours, NeighboursRecipe), (self.rbm, RatingRBMRecipe)
        recipes = [kind() if own is None else clone(own) for own, kind in pairs]
        parts = [
            recipe.fit(ratings, random=random.fold(1, k), **options)
            for k, recipe in enumerate(recipes)
        ]
        return RatingProduct(*parts, weight)


def _best(trial, ratings, held_out, user_features):
    """Return the weight at which held-out ratings are most probable."""
    people = trial.fold_in(ratings.kept(~held_out), user_features)
    pairs = ratings.users[held_out], ratings.items[held_out]
    first = trial.first.log_proba(people.first, *pairs)
    second = trial.second.log_proba(people.second, *pairs)
    places = np.arange(len(first)), ratings.codes[held_out]

    def nats(weight):
        log_p = log_softmax((1 - weight) * first + weight * second, axis=1)
        return log_p[places].mean()

    return float(max(_WEIGHTS, key=nats))
