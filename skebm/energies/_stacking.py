"""The stack of mixtures and kernels that is fitted to rows."""

import numpy as np

from skebm.energies._reference import Independent
from skebm.energies._stack import Kernels, Stack, log_densities
from skebm.layers import Normals, best_shrinkage

# Numbers of components of the mixtures, besides wide ones that take outliers.
_SIZES = (1, 2, 4, 8, 16, 32, 64)
# Bandwidths of the kernels, in standard deviations of the columns.
_BANDWIDTHS = (0.03, 0.05, 0.08, 0.12, 0.2, 0.35)
# Rows for each component of a mixture, at least: it learns a covariance.
_ROWS_PER_COMPONENT = 10
# Largest number of rows that are kernels, and smallest.
_MAX_KERNELS, _MIN_KERNELS = 5000, 50
# Largest number of columns of tables that kernels serve. In more columns rows are far
# apart, and kernels only find copies: of the red wines, which have some, they learned
# the density of these and nothing else.
_MAX_COLUMNS = 3
# Parts that the rows are cut into. Those that are held out in turn choose the weights:
# one of them, or more in tables of few cells, where one alone is often misleading.
_N_CUTS, _N_FOLDS, _FEW_CELLS = 5, 3, 20_000
# Iterations of EM that find the weights.
_N_ITER = 300


def stacked(X, weight, random, dtype_name):
    """Return the stack of mixtures and kernels for rows.

    The parts are fitted to four fifths of the rows, and score the rest, in turn. Their
    weights maximise the likelihood of these rows, without copies of fitted rows. Then
    the parts with weight are fitted to all rows. A mixture is the mean of this fit and
    of those without a fold: fits differ, and their mean is better than one of them.

    Parameters
    ----------
    X : ndarray of shape (n, n_units)
    weight : ndarray of shape (n,) or None
    random : Random
    dtype_name : str
        Name of the dtype of the rows that it draws.
    """
    X = X.astype(np.float64)
    weight = np.ones(len(X)) if weight is None else weight
    X, weight = X[weight > 0], weight[weight > 0]
    n_fitted = len(X) - len(X) // _N_CUTS
    kinds = [("mixture", k) for k in _SIZES if _ROWS_PER_COMPONENT * k <= n_fitted]
    if n_fitted >= _MIN_KERNELS and X.shape[1] <= _MAX_COLUMNS:
        kinds += [("kernels", h) for h in _BANDWIDTHS]
    kinds, share = kinds or [("mixture", 1)], np.ones(1)
    fits, shrinkage = [], best_shrinkage(X, weight, random.fold(3))
    if len(kinds) > 1:
        fits, *scored = _fits_of_folds(kinds, X, weight, random, shrinkage)
        share = _lean_shares(*scored)
    parts, weights, mixtures = [], [], []
    for k in np.flatnonzero(share):
        fit = _fit(*kinds[k], X, weight, random.fold(2), shrinkage)
        if kinds[k][0] == "kernels":
            parts.append(fit)
            weights.append(share[k])
        else:
            alike = [fit, *(fits_of_fold[k] for fits_of_fold in fits)]
            mixtures += [(share[k] / len(alike), one.layer) for one in alike]
    if mixtures:
        parts.append(_joined(mixtures))
        weights.append(sum(w for w, _ in mixtures))
    return Stack(parts, np.log(weights), X.shape[1], dtype_name)


def _joined(mixtures):
    """Return the mixture of mixtures as one, which takes less time.

    Parameters
    ----------
    mixtures : list of tuple of float and Normals
        Weights, and layers that are as they were fitted.
    """
    names = "shifts", "factors", "centers", "colors"
    arrays = [
        np.concatenate([getattr(layer, name) for _, layer in mixtures])
        for name in names
    ]
    log_weight = [layer.log_weight + np.log(weight) for weight, layer in mixtures]
    bias = mixtures[0][1].bias
    return Independent(
        Normals(bias, np.concatenate(log_weight), *arrays, learned=False)
    )


