"""Columns of real numbers: standardised, transformed, or zero-inflated."""

import numpy as np
from scipy.sparse import issparse

from skebm.layers import Gaussian, ZeroInflated
from skebm.tables.curves import Curve, standards
from skebm.tables.kinds._base import Kind
from skebm.utils._moments import largest_eigenvalue
from skebm.utils._sparse import dense

# Numbers that are standardised at a time: those in double precision fit the cache.
_NUMBERS = 1 << 15


def _standardised(X, location, scale):
    """Return ``(X - location) / scale``, computed in float64, in the dtype of ``X``."""
    out = np.empty(X.shape, X.dtype)
    n_rows = max(1, _NUMBERS // max(X.shape[1], 1))
    for start in range(0, len(X), n_rows):
        block = slice(start, start + n_rows)
        out[block] = (X[block] - location) / scale
    return out


class GaussianKind(Kind):
    """Real numbers, minus ``location`` and divided by ``scale``.

    Parameters
    ----------
    location, scale : ndarray of shape (n_columns,), default=()
    spread : float, default=1.0
        See :class:`Kind`.
    """

    layer_class = Gaussian
    learns_scale = True

    def __init__(self, location=(), scale=(), spread=1.0):
        super().__init__(len(scale))
        self.location, self.scale, self.spread = location, scale, spread

    def fit(self, X, sizes, weight):
        """Return the kind with the location and scale of each column."""
        kind = GaussianKind(*standards(X, weight))
        kind.spread = largest_eigenvalue(X, kind.encode)
        return kind

    def refined(self, facts):
        """Return the kind with the location and scale of all rows."""
        scale = _scales(self.scale, facts)
        return GaussianKind(facts.mean, scale, self.spread)

    def unchanged(self, n_columns):
        """Return the kind with location 0 and scale 1."""
        return GaussianKind(np.zeros(n_columns), np.ones(n_columns))

    @property
    def _is_identity(self):
        return not self.location.any() and (self.scale == 1).all()

    def encode(self, X):
        """Standardise in float64: float32 has few digits for columns far from 0."""
        if self._is_identity:
            return dense(X)
        return _standardised(dense(X), self.location, self.scale)

    def decode(self, Z):
        """Undo :meth:`encode`."""
        if self._is_identity:
            return Z
        return (Z * self.scale + self.location).astype(Z.dtype)

    def log_volumes(self, Z):
        """Return the log of the scale."""
        return np.where(np.isnan(Z), 0.0, np.log(self.scale))


class UnscaledKind(Kind):
    """Real numbers in the units of the user, for an energy that is written in them.

    Sparse rows stay sparse.
    """

    layer_class = Gaussian

    def encode(self, X):
        """Return the numbers themselves."""
        return X


class ScaledKind(Kind):
    """Real numbers, divided by their largest absolute value: sparse rows stay sparse.

    Parameters
    ----------
    scale : ndarray of shape (n_columns,), default=()
    """

    layer_class = Gaussian
    learns_scale = True

    def __init__(self, scale=()):
        super().__init__(len(scale))
        self.scale = scale

    def fit(self, X, sizes, weight):
        """Return the kind with the largest absolute value of each column."""
        scale = np.zeros(X.shape[1])
        if issparse(X):
            np.maximum.at(scale, X.indices, np.abs(X.data))
        else:
            scale = np.nanmax(np.abs(X), axis=0, initial=0)
        return ScaledKind(np.where(scale > 0, scale, 1.0))

    def refined(self, facts):
        """Return the kind with the largest absolute values of all rows."""
        scale = np.maximum(np.abs(facts.low), np.abs(facts.high))
        return ScaledKind(np.where(scale > 0, scale, 1.0))

    def unchanged(self, n_columns):
        """Return the kind with scale 1."""
        return ScaledKind(np.ones(n_columns))

    def encode(self, X):
        """Divide by the scale, in float64."""
        if not issparse(X):
            return (X / self.scale).astype(X.dtype)
        data = (X.data / self.scale[X.indices]).astype(X.dtype)
        return type(X)((data, X.indices, X.indptr), shape=X.shape)

    def decode(self, Z):
        """Undo :meth:`encode`."""
        return (Z * self.scale).astype(Z.dtype)

    def log_volumes(self, Z):
        """Return the log of the scale."""
        return np.where(np.isnan(dense(Z)), 0.0, np.log(self.scale))


class RealKind(Kind):
    """Real numbers, standardised after the best transform of each column.

    The transform has the largest likelihood among those of
    :class:`skebm.tables.curves.Curve`. It is a straight line if no other is
    clearly better. Decoded numbers stay within the ends of the column: positive numbers
    stay positive, and shares stay between 0 and 1.

    Parameters
    ----------
    curves : list of Curve of length n_columns, default=()
    spread : float, default=1.0
        See :class:`Kind`.
    """

    layer_class = Gaussian
    learns_scale = True
    family = "best"

    def __init__(self, curves=(), spread=1.0):
        super().__init__(len(curves))
        self.curves, self.spread = curves, spread

    def fit(self, X, sizes, weight):
        """Return the kind with a curve for each column."""
        kind = type(self)([Curve.fit(x, weight, self.family) for x in dense(X).T])
        kind.spread = largest_eigenvalue(X, kind.encode)
        return kind

    def refined(self, facts):
        """Return the kind in which straight lines have the location and scale of all.

        Curves stay as they are: their scale is the scale after the transform.
        """
        scales = _scales(np.array([curve.scale for curve in self.curves]), facts)
        curves = [
            curve._replace(location=float(mean), scale=float(scale))
            if curve.is_straight
            else curve
            for curve, mean, scale in zip(self.curves, facts.mean, scales, strict=True)
        ]
        return type(self)(curves, self.spread)

    def straightened(self, X, weight):
        """Return the kind with a straight line for each column, within its ends."""
        return type(self)([Curve.fit(x, weight, "line") for x in X.T], self.spread)

    def unchanged(self, n_columns):
        """Return the kind whose curves are straight lines."""
        return type(self)([Curve()] * n_columns)

    def _map_columns(self, method, rows):
        columns = [
            getattr(curve, method)(column)
            for curve, column in zip(self.curves, rows.T, strict=True)
        ]
        return np.ascontiguousarray(np.transpose(columns))

    def encode(self, X):
        """Transform and standardise, in float64."""
        X = dense(X)
        if self.is_curved:
            return self._map_columns("encode", X).astype(X.dtype)
        location, scale = (
            np.array([getattr(curve, name) for curve in self.curves])
            for name in ("location", "scale")
        )
        return _standardised(X, location, scale)

    def decode(self, Z):
        """Undo :meth:`encode`, within the limits of the curves."""
        return self._map_columns("decode", Z).astype(Z.dtype)

    @property
    def is_curved(self):
        """Whether a column has a curve that is no line."""
        return not all(curve.is_straight for curve in self.curves)

    def best_guess(self, Z, decoded):
        """Return the mean of decoded draws, or the decoded mean if that is the same."""
        is_straight = np.array([curve.is_straight for curve in self.curves])
        return np.where(is_straight, self.decode(Z), decoded)

    def log_volumes(self, Z):
        """Return the log of the width of a unit width at each value."""
        return np.nan_to_num(self._map_columns("log_width", Z), nan=0.0)


class YeoJohnsonKind(RealKind):
    """Real numbers, standardised after a Yeo-Johnson transform of each column."""

    family = "power"


class ZeroInflatedKind(YeoJohnsonKind):
    """Columns that are often exactly 0, as units ``[z_1..z_k, u_1..u_k]``.

    The number 0 has ``z = 0``, and other numbers have ``z = 1``. They are standardised
    after their logarithm if all numbers of the column are positive, else after a
    Yeo-Johnson transform.
    """

    layer_class = ZeroInflated
    domain = "0 and positive numbers where fit has seen no others"
    learns_limits = True

    def limits(self, low, high):
        """Return 0 if fit has seen no negative number, and infinity."""
        return np.where(low < 0, -np.inf, 0), np.full(len(high), np.inf)

    def outside(self, X, low, high):
        """Return which numbers are below the limit of their column."""
        return low > X

    def unit_names(self, name, values):
        """Return the name of the unit that tells 0 from numbers, and of the number."""
        return [f"{name}!=0", str(name)]

    def fit(self, X, sizes, weight):
        """Return the kind with a curve for the nonzero numbers of each column."""
        X = dense(X)
        others = np.where(X == 0, np.nan, X)
        families = ["log" if np.nanmin(x, initial=0) == 0 else "power" for x in X.T]
        pairs = zip(others.T, families, strict=True)
        return ZeroInflatedKind([Curve.fit(x, weight, family) for x, family in pairs])

    @property
    def variables(self):
        """The column that each unit belongs to."""
        return np.tile(np.arange(self.n_columns), 2)

    def encode(self, X):
        """Return the units ``z`` of all columns, then their units ``u``."""
        X = dense(X)
        on = np.where(np.isnan(X), np.nan, X != 0).astype(X.dtype)
        number = super().encode(np.where(X == 0, np.nan, X))
        return np.concatenate([on, np.where(on == 0, 0, number).astype(X.dtype)], 1)

    def decode(self, Z):
        """Return 0 or the number of each cell, whichever is more probable."""
        on, number = np.split(Z, 2, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            number = super().decode(number / on)
        return np.where(on < 0.5, 0, number).astype(Z.dtype)

    def log_volumes(self, Z):
        """Return the log of the width of each number; 0 for a cell that is 0."""
        on, number = np.split(Z, 2, axis=1)
        return np.where(on == 1, super().log_volumes(number), 0.0)


def _scales(scale, facts):
    """Return the standard deviations of all rows; constant columns keep the scale 1."""
    is_constant = (scale == 1) | (facts.variance <= 0)
    return np.where(is_constant, scale, np.sqrt(facts.variance))
