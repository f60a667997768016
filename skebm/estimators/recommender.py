"""Recommendations with energies of the ratings of items by users."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skebm.energies.ratings import IMPLICIT_ENERGIES, RATING_ENERGIES
from skebm.estimators._recommendations import NEW_USER, RecommendationsMixin
from skebm.inference.recommendation import rank_log_likelihood
from skebm.tables.ratings import (
    Ids,
    RatingTable,
    is_table,
    read_features,
    read_ratings,
)
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from skebm.utils._sklearn import HasMethods, StrOptions, fit_context
from skebm.utils._stored import Versioned
from skebm.utils._types import Seed, Self, Spec
from skebm.utils._validation import resolve


class EnergyRecommender(RecommendationsMixin, Versioned, BaseEstimator):
    """Recommender with an energy of the ratings of items by users.

    The model gives probabilities to the ratings of a user, conditional on which items
    the user rated. Ratings that are not stored are not known, and are not taken for
    zeros. The numbers of users and items are the rows and columns of a sparse matrix; a
    :class:`skebm.model_selection.RatingTable` has ids of any kind, and makes
    cross-validation hide ratings in place of users.

    Parameters
    ----------
    energy : {"neighbours", "rbm", "both"} or recipe, default="neighbours"
        The energy of the ratings of a user:

        ``"neighbours"`` couples the items that a user rated: with explicit feedback by
        a normal distribution whose factors are integrated out [2]_, with implicit
        feedback by couplings of pairs in closed form [3]_ and factors. ``"rbm"`` has
        hidden units, conditional on which items were rated [1]_. ``"both"`` is the
        product of the two, which takes two fits of each. These two are for explicit
        feedback.
    feedback : {"explicit", "implicit"}, default="explicit"
        What the values of ``X`` are. ``"explicit"``: ratings, whose order counts. At
        most 50 distinct ratings are the levels. ``"implicit"``: counts, such as plays.
        A stored 0 is an item that the user has seen and did not choose: it is not
        recommended again, and says nothing else.
    n_jobs : int, default=None
        Number of threads. None means all cores, -1 too.
    random_state : int, RandomState or None, default=None
        Seed of the training.

    Attributes
    ----------
    levels_ : ndarray of shape (n_levels,) or None
        The distinct ratings of ``fit``; None with implicit feedback.
    user_ids_ : ndarray of shape (n_users,)
        What users are called: row numbers, or the ids of a table.
    item_ids_ : ndarray of shape (n_items,)
        What items are called: column numbers, or the ids of a table.
    item_counts_ : ndarray of int of shape (n_items,)
        Numbers of the ratings of items.
    energy_ : energy
        The fitted energy.
    n_features_in_ : int
        Number of items.

    See Also
    --------
    skebm.model_selection.RatingTable : Ratings of which parts can be hidden.
    skebm.inspection.audit_recommendations : What groups of users are offered.

    References
    ----------
    .. [1] R. Salakhutdinov, A. Mnih, G. Hinton. "Restricted Boltzmann machines for
       collaborative filtering". ICML 2007.
    .. [2] Y. Lim, Y. Teh. "Variational Bayesian approach to movie rating prediction".
       KDD Cup 2007.
    .. [3] H. Steck. "Embarrassingly shallow autoencoders for sparse data". WWW 2019.

    Examples
    --------
    >>> import pandas as pd
    >>> from skebm import EnergyRecommender
    >>> ratings = pd.DataFrame(
    ...     [("Ann", "Alien", 5), ("Ann", "Heat", 1), ("Bob", "Alien", 4),
    ...      ("Bob", "Solaris", 5), ("Eve", "Heat", 5), ("Eve", "Solaris", 1)],
    ...     columns=["user", "item", "rating"],
    ... )
    >>> X = EnergyRecommender.from_frame(ratings)
    >>> model = EnergyRecommender(random_state=0).fit(X)
    >>> items, scores = model.recommend(["Ann"], n=1)
    >>> items.tolist()
    [['Solaris']]
    """

    _parameter_constraints: dict = {
        "energy": [str, HasMethods(["fit"])],
        "feedback": [StrOptions({"explicit", "implicit"})],
        "n_jobs": [int, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        energy: Spec = "neighbours",
        *,
        feedback: str = "explicit",
        n_jobs: int | None = None,
        random_state: Seed = None,
    ):
        self.energy = energy
        self.feedback = feedback
        self.n_jobs = n_jobs
        self.random_state = random_state

    @staticmethod
    def from_frame(frame, *, user="user", item="item", rating="rating", aggfunc=None):
        """Return a frame with one row a rating as ``X`` of the other methods.

        This is :meth:`skebm.model_selection.RatingTable.from_frame`.

        Parameters
        ----------
        frame : DataFrame
        user, item : str, default="user" and "item"
            Columns with the ids.
        rating : str or None, default="rating"
            Column with the ratings or counts. None counts the rows of each pair.
        aggfunc : str, default=None
            What to make of several ratings of an item by a user, such as ``"mean"``.

        Returns
        -------
        RatingTable
        """
        names = {"user": user, "item": item, "rating": rating}
        return RatingTable.from_frame(frame, **names, aggfunc=aggfunc)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, item_features=None, user_features=None) -> Self:
        """Fit the energy to ratings.

        Parameters
        ----------
        X : {sparse matrix, RatingTable} of shape (n_users, n_items)
            Stored entries are ratings, also stored zeros. An array or a frame of users
            x items may have NaN where a rating is not known.
        y : array-like of shape (n_ratings,), default=None
            Ratings in place of the ratings of a table.
        item_features : {array-like, DataFrame} of shape (n_items, n), default=None
            What is known of items, such as genres. Items without a rating get their
            scores from it.
        user_features : {array-like, DataFrame} of shape (n_users, n), default=None
            What is known of users.

        Returns
        -------
        self : EnergyRecommender
        """
        ratings = read_ratings(X, y, feedback=self.feedback)
        known = {"item_features": item_features, "user_features": user_features}
        sizes = ratings.shape[::-1]
        features = {
            name: read_features(values, n, name)
            for (name, values), n in zip(known.items(), sizes, strict=True)
        }
        ids = tuple(map(np.arange, ratings.shape))
        if is_table(X):
            ids = X.user_ids, X.item_ids
        registry = RATING_ENERGIES if ratings.levels is not None else IMPLICIT_ENERGIES
        recipe = resolve(self.energy, registry, "energy")
        self._refuse_other_feedback(recipe)
        with use_threads(self.n_jobs):
            energy = recipe.fit(
                ratings.heard,
                **features,
                random=Random.from_state(self.random_state),
            )
        return self._set(energy, ratings, *ids, features["user_features"])

    def _refuse_other_feedback(self, recipe):
        """Raise a sentence if the recipe is for the other kind of feedback."""
        if (needed := getattr(recipe, "feedback", self.feedback)) != self.feedback:
            raise ValueError(
                f"energy={type(recipe).__name__}(...) is for feedback={needed!r}, but "
                f"feedback is {self.feedback!r}. Change one of both."
            )

    def _set(self, energy, ratings, user_ids, item_ids, user_features):
        """Set the fitted attributes at once."""
        with use_threads(self.n_jobs):
            people = energy.fold_in(ratings.heard, user_features)
        fitted = {"energy_": energy, "levels_": ratings.levels, "user_ids_": user_ids}
        fitted["item_counts_"] = ratings.popularity
        fitted |= {"item_ids_": item_ids, "n_features_in_": ratings.shape[1]}
        private = {"_ratings": ratings, "_people": people, "_features": user_features}
        vars(self).update(fitted | private)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None) -> Self:
        """Go on with new ratings, which replace ratings of the same user and item.

        Parameters
        ----------
        X : {sparse matrix, RatingTable} of shape (n_users, n_items)
            A matrix may have more rows than ``fit`` had users. A table may have ids of
            new users, but of no new items.
        y : array-like of shape (n_ratings,), default=None
            Ratings in place of the ratings of a table.

        Returns
        -------
        self : EnergyRecommender
        """
        if not hasattr(self, "energy_"):
            return self.fit(X, y)
        if self._features is not None:
            raise ValueError(
                "partial_fit does not know the features of new users. Call fit with "
                "all ratings and user_features."
            )
        users = Ids(self.user_ids_, "user")
        if is_table(X):
            users = users.extended(X.user_ids)
        new = self._known(X, y, users)
        if len(new) > len(users.names):
            users = users.lengthened(len(new))
        ratings = self._ratings.joined(new)
        with use_threads(self.n_jobs):
            energy = self.energy_.update(ratings.heard)
        return self._set(energy, ratings, users.names, self.item_ids_, None)

    # -- single ratings ----------------------------------------------------------------

    def predict(self, users, items=None) -> np.ndarray:
        """Return the expected rating of each pair of user and item.

        Parameters
        ----------
        users : array-like of shape (n,), sparse matrix of shape (n, n_items) or \
