"""The rows of a fit, as the training needs them."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse, vstack

from skebm.utils._hold_out import hold_out, hold_out_groups

# Smallest share of the visits of an epoch that rows with a label get.
_LEAST = 0.25


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
        Labels by which the held-out rows are stratified; -1 for rows without a label.
    held_out : tuple of ndarray or CSR matrix, and ndarray or None; default=None
        Rows that neither the recipe nor the training sees, and their weights.
    keeper : object, default=None
        Keeps the states of the trainings of this fit; see :func:`skebm.training.train`.
    on_disk : RowsOnDisk, default=None
        All rows, if ``units`` are but a sample of them.
    all_weights : ndarray of shape (n_rows,), default=None
        The weights of the rows on disk, if they have some.
    in_chains : bool, default=False
        Whether the last unit is 1 where a chain of rows begins.
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
    in_chains: bool = False

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

    def parted(self, share, random):
        """Return the rows without a share of rows with a label, which is held out.

        Chains are held out as a whole.
        """
        if self.labels is None or (there := self.labels >= 0).all():
            return self._parted(share, random)
        parts, rest = self._taken(there)._parted(share, random), self._taken(~there)
        stack = vstack if issparse(rest.units) else np.concatenate
        weight = rest.weight
        if weight is not None:
            weight = np.concatenate([parts.weight, weight])
        return parts._replace(
            units=stack([parts.units, rest.units]),
            weight=weight,
            labels=np.concatenate([parts.labels, rest.labels]),
        )

    def _parted(self, share, random):
        if self.in_chains:
            kept, held_out = hold_out_groups(self.units, share, random)
        else:
            weight, n = self.weight, self.units.shape[0]
            there = np.arange(n) if weight is None else np.flatnonzero(weight)
            kept, held_out = hold_out(there, self.labels, share, random)
        rest = self._taken(kept)
        if self.on_disk is not None:
            rest = rest._replace(on_disk=self.on_disk.without(held_out, kept))
        return rest._replace(held_out=self._taken(held_out)[:2])

    def visited(self):
        """Return the rows of an epoch.

        Rows with a label occur several times where they are few, at weights that make
        up for it.
        """
        if self.labels is None:
            return self
        there = self.labels >= 0
        n_labelled, n_others = there.sum(), (~there).sum()
        times = int(np.ceil(_LEAST / (1 - _LEAST) * n_others / n_labelled))
        if times <= 1:
            return self
        counts = np.where(there, times, 1)
        weight = np.ones(len(there)) if self.weight is None else self.weight
        repeated = self._taken(np.repeat(np.arange(len(there)), counts))
        return repeated._replace(weight=np.repeat(weight / counts, counts))

    def _taken(self, chosen):
        """Return chosen rows."""
        weight, labels = (
            None if facts is None else facts[chosen]
            for facts in (self.weight, self.labels)
        )
        return self._replace(units=self.units[chosen], weight=weight, labels=labels)
