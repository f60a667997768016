"""Rows of Parquet and Arrow files, which pyarrow reads."""

import os
import sys
from pathlib import Path

import numpy as np

from skebm.tables.arrays import refuse_empty

_ARROW_ENDINGS = {".arrow", ".feather", ".ipc"}


def is_dataset(X):
    """Tell whether ``X`` is a path, or a dataset of pyarrow."""
    if isinstance(X, str | os.PathLike):
        return True
    arrow = sys.modules.get("pyarrow.dataset")
    return arrow is not None and isinstance(X, arrow.Dataset)


class DatasetRows:
    """Rows of a dataset, which are read in order.

    Parameters
    ----------
    X : str, path or pyarrow.dataset.Dataset

    Attributes
    ----------
    shape : tuple of int
    names : Index
        The names of the columns.
    row_bytes : int
        About so many bytes does a row take in memory.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If there is no row, or a column changes its type between files.
    """

    dtype = copy = None

    def __init__(self, X):
        data = _opened(X)
        self._data = _unified(data)
        empty = self._data.schema.empty_table().to_pandas()
        self.names = empty.columns
        self.shape = self._data.count_rows(), len(self.names)
        refuse_empty(self.shape)
        self.row_bytes = 8 * self.shape[1]

    def load(self):
        """Return all rows as a frame, as ``pandas.read_parquet`` does."""
        frame = self._data.to_table().to_pandas()
        return frame.reset_index(drop=True)

    def blocks(self, n_rows):
        """Yield the rows in order, as frames of at most so many rows."""
        batches = self._data.to_batches(
            batch_size=n_rows, batch_readahead=1, fragment_readahead=1
        )
        for batch in batches:
            if batch.num_rows:  # files and row groups may be empty
                yield batch.to_pandas().reset_index(drop=True)


def _opened(X):
    try:
        import pyarrow.dataset
    except ImportError as error:
        raise ImportError(
            "Parquet and Arrow files are read through pyarrow, which is not "
            "installed: pip install 'skebm[parquet]'."
        ) from error
    if not isinstance(X, str | os.PathLike):
        return X
    path = Path(X)
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file or folder {str(X)!r}. X takes rows, or the path of "
            "Parquet or Arrow files."
        )
    ending = path.suffix
    if path.is_dir():
        ending = next((p.suffix for p in sorted(path.rglob("*")) if p.is_file()), None)
        if ending is None:
            raise ValueError(f"The folder {str(X)!r} has no files, so X has no rows.")
    name = "ipc" if ending in _ARROW_ENDINGS else "parquet"
    try:
        return pyarrow.dataset.dataset(path, format=name)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(
            f"{str(X)!r} could not be read as a {name} file. X takes rows, or the path "
            f"of Parquet or Arrow files: {error}"
        ) from error


def _unified(data):
    """Return the dataset with types that hold the values of all its files."""
    import pyarrow.dataset

    schemas = [(part, part.physical_schema) for part in data.get_fragments()]
    if len({schema.remove_metadata() for _, schema in schemas}) <= 1:
        return data
    fields, types = {}, {field.name: field.type for field in data.schema}
    for part, schema in schemas:
        where = getattr(part, "path", "a part")
        for field in schema:
            fields.setdefault(field.name, []).append((field.type, where))
    for name, found in fields.items():
        if len(found) < len(schemas):
            there = {where for _, where in found}
            lacks = next(p.path for p, _ in schemas if p.path not in there)
            raise ValueError(
                f"{lacks!r} has no column {name!r}, which other files of X have. Give "
                "all files the same columns."
            )
        types[name] = _common_type(name, found)
    schema = [pyarrow.field(name, kind) for name, kind in types.items()]
    schema = pyarrow.schema(schema, metadata=data.schema.metadata)
    facts = {"format": data.format, "filesystem": data.filesystem}
    return pyarrow.dataset.dataset(data.files, schema=schema, **facts)


def _common_type(name, found):
    import pyarrow.types as of

    (common, where), *others = [f for f in found if not of.is_null(f[0])] or found
    for kind, place in others:
        if kind == common:
            continue
        one, other = _plain(common), _plain(kind)
        if one == other:
            common = one if one != common else other
        elif _is_number(one) and _is_number(other):
            pair = one.to_pandas_dtype(), other.to_pandas_dtype()
            common = _arrow_of(np.result_type(*pair))
        else:
            raise ValueError(
                f"Column {name!r} of X is {common} in {where!r}, but {kind} in "
                f"{place!r}. Write the column with one type in all files."
            )
    return common


def _plain(kind):
    """Return the type of the values of a dictionary, and other types as they are."""
    import pyarrow.types as of

    kind = kind.value_type if of.is_dictionary(kind) else kind
    return _string() if of.is_large_string(kind) else kind


def _string():
    import pyarrow

    return pyarrow.string()


def _is_number(kind):
    import pyarrow.types as of

    return of.is_integer(kind) or of.is_floating(kind)


def _arrow_of(dtype):
    import pyarrow

    return pyarrow.from_numpy_dtype(dtype)
