"""Partitions of the rows of a collection, with their labels and weights."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import dask.array as da
import numpy as np
import pandas as pd
from dask.base import is_dask_collection
from scipy.sparse import issparse, vstack

from skebm.dask._shards import Shard
from skebm.tables import as_floats, as_frame, by_columns, check_weight
from skebm.tables.disk import KEY, numbered_columns
from skebm.tables.summaries import RowSample, Summary, sample_size
from skebm.utils._random import Random
from skebm.utils._sparse import dense

# Each shard has rows from about so many pieces of partitions, so that shards are of
# about the same size, and rows that lie together go to several of them.
_PIECES = 4


def is_collection(X):
    """Tell whether ``X`` is an array, a frame or a series of Dask."""
    return is_dask_collection(X)


def computed(values):
    """Return the values of a collection, and other values as they are."""
    return values.compute() if is_collection(values) else values


def rows_of(X):
    """Return a collection of two dimensions whose partitions hold whole rows."""
    if getattr(X, "ndim", None) != 2 or not hasattr(X, "to_delayed"):
        raise ValueError(
            "X must be an array or a data frame of Dask with rows and columns, but it "
            f"is {type(X).__name__} of {getattr(X, 'ndim', 'no')} dimensions."
        )
    return X.rechunk({1: -1}) if isinstance(X, da.Array) else X


@dataclass
class Parts:
    """The partitions with rows, on the workers that hold them.

    Attributes
    ----------
    client : distributed.Client
    rows : list of Future
    lengths : list of int
    shape : tuple of int
        Number of rows and columns.
    names : Index or None
        Names of the columns of a frame.
    labels : list of Future, or None
    weights : list of (Future or None)
    """

    client: object
    rows: list
    lengths: list
    shape: tuple
    names: pd.Index | None
    labels: list | None = None
    weights: list = ()

    @classmethod
    def of(cls, client, X, y=None, sample_weight=None):
        """Compute the partitions, which stay on the workers."""
        X = rows_of(X)
        names = None if isinstance(X, da.Array) else X.columns
        rows = client.compute(list(np.ravel(X.to_delayed())))
        lengths = client.gather(client.map(_length, rows, pure=False))
        pairs = [(part, n) for part, n in zip(rows, lengths, strict=True) if n]
        if not pairs:
            raise ValueError(
                "Found array with 0 sample(s): no partition of X has rows."
            )
        rows, lengths = map(list, zip(*pairs, strict=True))
        self = cls(client, rows, lengths, (sum(lengths), X.shape[1]), names)
        self.labels = self._aligned(y, "y")
        self.weights = self._aligned(sample_weight, "sample_weight")
        if self.weights is None:
            self.weights = [None] * len(rows)
        else:
            ends = client.gather(client.map(_ends, self.weights, pure=False))
            check_weight(np.ravel(ends), np.ravel(ends))
        return self

    def _aligned(self, values, name):
        """Return the partitions of one value for each row, in the rows' chunks."""
        if values is None:
            return None
        if not is_collection(values):
            values = da.from_array(np.asarray(values), chunks=-1)
        if not isinstance(values, da.Array):
            values = values.to_dask_array(lengths=True)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(
                f"{name} has {values.ndim} dimensions. With Dask it has one value for "
                "each row."
            )
        if np.isnan(values.shape[0]):
            values = values.compute_chunk_sizes()
        if values.shape[0] != self.shape[0]:
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: X has "
                f"{self.shape[0]} rows, but {name} has {values.shape[0]}."
            )
        values = values.rechunk((tuple(self.lengths),))
        return self.client.compute(list(values.to_delayed()))

    @property
    def firsts(self):
        """The number of the first row of each partition."""
        return [0, *np.cumsum(self.lengths)[:-1].tolist()]

    def summary(self, visible, reads_columns):
        """Return the :class:`Summary` of all rows, merged as a tree on the workers."""
        submit = partial(self.client.submit, pure=False)
        found = [
            submit(_summarise, *facts, visible, reads_columns)
            for facts in zip(self.rows, self.weights, self.firsts, strict=True)
        ]
        return submit(_compact, _tree(submit, found)).result()

    def sample(self):
        """Return a uniform sample of the rows, their numbers, and their weights."""
        submit, size = (
            partial(self.client.submit, pure=False),
            sample_size(self.shape[1]),
        )
        facts = zip(self.rows, self.weights, self.firsts, strict=True)
        found = [submit(_sample, *part, size) for part in facts]
        sample = submit(_compact, _tree(submit, found)).result()
        return sample.rows, sample.numbers, sample.weight

    def labels_of(self, numbers):
        """Return the labels of some rows, given in ascending order."""
        submit, parts = partial(self.client.submit, pure=False), []
        edges = np.searchsorted(numbers, [*self.firsts, self.shape[0]])
        facts = zip(self.labels, self.firsts, edges[:-1], edges[1:], strict=True)
        for labels, first, lo, hi in facts:
            parts.append(submit(_take, labels, numbers[lo:hi] - first))
        return np.concatenate(self.client.gather(parts))

    def label_masses(self):
        """Return all labels that occur, and the weight of each."""
        counts = self.client.map(_masses, self.labels, self.weights, pure=False)
        values, masses = zip(*self.client.gather(counts), strict=True)
        values, position = np.unique(np.concatenate(values), return_inverse=True)
        return values, np.bincount(position, weights=np.concatenate(masses))

    def shards(self, n_shards, reader, left_out, workers):
        """Return the rows of each shard in units of the layer, as futures.

        Parameters
        ----------
        n_shards : int
        reader : callable
            Returns the units and the weights of rows with labels and weights.
        left_out : ndarray of int
            Numbers of rows that are left out, in ascending order.
        workers : list of str
            Shard ``s`` goes to the worker ``s`` modulo their number, if it can.
        """
        futures = []
        for s, pieces in enumerate(shared_out(self.lengths, n_shards)):
            k = sorted({piece[0] for piece in pieces})
            where = {number: place for place, number in enumerate(k)}
            cuts = [(where[number], lo, hi) for number, lo, hi in pieces]
            parts = [self.rows[i] for i in k]
            labels = self.labels and [self.labels[i] for i in k]
            weights = [self.weights[i] for i in k]
            firsts = [self.firsts[i] for i in k]
            facts = parts, labels, weights, firsts, cuts, reader, left_out
            worker = workers[s % len(workers)]
            future = self.client.submit(
                _shard, *facts, pure=False, workers=[worker], allow_other_workers=True
            )
            futures.append(future)
        return futures


