"""The rows of a fit, as the training needs them."""

from typing import NamedTuple

import numpy as np


class TrainingRows(NamedTuple):
    """The rows of a fit, as the training needs them.

    Attributes
    ----------
    units : {ndarray, CSR matrix} of shape (n, n_units)
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    layer : layer or None
        The visible layer.
    hooks : dict
        The arguments of ``fit`` that callbacks may ask for.
    go_on : bool
        Whether the last training goes on. Else a new one begins.
    is_stream : bool
        Whether the rows are a part of a stream, of which no rows are held out.
    labels : ndarray of int of shape (n,) or None
        Labels by which the held-out rows are stratified.
    held_out : tuple of ndarray or CSR matrix, and ndarray or None; default=None
        Rows that neither the recipe nor the training sees, and their weights.
    keeper : object, default=None
        Keeps the states of the trainings of this fit; see :func:`skebm.training.train`.
    on_disk : RowsOnDisk, default=None
        All rows, if ``units`` are but a sample of them.
    all_weights : ndarray of shape (n_rows,), default=None
        The weights of the rows on disk, if they have some.
    """

    units: np.ndarray
    weight: np.ndarray | None
    layer: object
    hooks: dict
    go_on: bool
    is_stream: bool
    labels: np.ndarray | None = None
    held_out: tuple | None = None
    keeper: object = None
    on_disk: object = None
    all_weights: np.ndarray | None = None

    @property
    def n_rows(self):
        """Number of rows, in memory or on disk."""
        return (self.units if self.on_disk is None else self.on_disk).shape[0]

    @property
    def mass(self):
        """Total weight of the rows; None if they have no weights."""
        if self.on_disk is not None:
            return self.on_disk.mass
        return None if self.weight is None else self.weight.sum()
