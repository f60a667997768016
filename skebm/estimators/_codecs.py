"""Columns of one kind as units of one layer, and back.

A codec works on the ``n_features`` columns of its kind at once: rows of shape
(n, n_features) become units of shape (n, n_units). A hole is NaN, in all units of its
column.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.sparse import issparse
from scipy.special import boxcox1p, inv_boxcox1p
from sklearn.utils.sparsefuncs import mean_variance_axis

from skebm.layers import Bernoulli, Categorical, Count, Gaussian, Spin, ZeroInflated
from skebm.utils._sparse import dense

# What a transform may give back, in shares of the largest number seen.
_REACH = 10.0
# Powers for which the Yeo-Johnson transform maps the real line onto itself.
_POWERS = 0.0, 2.0
# Relative to a spread below this, every smooth transform is a straight line.
_NARROW = 1e-6


class Codec:
    """What all codecs share: a column is a unit, and its values stay as they are.

    Parameters
    ----------
    n_features : int

    Attributes
    ----------
    units : type
        The class of their layer.
    """

    def __init__(self, n_features):
        self.n_features = n_features

    @classmethod
    def fit(cls, X, sizes, weight):
        """Return the codec of these columns.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_features)
            NaN where a value is missing.
        sizes : ndarray of shape (n_features,)
            Number of known values of columns that are numbered.
        weight : ndarray of shape (n,) or None
        """
        return cls(X.shape[1])

    @property
    def variables(self):
        """The column that each unit belongs to, int, shape (n_units,)."""
        return np.arange(self.n_features)

    def layer(self, dtype):
        """Return the visible layer of the units."""
        return self.units.zeros(len(self.variables), dtype)

    def encode(self, X):
        """Return the units of the columns, in the dtype of ``X``."""
        return X

    def decode(self, Z):
        """Return the columns of the units, or of their expectations."""
        return Z

    def best_guess(self, Z, decoded):
        """Return the best single guess of columns.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Expectations of the units.
        decoded : ndarray of shape (n, n_features)
            Means of decoded draws.
        """
        return self.decode(Z)

    def log_volumes(self, Z):
        """Return what a unit volume stands for in the user's units, as a log.

        Returns
        -------
        ndarray of shape (n, n_features) or (1, n_features), float64
            0 for values that are counted, and for holes.
        """
        return np.zeros((1, self.n_features))


class Bits(Codec):
    """Values in {0, 1}, or probabilities of 1.

    Parameters
    ----------
    n_features : int
    whole : ndarray of bool of shape (n_features,), default=True
        Which columns hold nothing between 0 and 1.
    """

    units = Bernoulli

    def __init__(self, n_features, whole=True):
        super().__init__(n_features)
        self.whole = whole

    @classmethod
    def fit(cls, X, sizes, weight):
        """Find the columns without values between 0 and 1."""
        if issparse(X):
            between = np.unique(X.tocoo().col[(X.data > 0) & (X.data < 1)])
            return cls(X.shape[1], ~np.isin(np.arange(X.shape[1]), between))
        return cls(X.shape[1], ~((X > 0) & (X < 1)).any(axis=0))

    def best_guess(self, Z, decoded):
        """Return the more probable value, or the mean of probabilities."""
        return np.where(self.whole, Z > 0.5, Z)


class Spins(Codec):
    """Values in {-1, +1}."""

    units = Spin


class Standardised(Codec):
    """Numbers less ``location``, in units of ``scale``: both of shape (n_features,)."""

    units = Gaussian

    def __init__(self, location, scale):
        super().__init__(len(scale))
        self.location, self.scale = location, scale

    @classmethod
    def fit(cls, X, sizes, weight):
        """Take location and scale from the data."""
        return cls(*standards(X, weight))

    @property
    def _is_identity(self):
        return not self.location.any() and (self.scale == 1).all()

    def encode(self, X):
        """Standardise in float64: a float32 column may lie far from 0 for its width."""
        if self._is_identity:
            return X
        return ((dense(X) - self.location) / self.scale).astype(X.dtype)

    def decode(self, Z):
        """Undo :meth:`encode`."""
        if self._is_identity:
            return Z
        return (Z * self.scale + self.location).astype(Z.dtype)

    def log_volumes(self, Z):
        """Return the log of the scale."""
        return np.where(np.isnan(Z), 0.0, np.log(self.scale))


class Counts(Codec):
    """Whole numbers from 0 to ``sizes - 1``."""

    units = Count

    def __init__(self, sizes):
        super().__init__(len(sizes))
        self.sizes = sizes

    @classmethod
    def fit(cls, X, sizes, weight):
        """Take note of the numbers of values."""
        return cls(sizes)

    def layer(self, dtype):
        """Return counts with these maxima."""
        maximum = self.sizes - 1
        return Count.zeros(self.n_features, dtype, maximum=maximum)


class OneHot(Counts):
    """Numbers of categories from 0 to ``sizes - 1``, as blocks of one-hot units."""

    units = Categorical

    @property
    def variables(self):
        """The column that each unit belongs to."""
        return np.repeat(np.arange(self.n_features), self.sizes)

    @property
    def _blocks(self):
        ends = self.sizes.cumsum()
        return [slice(*pair) for pair in zip(ends - self.sizes, ends, strict=True)]

    def layer(self, dtype):
        """Return a block for each column."""
        n_units = self.sizes.sum()
        return Categorical.zeros(n_units, dtype, sizes=self.sizes)

    def encode(self, X):
        """Return one-hot blocks."""
        X = dense(X)
        out = np.zeros((len(X), self.sizes.sum()), dtype=X.dtype)
        for number, block in zip(X.T, self._blocks, strict=True):
            seen = np.flatnonzero(~np.isnan(number))
            out[seen, block.start + number[seen].astype(np.intp)] = 1
            out[np.isnan(number), block] = np.nan
        return out

    def decode(self, Z):
        """Return the number of the most probable category."""
        out = np.empty((len(Z), self.n_features), dtype=Z.dtype)
        for j, block in enumerate(self._blocks):
            hole = np.isnan(Z[:, block.start])
            out[:, j] = np.where(hole, np.nan, Z[:, block].argmax(axis=1))
        return out


class Bent(Codec):
    """Numbers that are standardised after a monotone transform each.

    Parameters
    ----------
    curves : list of Curve of length n_features
    """

    units = Gaussian

    def __init__(self, curves):
        super().__init__(len(curves))
        self.curves = curves

    @classmethod
    def fit(cls, X, sizes, weight):
        """Fit a Yeo-Johnson transform to each column."""
        return cls([Curve.fit(x, weight) for x in dense(X).T])

    def _each(self, method, rows):
        columns = [
            getattr(curve, method)(part)
            for curve, part in zip(self.curves, rows.T, strict=True)
        ]
        return np.ascontiguousarray(np.transpose(columns))

    def encode(self, X):
        """Transform and standardise."""
        return self._each("encode", dense(X)).astype(X.dtype)

    def decode(self, Z):
        """Undo :meth:`encode`, within the reach of the curves."""
        return self._each("decode", Z).astype(Z.dtype)

    def best_guess(self, Z, decoded):
        """Return the mean of the draws, since a curve bends that of the units."""
        return decoded

    def log_volumes(self, Z):
        """Return the log of the width that a unit width stands for, at each value."""
        return np.nan_to_num(self._each("log_width", Z), nan=0.0)


class Inflated(Bent):
    """Columns that are often 0: units ``[z_1..z_k, u_1..u_k]``, with 0 as ``z = 0``.

    Other numbers have ``z = 1`` and are standardised after their logarithm if all are
    positive, else after a Yeo-Johnson transform.
    """

    units = ZeroInflated

    @classmethod
    def fit(cls, X, sizes, weight):
        """Fit a curve to what is not 0."""
        X = dense(X)
        others = np.where(X == 0, np.nan, X)
        kinds = ["log" if np.nanmin(x, initial=0) == 0 else "power" for x in X.T]
        pairs = zip(others.T, kinds, strict=True)
        return cls([Curve.fit(x, weight, kind) for x, kind in pairs])

    @property
    def variables(self):
        """The column that each unit belongs to."""
        return np.tile(np.arange(self.n_features), 2)

    def encode(self, X):
        """Return whether it is not 0, and what it is then."""
        X = dense(X)
        on = np.where(np.isnan(X), np.nan, X != 0).astype(X.dtype)
        number = super().encode(np.where(X == 0, np.nan, X))
        return np.concatenate([on, np.where(on == 0, 0, number).astype(X.dtype)], 1)

    def decode(self, Z):
        """Return 0 or the number; of expectations, the more probable of the two."""
        on, number = np.split(Z, 2, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            number = super().decode(number / on)
        return np.where(on < 0.5, 0, number).astype(Z.dtype)

    def log_volumes(self, Z):
        """Return the log of the width where there is a number, else 0."""
        on, number = np.split(Z, 2, axis=1)
        return np.where(on == 1, super().log_volumes(number), 0.0)


class Curve(NamedTuple):
    """A monotone transform of one column, which is then standardised.

    With ``t = log(1 + |x| / unit)``, the Yeo-Johnson transform [1]_ is ``sign(x)
    (exp(q t) - 1) / q``, where ``q`` is ``power`` for positive numbers and ``2 -
    power`` for negative ones. The power lies in [0, 2], where that maps the real line
    onto itself: so every number has a density, and every draw is a number. What is
    decoded lies within ``low`` and ``high``, ten times as far out as the numbers seen.

    Attributes
    ----------
    power : float
        NaN for the logarithm of positive numbers.
    unit, location, scale, low, high : float

    References
    ----------
    .. [1] I.-K. Yeo, R. Johnson. "A new family of power transformations to improve
       normality or symmetry". Biometrika 87 (2000).
    """

    power: float
    unit: float
    location: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def fit(cls, x, weight, kind="power"):
        """Return the curve of largest weighted likelihood; NaN is left out."""
        x, weight = observed(x, weight)
        if not len(x):  # nothing to learn from: a column of zeros
            x, weight = np.ones(1), None
        top = _REACH * (np.abs(x).max(initial=0) or 1.0)
        if kind == "log":
            curve = cls(np.nan, 1.0, low=x.min(initial=1) / _REACH, high=top)
        else:
            unit = float(np.average(np.abs(x), weights=weight)) or 1.0
            curve = cls(_power(x / unit, weight), unit, low=-top, high=top)
        location, scale = standards(curve._bend(x)[:, None], weight)
        return curve._replace(location=float(location[0]), scale=float(scale[0]))

    def _bend(self, x):
        x = np.asarray(x, dtype=np.float64)
        if np.isnan(self.power):
            return np.log(np.where(x > 0, x, np.nan))
        q = np.where(x < 0, 2 - self.power, self.power)
        return np.copysign(boxcox1p(np.abs(x) / self.unit, q), x)

    def encode(self, x):
        """Return the standardised transform of numbers."""
        return (self._bend(x) - self.location) / self.scale

    def decode(self, z):
        """Return the numbers, within the curve's reach."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        with np.errstate(over="ignore"):
            if np.isnan(self.power):
                x = np.exp(y)
            else:
                q = np.where(y < 0, 2 - self.power, self.power)
                x = np.copysign(self.unit * inv_boxcox1p(np.abs(y), q), y)
        return np.clip(x, self.low, self.high)

    def log_width(self, z):
        """Return ``log(dx / dz)`` at numbers whose standardised transform is ``z``."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        if np.isnan(self.power):
            return np.log(self.scale) + y
        q = np.where(y < 0, 2 - self.power, self.power)
        t = np.where(q == 0, np.abs(y), np.log1p(q * np.abs(y)) / np.where(q, q, 1))
        return np.log(self.scale * self.unit) + (1 - q) * t

    @staticmethod
    def gain(x, weight=None):
        """Return what a transform adds to the normal log-likelihood, in nats a row."""
        x, weight = observed(x, weight)
        x = x / (float(np.average(np.abs(x), weights=weight)) or 1.0)
        mean, variance = moments(x[:, None], weight)
        if np.sqrt(variance[0]) <= _NARROW * abs(mean[0]):
            return 0.0
        return np.log(variance[0]) / 2 - _loss(_power(x, weight), x, weight)


def _power(x, weight):
    """Return the power of largest likelihood."""
    return float(
        minimize_scalar(_loss, bounds=_POWERS, args=(x, weight), method="bounded").x
    )


def _loss(power, x, weight):
    """Return the negative log-likelihood a row of numbers in their unit.

    That of a normal density of the transform, times the slope, less what all share.
    """
    bent = Curve(power, 1.0)._bend(x)
    scale = standards(bent[:, None], weight)[1][0]
    slope = (power - 1) * np.sign(x) * np.log1p(np.abs(x))
    return np.log(scale) - np.average(slope, weights=weight)


def observed(x, weight):
    """Return the numbers that are not NaN, and their weights."""
    seen = ~np.isnan(x)
    return x[seen], None if weight is None else weight[seen]


def standards(X, weight):
    """Return location and scale of each column: a constant one keeps its unit."""
    mean, variance = moments(X, weight)
    scale = np.sqrt(variance)
    # Constant, up to rounding.
    scale[scale <= 10 * np.finfo(X.dtype).eps * np.abs(mean)] = 1.0
    scale[scale == 0] = 1.0
    return mean, scale


def moments(X, weight):
    """Return weighted mean and variance of each column's numbers, float64."""
    if issparse(X):
        return tuple(
            np.asarray(m, dtype=np.float64)
            for m in mean_variance_axis(X, axis=0, weights=weight)
        )
    hole = np.isnan(X)
    if hole.any():
        weight = np.ones(len(X)) if weight is None else weight
        weight = np.where(hole, 0.0, weight[:, None])
        weight /= np.maximum(weight.sum(axis=0), np.finfo(np.float64).tiny)
        X = np.where(hole, 0.0, X)
        mean = (weight * X).sum(axis=0)
        return mean, (weight * np.square(X - mean)).sum(axis=0)
    mean = np.average(X, axis=0, weights=weight).astype(np.float64)
    return mean, np.average(np.square(X - mean), axis=0, weights=weight)


CODECS = {
    "bernoulli": Bits,
    "spin": Spins,
    "gaussian": Standardised,
    "yeo_johnson": Bent,
    "zero_inflated": Inflated,
    "count": Counts,
    "categorical": OneHot,
}
