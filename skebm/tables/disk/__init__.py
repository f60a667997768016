"""Rows that are too many for the memory: memory-mapped arrays, Parquet, Arrow."""

from functools import wraps
from typing import NamedTuple

import numpy as np
import pandas as pd

from skebm.tables.disk._fits import rows_on_disk
from skebm.tables.disk._labels import DiskLabels, all_labels, refuse_structure
from skebm.tables.disk._mapped import MappedRows
from skebm.tables.disk._parquet import DatasetRows, FilesOf, is_dataset
from skebm.tables.disk._passes import (
    KEY,
    as_floats,
    blocks_of_source,
    float_dtype,
    missing_columns,
    numbered_columns,
    streamed,
    summarised,
)
from skebm.tables.disk._stream import Buffer, RowsOnDisk
from skebm.tables.summaries import RowSample, sample_size
from skebm.tables.weights import check_weight
from skebm.utils._random import Random

__all__ = [
    "KEY",
    "Buffer",
    "DiskLabels",
    "RowsOnDisk",
    "as_floats",
    "beside",
    "by_blocks",
    "identified",
    "labelled",
    "missing_columns",
    "numbered_columns",
    "opened",
    "refuse_out",
    "refuse_structure",
    "rows_on_disk",
    "sampled_for",
    "streamed",
    "summarised",
    "written",
]

# Rows that take at most this number of bytes as floats are loaded.
LARGEST_LOADED = 2**29
# Rows of a block whose positions are drawn.
_SAMPLED = 2**20


def opened(X, label=None):
    """Return rows in memory, or a source of rows that stay on disk.

    Parameters
    ----------
    X : memmap, path, pyarrow.dataset.Dataset, a source, or what an estimator takes
    label : str, default=None
        The name of a column of a dataset that is left out, if there is one.

    Returns
    -------
    X : object
        What to read instead: a frame for a small dataset.
    source : MappedRows, DatasetRows or None
        The source of the rows. None if they are in memory.
    """
    if is_dataset(X):
        X = DatasetRows(X, label)
    if isinstance(X, DatasetRows):
        is_small = X.shape[0] * X.row_bytes <= LARGEST_LOADED
        return (X.load(), None) if is_small else (X, X)
    if isinstance(X, MappedRows):
        return X, X
    if not _is_mapped(X):
        return X, None
    n_bytes = X.size * float_dtype(X.dtype).itemsize
    return X, MappedRows(X) if n_bytes > LARGEST_LOADED else None


def labelled(X, y):
    """Return rows and labels in memory, or a source, as :func:`opened` does.

    Parameters
    ----------
    X : memmap, path, pyarrow.dataset.Dataset, or what an estimator takes
    y : array-like, str or None
        Labels, or the name of a column of a dataset.

    Returns
    -------
    X, y : object
        The rows, and the labels. A name stays a name if the rows stay on disk.
    source : MappedRows, DatasetRows or None
        The rows, without the column of the labels. None if they are in memory.
    """
    if not isinstance(y, str):
        X, source = opened(X)
        return X, y, source
    rows = _without_column(X, y)
    X, source = opened(rows)
    return X, (all_labels(y, rows) if source is None else y), source


def beside(X, y):
    """Return rows, and their labels as an array, which may be a column of X."""
    if not isinstance(y, str):
        return X, y
    source = _without_column(X, y)
    return source, all_labels(y, source)


def _without_column(X, y):
    """Return the rows of a dataset without the column of this name."""
    if not is_dataset(X):
        raise ValueError(
            f"y={y!r} is the name of a column, so X must be the path of Parquet or "
            "Arrow files, or a dataset. For rows in memory, pass the labels."
        )
    return DatasetRows(X, y)


def identified(X):
    """Return what tells rows from others: for a dataset, its files and not its path."""
    return FilesOf(X) if is_dataset(X) else X


def _is_mapped(X):
    is_map = isinstance(X, np.memmap) and X.filename is not None
    return is_map and X.ndim == 2 and X.size > 0 and X.dtype.kind in "biuf"


class DiskSample(NamedTuple):
    """Rows in memory that stand for all rows.

    Attributes
    ----------
    rows : object
        As an estimator takes them.
    y, weight : array-like or None
    n_each : float
        How many rows each row stands for.
    on_disk : tuple of (source, sample_weight), or None
        All rows, for a density that trains on them. None if they are in memory.
    """

    rows: object
    y: object
    weight: object
    n_each: float = 1.0
    on_disk: tuple | None = None