def _fits_of_folds(kinds, X, weight, random, shrinkage):
    """Fit all parts without a fold of the rows, which they score, for some folds.

    Returns
    -------
    fits : list of list of densities
        The parts of each fold.
    scores : ndarray of shape (n, n_kinds)
        Log-densities of the rows of the folds.
    weights : ndarray of shape (n,)
    """
    cuts = np.array_split(random.fold(0).permutation(len(X)), _N_CUTS)
    n_folds = _N_FOLDS if X.size <= _FEW_CELLS else 1
    fits, scores, weights = [], [], []
    for k, held_out in enumerate(cuts[:n_folds]):
        rest = np.setdiff1d(np.arange(len(X)), held_out)
        new = held_out[_are_new(X[held_out], X[rest])]
        if len(new):
            facts = X[rest], weight[rest], random.fold(1, k), shrinkage
            fits.append([_fit(*kind, *facts) for kind in kinds])
            scores.append(log_densities(fits[-1], X[new]))
            weights.append(weight[new])
    if not fits:  # all rows are copies, so the simplest part will do
        return fits, -np.arange(len(kinds))[None] * 1.0, np.ones(1)
    return fits, np.concatenate(scores), np.concatenate(weights)


def _fit(kind, size, X, weight, random, shrinkage=None):
    """Return a density of rows: a mixture of a size, or kernels of a bandwidth."""
    if kind == "mixture":
        return Independent(Normals.from_rows(X, weight, random, size, shrinkage))
    if len(X) > _MAX_KERNELS:
        rows = np.sort(random.permutation(len(X))[:_MAX_KERNELS])
        X, weight = X[rows], weight[rows]
    scale = size * np.sqrt(np.average(_away(X, weight) ** 2, axis=0, weights=weight))
    scale = np.maximum(np.where(scale > 0, scale, size), _resolution(X))
    return Kernels(X, scale, np.log(weight / weight.sum()))


def _resolution(X):
    """Return the median distance of neighbouring values of each column.

    The density of rounded numbers has no limit: the narrower kernels are, the larger it
    is at these numbers. So kernels are at least as wide as a step of the rounding.
    """
    steps = [np.diff(np.unique(x)) for x in X.T]
    return np.array([np.median(s) if len(s) else 0.0 for s in steps])


def _are_new(X, others):
    """Tell which rows do not occur among others.

    A copy of a row is best predicted by a kernel without width, which says nothing
    about rows that are no copies.
    """
    known = {row.tobytes() for row in others}
    return np.array([row.tobytes() not in known for row in X])


def _away(X, weight):
    return X - np.average(X, axis=0, weights=weight)


def _lean_shares(scores, weight):
    """Return the weights of few densities that rows cannot do without.

    The density of the smallest weight is left out as long as that costs less than the
    price of a number in the BIC, which is half the log of the number of rows. The
    weights of many densities that are alike would follow the noise of these rows.
    """
    kept, price = np.arange(scores.shape[1]), np.log(max(weight.sum(), 1.0)) / 2
    share, best = _shares(scores, weight)
    for _ in range(len(kept) - 1):
        fewer = np.delete(kept, share.argmin())
        found, value = _shares(scores[:, fewer], weight)
        if value < best - price:
            break
        kept, share, best = fewer, found, value
    out = np.zeros(scores.shape[1])
    out[kept] = share
    return out


def _shares(scores, weight):
    """Return the weights of densities that maximise the likelihood of rows, by EM.

    Parameters
    ----------
    scores : ndarray of shape (n, n_parts)
        Log-densities of the rows.
    weight : ndarray of shape (n,)

    Returns
    -------
    share : ndarray of shape (n_parts,)
    value : float
        The log-likelihood of the rows, in nats.
    """
    top, mass = scores.max(axis=1), weight.sum()
    density = np.exp(scores - top[:, None])
    share = np.full(scores.shape[1], 1 / scores.shape[1])
    for _ in range(_N_ITER):
        share = share * ((weight / (density @ share)) @ density) / mass
    return share, float(weight @ (np.log(density @ share) + top))
