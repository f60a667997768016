"""From the user's columns to the units of a visible layer, and back."""

from itertools import groupby
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.sparsefuncs import mean_variance_axis

from skebm.layers import LAYERS, Columns
from skebm.utils._sparse import dense
from skebm.utils._validation import lookup


class Encoding(NamedTuple):
    """Columns that are Gaussian are standardised; all others stay as they are.

    Attributes
    ----------
    kinds : tuple of str of length n_features
        The layer's name for each column.
    location, scale : ndarray of shape (n_features,), float64
    """

    kinds: tuple
    location: np.ndarray
    scale: np.ndarray

    @classmethod
    def identity(cls, kinds):
        """Return the encoding that leaves all columns as they are."""
        return cls(kinds, np.zeros(len(kinds)), np.ones(len(kinds)))

    @classmethod
    def fit(cls, X, kinds, weight):
        """Take location and scale of the Gaussian columns from the data."""
        encoding = cls.identity(kinds)
        gaussian = np.array(kinds) == "gaussian"
        if gaussian.any():
            mean, variance = moments(X, weight)
            scale = np.sqrt(variance)
            # A constant column, up to rounding, keeps its unit.
            scale[scale <= 10 * np.finfo(X.dtype).eps * np.abs(mean)] = 1.0
            scale[scale == 0] = 1.0
            encoding.location[gaussian] = mean[gaussian]
            encoding.scale[gaussian] = scale[gaussian]
        return encoding

    @property
    def is_identity(self):
        """Whether all columns stay as they are."""
        return "gaussian" not in self.kinds or (
            not self.location.any() and (self.scale == 1).all()
        )

    def log_volume(self, X):
        """Log of the volume that a unit volume here stands for, for each row."""
        if self.is_identity:
            return np.zeros(X.shape[0])
        return ~np.isnan(dense(X)) @ np.log(self.scale)

    def layer(self, dtype):
        """Return the visible layer: one for each run of columns of one kind."""
        layers = [
            LAYERS[kind].zeros(len(list(run)), dtype)
            for kind, run in groupby(self.kinds)
        ]
        return layers[0] if len(layers) == 1 else Columns(layers)

    def encode(self, X):
        """Return the rows in the units of the layer, in the dtype of ``X``."""
        if self.is_identity:
            return X
        # In float64, since a float32 column may lie far from zero for its width.
        return ((dense(X) - self.location) / self.scale).astype(X.dtype)

    def decode(self, Z):
        """Return the rows in the user's units."""
        if self.is_identity:
            return Z
        return (Z * self.scale + self.location).astype(Z.dtype)


def moments(X, weight):
    """Return weighted mean and variance of each column, float64."""
    if issparse(X):
        return tuple(
            np.asarray(m, dtype=np.float64)
            for m in mean_variance_axis(X, axis=0, weights=weight)
        )
    seen = ~np.isnan(X)
    share = seen if weight is None else seen * weight[:, None]
    total = share.sum(axis=0)
    X = np.where(seen, X, 0)
    mean = (X * share).sum(axis=0, dtype=np.float64) / total
    return mean, (np.square(X - mean) * share).sum(axis=0, dtype=np.float64) / total


def resolve_kinds(visible, X):
    """Return the layer's name for each column of ``X``.

    ``"auto"`` is Bernoulli if all values lie in [0, 1], else Gaussian; a list names
    each column's layer.
    """
    n_features = X.shape[1]
    if isinstance(visible, str):
        lookup(visible, {"auto": None, **LAYERS}, "visible")
        if visible == "auto":
            values = X.data if issparse(X) else X
            inside = values.size == 0 or (values.min() >= 0 and values.max() <= 1)
            visible = "bernoulli" if inside else "gaussian"
        kinds = (visible,) * n_features
    else:
        kinds = tuple(visible)
    for kind in dict.fromkeys(kinds):
        lookup(kind, LAYERS, "visible")
    if len(kinds) != n_features:
        raise ValueError(
            f"visible names {len(kinds)} layers, but X has {n_features} columns. Name "
            "one layer for all columns, or one for each."
        )
    return kinds


def check_domain(X, kinds, names, remedy="use visible='gaussian'"):
    """Raise a sentence that names the columns of ``X`` outside their layer's domain."""
    for kind in dict.fromkeys(kinds):
        part = np.flatnonzero(np.array(kinds) == kind)
        layer = LAYERS[kind]
        if kind == "gaussian":
            continue  # finite numbers, which validation has seen to
        values = X if len(part) == X.shape[1] else X[:, part]
        if issparse(values):
            values = values.tocoo()
            bad = np.unique(values.col[layer.outside(values.data)])
            if layer.outside(np.zeros(1))[0]:
                bad = np.arange(len(part))
        else:
            if not layer.outside(values).any():
                continue
            bad = np.flatnonzero(layer.outside(values).any(axis=0))
        if len(bad):
            columns = [
                f"column {j}" if names is None else repr(names[j]) for j in part[bad]
            ]
            more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
            raise ValueError(
                f"{kind.capitalize()} units take {layer.domain}, but "
                f"{', '.join(columns[:5])}{more} of X has others. Scale the "
                f"columns, or {remedy}."
            )
