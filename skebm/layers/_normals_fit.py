"""Mixtures of normal distributions from rows, by the EM algorithm."""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp

from skebm.layers._normal_holes import NormalsGiven, Quadratics

# Numbers of components from which the held-out rows choose. They grow by about 1.4.
_SIZES = (1, 2, 3, 4, 6, 8, 11, 16)
# Rows with holes take much longer, so they have at most this many components.
_MAX_WITH_HOLES = 6
# The mixtures of several starts are averaged. The average has about three tenths of a
# nat a row more on held-out rows than one mixture.
_N_STARTS = 3
# The held-out rows try averages, too, if there are at most this many cells.
_MAX_CELLS_OF_AVERAGES = 10_000
# A component needs this many rows.
_ROWS_PER_COMPONENT = 6
# The smallest size is taken that is worse than the best one by at most this many
# standard errors of the difference. Few rows cannot tell sizes apart.
_SLACK = 0.5
# Sizes without improvement after which the search ends.
_PATIENCE = 2
# Iterations of a start, of which the best one goes on, and of a fit.
_N_SHORT, _N_LONG = 5, 30
# A fit ends if an iteration gains less than this, in nats a row.
_TOLERANCE = 3e-3
# Rows of the prior of the correlations of a component, for each column. The prior has
# the correlations that all components share, at the component's own scales.
_PRIOR_ROWS = 1.0
# Rows of the prior of the scales of a component.
_PRIOR_ROWS_OF_SCALES = 0.1
# Shares of the pooled covariance that are taken from its diagonal. The held-out rows
# choose one of them, for one component.
_SHRINKAGES = (0.0, 0.003, 0.03, 0.2, 1.0)
# Is added to variances of standardised columns. Copies of columns and columns with few
# distinct values would have an infinite density without it.
_FLOOR = 1e-6
# The covariance of the wide component is this factor times the covariance of all rows,
# plus this ridge. It takes outliers, which would spoil the other components.
_WIDE_FACTOR, _WIDE_RIDGE = 4.0, 1.0
# At most this many rows are used. More of them change little and cost time.
_MAX_ROWS, _MAX_ROWS_WITH_HOLES = 10_000, 3000
# Steps of the clustering from which EM starts.
_N_LLOYD = 10


