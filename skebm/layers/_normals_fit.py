"""A mixture of normal distributions for rows: its size, starts and average."""

import numpy as np

from skebm.layers._clusters import clusters, spaces
from skebm.layers._em import Mixture, Rows, em

# Numbers of components from which the held-out rows choose. They grow by about 1.4.
_SIZES = (1, 2, 3, 4, 6, 8, 11, 16, 24, 36, 54)
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
# Shares of the pooled covariance that are taken from its diagonal. The held-out rows
# choose one of them, for one component.
_SHRINKAGES = (0.0, 0.003, 0.03, 0.2, 1.0)


def fit_normals(
    X,
    weight,
    random,
    n_components="auto",
    states=None,
    n_finite=0,
    shrinkage=None,
):
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
    shrinkage : float, default=None
        Share of the pooled covariance that is taken from its diagonal. None, and any
        value if ``n_components="auto"``, stands for the choice of held-out rows.

    Returns
    -------
    Mixture
    """
    rows = Rows.of(X, weight, states, n_finite, random.fold(0))
    if shrinkage is None or n_components == "auto":
        n_components, shrinkage = _chosen(rows, n_components, random.fold(1))
    return _averaged(rows, n_components, shrinkage, _N_STARTS, random.fold(2))


def best_shrinkage(X, weight, random):
    """Return the shrinkage of one normal distribution that held-out rows choose."""
    rows = Rows.of(X, weight, None, 0, random.fold(0))
    return _chosen(rows, 1, random.fold(1))[1]


def _chosen(rows, n_components, random):
    """Return the number of components and the shrinkage, by the held-out density."""
    n_rows = rows.weight.sum()
    if n_rows < 4:
        return 1, 1.0
    n_folds = 5 if n_rows < 1000 else 3 if n_rows < 2500 else 1
    order = random.fold(0).permutation(len(rows.X))
    folds = _folds(rows.weight, order, max(n_folds, 4))[:n_folds]
    averages = rows.X.size < _MAX_CELLS_OF_AVERAGES and not rows.holes.any()
    n_starts = _N_STARTS if averages else 1

    def scores(size, shrinkage):
        out = []
        for k, fold in enumerate(folds):
            held_out, others = rows.weighing(fold), rows.weighing(rows.weight - fold)
            draws = random.fold(1, k)
            model = _averaged(others, size, shrinkage, n_starts, draws)
            out.append(held_out.log_density(model))
        return np.concatenate(out)

    weight = np.concatenate([fold[fold > 0] for fold in folds])
    of_one = [scores(1, shrinkage) for shrinkage in _SHRINKAGES]
    best = max(range(len(of_one)), key=lambda k: weight @ of_one[k])
    shrinkage, by_size = _SHRINKAGES[best], {1: of_one[best]}
    if n_components != "auto":
        return n_components, shrinkage
    for size in _SIZES[1:]:
        if n_rows < 1.25 * _ROWS_PER_COMPONENT * size:
            break
        by_size[size] = scores(size, shrinkage)
        best = max(by_size, key=lambda k: weight @ by_size[k])
        if list(by_size).index(best) < len(by_size) - _PATIENCE:
            break
    return _smallest(by_size, weight), shrinkage


def _folds(weight, order, n_folds):
    """Return the weight of each row in each fold, shape (n_folds, n).

    Copies of a row are in several folds, as copies among shuffled rows would be: a
    column of few different numbers has few different rows.
    """
    whole = np.floor(weight / n_folds)
    rest = weight - n_folds * whole
    turn = (np.arange(n_folds)[:, None] - order) % n_folds
    return whole + np.clip(rest - turn, 0, 1)


def _smallest(by_size, weight):
    """Return the smallest size that is about as good as the best one.

    Parameters
    ----------
    by_size : dict of int to ndarray of shape (n,)
        Log densities of the held-out rows.
    weight : ndarray of shape (n,)
    """
    best = max(by_size.values(), key=lambda scores: weight @ scores)
    mass = weight.sum()
    sizes = list(by_size)
    for size in sizes:
        lost = best - by_size[size]
        mean = weight @ lost / mass
        variance = weight @ np.square(lost - mean) / mass
        if mean <= _SLACK * np.sqrt(variance / mass):
            return size
    return sizes[-1]


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
        whole = np.ones((len(filled), 1))
        one = em(rows, filled, whole, 2 * _N_LONG, wide_share, shrinkage)[0]
        filled = rows.filled(one)
    if n_components == 1:
        return one
    starts = [
        em(
            rows,
            filled,
            clusters(space, rows.weight, n_components, random.fold(k)),
            _N_SHORT,
            wide_share,
            shrinkage,
        )
        for k, space in enumerate(spaces(filled, rows))
    ]
    _, sums = max(starts, key=lambda start: start[1].log_likelihood)
    return em(rows, filled, sums.shares, _N_LONG, sums.wide, shrinkage)[0]