def shared_out(lengths, n_shards):
    """Return for each shard which pieces of which partitions it has.

    The shards depend on the lengths and on their number alone.

    Returns
    -------
    list of list of (int, int, int)
        Number of a partition, and the first row and the end of the piece.
    """
    n_rows, pieces = sum(lengths), []
    longest = max(1, n_rows // (_PIECES * n_shards))
    for k, n in enumerate(lengths):
        n_cuts = 1 if n_shards == 1 else max(1, round(n / longest))
        edges = [n * c // n_cuts for c in range(n_cuts + 1)]
        pieces += [(k, *edge) for edge in pairwise(edges)]
    shards, sizes = [[] for _ in range(n_shards)], np.zeros(n_shards)
    for piece in pieces:
        s = int(sizes.argmin())
        shards[s].append(piece)
        sizes[s] += piece[2] - piece[1]
    return [shard for shard in shards if shard]


def as_rows(part, visible, reads_columns=True):
    """Return a partition as an estimator reads it: a frame or an array of numbers."""
    if isinstance(part, pd.DataFrame) and not reads_columns:
        return part.to_numpy(dtype=np.float64)
    if not issparse(part) and by_columns(part, visible):
        return as_frame(part).reset_index(drop=True)
    return as_floats(part)


def _ends(weight):
    """Return numbers that are refused if any weight of a partition is."""
    weight = np.asarray(weight)
    return np.min(weight), np.max(weight)


def _length(part):
    return part.shape[0]


def _summarise(part, weight, first, visible, reads_columns):
    rows = dense(as_rows(part, visible, reads_columns))
    numbered = () if isinstance(rows, pd.DataFrame) else numbered_columns(rows, visible)
    return Summary.of(rows, weight, first, Random(KEY), numbered)


def _sample(part, weight, first, size):
    part = dense(part) if issparse(part) else part
    return RowSample.of(part, weight, first, size, Random(KEY))


def _tree(submit, found):
    """Return what all parts are together, merged in pairs on the workers."""
    for _ in range(len(found)):
        if len(found) == 1:
            break
        pairs = zip(found[::2], found[1::2], strict=False)
        odd = found[-1:] if len(found) % 2 else []
        found = [submit(_merge, *pair) for pair in pairs] + odd
    return found[0]


def _merge(one, other):
    return one.merged(other)


def _compact(summary):
    return summary.compact()


def _take(values, numbers):
    return np.asarray(values)[numbers]


def _masses(labels, weight):
    values, position = np.unique(np.asarray(labels), return_inverse=True)
    return values, np.bincount(position, weights=weight, minlength=len(values))


def _shard(parts, labels, weights, firsts, cuts, reader, left_out):
    """Return the :class:`Shard` of pieces of partitions."""
    units, masses = [], []
    for k, lo, hi in cuts:
        stays = np.ones(hi - lo, bool)
        edges = np.searchsorted(left_out, [firsts[k] + lo, firsts[k] + hi])
        stays[np.asarray(left_out[slice(*edges)], int) - firsts[k] - lo] = False
        if weights[k] is not None:
            stays &= np.asarray(weights[k][lo:hi]) > 0
        if not stays.any():
            continue
        chosen = lo + np.flatnonzero(stays)
        part = parts[k]
        part = part.iloc[chosen] if hasattr(part, "iloc") else part[chosen]
        y, weight = (
            None if values is None else np.asarray(values)[chosen]
            for values in (labels and labels[k], weights[k])
        )
        Z, mass = reader(part, y, weight)
        units.append(Z)
        masses.append(mass)
    if not units:
        return None
    stack = vstack if issparse(units[0]) else np.concatenate
    weight = None if masses[0] is None else np.concatenate(masses)
    return Shard.of(stack(units), weight)
