"""Frames of pandas, polars and others: read as those of pandas, and back in kind."""

from numbers import Integral

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_array

from skebm.tables.arrays import refuse_empty
from skebm.tables.kinds import ANY_NUMBER, KINDS
from skebm.utils._sparse import dense
from skebm.utils._validation import refuse_paths

# Larger whole numbers are not floats.
_LARGEST_WHOLE = 2**53


def is_frame(X):
    """Tell whether ``X`` is a data frame of pandas, polars or the like.

    Raises
    ------
    TypeError
        If it is a frame whose rows are not there yet.
    """
    if isinstance(X, np.ndarray):
        return False  # the other questions take longer than many a prediction
    if nw.dependencies.is_polars_lazyframe(X):
        raise TypeError("X is a LazyFrame. Pass X.collect(), which has rows.")
    return nw.dependencies.is_into_dataframe(X)


def is_plain(X):
    """Tell whether a pandas frame holds nothing but numbers, and its columns no names.

    Columns that are numbered have no names, in whatever order.
    """
    return all(isinstance(name, Integral) for name in X.columns) and all(
        isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in X.dtypes
    )


def is_uniform(X):
    """Tell whether a pandas frame holds nothing but whole numbers of one byte each.

    It has rows. Such a frame, of pictures, is read as one array.
    """
    dtypes = set(X.dtypes) if len(X) else ()
    is_plain = len(dtypes) == 1 and isinstance(X.dtypes.iloc[0], np.dtype)
    return is_plain and X.dtypes.iloc[0] in (np.uint8, np.int8)


def bits_of(X):
    """Return a frame of bytes that are all 0 or 1 as an array, or None."""
    numbers = X.to_numpy() if is_uniform(X) else None
    are_bits = numbers is not None and numbers.min() >= 0 and numbers.max() <= 1
    return numbers if are_bits else None


def by_columns(X, visible):
    """Tell whether rows have to be read column by column.

    A frame is read by columns. An array of objects or strings is read by columns if
    ``visible`` declares the kinds of its columns.
    """
    if is_frame(X):
        return True
    if isinstance(visible, str) and not _takes_text(visible):
        return False
    try:
        return not issparse(X) and np.asarray(X).dtype.kind in "OUS"
    except ValueError:  # rows of several lengths, of which scikit-learn's checks tell
        return False


def _takes_text(name):
    return name in KINDS and KINDS[name].takes_text


def backend_of(X):
    """Return the name of the library of a frame, such as "pandas"."""
    return str(nw.from_native(X).implementation)


def names_of(X):
    """Return the names of the columns of a frame as an Index.

    Raises
    ------
    ValueError
        If two columns have the same name.
    """
    is_pandas = isinstance(X, pd.DataFrame)
    names = X.columns if is_pandas else pd.Index(nw.from_native(X).columns)
    if names.has_duplicates:
        name = names[names.duplicated()][0]
        raise ValueError(
            f"X has two columns with the name {name!r}. Give each column a name of its "
            "own."
        )
    return names


def compare_names(columns, names):
    """Raise scikit-learn's sentence if columns of a frame are not those of ``fit``.

    scikit-learn compares names that are strings. Here are the others: numbers, and
    tuples. A frame whose columns are numbered from 0 on has no names, unless ``fit``
    saw just these numbers in another order.

    Parameters
    ----------
    columns : Index
    names : Index or None
        The columns of ``fit``. None if it saw an array.
    """
    columns = list(columns)
    if names is None or any(isinstance(name, str) for name in [*names, *columns]):
        return
    default = list(range(len(names)))
    if columns == list(names) or list(names) == default:
        return
    is_other_order = sorted(map(repr, columns)) == sorted(map(repr, names))
    if columns == default and not is_other_order:
        return
    if is_other_order:
        raise ValueError(
            "Feature names must be in the same order as they were in fit: "
            f"{list(names)[:5]}. Select the columns in that order."
        )
    unknown = [name for name in columns if name not in names][:5]
    raise ValueError(
        "The feature names should match those that were passed during fit. Unseen: "
        f"{unknown}. Seen in fit: {list(names)[:5]}."
    )


def as_frame(X):
    """Return rows as a pandas frame, in which each column has one dtype."""
    refuse_paths(X)
    if not isinstance(X, pd.DataFrame):
        if is_frame(X):
            X = nw.from_native(X, eager_only=True)
            columns = [_as_series(X[name]) for name in X.columns]
            X = pd.DataFrame(dict(zip(X.columns, columns, strict=True)))
        else:
            if isinstance(X, np.ma.MaskedArray):
                X = X.astype(object).filled(np.nan)
            dtype = None if hasattr(X, "dtype") else object
            X = check_array(dense(X), dtype=dtype, ensure_all_finite=False)
            X = pd.DataFrame(X).infer_objects()
    refuse_empty(X.shape)
    numpys = {n: d for n, d in X.dtypes.items() if isinstance(d, np.dtype)}
    dtypes = {n: d for n, d in numpys.items() if not d.isnative}
    # pandas cannot take rows of numbers with the bytes of other machines.
    return (
        X.astype({n: d.newbyteorder("=") for n, d in dtypes.items()}) if dtypes else X
    )


