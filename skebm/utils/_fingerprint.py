"""A short text that tells the rows of one fit from those of another."""

import hashlib

import joblib
import numpy as np
import pandas as pd
from scipy.sparse import issparse

# Of larger arrays evenly spaced rows are read, of this many bytes in all. That takes a
# third of a second.
_MOST_BYTES = 2**28
_METHOD = "sha1"  # the fastest of those that are in every Python


def fingerprint(*values):
    """Return a text that depends on all values, but not on the machine or the process.

    Parameters
    ----------
    *values : array, sparse matrix, data frame, or another object that can be pickled
        An object may have ``fingerprint()``, which returns a text.
    """
    digest = hashlib.new(_METHOD)
    for value in values:
        digest.update(_of(value).encode())
    return digest.hexdigest()


def _of(value):
    if hasattr(value, "fingerprint"):
        return value.fingerprint()
    if isinstance(value, dict):
        return fingerprint(*[part for pair in value.items() for part in pair])
    if issparse(value):
        value = value.tocsr()
        arrays = value.data, value.indices, value.indptr
        return fingerprint(repr(value.shape), *arrays)
    if hasattr(value, "to_pandas"):  # frames of other libraries
        value = value.to_pandas()
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, j] for j in range(value.shape[1])]
        return fingerprint(list(map(repr, value.columns)), *columns)
    if isinstance(value, pd.Series):
        return str(value.dtype) + _of_series(value)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return _of_array(value)
    return joblib.hash(value, hash_name=_METHOD)


def _of_array(value):
    text = f"{value.dtype.str} {value.shape}"
    if value.nbytes > _MOST_BYTES:
        value = value[:: -(-value.nbytes // _MOST_BYTES)]
    numbers = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    return text + hashlib.new(_METHOD, numbers).hexdigest()


def _of_series(column):
    try:
        return _of_array(pd.util.hash_pandas_object(column, index=False).to_numpy())
    except (TypeError, ValueError):  # values of mixed types
        return joblib.hash(list(map(repr, column)), hash_name=_METHOD)