RatingTable
            Ids of known users; or the ratings of new users, one row for each item of
            ``items``; or a table, whose own pairs are predicted.
        items : array-like of shape (n,), default=None
            Ids of items. None if ``users`` is a table.

        Returns
        -------
        ndarray of shape (n,), float64
            Expected ratings, or scores in nats with implicit feedback.
        """
        people, rows, columns = self._pairs(users, items)
        with use_threads(self.n_jobs):
            return np.asarray(self.energy_.expected(people, rows, columns), float)

    def predict_proba(self, users, items=None) -> np.ndarray:
        """Return the probability of each level for each pair of user and item.

        Parameters
        ----------
        users, items
            As for :meth:`predict`.

        Returns
        -------
        ndarray of shape (n, n_levels), float64
            In the order of ``levels_``.
        """
        return np.exp(self._log_proba(*self._pairs(users, items)))

    def _log_proba(self, people, rows, columns):
        if self.levels_ is None:
            raise ValueError(
                "Counts have no levels, so there are no probabilities of levels. Use "
                'recommend, or set feedback="explicit" if X holds ratings.'
            )
        with use_threads(self.n_jobs):
            return np.asarray(self.energy_.log_proba(people, rows, columns), float)

    def score(self, X, y=None) -> float:
        """Return the mean log-probability of ratings of known users.

        The ratings should not be ratings of ``fit``, which the model has seen.

        Parameters
        ----------
        X : {RatingTable, sparse matrix} of shape (n_users, n_items)
            Rows of a matrix are the users of ``fit``.
        y : array-like of shape (n_ratings,), default=None
            Ratings in place of the ratings of a table.

        Returns
        -------
        float
            Nats a rating. With implicit feedback, an item competes with all items that
            the user had not seen.

        Raises
        ------
        ValueError
            If nothing is left to score: no rating, or no choice that ``fit`` had not
            seen.
        """
        check_is_fitted(self)
        users = Ids(self.user_ids_, "user")
        held_out = self._known(X, y, users)
        if len(held_out) > len(users.names):
            raise ValueError(
                f"X has {len(held_out)} users, but fit had {len(users.names)}. "
                f"{NEW_USER}"
            )
        if self.levels_ is None:
            parts = self._people, held_out.heard, self._ratings
            with use_threads(self.n_jobs):
                score = rank_log_likelihood(self.energy_, *parts)
            return self._scored(score, "choices that fit had not seen")
        if not len(held_out.users):
            return self._scored(np.nan, "ratings")
        log_p = self._log_proba(self._people, held_out.users, held_out.items)
        return float(log_p[np.arange(len(log_p)), held_out.codes].mean())

    def _scored(self, score, what):
        """Return a score, or raise a sentence if there was nothing to score."""
        if np.isnan(score):
            raise ValueError(
                f"X has no {what}, so there is nothing to score. Hold some out: see "
                "skebm.model_selection.RatingKFold."
            )
        return score

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # A dense matrix cannot say which ratings are not known, unless by NaN.
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        return tags
