"""The reference of real columns: a stack of mixtures of several sizes and kernels."""

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn.utils.metaestimators import available_if

from skebm.energies._reference import Independent
from skebm.layers import Normals
from skebm.utils._parallel import map_blocks
from skebm.utils._resampling import positions
from skebm.utils._stored import public

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
# Rows that one thread takes at a time.
_BLOCK = 512


@public("skebm.energies")
class Kernels:
    """A normal distribution about each of some rows.

    Parameters
    ----------
    centers : ndarray of shape (n_centers, n_units)
    scale : ndarray of shape (n_units,)
        The standard deviations of the kernels.
    log_weight : ndarray of shape (n_centers,)
        Logs of weights that sum to 1.
    """

    log_partition = 0.0

    def __init__(self, centers, scale, log_weight):
        self.centers, self.scale, self.log_weight = centers, scale, log_weight

    def energy(self, x):
        """Return minus the log-density of each row, in nats, float64, shape (n,)."""
        seen = np.ones(x.shape, bool)
        return -logsumexp(self.log_joint(x, seen), axis=1)

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        share = softmax(self.log_joint(x, np.ones(x.shape, bool)), axis=1)
        return ((x - share @ self.centers) / self.scale**2).astype(x.dtype, copy=False)

    def log_joint(self, x, seen):
        """Return the log of weight times density of the seen cells, for each center."""
        z = np.where(seen, x, 0) / self.scale
        c = self.centers / self.scale
        squares = (z**2).sum(axis=1)[:, None] + seen @ (c**2).T - 2 * z @ c.T
        volume = seen @ (np.log(self.scale) + np.log(2 * np.pi) / 2)
        return self.log_weight - np.maximum(squares, 0) / 2 - volume[:, None]

    def sample(self, n_rows, random):
        """Draw rows, in float64."""
        uniform = random.fold(0).uniform((n_rows, 1))[:, 0]
        cumulative = np.exp(self.log_weight).cumsum()
        numbers = np.searchsorted(cumulative, uniform * cumulative[-1])
        noise = random.fold(1).normal((n_rows, len(self.scale)))
        return self.centers[numbers] + self.scale * noise

    def given(self, x, holes):
        """Return the distribution of holes given the observed cells."""
        return _KernelsGiven(self, x, holes)


class _KernelsGiven:
    """The holes of rows given their observed cells, under kernels."""

    def __init__(self, kernels, x, holes):
        self.kernels, self.x, self.holes = kernels, x, holes
        self.log_joint = kernels.log_joint(np.where(holes, 0, x), ~holes)

    def cgf(self, inputs):
        """Return the log-density of the observed cells."""
        return logsumexp(self.log_joint, axis=1)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        cumulative = softmax(self.log_joint, axis=1).cumsum(axis=1)
        uniform = random.fold(0).uniform((len(self.x), 1))
        numbers = positions(cumulative, uniform * cumulative[:, -1:])[:, 0]
        noise = random.fold(1).normal(self.x.shape)
        drawn = self.kernels.centers[numbers] + self.kernels.scale * noise
        return np.where(self.holes, drawn, self.x)

    def mode(self, inputs):
        """Return the rows with their holes at the most probable center."""
        best = self.kernels.centers[self.log_joint.argmax(axis=1)]
        return np.where(self.holes, best, self.x)


@public("skebm.energies")
class Stack:
    """A mixture of densities, whose weights come from rows that none of them saw [1]_.

    Parameters
    ----------
    parts : list of densities
        With ``energy``, ``sample``, ``given`` and ``log_partition``.
    log_weight : ndarray of shape (n_parts,)
        Logs of weights that sum to 1.
    n_units : int
    dtype_name : str
        Name of the dtype of the rows that it draws.

    References
    ----------
    .. [1] P. Smyth, D. Wolpert. "Linearly combining density estimators via stacking".
       Machine Learning 36 (1999).
    """

    log_partition = 0.0

    def __init__(self, parts, log_weight, n_units, dtype_name):
        self.parts, self.log_weight = parts, log_weight
        self.n_units, self.dtype_name = n_units, dtype_name

    @property
    def variables(self):
        """The variable of each unit, which is a column of its own."""
        return np.arange(self.n_units)

    n_variables = property(lambda self: self.n_units)

    def energy(self, x):
        """Return minus the log-density of each row, in nats, float64, shape (n,)."""
        x = np.asarray(x, dtype=np.float64)

        def of_block(block):
            scores = _log_densities(self.parts, x[block]) + self.log_weight
            return -logsumexp(scores, axis=1)

        return np.concatenate(map_blocks(of_block, len(x), 10_000, size=_BLOCK))

    @available_if(lambda stack: all(hasattr(p, "grad_x") for p in stack.parts))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        double = np.asarray(x, dtype=np.float64)
        share = softmax(_log_densities(self.parts, double) + self.log_weight, axis=1)
        slopes = (part.grad_x(double) for part in self.parts)
        pairs = zip(share.T, slopes, strict=True)
        return sum(s[:, None] * slope for s, slope in pairs).astype(x.dtype, copy=False)

    def sample(self, n_rows, random):
        """Draw rows."""
        share = np.exp(self.log_weight).cumsum()
        uniform = random.fold(0).uniform((n_rows, 1))[:, 0]
        numbers = np.searchsorted(share, uniform * share[-1])
        out = np.empty((n_rows, self.n_units), self.dtype_name)
        for k, part in enumerate(self.parts):
            here = np.flatnonzero(numbers == k)
            if len(here):
                out[here] = part.sample(len(here), random.fold(1, k))
        return out

    def given(self, x, holes):
        """Return the distribution of holes given the observed cells."""
        return _StackGiven(self, x, holes)


