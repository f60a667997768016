"""Conversion of the numbers of a table to units of a visible layer, and back."""

from typing import NamedTuple

import numpy as np

from skebm.layers import Columns
from skebm.tables.kinds import columns_by_kind, find_kind
from skebm.utils._sparse import dense

# Step of the differences of the volumes of curves, in standard deviations.
_STEP = 1e-5


class Encoding(NamedTuple):
    """The fitted kinds of the columns of a table, side by side.

    Attributes
    ----------
    kinds : tuple of Kind
        Each kind is fitted to its columns.
    columns : tuple of ndarray of int
        The columns of the table of each kind.
    """

    kinds: tuple
    columns: tuple

    @classmethod
    def fit(cls, X, kinds, sizes, weight):
        """Fit the kinds of a table.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n, n_features)
            NaN where a number is missing.
        kinds : sequence of str of length n_features
            The name of the kind of each column.
        sizes : sequence of int of length n_features
            Number of numbered values or counts of each column; 0 for other columns.
        weight : ndarray of shape (n,) or None
        """
        sizes, columns = np.asarray(sizes), columns_by_kind(kinds)
        fitted = []
        for name, positions in columns.items():
            kind = find_kind(name)
            kind = kind.fit(_take(X, positions), sizes[positions], weight)
            kind.name = name
            fitted.append(kind)
        return cls(tuple(fitted), tuple(columns.values()))

    def refined(self, facts):
        """Return the encoding with what is known of all rows.

        Parameters
        ----------
        facts : Facts
            Of all columns of the table.
        """
        pairs = zip(self.kinds, self.columns, strict=True)
        kinds = [kind.refined(facts.take(columns)) for kind, columns in pairs]
        for new, old in zip(kinds, self.kinds, strict=True):
            new.name = old.name
        return self._replace(kinds=tuple(kinds))

    @classmethod
    def identity(cls, kind, n_features):
        """Return the encoding that does not change columns of one kind."""
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
    def joint_variance_of_counts(self):
        """The largest eigenvalue of the covariance of counts; 0 if there are none."""
        return max(kind.joint_variance for kind in self.kinds)

    @property
    def spread(self):
        """The largest eigenvalue of the correlations of real columns, at least 1."""
        return max(1.0, *(kind.spread for kind in self.kinds))

    @property
    def is_curved(self):
        """Whether means of some columns come from draws."""
        return any(kind.is_curved for kind in self.kinds)

    @property
    def categories(self):
        """The columns of categories, whose numbers mean nothing, ndarray of int."""
        pairs = zip(self.kinds, self.columns, strict=True)
        columns = [columns for kind, columns in pairs if kind.numbers_categories]
        return np.concatenate([np.arange(0), *columns])

    @property
    def scaled_columns(self):
        """The columns of the table with a scale that ``fit`` learns, ndarray of int."""
        pairs = zip(self.kinds, self.columns, strict=True)
        columns = [columns for kind, columns in pairs if kind.learns_scale]
        return np.concatenate([np.arange(0), *columns])

    @property
    def variables(self):
        """The column of the table that each unit belongs to, int, shape (n_units,)."""
        pairs = zip(self.kinds, self.columns, strict=True)
        return np.concatenate([columns[kind.variables] for kind, columns in pairs])

    @property
    def order(self):
        """The numbers of the units in the order of the columns of the table."""
        return np.argsort(self.variables, kind="stable")

    def layer(self, dtype):
        """Return the visible layer."""
        layers = [kind.layer(dtype) for kind in self.kinds]
        return layers[0] if len(layers) == 1 else Columns(layers)

    def encode(self, X):
        """Return the rows in the units of the layer, in the dtype of ``X``.

        NaN in a column becomes NaN in all units of the column.
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
        """Return the numbers of rows of units, or of expectations of units."""
        if len(self.kinds) == 1:
            return self.kinds[0].decode(Z)
        blocks = [kind.decode(block) for kind, block in self._blocks(Z)]
        return self.in_order(np.concatenate(blocks, axis=1))

    def best_guess(self, Z, decoded):
        """Return the best guess of the numbers of the table.

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

        The log-density in the user's units is the log-density in the units of the layer
        minus the sum of these logs over the columns (change of variables).

        Parameters
        ----------
        Z : ndarray of shape (n, n_units)
            Rows in the units of the layer. Further columns are ignored.

        Returns
        -------
        ndarray of shape (n, n_features) or (1, n_features), float64
            In nats; 0 for holes, and for columns without real numbers.
        """
        volumes = [kind.log_volumes(block) for kind, block in self._blocks(Z)]
        n_rows = max(map(len, volumes))
        volumes = [np.broadcast_to(v, (n_rows, v.shape[1])) for v in volumes]
        return self.in_order(np.concatenate(volumes, axis=1))

    def log_volume(self, Z):
        """Return the sum of :meth:`log_volumes` over columns, shape (n,) or (1,)."""
        return self.log_volumes(Z).sum(axis=1)

    def slopes(self, slope, Z):
        """Return slopes of minus the log-density in the user's units.

        Parameters
        ----------
        slope : ndarray of shape (n, n_units)
            Slopes at ``Z``, in the units of the layer.
        Z : ndarray of shape (n, n_units)
            Rows of columns with one real unit each.

        Returns
        -------
        ndarray of shape (n, n_features), float64
        """
        Z, slope = Z.astype(np.float64), self.in_order(slope.astype(np.float64))
        ends = [self.log_volumes(Z + step) for step in (_STEP, -_STEP)]
        bend = (ends[0] - ends[1]) / (2 * _STEP)
        return (slope + bend) * np.exp(-self.log_volumes(Z))

    def in_order(self, by_kind):
        """Return columns that are sorted by kind in the order of the table."""
        if len(self.kinds) == 1:
            return by_kind
        return by_kind[:, np.argsort(np.concatenate(self.columns))]

    def _blocks(self, Z):
        """Yield each kind with the columns of its units."""
        start = 0
        for kind in self.kinds:
            stop = start + len(kind.variables)
            yield kind, Z[:, start:stop]
            start = stop


def _take(X, columns):
    return X if len(columns) == X.shape[1] else X[:, columns]
