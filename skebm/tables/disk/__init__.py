"""Rows that are too many for the memory: memory-mapped arrays, Parquet, Arrow."""

from functools import wraps

import numpy as np

from skebm.tables.declaration import declared_kinds
from skebm.tables.disk._mapped import MappedRows
from skebm.tables.disk._parquet import DatasetRows, is_dataset
from skebm.tables.disk._spilled import SpilledRows
from skebm.tables.disk._stream import Buffer, RowsOnDisk
from skebm.tables.frames import bits_of
from skebm.tables.kinds import find_kind
from skebm.tables.summaries import Summary
from skebm.utils._random import Random

__all__ = ["Buffer", "RowsOnDisk", "by_blocks", "opened", "streamed", "summarised"]

# Rows that take at most this number of bytes as floats are loaded.
LARGEST_LOADED = 2**29
# Cells of a block of a pass through the rows in order.
_BLOCK_CELLS = 2**23
# The key of the sample of the rows, which is the same for all fits.
KEY = 0


def opened(X):
    """Return rows in memory, or a source of rows that stay on disk.

    Parameters
    ----------
    X : memmap, path, pyarrow.dataset.Dataset, or what an estimator takes

    Returns
    -------
    X : object
        What to read instead: a frame for a small dataset.
    source : MappedRows, DatasetRows or None
        The source of the rows. None if they are in memory.
    """
    if is_dataset(X):
        source = DatasetRows(X)
        if source.shape[0] * source.row_bytes <= LARGEST_LOADED:
            return source.load(), None
        return X, source
    if not _is_mapped(X):
        return X, None
    n_bytes = X.size * float_dtype(X.dtype).itemsize
    return X, MappedRows(X) if n_bytes > LARGEST_LOADED else None


def _is_mapped(X):
    is_map = isinstance(X, np.memmap) and X.filename is not None
    return is_map and X.ndim == 2 and X.size > 0 and X.dtype.kind in "biuf"


def float_dtype(dtype):
    """Return the float type in which numbers from disk are trained.

    It is the smaller one if that holds all numbers of their type.
    """
    is_small = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if is_small else np.float64)


def blocks_of_source(source, n_rows=None):
    """Yield the rows of a source in order, ready for an estimator."""
    n_all, n_features = source.shape
    n_rows = n_rows or max(1, _BLOCK_CELLS // n_features)
    if source.dtype is None:
        yield from source.blocks(n_rows)
        return
    for lo in range(0, n_all, n_rows):
        yield source.read(lo, min(lo + n_rows, n_all))


def as_floats(rows):
    """Return an array in the type in which it is trained, and a frame as it is."""
    is_array = isinstance(rows, np.ndarray)
    return rows.astype(float_dtype(rows.dtype), copy=False) if is_array else rows


def numbered_columns(X, visible):
    """Return the columns of an array whose values are declared to be numbered."""
    kinds = declared_kinds(visible, X)
    return [
        j
        for j, kind in enumerate(kinds)
        if kind != "auto" and find_kind(kind).is_numbered(False, True)
    ]


def summarised(source, visible, weight):
    """Return the :class:`Summary` of all rows, from one pass through them.

    Parameters
    ----------
    source : MappedRows or DatasetRows
    visible : str, dict or list
        See :class:`skebm.RBMDensity`.
    weight : ndarray of shape (n_rows,) or None

    Notes
    -----
    The rows of a dataset of 0 and 1 are written to a temporary file meanwhile, which
    saves a second pass.
    """
    random, first, summary = Random(KEY), 0, None
    numbered = () if source.names is not None else numbered_columns(source, visible)
    copy = SpilledRows(source.shape, np.uint8) if source.dtype is None else None
    for block in blocks_of_source(source):
        if copy is not None and (bits := bits_of(block)) is not None:
            copy.write(bits)
        else:
            copy = None
        part = None if weight is None else weight[first : first + len(block)]
        bound = np.inf if summary is None else summary.sample.bound
        found = Summary.of(block, part, first, random, numbered, bound)
        summary = found if summary is None else summary.merged(found)
        first += len(block)
    source.copy = copy and copy.written()
    return summary.compact()


def streamed(source, table, encoding, handle_unknown, summary):
    """Return :class:`RowsOnDisk`, whose buffers hold few bytes for each cell.

    Rows that can only be read in order are written to a temporary file first, as the
    numbers of the table.
    """
    if source.dtype is None:
        if table.are_bits and source.copy is not None:
            source = source.copy
        else:
            source = _spilled(source, table, handle_unknown, summary)

        def unpack(rows):
            return encoding.encode(rows.astype(table.dtype, copy=False))
    else:

        def unpack(rows):
            return encoding.encode(table.numbers(as_floats(rows), handle_unknown))

    return RowsOnDisk(source, unpack, summary.sample.numbers, summary.mass)


def _spilled(source, table, handle_unknown, summary):
    dtype = np.uint8 if summary.facts.are_bytes(table) else table.dtype
    numbers = SpilledRows(source.shape, dtype)
    for block in blocks_of_source(source):
        numbers.write(table.matrix(block, handle_unknown))
    return numbers.written()


def by_blocks(method):
    """Decorate a method of rows, which then takes rows from disk in blocks.

    The results of the blocks are put together, or written to the argument ``out``.
    """

    @wraps(method)
    def of_blocks(self, X, *args, **options):
        out = options.pop("out", None)
        X, source = opened(X)
        if source is None and out is None:
            return method(self, X, *args, **options)
        blocks = [X] if source is None else map(as_floats, blocks_of_source(source))
        results = (method(self, block, *args, **options) for block in blocks)
        return np.concatenate(list(results)) if out is None else _filled(out, results)

    return of_blocks


def _filled(out, results):
    start = 0
    for result in results:
        stop = start + len(result)
        if out.shape[1:] != result.shape[1:] or stop > len(out):
            raise ValueError(
                f"out has the shape {out.shape}, but the result has {stop} rows or "
                f"more of the shape {result.shape[1:]}."
            )
        out[start:stop] = result
        start = stop
    return out