class _StackGiven:
    """The holes of rows given their observed cells, under a stack."""

    def __init__(self, stack, x, holes):
        self.x = x
        self.parts = [_given(part, x, holes) for part in stack.parts]
        no_inputs = np.zeros(x.shape)
        seen = [
            given.cgf(no_inputs) - part.log_partition
            for given, part in zip(self.parts, stack.parts, strict=True)
        ]
        self.log_joint = np.column_stack(seen) + stack.log_weight

    def cgf(self, inputs):
        """Return the log-density of the observed cells."""
        return logsumexp(self.log_joint, axis=1)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        cumulative = softmax(self.log_joint, axis=1).cumsum(axis=1)
        uniform = random.fold(0).uniform((len(self.x), 1))
        numbers = positions(cumulative, uniform * cumulative[:, -1:])[:, 0]
        no_inputs, streams = np.zeros(self.x.shape), range(len(self.parts))
        drawn = [
            part.sample(no_inputs, random.fold(1, k))
            for k, part in zip(streams, self.parts, strict=True)
        ]
        return np.stack(drawn)[numbers, np.arange(len(numbers))]

    def mode(self, inputs):
        """Return the rows with their holes where the most probable part has them."""
        no_inputs, best = np.zeros(self.x.shape), self.log_joint.argmax(axis=1)
        modes = np.stack([part.mode(no_inputs) for part in self.parts])
        return modes[best, np.arange(len(best))]


def stacked(X, weight, random, dtype_name):
    """Return the stack of mixtures and kernels for rows.

    The parts are fitted to four fifths of the rows, and score the rest, in turn. Their
    weights maximise the likelihood of these rows, without copies of fitted rows. Then
    the parts with weight are fitted to all rows.

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
    if len(kinds) > 1:
        share = _lean_shares(*_held_out_scores(kinds, X, weight, random))
    kept = np.flatnonzero(share)
    parts = [_fit(*kinds[k], X, weight, random.fold(2)) for k in kept]
    log_weight = np.log(share[kept] / share[kept].sum())
    return Stack(parts, log_weight, X.shape[1], dtype_name)


def _held_out_scores(kinds, X, weight, random):
    """Return the log-densities of rows by parts that did not see them, and weights."""
    cuts = np.array_split(random.fold(0).permutation(len(X)), _N_CUTS)
    n_folds = _N_FOLDS if X.size <= _FEW_CELLS else 1
    scores, weights = [], []
    for k, held_out in enumerate(cuts[:n_folds]):
        rest = np.setdiff1d(np.arange(len(X)), held_out)
        fitted, draws = (X[rest], weight[rest]), random.fold(1, k)
        new = held_out[_are_new(X[held_out], X[rest])]
        if len(new):
            parts = [_fit(*kind, *fitted, draws) for kind in kinds]
            scores.append(_log_densities(parts, X[new]))
            weights.append(weight[new])
    if not scores:  # all rows are copies
        return -np.arange(len(kinds))[None] * 1.0, np.ones(1)  # the simplest
    return np.concatenate(scores), np.concatenate(weights)


def _fit(kind, size, X, weight, random):
    """Return a density of rows: a mixture of a size, or kernels of a bandwidth."""
    if kind == "mixture":
        return Independent(Normals.from_rows(X, weight, random, size))
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


def _log_densities(parts, x):
    """Return the log-density of each row under each part, shape (n, n_parts)."""
    return np.column_stack([-part.energy(x) - part.log_partition for part in parts])


def _given(part, x, holes):
    owner = part.layer if hasattr(part, "layer") else part
    return owner.given(x, holes)
