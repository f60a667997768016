"""The first rows of a stream, by which the scale of real columns settles."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse, vstack

from skebm.utils._sparse import dense

# A standard deviation of this many rows is off by 7 %.
_ENOUGH = 100
# Rows that are kept while a column has but one value.
_MOST = 1000


class FirstRows(NamedTuple):
    """The first rows of a stream, while there are too few to know the scale.

    Attributes
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_features)
        The numbers of the table.
    weight, labels : ndarray of shape (n,) or None
    n_settled : int
        Number of rows by which the scale was last settled.
    """

    X: object
    weight: np.ndarray | None
    labels: np.ndarray | None
    n_settled: int = 0

    def joined(self, other, columns):
        """Return the rows with those of another piece, and whether to settle anew.

        The scale settles anew as long as the number of rows doubles, and for the last
        time when there are enough rows.

        Parameters
        ----------
        other : FirstRows
        columns : ndarray of int
            The columns with a scale.
        """
        if issparse(self.X) and issparse(other.X):
            X = vstack([self.X, other.X], format="csr")
        else:
            X = np.concatenate([dense(self.X), dense(other.X)])
        labels, weight = self.labels, None
        if labels is not None:
            labels = np.concatenate([labels, other.labels])
        if self.weight is not None or other.weight is not None:
            weight = np.concatenate([self._weights, other._weights])
        rows = self._replace(X=X, weight=weight, labels=labels)
        are_many = X.shape[0] >= 2 * self.n_settled
        return rows, are_many or rows._are_enough(columns)

    def unsettled(self, columns, is_new):
        """Return the rows to keep for the next call; None if the scale is settled.

        Parameters
        ----------
        columns : ndarray of int
            The columns with a scale.
        is_new : bool
            Whether the scale was settled with these rows.
        """
        if self._are_enough(columns):
            return None
        return self._replace(n_settled=self.X.shape[0]) if is_new else self

    @property
    def _weights(self):
        return np.ones(self.X.shape[0]) if self.weight is None else self.weight

    def _are_enough(self, columns):
        n_rows = self.X.shape[0]
        if not len(columns) or n_rows >= _MOST:
            return True
        if n_rows < _ENOUGH:
            return False
        X = dense(self.X[:, columns])
        low, high = (edge(X, axis=0) for edge in (np.fmin.reduce, np.fmax.reduce))
        is_seen = (~np.isnan(X)).sum(axis=0) >= _ENOUGH
        return bool((is_seen & (low < high)).all())
