"""Rows of a table that have been read as numbers."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from skebm.utils._sparse import dense


class Rows(NamedTuple):
    """Rows that have been validated and read as numbers.

    Methods hand them to each other, so that rows are read once.

    Attributes
    ----------
    numbers : {ndarray, CSR matrix} of shape (n_samples, n_features)
        NaN where a cell is missing.
    index : Index or None
        Labels of the rows of a pandas frame.
    source : DataFrame or None
        The rows as the user passed them, if they are read column by column.
    filled_cells : ndarray of bool of shape (n_samples, n_features) or None
        Which cells were filled in. The others come back as they were.
    """

    numbers: object
    index: pd.Index | None = None
    source: pd.DataFrame | None = None
    filled_cells: np.ndarray | None = None

    @property
    def holes(self):
        """Which cells are missing, bool, shape (n_samples, n_features)."""
        return np.isnan(dense(self.numbers))

    def filled(self, numbers, n_each=1):
        """Return the rows with numbers in their holes.

        Parameters
        ----------
        numbers : ndarray of shape (n_samples * n_each, n_features)
            Only the numbers in the holes are used.
        n_each : int, default=1
            Number of times that each row is repeated.
        """
        repeated = np.repeat(dense(self.numbers), n_each, axis=0)
        index = None if self.index is None else self.index.repeat(n_each)
        source, hole = self.source, np.isnan(repeated)
        if source is not None and n_each != 1:
            source = source.take(np.arange(len(source)).repeat(n_each))
        return Rows(np.where(hole, numbers, repeated), index, source, hole)

    def with_filled_holes(self, numbers):
        """Return the rows with numbers in the holes of rows that have holes.

        Parameters
        ----------
        numbers : ndarray of shape (n_incomplete, n_features)
            Numbers for the rows with holes, in the order of these rows.
        """
        filled = dense(self.numbers).copy()
        has_holes = self.holes.any(axis=1)
        filled[has_holes] = Rows(filled[has_holes]).filled(numbers).numbers
        return Rows(filled, self.index, self.source, self.holes)