class Mixture(NamedTuple):
    """Weights, means and covariances of a mixture of normal distributions.

    Attributes
    ----------
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_units)
    covariances : ndarray of shape (n_components, n_units, n_units)
    log_states : ndarray of shape (n_components, n_states)
        Logs of the probabilities of the states of finite columns, times the weight of
        a finite column.
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


class _Sums(NamedTuple):
    """What an M-step needs: the expected sums of each component."""

    log_likelihood: float
    shares: np.ndarray  # (n, n_components), without the wide component
    total: np.ndarray
    first: np.ndarray
    second: np.ndarray
    states: np.ndarray  # (n_components, n_states)
    wide: float


def fit_normals(X, weight, random, n_components="auto", states=None, n_finite=0):
    """Return a mixture of normal distributions, fitted by MAP estimation.

    Finite columns beside the real ones help to find the components. In a component they
    are independent of each other and of the real columns. Together they count as much
    as one column.

    Parameters
    ----------
    X : ndarray of shape (n, n_units)
        NaN in the holes.
    weight : ndarray of shape (n,) or None
    random : Random
    n_components : int or "auto", default="auto"
        Number of components besides a wide one that takes outliers. ``"auto"`` chooses
        the number by the density of held-out rows.
    states : ndarray of shape (n, n_states), default=None
        1 for the state of each finite column; 0 for holes.
    n_finite : int, default=0
        Number of finite columns.

    Returns
    -------
    Mixture
    """
    rows = _Rows.of(X, weight, states, n_finite, random.fold(0))
    n_components, shrinkage = _chosen(rows, n_components, random.fold(1))
    n_starts = 1 if rows.holes.any() else _N_STARTS
    return _averaged(rows, n_components, shrinkage, n_starts, random.fold(2))


class _Rows(NamedTuple):
    """Rows, their weights, which cells are holes, and the states of finite columns."""

    X: np.ndarray
    weight: np.ndarray
    holes: np.ndarray
    states: np.ndarray

    @classmethod
    def of(cls, X, weight, states, n_finite, random):
        """Return rows of positive weight, at most a limited number of them."""
        weight = np.ones(len(X)) if weight is None else weight
        numbers = np.flatnonzero(weight > 0)
        limit = _MAX_ROWS_WITH_HOLES if np.isnan(X).any() else _MAX_ROWS
        if len(numbers) > limit:
            order = random.permutation(len(numbers))
            numbers = numbers[np.sort(order[:limit])]
        X = X[numbers].astype(np.float64)
        states = np.zeros((len(X), 0)) if states is None else states[numbers]
        states = states / max(n_finite, 1)
        return cls(X, weight[numbers].astype(np.float64), np.isnan(X), states)

    def take(self, numbers):
        """Return some of the rows."""
        return _Rows(*(array[numbers] for array in self))

    def filled(self, model):
        """Return the rows with the expectations of their holes."""
        if not self.holes.any():
            return self.X
        if model is None:
            return np.where(self.holes, np.nanmean(self.X, axis=0), self.X)
        given = model.given(self.X, self.holes)
        return given.mean(np.zeros(self.X.shape))

    def log_density(self, model):
        """Return the log density of the observed cells of each row."""
        return logsumexp(self.log_joint(model), axis=1)

    def log_joint(self, model):
        """Return the logs of weight times density of each component."""
        extra = self.states @ model.log_states.T
        if not self.holes.any():
            return _log_joint(self.X, model) + extra
        given = model.given(self.X, self.holes)
        return given.by_component(np.zeros(self.X.shape))[0] + extra


def _chosen(rows, n_components, random):
    """Return the number of components and the shrinkage, by the held-out density."""
    n_rows = len(rows.X)
    if n_rows < 4:
        return 1, 1.0
    n_folds = 5 if n_rows < 1000 else 3 if n_rows < 2500 else 1
    fold = random.fold(0).permutation(n_rows) % max(n_folds, 4)
    has_holes = rows.holes.any()
    averages = rows.X.size < _MAX_CELLS_OF_AVERAGES and not has_holes
    n_starts = _N_STARTS if averages else 1

    def scores(size, shrinkage):
        out = []
        for k in range(n_folds):
            others, held_out = rows.take(fold != k), rows.take(fold == k)
            draws = random.fold(1, k)
            model = _averaged(others, size, shrinkage, n_starts, draws)
            out.append(held_out.log_density(model))
        return np.concatenate(out)

    weight = np.concatenate([rows.weight[fold == k] for k in range(n_folds)])
    of_one = [scores(1, shrinkage) for shrinkage in _SHRINKAGES]
    best = max(range(len(of_one)), key=lambda k: weight @ of_one[k])
    shrinkage, by_size = _SHRINKAGES[best], {1: of_one[best]}
    if n_components != "auto":
        return n_components, shrinkage
    for size in _SIZES[1:]:
        is_many = n_rows < 1.25 * _ROWS_PER_COMPONENT * size
        if is_many or (has_holes and size > _MAX_WITH_HOLES):
            break
        by_size[size] = scores(size, shrinkage)
        best = max(by_size, key=lambda k: weight @ by_size[k])
        if list(by_size).index(best) < len(by_size) - _PATIENCE:
            break
    return _smallest(by_size, weight), shrinkage


def _smallest(by_size, weight):
    """Return the smallest size that is about as good as the best one.

    Parameters
    ----------
    by_size : dict of int to ndarray of shape (n,)
        Log densities of the held-out rows.
    weight : ndarray of shape (n,)
    """
    best = max(by_size.values(), key=lambda scores: weight @ scores)
    for size, scores in by_size.items():
        lost = best - scores
        mean = weight @ lost / weight.sum()
        variance = weight @ np.square(lost - mean) / weight.sum()
        if mean <= _SLACK * np.sqrt(variance / weight.sum()):
            return size


def _averaged(rows, n_components, shrinkage, n_starts, random):
    """Return the average of the mixtures of several starts."""
    if n_components == 1:
        n_starts = 1
    fits = [
        _fit(rows, n_components, shrinkage, random.fold(k)) for k in range(n_starts)
    ]
    weights, means, covariances, log_states = (
        np.concatenate(parts) for parts in zip(*fits, strict=True)
    )
    # The wide component is the last one of each, and the same in all of them.
    sizes = np.cumsum([len(fit.weights) for fit in fits])
    wide = np.isin(np.arange(1, sizes[-1] + 1), sizes)
    order = np.append(np.flatnonzero(~wide), sizes[-1] - 1)
    share = weights[wide].sum()
    weights = np.append(weights[~wide], share) / n_starts
    return Mixture(weights, means[order], covariances[order], log_states[order])


def _fit(rows, n_components, shrinkage, random):
    """Return the mixture of this many normals and a wide one."""
    filled, one = rows.filled(None), None
    mass = rows.weight.sum()
    wide_share = 1 / (mass + 1)
    if rows.holes.any() or n_components == 1:
        one = _em(
            rows, filled, np.ones((len(filled), 1)), _N_LONG, wide_share, shrinkage
        )[0]
        filled = rows.filled(one)
    if n_components == 1:
        return one
    starts = [
        _em(
            rows,
            filled,
            _clusters(space, rows.weight, n_components, random.fold(k)),
            _N_SHORT,
            wide_share,
            shrinkage,
        )
        for k, space in enumerate(_spaces(filled, rows))
    ]
    _, sums = max(starts, key=lambda start: start[1].log_likelihood)
    return _em(rows, filled, sums.shares, _N_LONG, sums.wide, shrinkage)[0]


def _em(rows, filled, shares, n_iter, wide_share, shrinkage):
    """Iterate from shares of rows, (n, n_components).

    Returns
    -------
    model : Mixture
        The wide component is the last one.
    sums : _Sums
    """
    mean, covariance = _moments(filled, rows.weight)
    wide = mean, _WIDE_FACTOR * covariance + _WIDE_RIDGE * np.eye(len(mean))
    weighted = shares * rows.weight[:, None]
    second = np.stack([(filled * w[:, None]).T @ filled for w in weighted.T])
    total = weighted.sum(axis=0)
    states = weighted.T @ rows.states
    sums = _Sums(
        -np.inf, shares, total, weighted.T @ filled, second, states, wide_share
    )
    for _ in range(n_iter):
        model, before = _maximised(sums, wide, shrinkage), sums.log_likelihood
        sums = _expected(rows, model)
        if sums.log_likelihood - before < _TOLERANCE:
            break
    return model, sums


def _maximised(sums, wide, shrinkage):
    """Return the mixture at the mode of the posterior given expected sums."""
    _, _, *parts, wide_share = sums
    total, first, second, states = (part[sums.total > 1e-2] for part in parts)
    n_units = first.shape[1]
    means = first / total[:, None]
    scatter = second - total[:, None, None] * means[:, :, None] * means[:, None]
    pooled = scatter.sum(axis=0) / total.sum()
    pooled += shrinkage * (np.diag(np.diag(pooled)) - pooled)
    floor = _FLOOR * np.eye(n_units)
    if len(total) == 1:
        covariances = pooled[None] + floor
    else:
        variance = np.maximum(np.diag(pooled), 1e-12)
        own = np.einsum("kii->ki", scatter) + _PRIOR_ROWS_OF_SCALES * variance
        own = np.maximum(own / (total + _PRIOR_ROWS_OF_SCALES)[:, None], 0)
        scale = np.sqrt(own / variance)
        prior = pooled * scale[:, :, None] * scale[:, None]
        n_prior = _PRIOR_ROWS * n_units
        covariances = scatter + n_prior * prior
        covariances = covariances / (total + n_prior)[:, None, None] + floor
    wide_share = min(wide_share, 0.5)
    weights = (total + 1) / (total + 1).sum() * (1 - wide_share)
    # Counts are smoothed by the frequencies in all rows, which the wide component has.
    every = states.sum(axis=0) + 1e-300
    smoothed = np.vstack([states + every / total.sum(), every])
    masses = np.append(total + 1, total.sum())
    return Mixture(
        np.append(weights, wide_share),
        np.vstack([means, wide[0]]),
        np.concatenate([covariances, wide[1][None]]),
        np.log(smoothed / masses[:, None]),
    )


def _expected(rows, model):
    """Return the expected sums under a mixture."""
    mass, joint = rows.weight.sum(), rows.log_joint(model)
    log_density = logsumexp(joint, axis=1)
    shares = np.exp(joint - log_density[:, None])
    weighted = shares * rows.weight[:, None]
    if rows.holes.any():
        first, second = model.given(rows.X, rows.holes).moments(weighted)
        first, second = first[:-1], second[:-1]
    else:
        first = weighted[:, :-1].T @ rows.X
        second = np.stack([(rows.X * w[:, None]).T @ rows.X for w in weighted.T[:-1]])
    total = weighted.sum(axis=0)
    return _Sums(
        log_likelihood=rows.weight @ log_density / mass,
        shares=shares[:, :-1],
        total=total[:-1],
        first=first,
        second=second,
        states=weighted[:, :-1].T @ rows.states,
        wide=(total[-1] + 1) / (mass + 1),
    )


def _log_joint(X, model):
    """Return the logs of weight times density of each component, (n, n_components)."""
    lower = np.linalg.cholesky(model.covariances)
    inverse = np.linalg.inv(lower)
    constant = np.log(np.einsum("kii->ki", inverse)).sum(axis=1)
    constant += np.log(model.weights) - X.shape[1] * np.log(2 * np.pi) / 2
    out = np.empty((len(X), len(constant)))
    for k, matrix in enumerate(inverse):
        z = (X - model.means[k]) @ matrix.T
        out[:, k] = constant[k] - np.einsum("ij,ij->i", z, z) / 2
    return out


def _moments(X, weight):
    mean = weight @ X / weight.sum()
    away = X - mean
    return mean, (away * weight[:, None]).T @ away / weight.sum()


def _spaces(X, rows):
    """Return the rows in the coordinates in which they are clustered.

    They are the columns as they are; two-valued columns far apart, if there are any;
    and the principal axes at equal scales. Finite columns are beside them.
    """
    mean, covariance = _moments(X, rows.weight)
    spaces = [X]
    two_valued = np.array([len(np.unique(column)) == 2 for column in X.T])
    if two_valued.any():
        spaces.append(X * np.where(two_valued, 10.0, 1.0))
    variance, axes = np.linalg.eigh(covariance)
    ridge = 0.01 * max(variance.mean(), 1e-12)
    spaces.append((X - mean) @ axes / np.sqrt(np.maximum(variance, 0) + ridge))
    if not rows.states.shape[1]:
        return spaces
    # The states of one finite column are as far from each other as two deviations.
    n_finite = max(1.0, 1 / rows.states.max())
    beside = np.sqrt(2 * n_finite) * rows.states
    return [np.hstack([space, beside]) for space in spaces]


def _clusters(X, weight, n_clusters, random):
    """Return one-hot rows of clusters, by a few steps from k-means++."""
    centers = _far_apart(X, weight, n_clusters, random)
    labels = None
    for _ in range(_N_LLOYD):
        distances = (centers**2).sum(axis=1) - 2 * X @ centers.T
        before, labels = labels, distances.argmin(axis=1)
        if before is not None and (before == labels).all():
            break
        for k in np.unique(labels):
            mine = labels == k
            centers[k] = weight[mine] @ X[mine] / weight[mine].sum()
    return np.eye(len(centers))[labels]


def _far_apart(X, weight, n_clusters, random):
    """Return rows that are far from each other: k-means++ with a few trials each."""
    n_trials = 2 + int(np.log(n_clusters))
    probability, chosen, nearest = weight, [], None
    for k in range(n_clusters):
        heights = np.cumsum(probability)
        if heights[-1] <= 0:
            break
        uniform = random.fold(k).uniform((n_trials, 1))[:, 0] * heights[-1]
        trials = np.minimum(np.searchsorted(heights, uniform), len(X) - 1)
        distances = ((X - X[trials, None]) ** 2).sum(axis=2)
        if nearest is not None:
            distances = np.minimum(distances, nearest)
        best = (distances @ weight).argmin()
        chosen.append(trials[best])
        nearest = distances[best]
        probability = weight * nearest
    return X[chosen].copy()
