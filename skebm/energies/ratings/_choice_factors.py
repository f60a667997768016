"""Normal factors of users and items whose products say what is chosen."""

from typing import NamedTuple

import numpy as np

from skebm.energies.ratings._fold import fold, packed, unpacked
from skebm.utils._stored import public

# The prior of covariances of factors: so many rows, whose variances are this.
_PRIOR_ROWS, _PRIOR_VARIANCE = 10.0, 0.1
# Standard deviation of the first factors of items, and their variance to begin with.
_START, _START_VARIANCE = 0.3, 0.05
# Precision of the prior of items before it is learned.
_START_PRECISION = 3.0


@public("skebm.energies.ratings")
class Side(NamedTuple):
    """The factors of users, or of items.

    Attributes
    ----------
    means : ndarray of float64 of shape (n_rows, k)
    moments : ndarray of float32 of shape (n_rows, k * (k + 1) // 2)
        Upper triangles of the second moments.
    precision : ndarray of shape (k, k)
        The prior precision.
    coefficients : ndarray of shape (n_features, k)
        From features to prior means.
    """

    means: np.ndarray
    moments: np.ndarray
    precision: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def start(cls, n_rows, k, n_features, random=None):
        """Return random factors, or none if there is no generator."""
        coefficients = np.zeros((n_features, k))
        if random is None:
            return cls(np.zeros((0, k)), np.zeros((0, 0)), np.eye(k), coefficients)
        means = _START * random.normal((n_rows, k))
        first, second = np.triu_indices(k)
        moments = means[:, first] * means[:, second] + _START_VARIANCE * packed(
            np.eye(k)
        )
        precision = _START_PRECISION * np.eye(k)
        return cls(means, moments.astype(np.float32), precision, coefficients)

    def posterior(self, design, choices, weights, other, confidence, *, covers=True):
        """Return means and second moments of rows, given the other side.

        Parameters
        ----------
        design : ndarray of shape (n_rows, n_features)
        choices : Ratings of shape (n_rows, n_others)
        weights : ndarray of shape (n_ratings,)
            How much surer a choice is than the absence of one.
        other : tuple of ndarrays
            Means, moments, and the sum of the moments of those that were ever chosen.
        confidence : float
            Precision of the absence of a choice.
        covers : bool, default=True
            Whether second moments are needed.
        """
        means, moments, total = other
        base = self.precision / confidence + unpacked(total)
        pull = design @ self.coefficients @ self.precision / confidence
        variance = 1 / confidence if covers else None
        return fold(choices, weights, (means, moments), base, pull, variance=variance)

    def with_prior(self, design, seen, alpha):
        """Return the side with the prior that suits the rows that were seen."""
        X, Y = design[seen], self.means[seen]
        # The first feature is a constant, and free.
        penalty = np.diag(np.r_[1e-3, np.full(X.shape[1] - 1, alpha)])
        coefficients = np.linalg.solve(X.T @ X + penalty, X.T @ Y)
        rest = Y - X @ coefficients
        moments = self.moments[seen].sum(axis=0, dtype=np.float64)
        spread = rest.T @ rest + unpacked(moments) - Y.T @ Y
        spread += _PRIOR_ROWS * _PRIOR_VARIANCE * np.eye(len(spread))
        precision = np.linalg.inv(spread / (len(Y) + _PRIOR_ROWS))
        precision = (precision + precision.T) / 2
        return self._replace(precision=precision, coefficients=coefficients)


@public("skebm.energies.ratings")
class ChoiceFactors(NamedTuple):
    """Both sides, and which items were ever chosen.

    An item that nobody has chosen is not known to be refused: its factors are the means
    of its prior.
    """

    users: Side
    items: Side
    seen: np.ndarray

    @classmethod
    def start(cls, choices, k, designs, random):
        """Return random factors of items."""
        n_users, n_items = choices.shape
        users = Side.start(n_users, k, designs[0].shape[1])
        items = Side.start(n_items, k, designs[1].shape[1], random)
        return cls(users, items, choices.popularity > 0)

    @property
    def of_items(self):
        """What users are folded in with."""
        moments = self.items.moments
        total = moments[self.seen].sum(axis=0, dtype=np.float64)
        return self.items.means, moments, total

    def sweep(self, choices, weights, designs, recipe, learns_priors):
        """Return the factors after a turn of the users and of the items.

        Parameters
        ----------
        choices : Ratings
        weights : tuple of ndarrays
            Of the choices, and of the same choices as items x users.
        designs : tuple of ndarrays
            Features of users and of items.
        recipe : ChoicesRecipe
        learns_priors : bool
        """
        rest = recipe.confidence, recipe.alpha
        seen = choices.popularity > 0
        users = self.users
        found = users.posterior(designs[0], choices, weights[0], self.of_items, rest[0])
        users = users._replace(means=found[0], moments=found[1])
        if learns_priors:
            everybody = np.ones(len(choices), dtype=bool)
            users = users.with_prior(designs[0], everybody, rest[1])
        total = users.moments.sum(axis=0, dtype=np.float64)
        other = users.means, users.moments, total
        items, turned = self.items, choices.transposed()
        found = items.posterior(designs[1], turned, weights[1], other, rest[0])
        items = items._replace(means=found[0], moments=found[1])
        if learns_priors:
            items = items.with_prior(designs[1], seen, rest[1])
        prior = designs[1] @ items.coefficients
        means = np.where(seen[:, None], items.means, prior)
        return ChoiceFactors(users, items._replace(means=means), seen)