def sampled_for(detector, X, y, sample_weight):
    """Return :class:`DiskSample`: all rows, or a uniform sample of rows on disk.

    Parameters
    ----------
    detector : EBMAnomalyDetector
        It tells whether labels are read, and refuses what a sample does not have.
    X : memmap, path, pyarrow.dataset.Dataset, or what an estimator takes
    y : array-like of shape (n_rows,), the name of a column of a dataset, or None
    sample_weight : array-like of shape (n_rows,) or None
    """
    X, y, source = labelled(X, y)
    if source is None:
        return DiskSample(X, y, sample_weight)
    if detector.half_life is not None:
        raise ValueError(
            "half_life needs all rows in the order of time, and of rows on disk fit "
            "reads a sample. Call partial_fit for one block of rows after the other, "
            "the oldest first."
        )
    weight, random, sample = check_weight(sample_weight, source), Random(KEY), None
    n_rows, n_features = source.shape
    for lo in range(0, n_rows, _SAMPLED):
        positions = np.arange(lo, min(lo + _SAMPLED, n_rows))[:, None]
        part = None if weight is None else weight[lo : lo + _SAMPLED]
        bound = np.inf if sample is None else sample.bound
        facts = part, lo, sample_size(n_features), random, bound
        found = RowSample.of(positions, *facts)
        sample = (found if sample is None else sample.merged(found)).compact()
    numbers = sample.numbers
    if y is not None and detector.use_labels:
        y = all_labels(y, source)[numbers]
    n_each = n_rows if weight is None else np.count_nonzero(weight)
    is_trained = isinstance(detector.density, str) and detector.density == "rbm"
    facts = sample.weight, n_each / len(numbers)
    on_disk = (source, sample_weight) if is_trained else None
    return DiskSample(as_floats(_taken(source, numbers)), y, *facts, on_disk)


def _taken(source, numbers):
    """Return some rows, given by their positions in ascending order."""
    if source.dtype is not None:
        return np.concatenate([source.read(k, k + 1) for k in numbers])
    found, first = [], 0
    for block in blocks_of_source(source):
        lo, hi = np.searchsorted(numbers, [first, first + len(block)])
        found.append(block.take(numbers[lo:hi] - first))
        first += len(block)
    return pd.concat(found, ignore_index=True)


def by_blocks(method):
    """Decorate a method of rows, which then takes rows from disk in blocks.

    The results of the blocks are put together, or written to the argument ``out``. The
    column of a dataset that held the labels of ``fit`` is left out.
    """

    @wraps(method)
    def of_blocks(self, X, *args, **options):
        out = options.pop("out", None)
        X, source = opened(X, getattr(self, "_label_column", None))
        if source is None and out is None:
            return method(self, X, *args, **options)
        if source is not None and options.get("groups") is not None:
            raise ValueError(
                "groups needs rows in memory, since the rows of a group go together. "
                "Pass rows, such as pandas.read_parquet(path), with whole groups."
            )
        blocks = [X] if source is None else map(as_floats, blocks_of_source(source))
        results = (method(self, block, *args, **options) for block in blocks)
        if out is not None:
            return written(out, results)
        results = list(results)
        if isinstance(results[0], pd.DataFrame):
            return pd.concat(results, ignore_index=True)
        return np.concatenate(results)

    return of_blocks


def refuse_out(out):
    """Raise a sentence if there is an ``out`` where rows are completed."""
    if out is not None:
        raise ValueError(
            "out is for rows that are drawn without given. Leave out away, and write "
            "the completions of one block of given rows after the other."
        )


def written(out, results):
    """Write results one below the other into an array, and return it.

    Parameters
    ----------
    out : ndarray
        Such as a ``numpy.memmap``.
    results : iterable of arrays or frames of numbers
    """
    start = 0
    for result in results:
        values = np.asarray(result)
        if values.dtype.kind not in "biuf":
            raise ValueError(
                "out takes numbers, and some columns of the result hold other values. "
                "Leave out away, and write one block of rows after the other."
            )
        stop = start + len(values)
        if out.shape[1:] != values.shape[1:] or stop > len(out):
            raise ValueError(
                f"out has the shape {out.shape}, but the result has {stop} rows or "
                f"more of the shape {values.shape[1:]}."
            )
        out[start:stop] = values
        start = stop
    if start < len(out):
        raise ValueError(
            f"out has the shape {out.shape}, but the result has {start} rows."
        )
    return out