def named_as(X, names):
    """Return rows with names of columns if those of ``fit`` had names, else without.

    An estimator that has warned of the difference hands them to the one inside, which
    need not warn again.

    Parameters
    ----------
    X : array, sparse matrix or frame
    names : ndarray of str or None
        The names of the columns of ``fit``.
    """
    has_names = is_frame(X) and any(isinstance(name, str) for name in names_of(X))
    if issparse(X) or has_names == (names is not None):
        return X
    return as_frame(X).set_axis(range(X.shape[1]) if names is None else names, axis=1)


def _as_series(column):
    """Return a column of another library as a Series, with no bit of a number lost."""
    dtype, hole = column.dtype, column.is_null().to_numpy()
    if isinstance(dtype, nw.Enum | nw.Categorical):
        is_enum = isinstance(dtype, nw.Enum)
        names = list(dtype.categories) if is_enum else None
        values = column.cast(nw.String).to_list()
        return pd.Series(pd.Categorical(values, categories=names, ordered=is_enum))
    is_whole = dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128)
    if is_whole or dtype == nw.Boolean:
        values = column.fill_null(0 if is_whole else False).to_numpy()
        if not hole.any():
            return pd.Series(values)
        masked = pd.arrays.IntegerArray if is_whole else pd.arrays.BooleanArray
        return pd.Series(masked(np.array(values), hole))
    if dtype.is_float():
        return pd.Series(np.array(column.to_numpy()))
    return pd.Series(column.to_list(), dtype=object)


def in_kind(frame, backend):
    """Return a pandas frame as a frame of another library, or as it is.

    Parameters
    ----------
    frame : DataFrame
    backend : str
        The name of the library, such as "polars".
    """
    if backend == "pandas":
        return frame
    columns = [_of_series(str(name), frame[name], backend) for name in frame.columns]
    return columns[0].to_frame().with_columns(*columns[1:]).to_native()


def _of_series(name, series, backend):
    """Return a Series as a column of another library, with null in its holes."""
    hole = series.isna().to_numpy()
    if (
        isinstance(series.dtype, np.dtype)
        and series.dtype.kind != "O"
        and not hole.any()
    ):
        return nw.new_series(name, series.to_numpy(), backend=backend)
    values = zip(series.astype(object), hole, strict=True)
    cells = [None if is_hole else value for value, is_hole in values]
    return nw.new_series(name, cells, _dtype_of(series), backend=backend)


def _dtype_of(series):
    """Return the dtype of narwhals for a Series."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        is_text = all(isinstance(value, str) for value in dtype.categories)
        if is_text and dtype.ordered:
            return nw.Enum(list(dtype.categories))
        return nw.Categorical() if is_text else None
    if pd.api.types.is_object_dtype(dtype):
        return None
    return nw.from_native(series, series_only=True).dtype


def is_missing(X):
    """Return which cells of a frame or an array are missing."""
    return np.asarray(as_frame(X).isna()) if is_frame(X) else np.isnan(X)


def take_columns(X, kept):
    """Return the columns of a frame or an array at these positions."""
    if len(kept) == X.shape[1]:
        return X
    return X.iloc[:, kept] if hasattr(X, "iloc") else X[:, kept]


def as_array(X):
    """Return a frame as an array, of objects if a float cannot hold its numbers."""
    if is_frame(X):
        X = as_frame(X)
        numbers = X.select_dtypes("integer")
        if (numbers.abs() > _LARGEST_WHOLE).to_numpy(bool, na_value=False).any():
            return X.to_numpy(dtype=object)
    return np.asarray(X)


def empty_column(X, j):
    """Return a column that was empty in ``fit``, with 0 in place of missing numbers."""
    if not is_frame(X):
        return np.zeros(len(X), dtype=X.dtype)
    column = as_frame(X).iloc[:, j]
    number = pd.api.types.is_numeric_dtype(column.dtype)
    return column.fillna(0) if number else column


def kinds_of_numbers(X):
    """Return what ``visible`` has to be for every number to be read as one."""
    if not is_frame(X):
        return ANY_NUMBER
    is_numeric, is_bool = pd.api.types.is_numeric_dtype, pd.api.types.is_bool_dtype
    return [
        ANY_NUMBER if is_numeric(dtype) and not is_bool(dtype) else "auto"
        for dtype in as_frame(X).dtypes
    ]
