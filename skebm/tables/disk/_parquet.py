"""Rows of Parquet and Arrow files, which pyarrow reads."""

import os
import sys
from pathlib import Path

import numpy as np

from skebm.tables.arrays import refuse_empty
from skebm.utils._fingerprint import fingerprint
from skebm.utils._validation import list_names

# A fingerprint is of about so many runs of bytes, so that a file of any size takes a
# second, and of the first rows of a dataset that has no files.
_RUNS, _RUN_BYTES, _FIRST_ROWS = 256, 2**16, 1000
# Labels of a block.
_LABELS = 2**17
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
    label : str, default=None
        The name of a column that is not a part of the rows, if there is one.

    Attributes
    ----------
    shape : tuple of int
    names : Index
        The names of the columns.
    row_bytes : int
        About so many bytes does a row take in memory.
    as_arrays : bool
        Whether blocks are arrays of numbers. They are frames until this is set.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If there is no row, or a column changes its type between files.
    """

    dtype = copy = None
    as_arrays = False

    def __init__(self, X, label=None):
        data = _opened(X)
        self._data, self._label = _unified(data), label
        self._columns = [name for name in self._data.schema.names if name != label]
        empty = self._data.schema.empty_table().select(self._columns).to_pandas()
        self.names = empty.columns
        self.shape = self._data.count_rows(), len(self.names)
        refuse_empty(self.shape)
        self.row_bytes = 8 * self.shape[1]

    def load(self):
        """Return all rows as a frame, as ``pandas.read_parquet`` does."""
        frame = self._data.to_table(columns=self._columns).to_pandas()
        return frame.reset_index(drop=True)

    def head(self):
        """Return the first row as a frame."""
        return self._data.head(1, columns=self._columns).to_pandas()

    def blocks(self, n_rows):
        """Yield the rows in order, in blocks of at most so many rows."""
        for frame in self._frames(self._columns, n_rows):
            yield _matrix(frame) if self.as_arrays else frame

    def labels(self):
        """Yield the labels of the rows in order, as Series.

        Raises
        ------
        ValueError
            If there is no column with the name that was given.
        """
        if self._label not in self._data.schema.names:
            raise ValueError(
                f"y={self._label!r} is not a column of X, whose columns are "
                f"{list_names(self._label, self._columns)}. Name the column of the "
                "labels, or pass the labels as an array."
            )
        for frame in self._frames([self._label], _LABELS):
            yield frame.iloc[:, 0]

    def _frames(self, columns, n_rows):
        batches = self._data.to_batches(
            columns=columns, batch_size=n_rows, batch_readahead=1, fragment_readahead=1
        )
        for batch in batches:
            if batch.num_rows:  # files and row groups may be empty
                yield batch.to_pandas().reset_index(drop=True)

    def fingerprint(self):
        """Return a text that another one differs from if the rows have changed.

        It depends on the schema, the number of rows, the sizes of the files, and the
        bytes of some runs of each file. Files may have been renamed.
        """
        data = self._data
        facts = [str(data.schema.remove_metadata()), str(self.shape)]
        if not hasattr(data, "files"):  # a dataset in memory
            return fingerprint(*facts, data.head(_FIRST_ROWS).to_pandas())
        sizes = [info.size for info in data.filesystem.get_file_info(data.files)]
        step = max(_RUN_BYTES, sum(sizes) // _RUNS)
        for path, size in zip(data.files, sizes, strict=True):
            facts.append(str(size))
            with data.filesystem.open_input_file(path) as file:
                for place in [*range(0, size, step), max(0, size - _RUN_BYTES)]:
                    file.seek(place)
                    run = np.frombuffer(file.read(_RUN_BYTES), np.uint8)
                    facts.append(fingerprint(run))
        return fingerprint(*facts)


class FilesOf:
    """A dataset as a checkpoint knows it, which is opened when that is asked for."""

    def __init__(self, X):
        self.X = X

    def fingerprint(self):
        """Return the fingerprint of :class:`DatasetRows`."""
        return DatasetRows(self.X).fingerprint()


def _matrix(frame):
    """Return a frame of numbers as an array, NaN in its holes."""
    if all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):
        return frame.to_numpy(np.result_type(*frame.dtypes))
    return frame.to_numpy(np.float64, na_value=np.nan)


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
