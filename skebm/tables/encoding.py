"""From a table's numbers to the units of a visible layer, and back."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.extmath import randomized_svd

from skebm.layers import Columns, Gaussian
from skebm.tables.kinds import CODECS, Counts
from skebm.utils._sparse import dense


class Encoding(NamedTuple):
    """One codec for the columns of each kind, side by side.

    Attributes
    ----------
    codecs : tuple of Codec
    columns : tuple of ndarray of int
        The columns of the table that each codec has.
    spread : float
        The largest eigenvalue of the correlations of real columns: 1 if there are none,
        or no correlations, and their number if they are all the same.
    """

    codecs: tuple
    columns: tuple
    spread: float = 1.0

    @classmethod
    def fit(cls, X, kinds, sizes, weight):
        """Fit the codecs of a table.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_features)
            Numbers, with NaN where one is missing.
        kinds : sequence of str of length n_features
        sizes : sequence of int of length n_features
            Number of known values of columns that are numbered.
        weight : ndarray of shape (n,) or None
        """
        if weight is not None:
            X, weight = X[weight > 0], weight[weight > 0]
        sizes, columns = np.asarray(sizes), _columns_of(kinds)
        codecs = [
            CODECS[kind].fit(_part(X, own), sizes[own], weight)
            for kind, own in columns.items()
        ]
        real = [
            _largest_eigenvalue(codec.encode(_some(_part(X, own))))
            for codec, own in zip(codecs, columns.values(), strict=True)
            if codec.units is Gaussian
        ]
        return cls(tuple(codecs), tuple(columns.values()), max([1.0, *real]))

    @classmethod
    def identity(cls, kind, n_features):
        """Return the encoding that leaves columns of one kind as they are."""
        if kind == "gaussian":
            codec = CODECS[kind](np.zeros(n_features), np.ones(n_features))
        else:
            codec = CODECS[kind](n_features)
        return cls((codec,), (np.arange(n_features),))

    @property
    def n_features(self):
        """Number of columns of the table."""
        return sum(map(len, self.columns))

    @property
    def layer_names(self):
        """The class names of the layers, in lower case."""
        return tuple(codec.units.__name__.lower() for codec in self.codecs)

    @property
    def variance_of_counts(self):
        """The largest variance of a column of counts; 0 if there is none."""
        return max((c.variance for c in self.codecs if type(c) is Counts), default=0.0)

    @property
    def variables(self):
        """The column of the table that each unit belongs to, int, shape (n_units,)."""
        pairs = zip(self.codecs, self.columns, strict=True)
        return np.concatenate([columns[codec.variables] for codec, columns in pairs])

    @property
    def order(self):
        """The units in the order of the table's columns."""
        return np.argsort(self.variables, kind="stable")

    def layer(self, dtype):
        """Return the visible layer."""
        layers = [codec.layer(dtype) for codec in self.codecs]
        return layers[0] if len(layers) == 1 else Columns(layers)

    def encode(self, X):
        """Return the rows in the units of the layer, in the dtype of ``X``.

        A column that is NaN is NaN in all its units.
        """
        if len(self.codecs) == 1:
            return self.codecs[0].encode(X)
        X, pairs = dense(X), zip(self.codecs, self.columns, strict=True)
        units = np.empty((len(X), len(self.variables)), dtype=X.dtype)
        start = 0
        for codec, columns in pairs:
            stop = start + len(codec.variables)
            units[:, start:stop] = codec.encode(X[:, columns])
            start = stop
        return units

    def decode(self, Z):
        """Return the rows in the table's numbers, from units or their expectations."""
        if len(self.codecs) == 1:
            return self.codecs[0].decode(Z)
        parts = [codec.decode(part) for codec, part in self._parts(Z)]
        return self.in_order(np.concatenate(parts, axis=1))

    def best_guess(self, Z, decoded):
        """Return the best guess of the table's numbers; see :class:`Codec`."""
        pairs = zip(self._parts(Z), self.columns, strict=True)
        parts = [c.best_guess(part, decoded[:, own]) for (c, part), own in pairs]
        return self.in_order(np.concatenate(parts, axis=1))

    def log_volumes(self, Z):
        """Return what a unit volume stands for in the user's units, as a log.

        A density of the user's values is that of the units less these, summed over
        columns: change of variables.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Rows in the units of the layer; columns beyond are left aside.

        Returns
        -------
        ndarray of shape (n, n_features) or (1, n_features), float64
            In nats; 0 for values that are counted, and for holes.
        """
        parts = [codec.log_volumes(part) for codec, part in self._parts(Z)]
        n_rows = max(map(len, parts))
        parts = [np.broadcast_to(p, (n_rows, p.shape[1])) for p in parts]
        return self.in_order(np.concatenate(parts, axis=1))

    def log_volume(self, Z):
        """Return the sum of :meth:`log_volumes` over columns, (n,) or (1,)."""
        return self.log_volumes(Z).sum(axis=1)

    def in_order(self, parts):
        """Return what stands codec after codec in the order of the table's columns."""
        if len(self.codecs) == 1:
            return parts
        return parts[:, np.argsort(np.concatenate(self.columns))]

    def _parts(self, Z):
        start = 0
        for codec in self.codecs:
            stop = start + len(codec.variables)
            yield codec, Z[:, start:stop]
            start = stop


def _columns_of(kinds):
    """Return the columns of each kind, in the order of first appearance."""
    kinds = np.asarray(kinds)
    return {str(kind): np.flatnonzero(kinds == kind) for kind in dict.fromkeys(kinds)}


def _some(X, n_rows=2000):
    """Return about so many rows at most, from everywhere."""
    return X[:: max(1, X.shape[0] // n_rows)]


def _largest_eigenvalue(Z):
    """Return that of the second moments of rows; holes count as the mean, 0."""
    Z = np.nan_to_num(dense(Z))
    return float(randomized_svd(Z, 1, random_state=0)[1][0] ** 2 / len(Z))


def _part(X, columns):
    return X if len(columns) == X.shape[1] else X[:, columns]
