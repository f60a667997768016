"""A naive energy of ratings, for tests of what stands around energies."""

import numpy as np
from sklearn.base import BaseEstimator


class MeansRecipe(BaseEstimator):
    """Ratings with independent normal errors around a mean of the user and the item."""

    def __init__(self, weight=2.0):
        self.weight = weight

    def fit(self, ratings, *, item_features=None, user_features=None, random=None):
        return MeansEnergy(self.weight, ratings)


class MeansEnergy:
    def __init__(self, weight, ratings):
        self.weight, self.levels, n_items = weight, ratings.levels, ratings.shape[1]
        self.mean = ratings.values.mean() if ratings.levels is not None else 0.0
        sums = np.bincount(ratings.items, ratings.values - self.mean, n_items)
        self.shift = sums / (ratings.popularity + weight)

    def update(self, ratings):
        return MeansEnergy(self.weight, ratings)

    def fold_in(self, ratings, user_features=None):
        shares = np.diff(ratings.indptr) + self.weight
        parts = (ratings.values - self.mean - self.shift[ratings.items]) / shares[
            ratings.users
        ]
        sums = np.bincount(ratings.users, parts, ratings.shape[0])
        return {"shift": sums, "parts": parts, "ratings": ratings}

    def scores(self, people, rows):
        return self.mean + people["shift"][rows, None] + self.shift

    def expected(self, people, rows, items):
        return self.mean + people["shift"][rows] + self.shift[items]

    def log_proba(self, people, rows, items):
        x = self.expected(people, rows, items)[:, None] - self.levels
        log_p = -(x**2) / 2
        return log_p - np.logaddexp.reduce(log_p, axis=1)[:, None]

    def explain(self, people, row, item):
        ratings = people["ratings"]
        here = slice(ratings.indptr[row], ratings.indptr[row + 1])
        return ratings.items[here], people["parts"][here], self.mean + self.shift[item]

    def similarities(self, item):
        return -np.abs(self.shift - self.shift[item])
