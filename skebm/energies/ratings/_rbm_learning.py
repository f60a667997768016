"""Learning an RBM of ratings by its pseudo-likelihood, in batches of users."""

from typing import NamedTuple

import numpy as np

from skebm.energies.ratings._rbm_kernels import (
    Rated,
    Slopes,
    Units,
    fill_gradient,
    fill_inputs,
    fill_items,
)
from skebm.utils._parallel import blocks, map_parts
from skebm.utils._stored import public

# Users or items that one thread does at a time.
_BLOCK = 32
# Batches of an epoch: so many, and more if they would hold more ratings than this.
_N_BATCHES, _MOST_RATINGS = 8, 200_000
# Averages of Adam, over about so many updates: of the gradient, and of its square.
_FIRST, _SECOND = 0.9, 0.99


@public("skebm.energies.ratings")
class RatingParameters(NamedTuple):
    """What is learned.

    Attributes
    ----------
    own : ndarray of shape (n_items, k)
        Weights of an item beyond the part that its features explain.
    by_item : ndarray of shape (n_item_features, k)
        From features of items to weights.
    by_user : ndarray of shape (n_user_features, k)
        From features of users to inputs of hidden units.
    biases : ndarray of shape (n_items, n_levels)
    gain : ndarray of shape ()
    """

    own: np.ndarray
    by_item: np.ndarray
    by_user: np.ndarray
    biases: np.ndarray
    gain: np.ndarray


@public("skebm.energies.ratings")
class RatingScale(NamedTuple):
    """What is not learned.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
        Standardised.
    centres : ndarray of shape (n_items,)
    biases : ndarray of shape (n_items, n_levels)
        What biases shrink to.
    prior : float
    """

    levels: np.ndarray
    centres: np.ndarray
    biases: np.ndarray
    prior: float


class Batch(NamedTuple):
    """Ratings of some users, and the order of the same ratings by items."""

    users: np.ndarray
    rated: Rated
    values: np.ndarray
    turned: tuple

    @classmethod
    def of(cls, ratings, users, levels):
        """Return the batch of some users of all ratings."""
        some = ratings.take(users)
        codes = some.codes.astype(np.int64)
        order = np.argsort(some.items, kind="stable")
        indptr = np.append(0, np.cumsum(some.popularity))
        turned = indptr, some.users[order].astype(np.int64), order
        rated = Rated(some.indptr, some.items, codes, levels)
        return cls(users, rated, levels[codes], turned)


def learned(parameters, fixed, ratings, designs, recipe, random, n_epochs):
    """Return the parameters after epochs over the ratings.

    Parameters
    ----------
    parameters : RatingParameters
        To begin with.
    fixed : RatingScale
    ratings : Ratings
    designs : tuple of ndarrays
        Features of users and of items.
    recipe : RatingRBMRecipe
    random : Random
    n_epochs : int

    Returns
    -------
    RatingParameters
    """
    if not ratings.n_ratings:
        return parameters
    n_batches = max(_N_BATCHES, -(-ratings.n_ratings // _MOST_RATINGS))
    n_batches = min(n_batches, len(ratings))
    order = np.argsort(random.uniform((len(ratings),)))
    batches = [
        Batch.of(ratings, np.sort(users), fixed.levels)
        for users in np.array_split(order, n_batches)
    ]
    adam = _Adam(parameters)
    for epoch in range(n_epochs):
        # Steps of full length in the first half, then down to 0.
        rate = recipe.learning_rate * min(1.0, 2 * (1 - epoch / n_epochs))
        draws = random.fold(epoch).uniform((n_batches,))
        for number in np.argsort(draws):
            batch = batches[number]
            share = len(batch.values) / ratings.n_ratings
            slopes = gradient(parameters, fixed, batch, designs)
            pulls = _pulls(parameters, fixed, recipe)
            both = zip(slopes, pulls, strict=True)
            total = [slope - share * pull for slope, pull in both]
            parameters = adam.step(parameters, total, rate)
    return parameters


def gradient(parameters, fixed, batch, designs):
    """Return the gradient of the log-pseudo-likelihood of a batch, as parameters."""
    weights = parameters.own + designs[1] @ parameters.by_item
    features = designs[0][batch.users]
    inputs = features @ parameters.by_user
    n_ratings, n_users, k = len(batch.values), len(inputs), weights.shape[1]
    add_ratings(batch.rated, batch.values, weights, inputs)
    gain = float(parameters.gain)
    units = Units(weights, parameters.biases, inputs, fixed.centres, gain, fixed.prior)
    slopes = Slopes(
        np.empty((n_ratings, len(fixed.levels))),
        np.empty((n_ratings, k)),
        np.empty((n_users, k)),
        np.empty((n_users, 2)),
    )

    def of_users(block):
        fill_gradient(block.start, block.stop, batch.rated, units, slopes)

    map_parts(of_users, blocks(n_users, _BLOCK))
    own, biases = np.empty_like(weights), np.empty_like(parameters.biases)

    def of_items(block):
        ends = block.start, block.stop
        fill_items(*ends, batch.turned, batch.values, slopes, own, biases)

    map_parts(of_items, blocks(len(own), _BLOCK))
    by_user = features.T @ slopes.inputs
    gain = slopes.totals[:, 1].sum()
    return RatingParameters(own, designs[1].T @ own, by_user, biases, gain)


def add_ratings(rated, values, weights, inputs):
    """Add to the inputs of hidden units what ratings say; ``inputs`` changes."""

    def do(block):
        ends = block.start, block.stop
        fill_inputs(*ends, rated.indptr, rated.items, values, weights, inputs)

    map_parts(do, blocks(len(inputs), _BLOCK))


def _pulls(parameters, fixed, recipe):
    """Return the gradient of the penalty, as parameters."""
    alpha, shrinkage = recipe.alpha, recipe.feature_alpha
    return RatingParameters(
        alpha * parameters.own,
        shrinkage * parameters.by_item,
        shrinkage * parameters.by_user,
        shrinkage * (parameters.biases - fixed.biases),
        0.0,
    )


class _Adam:
    """Steps that are scaled by the sizes of gradients so far."""

    def __init__(self, parameters):
        self.first = [np.zeros_like(p) for p in parameters]
        self.second = [np.zeros_like(p) for p in parameters]
        self.n_steps = 0

    def step(self, parameters, slopes, rate):
        """Return the parameters after a step uphill."""
        self.n_steps += 1
        scales = 1 - _FIRST**self.n_steps, 1 - _SECOND**self.n_steps
        found = []
        for k, (value, slope) in enumerate(zip(parameters, slopes, strict=True)):
            self.first[k] = _FIRST * self.first[k] + (1 - _FIRST) * slope
            self.second[k] = _SECOND * self.second[k] + (1 - _SECOND) * slope**2
            size = np.sqrt(self.second[k] / scales[1]) + 1e-8
            found.append(value + rate * self.first[k] / scales[0] / size)
        return RatingParameters(*found)
