"""The EM algorithm for a mixture of normal distributions, by MAP estimation."""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from skebm.layers._normal_holes import NormalsGiven, Quadratics
from skebm.utils._math import log_sum_exp

# At most this many rows are used. More of them change little and cost time.
_MAX_ROWS, _MAX_ROWS_WITH_HOLES = 10_000, 5000
# A fit ends if an iteration gains less than this, in nats a row. It is less for one
# component, whose only iterations are about holes: at 0.003 they end while slopes are a
# tenth too flat.
_TOLERANCE, _TOLERANCE_OF_ONE = 3e-3, 3e-5
# Rows of the prior of the correlations of a component, for each column. The prior has
# the correlations that all components share, at the component's own scales.
_PRIOR_ROWS = 1.0
# Rows of the prior of the scales of a component.
_PRIOR_ROWS_OF_SCALES = 0.1
# Is added to variances of standardised columns. Copies of columns and columns with few
# distinct values would have an infinite density without it.
_FLOOR = 1e-6
# The covariance of the wide component is this factor times the covariance of all rows,
# plus this ridge. It takes outliers, which would spoil the other components.
_WIDE_FACTOR, _WIDE_RIDGE = 4.0, 1.0
# Numbers in the rows that all components look at together.
_NUMBERS = 500_000


