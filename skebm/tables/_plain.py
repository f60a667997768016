"""Dtypes and indexes of pandas as plain dicts, as files of fitted estimators hold them.

Files of skops cannot hold objects of pandas, and pickles of them belong to one version
of pandas.
"""

import numpy as np
import pandas as pd

# The entry of a plain dict that tells what it stands for.
_MARK = "stands for"


def to_plain(value):
    """Return a value, and the entries of a container, with plain dicts for dtypes.

    An object of which a plain dict cannot be made is not changed.
    """
    if isinstance(value, list | tuple):
        return _rebuilt(value, map(to_plain, value))
    for mark, (holds, write, read) in _FORMS.items():
        if holds(value):
            try:
                plain = {_MARK: mark, **write(value)}
                same = read({**plain})
            except (TypeError, ValueError, AttributeError, ImportError):
                return value
            return plain if type(same) is type(value) and _equal(same, value) else value
    return value


def from_plain(value):
    """Return what :func:`to_plain` was given."""
    if isinstance(value, list | tuple):
        return _rebuilt(value, map(from_plain, value))
    if isinstance(value, dict) and _MARK in value:
        return _FORMS[value[_MARK]][-1](value)
    return value


def _rebuilt(container, values):
    is_record = hasattr(container, "_fields")
    return type(container)(*values) if is_record else type(container)(values)


def _equal(a, b):
    return a.equals(b) and a.names == b.names if isinstance(a, pd.Index) else a == b


def _is_scalar_type(value):
    return isinstance(value, type) and issubclass(value, np.generic)


def _write_index(index):
    levels = isinstance(index, pd.MultiIndex)
    values = index.to_list()
    return {
        "values": [list(v) for v in values] if levels else values,
        "dtype": None if levels else to_plain(index.dtype),
        "names": list(index.names),
    }


def _read_index(plain):
    values, names = plain["values"], plain["names"]
    if plain["dtype"] is None:
        return pd.MultiIndex.from_tuples(map(tuple, values), names=names)
    dtype = from_plain(plain["dtype"])
    return pd.Index(values, dtype=dtype, name=names[0], tupleize_cols=False)


def _write_range(index):
    ends = {"start": index.start, "stop": index.stop, "step": index.step}
    return {**ends, "name": index.name}


def _read_range(plain):
    ends = (plain[end] for end in ("start", "stop", "step"))
    return pd.RangeIndex(*ends, name=plain["name"])


def _write_categories(dtype):
    return {"categories": to_plain(dtype.categories), "ordered": bool(dtype.ordered)}


def _read_categories(plain):
    return pd.CategoricalDtype(from_plain(plain["categories"]), plain["ordered"])


def _write_string(dtype):
    return {"storage": dtype.storage, "na": dtype.na_value is pd.NA}


def _read_string(plain):
    dtype = pd.StringDtype(plain["storage"])
    if (dtype.na_value is pd.NA) == plain["na"]:
        return dtype
    return pd.StringDtype(plain["storage"], na_value=pd.NA if plain["na"] else np.nan)


def _read_arrow(plain):
    import pyarrow

    return pd.ArrowDtype(pyarrow.type_for_alias(plain["text"]))


def _is(*classes):
    return lambda value: isinstance(value, classes)


# For each mark: whether it is the form of a value, how to write it, how to read it. The
# first form that fits is taken.
_FORMS = {
    "dtype of NumPy": (
        _is(np.dtype),
        lambda dtype: {"text": dtype.str},
        lambda plain: np.dtype(plain["text"]),
    ),
    "scalar type of NumPy": (
        _is_scalar_type,
        lambda kind: {"text": np.dtype(kind).str},
        lambda plain: np.dtype(plain["text"]).type,
    ),
    "categories": (_is(pd.CategoricalDtype), _write_categories, _read_categories),
    "strings": (_is(pd.StringDtype), _write_string, _read_string),
    "dtype of Arrow": (
        _is(pd.ArrowDtype),
        lambda dtype: {"text": str(dtype.pyarrow_dtype)},
        _read_arrow,
    ),
    "dtype of pandas": (
        _is(pd.api.extensions.ExtensionDtype),
        lambda dtype: {"text": str(dtype)},
        lambda plain: pd.api.types.pandas_dtype(plain["text"]),
    ),
    "range": (_is(pd.RangeIndex), _write_range, _read_range),
    "index": (_is(pd.Index), _write_index, _read_index),
}
