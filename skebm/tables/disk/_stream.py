"""Rows on disk in the units of a layer, in buffers of rows from many places."""

from dataclasses import dataclass, replace

import numpy as np

from skebm.utils._parallel import ahead

# A run is what is read at a time. A buffer consists of a thousand runs, so its rows
# come from a thousand places, also if the file is sorted. Two buffers are in memory.
_RUN_BYTES, _BUFFER_BYTES = 2**16, 2**26


class Buffer:
    """Rows in memory as they were read, which turn into units when they are taken.

    Parameters
    ----------
    numbers : ndarray of shape (n, n_features)
    unpack : callable
        Returns rows of ``numbers`` in the units of the layer.
    positions : ndarray of int of shape (n,)
        Where the rows are in the whole table.
    behind : callable, default=None
        ``behind(units, positions)`` returns rows with their labels behind the units.
    """

    def __init__(self, numbers, unpack, positions, behind=None):
        self.numbers, self.unpack, self.positions = numbers, unpack, positions
        self.shape, self.behind = numbers.shape, behind

    def __getitem__(self, rows):
        units = self.unpack(self.numbers[rows])
        return self.behind(units, self.positions[rows]) if self.behind else units

    def unpacked(self, batches):
        """Return the rows of several minibatches as one array, and where they are."""
        rows = np.concatenate(batches)
        ends = np.cumsum([len(batch) for batch in batches])[:-1]
        return self[rows], np.split(np.arange(len(rows)), ends)


@dataclass(frozen=True)
class RowsOnDisk:
    """The rows of a training that are read in buffers.

    Attributes
    ----------
    source : object
        With ``shape``, ``dtype`` and ``read(lo, hi)``.
    unpack : callable
        Returns rows that were read in the units of the layer.
    sampled : ndarray of int
        The positions of the rows that are in memory, in ascending order.
    mass : float
        Number or total weight of the rows.
    left_out : ndarray of int
        The positions of rows that are held out, in ascending order.
    behind : callable or None
        Puts labels behind the units; see :class:`Buffer`.
    """

    source: object
    unpack: object
    sampled: np.ndarray
    mass: float
    left_out: np.ndarray = ()
    behind: object = None

    @property
    def shape(self):
        """Number of rows and of columns."""
        n_rows, n_features = self.source.shape
        return n_rows - len(self.left_out), n_features

    def without(self, held_out, kept):
        """Return the rows without some of those in memory.

        Parameters
        ----------
        held_out, kept : ndarray of int
            Numbers of the rows in memory.
        """
        left_out = np.sort(self.sampled[held_out])
        mass = self.mass * (1 - len(left_out) / self.source.shape[0])
        changes = {"left_out": left_out, "sampled": self.sampled[kept], "mass": mass}
        return replace(self, **changes)

    def buffers(self, random, batch_size):
        """Yield all rows in buffers, each in memory while the next one is read.

        Every epoch has another order. The order of the rows of a buffer is the order
        of the file, for the training shuffles them. A buffer has at least about two
        minibatches.
        """
        n_rows, n_features = self.source.shape
        row_bytes = max(1, n_features * self.source.dtype.itemsize)
        length = max(1, _RUN_BYTES // row_bytes)
        order = random.permutation(-(-n_rows // length))
        n_buffers = round(n_rows * row_bytes / _BUFFER_BYTES)
        n_buffers = max(1, min(n_buffers, n_rows // (2 * batch_size), len(order)))
        parts = (np.sort(part) for part in np.array_split(order, n_buffers))
        yield from ahead(lambda runs: self._read(runs, length), parts)

    def _read(self, runs, length):
        n_rows, n_features = self.source.shape
        edges = [(k * length, min(n_rows, (k + 1) * length)) for k in runs]
        positions = np.concatenate([np.arange(*edge) for edge in edges])
        numbers = np.empty((len(positions), n_features), self.source.dtype)
        start = 0
        for lo, hi in edges:
            numbers[start : start + hi - lo] = self.source.read(lo, hi)
            start += hi - lo
        if len(self.left_out):
            stays = ~np.isin(positions, self.left_out)
            numbers, positions = numbers[stays], positions[stays]
        return Buffer(numbers, self.unpack, positions, self.behind)