class Mixture(NamedTuple):
    """Weights, means and covariances of a mixture of normal distributions.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_units)
    covariances : ndarray of shape (n_components, n_units, n_units)
    log_states : ndarray of shape (n_components, n_states)
        Logs of the probability of each state of a finite column times the weight of
        one column, which is 1 over the number of finite columns.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    log_states: np.ndarray

    def log_shares(self, X, states):
        """Return the log probability of each component given rows, (n, n_components).

        Parameters
        ----------
        X : ndarray of shape (n, n_units)
            NaN in the holes.
        states : ndarray of shape (n, n_states)
            1 for the state of each finite column; 0 for holes.
        """
        given = self.given(X, np.isnan(X))
        log_weight, _ = given.by_component(np.zeros(X.shape))
        return log_softmax(log_weight + states @ self.log_states.T, axis=1)

    def given(self, X, holes):
        """Return the distribution of the holes of rows given their observed cells."""
        lower = np.linalg.cholesky(self.covariances)
        inverse = np.linalg.inv(lower)
        log_det = np.log(np.einsum("kii->ki", inverse)).sum(axis=1)
        constant = np.log(self.weights) + log_det - X.shape[1] * np.log(2 * np.pi) / 2
        precisions = inverse.transpose(0, 2, 1) @ inverse
        none = np.zeros_like(self.means)
        model = Quadratics(none[0], self.means, none, precisions, constant)
        return NormalsGiven(model, X, holes)


class Sums(NamedTuple):
    """What an M-step needs: the expected sums of each component."""

    log_likelihood: float
    shares: np.ndarray  # (n, n_components), without the wide component
    total: np.ndarray
    first: np.ndarray
    second: np.ndarray
    states: np.ndarray  # (n_components, n_states)
    wide: float


class Rows(NamedTuple):
    """Rows, their weights, which cells are holes, and the states of finite columns."""

    X: np.ndarray
    weight: np.ndarray
    holes: np.ndarray
    states: np.ndarray

    @classmethod
    def of(cls, X, weight, states, n_finite, random):
        """Return the different rows of positive weight, at most a limited number."""
        states = np.zeros((len(X), 0)) if states is None else states
        numbers, weight = _different(np.hstack([X, states]), weight)
        limit = _MAX_ROWS_WITH_HOLES if np.isnan(X).any() else _MAX_ROWS
        if len(numbers) > limit:
            some = np.sort(random.permutation(len(numbers))[:limit])
            numbers, weight = numbers[some], weight[some]
        # Rows with the same holes lie side by side, so that they can share work.
        numbers, weight = _by_holes(X, numbers, weight)
        X = X[numbers].astype(np.float64)
        states = states[numbers] / max(n_finite, 1)
        return cls(X, weight, np.isnan(X), states)

    def weighing(self, weight):
        """Return the rows with other weights, without rows of weight 0."""
        rows = self._replace(weight=weight)
        return Rows(*(array[weight > 0] for array in rows))

    def filled(self, model):
        """Return the rows with the expectations of their holes."""
        if not self.holes.any():
            return self.X
        if model is None:
            # A column without any number has mean 0.
            count = np.maximum((~self.holes).sum(axis=0), 1)
            mean = np.where(self.holes, 0, self.X).sum(axis=0) / count
            return np.where(self.holes, mean, self.X)
        given = model.given(self.X, self.holes)
        return given.mean(np.zeros(self.X.shape))

    def log_density(self, model):
        """Return the log density of the observed cells of each row."""
        return log_sum_exp(self.log_joint(model))

    def log_joint(self, model):
        """Return the logs of weight times density of each component."""
        return self.by_component(model)[0]

    def by_component(self, model):
        """Return the logs of weight times density, and what is known of the holes.

        These are their distribution and the rows with their holes filled, or None if
        there are no holes.
        """
        extra = self.states @ model.log_states.T
        if not self.holes.any():
            return component_densities(self.X, model) + extra, None
        given = model.given(self.X, self.holes)
        log_weight, filled = given.by_component(np.zeros(self.X.shape))
        return log_weight + extra, (given, filled)


def _by_holes(X, numbers, weight):
    """Return the numbers of rows, and their weights, in the order of their holes."""
    holes = np.isnan(X[numbers])
    order = np.lexsort(holes.T) if holes.any() else np.arange(len(numbers))
    return numbers[order], weight[order]


def _different(X, weight):
    """Return the numbers of the different rows in a fixed order, and their weights.

    So a weight of 2 has exactly the effect of the same row twice.
    """
    weight = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    # Rounded, since weights change the last digits of columns that are standardised.
    keys = np.nan_to_num(X.astype(np.float32), nan=np.finfo(np.float32).max)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(inverse.ravel(), weights=weight)
    return first[total > 0], total[total > 0]


def em(rows, filled, shares, n_iter, wide_share, shrinkage):
    """Iterate from the shares that components have of rows.

    Parameters
    ----------
    rows : Rows
    filled : ndarray of shape (n, n_units)
        The rows with numbers in their holes.
    shares : ndarray of shape (n, n_components)
    n_iter : int
        Largest number of iterations.
    wide_share : float
        Weight of the wide component at the start.
    shrinkage : float
        Share of the pooled covariance that is taken from its diagonal.

    Returns
    -------
    model : Mixture
        The wide component is the last one.
    sums : Sums
    """
    tolerance = _TOLERANCE if shares.shape[1] > 1 else _TOLERANCE_OF_ONE
    mean, covariance = weighted_moments(filled, rows.weight)
    wide = mean, _WIDE_FACTOR * covariance + _WIDE_RIDGE * np.eye(len(mean))
    weighted = shares * rows.weight[:, None]
    total, first = weighted.sum(axis=0), weighted.T @ filled
    second, states = _squares(filled, weighted), weighted.T @ rows.states
    sums = Sums(-np.inf, shares, total, first, second, states, wide_share)
    for _ in range(n_iter):
        model, before = _maximised(sums, wide, shrinkage), sums.log_likelihood
        sums = _expected(rows, model)
        if sums.log_likelihood - before < tolerance:
            break
    return model, sums


def _maximised(sums, wide, shrinkage):
    """Return the mixture at the mode of the posterior given expected sums."""
    _, _, *parts, wide_share = sums
    kept = sums.total > min(1e-2, sums.total.max() / 2)
    if not kept.all():
        parts = [part[kept] for part in parts]
    total, first, second, states = parts
    n_components, n_units = first.shape
    means = first / total[:, None]
    scatter = second - first[:, :, None] * means[:, None]
    pooled = scatter.sum(axis=0) / total.sum()
    if shrinkage:
        pooled += shrinkage * (np.diag(np.diag(pooled)) - pooled)
    covariances = np.empty((n_components + 1, n_units, n_units))
    if n_components == 1:
        covariances[0] = pooled
    else:
        variance = np.maximum(pooled.diagonal(), 1e-12)
        own = scatter.diagonal(axis1=1, axis2=2) + _PRIOR_ROWS_OF_SCALES * variance
        own = np.maximum(own / (total + _PRIOR_ROWS_OF_SCALES)[:, None], 0)
        scale, n_prior = np.sqrt(own / variance), _PRIOR_ROWS * n_units
        prior = pooled * (n_prior * scale[:, :, None] * scale[:, None])
        covariances[:-1] = (scatter + prior) / (total + n_prior)[:, None, None]
    covariances.reshape(n_components + 1, -1)[:, :: n_units + 1] += _FLOOR
    covariances[-1] = wide[1]
    wide_share = min(wide_share, 0.5)
    weights = (total + 1) / (total + 1).sum() * (1 - wide_share)
    # Counts are smoothed by the frequencies in all rows, which the wide component has.
    every = states.sum(axis=0) + 1e-300
    smoothed = np.vstack([states + every / total.sum(), every])
    masses = np.append(total + 1, total.sum())
    return Mixture(
        np.append(weights, wide_share),
        np.vstack([means, wide[0]]),
        covariances,
        np.log(smoothed / masses[:, None]),
    )


def _expected(rows, model):
    """Return the expected sums under a mixture."""
    mass, (joint, of_holes) = rows.weight.sum(), rows.by_component(model)
    log_density = log_sum_exp(joint)
    shares = np.exp(joint - log_density[:, None])
    weighted = shares * rows.weight[:, None]
    if of_holes:
        given, filled = of_holes
        first, second = given.moments(weighted, filled)
        first, second = first[:-1], second[:-1]
    else:
        first = weighted[:, :-1].T @ rows.X
        second = _squares(rows.X, weighted[:, :-1])
    total = weighted.sum(axis=0)
    return Sums(
        log_likelihood=rows.weight @ log_density / mass,
        shares=shares[:, :-1],
        total=total[:-1],
        first=first,
        second=second,
        states=weighted[:, :-1].T @ rows.states,
        wide=(total[-1] + 1) / (mass + 1),
    )


def _squares(X, weighted):
    """Return the sums of the products of columns, (n_components, n_units, n_units)."""
    n_components, n_units = weighted.shape[1], X.shape[1]
    out, n = 0.0, max(_NUMBERS // max(n_components * n_units, 1), 1)
    for first in range(0, len(X), n):
        some = X[first : first + n]
        out = out + (weighted[first : first + n].T[:, None] * some.T) @ some
    return out


def component_densities(X, model):
    """Return the logs of weight times density of each component, (n, n_components)."""
    lower = np.linalg.cholesky(model.covariances)
    inverse = np.linalg.inv(lower)
    constant = np.log(np.einsum("kii->ki", inverse)).sum(axis=1)
    constant += np.log(model.weights) - X.shape[1] * np.log(2 * np.pi) / 2
    out, n = np.empty((len(X), len(constant))), max(_NUMBERS // model.means.size, 1)
    for first in range(0, len(X), n):
        away = X[first : first + n] - model.means[:, None]
        z = away @ inverse.transpose(0, 2, 1)
        out[first : first + n] = constant - np.einsum("kij,kij->ik", z, z) / 2
    return out


def weighted_moments(X, weight):
    """Return the mean and the covariance of rows."""
    mean = weight @ X / weight.sum()
    away = X - mean
    return mean, (away * weight[:, None]).T @ away / weight.sum()
