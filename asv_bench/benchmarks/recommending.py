"""Recommenders on ratings with a few popular items."""

import numpy as np
from scipy.sparse import csr_matrix

from skebm import EnergyRecommender

ENERGIES = ("neighbours", "explicit"), ("rbm", "explicit"), ("neighbours", "implicit")


def make_ratings(n_users, n_items, n_ratings):
    """Return ratings from 1 to 5 that depend on two tastes."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, n_users, n_ratings)
    item = (n_items * rng.random(n_ratings) ** 3).astype(int)
    pairs = np.unique(user * n_items + item)
    user, item = pairs // n_items, pairs % n_items
    tastes, kinds = rng.normal(size=(n_users, 2)), rng.normal(size=(n_items, 2))
    mean = 3 + np.einsum("nk,nk->n", tastes[user], kinds[item]) / 2
    stars = np.clip(np.rint(mean + rng.normal(size=len(pairs)) / 2), 1, 5)
    return csr_matrix((stars, (user, item)), shape=(n_users, n_items))


class Recommender:
    """Some 90,000 ratings of 1,500 items by 1,000 users."""

    params = (ENERGIES,)
    param_names = ("energy",)
    timeout = 120

    def setup(self, energy):
        """Fit once, which compiles."""
        self.X = make_ratings(1000, 1500, 120_000)
        self.model = EnergyRecommender(energy[0], feedback=energy[1], random_state=0)
        self.model.fit(self.X)
        self.time_recommend(energy)

    def time_fit(self, energy):
        """Fit the energy."""
        self.model.fit(self.X)

    def time_recommend(self, energy):
        """Recommend ten items to each user."""
        self.model.recommend(n=10)

    def time_new_users(self, energy):
        """Recommend ten items to a thousand users whom the model has not seen."""
        self.model.recommend(self.X, n=10)
