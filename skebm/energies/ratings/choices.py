"""What users choose, from what they chose: an energy of counts."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skebm.energies.ratings._choice_factors import ChoiceFactors
from skebm.energies.ratings._couplings import Couplings
from skebm.energies.ratings._exposure import Content, design
from skebm.energies.ratings._fold import unpacked
from skebm.utils._sklearn import Interval
from skebm.utils._stored import public

# The scale of scores in nats.
_NATS = 2.5
# Sweeps before priors are learned: factors are random until then.
_FIXED_SWEEPS = 1
# Sweeps that follow new choices.
_UPDATE_SWEEPS = 2


@public("skebm.energies.ratings")
class Choosers(NamedTuple):
    """What an energy knows of users.

    Attributes
    ----------
    means : ndarray of shape (n_users, k)
    design : ndarray of shape (n_users, n_features)
    choices : Ratings
    """

    means: np.ndarray
    design: np.ndarray
    choices: object


@public("skebm.energies.ratings")
class Choices:
    """A product of two experts on the set of items that a user chose.

    The first is normal with factors: a choice is a 1 and its absence a 0 that is less
    sure [1]_. The factors of a user are integrated out, the factors of items have a
    normal distribution found by variational Bayes, and prior means are linear in what
    is known of users and items. The second has a coupling between each pair of items
    [2]_. Energies add up, and so do scores.

    Parameters
    ----------
    factors : ChoiceFactors
    couplings : Couplings
    contents : tuple of Content or None
        The scales of the features of items and of users.
    item_features : ndarray of shape (n_items, n_features) or None
    recipe : ChoicesRecipe

    References
    ----------
    .. [1] Y. Hu, Y. Koren, C. Volinsky. "Collaborative filtering for implicit feedback
       datasets". ICDM 2008.
    .. [2] H. Steck. "Embarrassingly shallow autoencoders for sparse data". WWW 2019.
    """

    levels = None

    def __init__(self, factors, couplings, contents, item_features, recipe):
        self.factors, self.couplings = factors, couplings
        self.contents, self.item_features = contents, item_features
        self.recipe = recipe

    # -- users -------------------------------------------------------------------------

    def fold_in(self, ratings, user_features=None):
        """Return what is known of users who chose these items, known or new.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
            Counts above 0.
        user_features : ndarray of shape (n_users, n_features), default=None

        Returns
        -------
        Choosers
        """
        known = _design(len(ratings), self.contents[1], user_features)
        weights = self.recipe.weights(ratings)
        confidence = self.recipe.confidence
        means, _ = self.factors.users.posterior(
            known, ratings, weights, self.factors.of_items, confidence, covers=False
        )
        return Choosers(means, known, ratings)

    # -- pairs -------------------------------------------------------------------------

    def scores(self, people, rows):
        """Return the scores of all items in nats, of shape (n_rows, n_items)."""
        out = people.means[rows] @ self.factors.items.means.T
        if self.recipe.coupling:
            choices = people.choices.take(rows)
            strengths = _strengths(choices)
            out += self.recipe.coupling * self.couplings.scores(choices, strengths)
        out *= _NATS
        return out

    def expected(self, people, rows, items):
        """Return the score of each pair in nats, of shape (n,)."""
        means = self.factors.items.means
        out = np.einsum("ij,ij->i", people.means[rows], means[items])
        if self.recipe.coupling:
            said = np.empty(len(out))
            parts = people.choices, _strengths(people.choices)
            self.couplings.fill_pairs(*parts, np.asarray(rows), np.asarray(items), said)
            out += self.recipe.coupling * said
        return _NATS * out

    # -- reasons -----------------------------------------------------------------------

    def explain(self, people, row, item):
        """Return what each choice of a user adds to the score of an item.

        Returns
        -------
        items : ndarray of int of shape (n,)
            The items that the user chose.
        contributions : ndarray of shape (n,)
            In nats.
        baseline : float
            The rest of the score.
        """
        choices = people.choices.take(slice(row, row + 1))
        weights, items = self.recipe.weights(choices), self.factors.items
        # The mean of the factors is linear in their linear term, of which each choice
        # has a part.
        inverse = self._covariance(choices, weights)
        pull = (1 + weights)[:, None] * items.means[choices.items]
        towards = inverse @ items.means[item]
        parts = pull @ towards
        said = self.couplings.between(choices.items, item)
        parts += self.recipe.coupling * _strengths(choices) * said
        users = self.factors.users
        prior = people.design[row] @ users.coefficients @ users.precision
        baseline = float(prior @ towards) / self.recipe.confidence
        return choices.items, _NATS * parts, _NATS * baseline

    def _covariance(self, choices, weights):
        """Return the inverse precision of the factors of one user."""
        _, moments, total = self.factors.of_items
        data = unpacked(total + weights @ moments[choices.items])
        prior = self.factors.users.precision / self.recipe.confidence
        return np.linalg.inv(prior + data)

    def similarities(self, item):
        """Return the cosine of the factors of each item and of one, to all users."""
        users, means = self.factors.users.means, self.factors.items.means
        spread = users.T @ users
        inner = np.einsum("ij,jk,ik->i", means, spread, means, optimize=True)
        norms = np.sqrt(np.maximum(inner * inner[item], np.finfo(float).tiny))
        return means @ (spread @ means[item]) / norms

    # -- learning ----------------------------------------------------------------------

    def update(self, ratings):
        """Return the energy after some sweeps over all choices so far.

        Parameters
        ----------
        ratings : Ratings
            Of as many items. There may be more users than in ``fit``.

        Returns
        -------
        Choices
        """
        designs = (
            _design(len(ratings), None, None),
            _design(ratings.shape[1], self.contents[0], self.item_features),
        )
        kept = self.contents, self.item_features
        start = self.factors
        return self.recipe.learned(start, ratings, designs, _UPDATE_SWEEPS, kept)


@public("skebm.energies.ratings")
class ChoicesRecipe(BaseEstimator):
    """Recipe of an energy of the items that users choose.

    Parameters
    ----------
    n_components : int, default=32
        Number of factors.
    confidence : float, default=2
        Precision of the absence of a choice.
    gain : float, default=6
        How much surer a choice is than its absence: its precision is ``confidence *
        (1 + gain * log2(1 + count))``.
    coupling : float, default=4
        Weight of the couplings between pairs of items. 0 leaves them out.
    penalty : float, default=250
        What the couplings are shrunk by. Larger values shrink more.
    max_items : int, default=4000
        Only so many of the most popular items have couplings between pairs, since these
        take memory for the square of their number. All items have factors.
    alpha : float, default=10
        How strongly coefficients of features shrink.
    n_iter : int, default=8
        Number of sweeps over the choices.
    """

    feedback = "implicit"
    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "confidence": [Interval(Real, 0, None, closed="neither")],
        "gain": [Interval(Real, 0, None, closed="neither")],
        "coupling": [Interval(Real, 0, None, closed="left")],
        "penalty": [Interval(Real, 0, None, closed="neither")],
        "max_items": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components=32,
        *,
        confidence=2.0,
        gain=6.0,
        coupling=4.0,
        penalty=250.0,
        max_items=4000,
        alpha=10.0,
        n_iter=8,
    ):
        self.n_components = n_components
        self.confidence = confidence
        self.gain = gain
        self.coupling = coupling
        self.penalty = penalty
        self.max_items = max_items
        self.alpha = alpha
        self.n_iter = n_iter

    def fit(self, ratings, *, item_features=None, user_features=None, random):
        """Return the energy of choices.

        Parameters
        ----------
        ratings : Ratings of shape (n_users, n_items)
            Counts above 0.
        item_features : ndarray of shape (n_items, n_features), default=None
        user_features : ndarray of shape (n_users, n_features), default=None
        random : Random

        Returns
        -------
        Choices
        """
        self._validate_params()
        contents = Content.of(item_features), Content.of(user_features)
        designs = (
            _design(ratings.shape[0], contents[1], user_features),
            _design(ratings.shape[1], contents[0], item_features),
        )
        factors = ChoiceFactors.start(ratings, self.n_components, designs, random)
        kept = contents, item_features
        return self.learned(factors, ratings, designs, self.n_iter, kept, _FIXED_SWEEPS)

    def learned(self, factors, ratings, designs, n_sweeps, kept, n_fixed=0):
        """Return the energy after sweeps over choices, from factors to begin with."""
        weights = self.weights(ratings), self.weights(ratings.transposed())
        for k in range(n_sweeps):
            late = k >= n_fixed
            factors = factors.sweep(ratings, weights, designs, self, late)
        limit = self.max_items if self.coupling else 0
        strengths = _strengths(ratings)
        couplings = Couplings.of(ratings, strengths, self.penalty, limit)
        return Choices(factors, couplings, *kept, self)

    def weights(self, choices):
        """Return how much surer each choice is than its absence."""
        return self.gain * _strengths(choices)


def _strengths(choices):
    """Return the weight of each count: 1 of a single choice."""
    return np.log2(1 + choices.values)


def _design(n, content, features):
    """Return a constant and what is known, side by side."""
    return design(np.empty((n, 0)), content, features)
