"""Monotone transforms of columns, chosen by likelihood."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.special import ndtr

from skebm.tables.arrays import are_rounding
from skebm.tables.curves._choice import REACH, best_shape, natural_ends
from skebm.tables.curves._logarithm import Logarithm
from skebm.tables.curves._sample import Sample
from skebm.tables.curves._yeo_johnson import YeoJohnson
from skebm.utils._moments import moments

# Fit's numbers have an edge where a normal distribution has more rows beyond than this.
_MAX_BEYOND = 3
_PERCENT = 100.0
_OUTWARDS = np.array([1, -1])


class Line:
    """The transform that changes nothing."""

    def transform(self, x):
        """Return the numbers."""
        return x

    def inverse(self, y):
        """Return the numbers."""
        return y

    def log_width(self, y):
        """Return 0 for each number, and NaN for a hole."""
        return np.where(np.isnan(y), np.nan, 0.0)


class Curve(NamedTuple):
    """A monotone transform of one column, followed by standardisation.

    Attributes
    ----------
    shape : Line, YeoJohnson or Logarithm
    location, scale : float
        Mean and standard deviation after the transform.
    low, high : float
        Smallest and largest decoded number.
    """

    shape: object = Line()
    location: float = 0.0
    scale: float = 1.0
    low: float = -np.inf
    high: float = np.inf

    @classmethod
    def fit(cls, x, weight, family="best"):
        """Return the curve with the largest weighted likelihood.

        Parameters
        ----------
        x : ndarray of shape (n,)
            NaN is ignored.
        weight : ndarray of shape (n,) or None
        family : {"best", "line", "power", "log"}, default="best"
            The transform: the best of all, or none, which both respect the ends of the
            column; a Yeo-Johnson transform about 0; or the logarithm.
        """
        x, weight = observed(x, weight)
        if not len(x):
            # The column holds nothing but zeros, so any curve will do.
            x, weight = np.ones(1), None
        sample = Sample.of(x, weight)
        curve = _FAMILIES[family](sample)
        y = curve.shape.transform(x.astype(np.float64))
        location, scale = standards(y[:, None], weight, x.dtype)
        curve = curve._replace(location=float(location[0]), scale=float(scale[0]))
        return _stopped(curve, sample) if family in ("best", "line") else curve

    @property
    def is_straight(self):
        """Whether the curve is a line."""
        return isinstance(self.shape, Line)

    def encode(self, x):
        """Return the standardised transform of numbers."""
        y = self.shape.transform(np.asarray(x, dtype=np.float64))
        return (y - self.location) / self.scale

    def decode(self, z):
        """Return the numbers, clipped to ``low`` and ``high``."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        with np.errstate(over="ignore"):
            return np.clip(self.shape.inverse(y), self.low, self.high)

    def log_width(self, z):
        """Return ``log(dx / dz)`` at numbers whose standardised transform is ``z``."""
        y = np.asarray(z, dtype=np.float64) * self.scale + self.location
        return np.log(self.scale) + self.shape.log_width(y)


def _power(sample):
    top = _far(sample)
    return Curve(YeoJohnson.fit(sample), low=-top, high=top)


def _log(sample):
    shape = Logarithm(0.0, np.inf, 0.0, -np.inf, np.inf)
    return Curve(shape, low=min(sample.low, 1.0) / REACH, high=_far(sample))


def _best(sample):
    """Return the best curve, whose decoded numbers stay within the ends."""
    shape = best_shape(sample, natural_ends(sample)) or Line()
    return _line(sample)._replace(shape=shape)


def _line(sample):
    """Return a straight line, whose decoded numbers stay within the ends.

    Numbers that cannot pass 0 are decoded to a tenth of the one nearest to 0 or more.
    """
    ends, top = natural_ends(sample), _far(sample)
    low = sample.low / REACH if ends[0] == 0 else -top
    high = sample.high / REACH if ends[1] == 0 else min(top, _whole(sample))
    if sample.is_whole:
        low, high = np.ceil(low), np.floor(high)
    return Curve(low=float(low), high=float(high))


def _whole(sample):
    """Return 1 or 100 if these may be shares or percentages, else infinity.

    Few rows of other positive numbers lie beyond, if fit's numbers reach half of it.
    """
    if sample.low < 0 or sample.high > _PERCENT:
        return np.inf
    if sample.high <= 1:
        return 1.0
    return _PERCENT if sample.high > _PERCENT / 2 else np.inf


def _stopped(curve, sample):
    """Return the curve with limits at the numbers of fit that are sharp edges.

    An edge is the end of an interval that was estimated from fit's numbers, a number at
    which rows pile up, or one beyond which a normal distribution has rows, but fit has
    not.
    """
    if len(sample.values) == 1:
        return curve
    natural = natural_ends(sample)
    ends = getattr(curve.shape, "ends", natural)
    is_estimated = np.isfinite(ends) & np.not_equal(ends, natural)
    beyond = sample.size * ndtr(_OUTWARDS * curve.encode([sample.low, sample.high]))
    is_edge = is_estimated | sample.piles | (beyond > _MAX_BEYOND)
    low, high = np.where(is_edge, [sample.low, sample.high], [curve.low, curve.high])
    return curve._replace(low=float(low), high=float(high))


def _far(sample):
    return REACH * (max(abs(sample.low), abs(sample.high)) or 1.0)


_FAMILIES = {"best": _best, "line": _line, "power": _power, "log": _log}


def observed(x, weight):
    """Return the numbers that are not NaN, and their weights."""
    is_number = ~np.isnan(x)
    return x[is_number], None if weight is None else weight[is_number]


def standards(X, weight, dtype=None):
    """Return location and scale of each column; the scale of a constant column is 1.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_columns)
    weight : ndarray of shape (n,) or None
    dtype : dtype, default=None
        The dtype that rounded the numbers. None is the dtype of ``X``.
    """
    mean, variance = moments(X, weight)
    scale = np.sqrt(variance)
    if not issparse(X):
        scale[_are_constant(X, dtype or X.dtype)] = 1.0
    scale[scale == 0] = 1.0
    return mean, scale


def _are_constant(X, dtype):
    """Tell which columns are constant up to rounding."""
    low, high = (f.reduce(X, axis=0) for f in (np.fmin, np.fmax))
    largest = np.maximum(np.abs(low), np.abs(high))
    constant = high - low <= 10 * np.finfo(dtype).eps * largest
    for j in np.flatnonzero(~constant & (largest < 1e-10)):
        constant[j] = are_rounding(np.unique(X[~np.isnan(X[:, j]), j]))
    return constant
