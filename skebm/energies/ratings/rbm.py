"""A restricted Boltzmann machine of the ratings of a user."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, clone

from skebm.energies.ratings._exposure import Content, Exposure, design, designs
from skebm.energies.ratings._rbm_kernels import Rated, fill_log_proba
from skebm.energies.ratings._rbm_learning import (
    RatingParameters,
    RatingScale,
    add_ratings,
    learned,
)
from skebm.utils._parallel import blocks, map_parts
from skebm.utils._random import Random
from skebm.utils._sklearn import Interval
from skebm.utils._stored import public

# Standard deviation of the first weights.
_START = 0.05
# The gain of the bias of a user to begin with, and how many ratings its prior is worth.
_GAIN, _BIAS_PRIOR = 1.3, 4.0
# How many ratings with the mean frequencies the biases of an item begin with, and how
# many of the mean rating its centre.
_LEVEL_PRIOR, _CENTRE_PRIOR = 10.0, 5.0
# Share of the epochs and of the learning rate that new ratings get.
_UPDATE_SHARE = 0.25
# Pairs that one thread does at a time.
_BLOCK = 4096
# Points on the line from no rating to all ratings along which a prediction is shared.
_N_POINTS = 8


@public("skebm.energies.ratings")
class Raters(NamedTuple):
    """What an energy knows of users.

    Attributes
    ----------
    inputs : ndarray of shape (n_users, k)
        Of hidden units.
    slopes : ndarray of shape (n_users,)
        What the bias of a user adds to a standardised rating of 1.
    start : ndarray of shape (n_users, k)
        Inputs that do not depend on the values of ratings.
    ratings : Ratings
    """

    inputs: np.ndarray
    slopes: np.ndarray
    start: np.ndarray
    ratings: object


@public("skebm.energies.ratings")
class RatingRBM:
    """Ratings of a user with binary hidden units, given which items were rated [1]_.

    With the standardised ratings ``t`` of the rated items, the energy of a hidden unit
    ``h`` is ``-h (c + sum_j W_j t_j)``. Each item has a bias for each level, and a
    normal hidden unit that all items share is the bias of the user. The inputs ``c``
    are linear in features: in what is known of the user, and in which items were rated
    at all. So are the prior means of the weights of an item. Given all other ratings
    of a user, the distribution of a rating is a sum over its levels, so the
    pseudo-likelihood [2]_ is exact, and no chains are needed.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
    fixed : RatingScale
    parameters : RatingParameters
    exposure : Exposure
    contents : tuple of Content or None
        The scales of the features of items and of users.
    item_features : ndarray of shape (n_items, n_features) or None
    design : ndarray of shape (n_items, n_item_features)
    recipe : RatingRBMRecipe

    References
    ----------
    .. [1] R. Salakhutdinov, A. Mnih, G. Hinton. "Restricted Boltzmann machines for
       collaborative filtering". ICML 2007.
    .. [2] J. Besag. "Statistical analysis of non-lattice data". The Statistician 1975.
    """

    def __init__(
        self,
        levels,
        fixed,
        parameters,
        exposure,
        contents,
        item_features,
        design,
        recipe,
    ):
        self.levels, self.fixed, self.parameters = levels, fixed, parameters
        self.exposure, self.contents = exposure, contents
        self.item_features, self.recipe = item_features, recipe
        # Weights of all items, with the part that their features explain.
        self.weights = parameters.own + design @ parameters.by_item

    # -- users -------------------------------------------------------------------------

    def fold_in(self, ratings, user_features=None):
        """Return what is known of users with these ratings, known or new.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
        user_features : ndarray of shape (n_users, n_features), default=None

        Returns
        -------
        Raters
        """
        features = self.exposure.of_users(ratings)
        features = design(features, self.contents[1], user_features)
        start = features @ self.parameters.by_user
        inputs = start.copy()
        values = self._standardised(ratings)
        levels = self.fixed.levels
        rated = Rated(ratings.indptr, ratings.items, ratings.codes, levels)
        add_ratings(rated, values, self.weights, inputs)
        rest = values - self.fixed.centres[ratings.items]
        slopes = np.bincount(ratings.users, rest, len(ratings))
        return Raters(inputs, slopes * self._gains(ratings), start, ratings)

    def _standardised(self, ratings):
        return self.fixed.levels[ratings.codes]

    def _gains(self, ratings):
        """Return what one rating above the centre adds to the bias of each user."""
        # The rating that is predicted counts among those of the user.
        counts = np.diff(ratings.indptr) + 1 + self.fixed.prior
        return float(self.parameters.gain) / counts

    # -- pairs -------------------------------------------------------------------------

    def log_proba(self, people, rows, items):
        """Return the log-probability of each level, of shape (n, n_levels)."""
        return self._log_proba(people.inputs, people.slopes, rows, items)

    def _log_proba(self, inputs, slopes, rows, items):
        out = np.empty((len(rows), len(self.levels)))
        own = self.weights, self.parameters.biases
        pairs = np.asarray(rows, np.int64), np.asarray(items, np.int64)

        def do(block):
            ends, levels = (block.start, block.stop), self.fixed.levels
            fill_log_proba(*ends, levels, own, (inputs, slopes), pairs, out)

        map_parts(do, blocks(len(out), _BLOCK))
        return out

    def expected(self, people, rows, items):
        """Return the expected rating of each pair, of shape (n,)."""
        return np.exp(self.log_proba(people, rows, items)) @ self.levels

    def scores(self, people, rows):
        """Return the expected ratings of all items, of shape (n_rows, n_items)."""
        users, items = np.arange(len(people.inputs))[rows], np.arange(len(self.weights))
        out = np.empty((len(users), len(items)))
        for place, user in enumerate(users):
            # One user at a time, for few numbers in memory.
            out[place] = self.expected(people, np.full(len(items), user), items)
        return out

    # -- reasons -----------------------------------------------------------------------

    def explain(self, people, row, item):
        """Return what each rating of a user adds to the expected rating of an item.

        The standardised ratings of the user grow together from 0 to their values. A
        rating gets the integral of its part of the change, as with the value of Aumann
        and Shapley.

        Returns
        -------
        items : ndarray of int of shape (n,)
            The items that the user rated.
        contributions : ndarray of shape (n,)
        baseline : float
            The expected rating if only the rated items are known, not their ratings.
        """
        ratings = people.ratings.take(slice(row, row + 1))
        rated, values = ratings.items, self._standardised(ratings)
        gains = self._gains(ratings) * (values - self.fixed.centres[rated])
        pulls = values[:, None] * self.weights[rated]
        start, item = people.start[row], np.array([item])
        points, shares = np.polynomial.legendre.leggauss(_N_POINTS)
        points, shares = (points + 1) / 2, shares / 2
        parts = np.zeros(len(rated))
        for point, share in zip(points, shares, strict=True):
            inputs, slope = start + point * pulls.sum(axis=0), point * gains.sum()
            found = self._log_proba(inputs[None], np.array([slope]), np.zeros(1), item)
            parts += share * self._change(inputs, found[0], item[0], pulls, gains)
        ends = np.array([start, start + pulls.sum(axis=0)])
        slopes = np.array([0.0, gains.sum()])
        log_p = self._log_proba(ends, slopes, np.arange(2), np.repeat(item, 2))
        baseline, rating = np.exp(log_p) @ self.levels
        # The quadrature leaves an error in a late digit, which all share.
        error = rating - baseline - parts.sum()
        size = np.abs(parts)
        if size.sum() > 0:
            parts += error * size / size.sum()
        return rated, parts, float(baseline)

    def _change(self, inputs, log_p, item, pulls, gains):
        """Return the derivative of an expected rating towards the end of each part."""
        p, t = np.exp(log_p), self.fixed.levels
        apart = p * (self.levels - p @ self.levels)
        states = expit(inputs + t[:, None] * self.weights[item])
        return pulls @ (apart @ states) + gains * (apart @ t)

    def similarities(self, item):
        """Return the cosine of the weights of each item and of one."""
        norms = np.sqrt(np.maximum((self.weights**2).sum(axis=1), 1e-300))
        return self.weights @ self.weights[item] / (norms * norms[item])

    # -- learning ----------------------------------------------------------------------

    def update(self, ratings):
        """Return the energy after some epochs over all ratings so far.

        Parameters
        ----------
        ratings : Ratings
            Of as many items. There may be more users than in ``fit``.

        Returns
        -------
        RatingRBM
        """
        contents = self.contents[0], None
        facts = ratings, contents, self.item_features, None
        users, items = designs(self.exposure, *facts)
        recipe = clone(self.recipe)
        recipe.learning_rate *= _UPDATE_SHARE
        n_epochs = max(1, round(_UPDATE_SHARE * recipe.n_iter))
        # Ratings so far are the only randomness that the order of batches needs.
        rest = ratings, (users, items), recipe, Random(ratings.n_ratings), n_epochs
        found = learned(self.parameters, self.fixed, *rest)
        kept = self.exposure, self.contents, self.item_features, items, self.recipe
        return RatingRBM(self.levels, self.fixed, found, *kept)


@public("skebm.energies.ratings")
class RatingRBMRecipe(BaseEstimator):
    """Recipe of a restricted Boltzmann machine of ratings.

    Parameters
    ----------
    n_components : int, default=50
        Number of binary hidden units.
    n_exposure : int, default=20
        Number of features that say which items were rated at all.
    alpha : float, default=100
        How strongly the weights of an item shrink to what its features explain.
    feature_alpha : float, default=5
        How strongly coefficients of features shrink to 0, and biases of items to the
        frequencies of their levels.
    learning_rate : float, default=0.02
        Length of the steps of Adam in the first half of the epochs.
    n_iter : int, default=20
        Number of epochs.
    """

    feedback = "explicit"
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_exposure": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "feature_alpha": [Interval(Real, 0, None, closed="neither")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=50,
        *,
        n_exposure=20,
        alpha=100.0,
        feature_alpha=5.0,
        learning_rate=0.02,
        n_iter=20,
    ):
        self.n_components = n_components
        self.n_exposure = n_exposure
        self.alpha = alpha
        self.feature_alpha = feature_alpha
        self.learning_rate = learning_rate
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
        RatingRBM
        """
        self._validate_params()
        exposure = Exposure.of(ratings, self.n_exposure, random.fold(0).seed())
        contents = Content.of(item_features), Content.of(user_features)
        facts = ratings, contents, item_features, user_features
        users, items = designs(exposure, *facts)
        fixed, k = _fixed(ratings), self.n_components
        start = RatingParameters(
            _START * random.fold(1).normal((ratings.shape[1], k)),
            np.zeros((items.shape[1], k)),
            np.zeros((users.shape[1], k)),
            fixed.biases.copy(),
            np.array(_GAIN),
        )
        rest = ratings, (users, items), self, random.fold(2), self.n_iter
        found = learned(start, fixed, *rest)
        kept = exposure, contents, item_features, items, self
        return RatingRBM(ratings.levels, fixed, found, *kept)


def _fixed(ratings):
    """Return what is counted, and not learned."""
    codes, n_items = ratings.codes.astype(np.int64), ratings.shape[1]
    n_levels = len(ratings.levels)
    cells = np.bincount(ratings.items * n_levels + codes, minlength=n_items * n_levels)
    counts = cells.reshape(n_items, n_levels)
    total = counts.sum(axis=0) / max(counts.sum(), 1)
    shares = counts + _LEVEL_PRIOR * total + np.finfo(float).tiny
    biases = np.log(shares / shares.sum(axis=1, keepdims=True))
    spread = ratings.values.std() if ratings.n_ratings else 0.0
    centre = ratings.values.mean() if ratings.n_ratings else 0.0
    levels = (ratings.levels - centre) / (spread if spread > 0 else 1.0)
    sums = np.bincount(ratings.items, levels[codes], n_items)
    centres = sums / (ratings.popularity + _CENTRE_PRIOR)
    return RatingScale(levels, centres, biases, _BIAS_PRIOR)
