"""Passes through the rows of a source: for a summary, and to write their numbers."""

import numpy as np
import pandas as pd

from skebm.tables.declaration import declared_kinds
from skebm.tables.disk._spilled import SpilledRows
from skebm.tables.disk._stream import RowsOnDisk
from skebm.tables.frames import bits_of, is_missing
from skebm.tables.kinds import find_kind
from skebm.tables.summaries import Summary
from skebm.utils._random import Random

# Cells of a block of a pass through the rows in order.
_BLOCK_CELLS = 2**23
# The key of the sample of the rows, which is the same for all fits.
KEY = 0


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


def missing_columns(X, source=None):
    """Return in which columns some cells, and in which all cells are missing.

    Parameters
    ----------
    X : ndarray or frame
    source : MappedRows or DatasetRows, default=None
        Rows on disk to look at in place of ``X``.

    Returns
    -------
    some, all_ : ndarray of bool of shape (n_features,)
    """
    some, all_ = False, True
    for block in [X] if source is None else blocks_of_source(source):
        hole = is_missing(block)
        some, all_ = some | hole.any(axis=0), all_ & hole.all(axis=0)
    if source is not None and all_.any():
        j = int(np.flatnonzero(all_)[0])
        name = j if source.names is None else source.names[j]
        raise ValueError(
            f"The column {name!r} has no value: every cell is missing. Leave it out, "
            "since the columns of rows on disk are read together."
        )
    return some, all_


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
    numbered = numbered_columns(source, visible) if source.as_arrays else ()
    copy = SpilledRows(source.shape, np.uint8) if source.dtype is None else None
    for block in blocks_of_source(source):
        if copy is not None and (bits := _bits_of(block)) is not None:
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


def _bits_of(block):
    """Return a block of bytes that are all 0 or 1 as an array, or None."""
    if isinstance(block, pd.DataFrame):
        return bits_of(block)
    are_bytes = block.dtype.itemsize == 1
    return block if are_bytes and block.min() >= 0 and block.max() <= 1 else None


def streamed(source, estimator, summary, labels=None):
    """Return :class:`RowsOnDisk`, whose buffers hold few bytes for each cell.

    Rows that can only be read in order are written to a temporary file first, as the
    numbers of the table.

    Parameters
    ----------
    source : MappedRows or DatasetRows
    estimator : estimator
        Its columns have settled.
    summary : Summary
    labels : DiskLabels, default=None
        The labels of the rows, which stand behind their units.
    """
    table, encode = estimator._table, estimator._encoding.encode
    if source.dtype is None:
        dtype = table.dtype or as_floats(summary.sample.rows).dtype
        if source.copy is not None and _are_cells(table):
            source = source.copy
        else:
            source = _spilled(source, estimator, summary, dtype)

        def unpack(rows):
            return encode(rows.astype(dtype, copy=False))
    else:

        def unpack(rows):
            return encode(table.numbers(as_floats(rows), estimator.handle_unknown))

    sample = summary.sample.numbers
    behind = None if labels is None else labels.behind
    return RowsOnDisk(source, unpack, sample, summary.mass, behind=behind)


def _are_cells(table):
    """Tell whether the numbers of a table are its cells, if these are all 0 or 1."""
    is_array = not table.by_columns and not any(c.size for c in table.columns)
    return table.are_bits or is_array


def _spilled(source, estimator, summary, dtype):
    table = estimator._table
    dtype = np.uint8 if summary.facts.are_bytes(table) else dtype
    numbers = SpilledRows(source.shape, dtype)
    for block in blocks_of_source(source):
        numbers.write(table.matrix(as_floats(block), estimator.handle_unknown))
    return numbers.written()
