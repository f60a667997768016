"""From a table's numbers to the units of a visible layer, and back."""

from typing import NamedTuple

import numpy as np

from skebm.layers import Columns
from skebm.tables.kinds import columns_by_kind, find_kind
from skebm.utils._sparse import dense


class Encoding(NamedTuple):
    """The kinds of a table's columns, side by side.

    Attributes
    ----------
    kinds : tuple of Kind
        Each is fitted to its columns.
    columns : tuple of ndarray of int
        The columns of the table that are of each kind.
    """

    kinds: tuple
    columns: tuple

    @classmethod
    def fit(cls, X, kinds, sizes, weight):
        """Fit the kinds of a table.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_features)
            Numbers, with NaN where one is missing.
        kinds : sequence of str of length n_features
            The name of each column's kind.
        sizes : sequence of int of length n_features
            Number of values of columns whose values are counted, else 0.
        weight : ndarray of shape (n,) or None
        """
        if weight is not None:
            X, weight = X[weight > 0], weight[weight > 0]
        sizes, columns = np.asarray(sizes), columns_by_kind(kinds)
        fitted = []
        for name, where in columns.items():
            kind = find_kind(name).fit(_take(X, where), sizes[where], weight)
            kind.name = name
            fitted.append(kind)
        return cls(tuple(fitted), tuple(columns.values()))

    @classmethod
    def identity(cls, kind, n_features):
        """Return the encoding that leaves columns of one kind as they are."""
        unchanged = find_kind(kind).unchanged(n_features)
        unchanged.name = kind
        return cls((unchanged,), (np.arange(n_features),))

    @property
    def n_features(self):
        """Number of columns of the table."""
        return sum(map(len, self.columns))

    @property
    def variance_of_counts(self):
        """The largest variance of a column of counts; 0 if there is none."""
        return max(kind.variance for kind in self.kinds)

    @property
    def spread(self):
        """The largest eigenvalue of the correlations of real columns, at least 1."""
        return max(1.0, *(kind.spread for kind in self.kinds))

    @property
    def variables(self):
        """The column of the table that each unit belongs to, int, shape (n_units,)."""
        pairs = zip(self.kinds, self.columns, strict=True)
        return np.concatenate([columns[kind.variables] for kind, columns in pairs])

    @property
    def order(self):
        """The units in the order of the table's columns."""
        return np.argsort(self.variables, kind="stable")

    def layer(self, dtype):
        """Return the visible layer."""
        layers = [kind.layer(dtype) for kind in self.kinds]
        return layers[0] if len(layers) == 1 else Columns(layers)

    def encode(self, X):
        """Return the rows in the units of the layer, in the dtype of ``X``.

        A column that is NaN is NaN in all its units.
        """
        if len(self.kinds) == 1:
            return self.kinds[0].encode(X)
        X, pairs = dense(X), zip(self.kinds, self.columns, strict=True)
        Z = np.empty((len(X), len(self.variables)), dtype=X.dtype)
        start = 0
        for kind, columns in pairs:
            stop = start + len(kind.variables)
            Z[:, start:stop] = kind.encode(X[:, columns])
            start = stop
        return Z

    def decode(self, Z):
        """Return the rows in the table's numbers, from units or their expectations."""
        if len(self.kinds) == 1:
            return self.kinds[0].decode(Z)
        blocks = [kind.decode(block) for kind, block in self._blocks(Z)]
        return self.in_order(np.concatenate(blocks, axis=1))

    def best_guess(self, Z, decoded):
        """Return the best guess of the table's numbers.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Expectations of the units.
        decoded : ndarray of shape (n, n_features)
            Means of decoded draws.
        """
        pairs = zip(self._blocks(Z), self.columns, strict=True)
        guesses = [
            kind.best_guess(block, decoded[:, columns])
            for (kind, block), columns in pairs
        ]
        return self.in_order(np.concatenate(guesses, axis=1))

    def log_volumes(self, Z):
        """Return the log of the volume, in the user's units, of a unit volume of ``Z``.

        By the change of variables, the log-density of the user's values is the
        log-density of the units less these, summed over columns.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Rows in the units of the layer; further columns are ignored.

        Returns
        -------
        ndarray of shape (n, n_features) or (1, n_features), float64
            In nats; 0 for values that are counted, and for holes.
        """
        volumes = [kind.log_volumes(block) for kind, block in self._blocks(Z)]
        n_rows = max(map(len, volumes))
        volumes = [np.broadcast_to(v, (n_rows, v.shape[1])) for v in volumes]
        return self.in_order(np.concatenate(volumes, axis=1))

    def log_volume(self, Z):
        """Return the sum of :meth:`log_volumes` over columns, (n,) or (1,)."""
        return self.log_volumes(Z).sum(axis=1)

    def in_order(self, by_kind):
        """Return columns that stand kind after kind in the order of the table."""
        if len(self.kinds) == 1:
            return by_kind
        return by_kind[:, np.argsort(np.concatenate(self.columns))]

    def _blocks(self, Z):
        """Yield each kind with its units."""
        start = 0
        for kind in self.kinds:
            stop = start + len(kind.variables)
            yield kind, Z[:, start:stop]
            start = stop


def _take(X, columns):
    return X if len(columns) == X.shape[1] else X[:, columns]
