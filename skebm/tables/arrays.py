"""Arrays of numbers: what scikit-learn's checks let pass and a model cannot use."""

import narwhals as nw
import numpy as np
from scipy.sparse import issparse

from skebm.utils._sklearn import validate_data
from skebm.utils._validation import refuse_paths

# The variance of larger numbers is larger than any float.
LARGEST = 1e150
# The rounding of numbers around 1 is below this, and there are at most so many of them.
_CLOSE_TO_ZERO, _FEW = 1e-14, 8


def validated(estimator, X, *y, **options):
    """Return rows after scikit-learn's checks, as numbers that a kernel can read.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and its names of columns are set or checked.
    X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
    *y : array-like of shape (n_samples,)
        Labels, if there are any.
    **options
        As for scikit-learn's ``validate_data``.

    Returns
    -------
    {ndarray, CSR matrix}, or a tuple with ``y`` if there are labels

    Raises
    ------
    ValueError
        If the rows hold dates or times, if there is no row or no column, or if
        scikit-learn's checks find a fault.
    """
    refuse_paths(X)
    if np.shape(getattr(X, "columns", None)) == (0,):  # a frame
        refuse_empty(X.shape)
    X = validate_data(estimator, _narrowed(_plain_array(X)), *y, **options)
    return (_native(X[0]), X[1]) if y else _native(X)


def _narrowed(X):
    """Return a frame with floats in columns of 128 bits, which NumPy does not have."""
    if not nw.dependencies.is_polars_dataframe(X):
        return X
    frame, whole = nw.from_native(X), (nw.Int128, nw.UInt128)
    wide = [name for name, dtype in frame.schema.items() if dtype in whole]
    floats = nw.col(*wide).cast(nw.Float64)
    return frame.with_columns(floats).to_native() if wide else X


def refuse_empty(shape):
    """Raise scikit-learn's sentence if a table has no rows or no columns."""
    for n, what in zip(shape, ("sample", "feature"), strict=True):
        if n == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 "
                "is required."
            )


def _native(X):
    """Return rows with the bytes of numbers in the order of this machine."""
    return X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("="))


def _plain_array(X):
    """Return an array with NaN in masked cells; refuse dates and text.

    Raises
    ------
    ValueError
        If the array holds dates or times, which scikit-learn reads as whole numbers, or
        text that is no number.
    """
    _refuse_text(X)
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    dtypes = list(X.dtypes) if np.ndim(getattr(X, "columns", 0)) else []  # a frame
    if kind in ("M", "m") or any(map(_is_temporal, dtypes)):
        raise ValueError(
            "X holds dates or times. Pass numbers, such as days since the first date, "
            "or parts of the dates as columns of their own."
        )
    if not isinstance(X, np.ma.MaskedArray):
        return X
    # scikit-learn refuses complex numbers.
    if not np.ma.is_masked(X) or kind == "c":
        return X.data
    return X.astype(np.float64).filled(np.nan)


def _is_temporal(dtype):
    """Tell whether a dtype of pandas or polars is one of dates or times."""
    is_temporal = getattr(dtype, "is_temporal", None)
    return is_temporal() if is_temporal else getattr(dtype, "kind", "") in ("M", "m")


def _refuse_text(X):
    """Raise a sentence if a cell of an array or a list of rows is text."""
    if isinstance(X, list | tuple):
        cells = (c for row in X if isinstance(row, list | tuple) for c in row)
    elif getattr(getattr(X, "dtype", None), "kind", None) in tuple("OUS"):
        cells = np.ravel(X)
    else:
        return
    for cell in cells:
        if isinstance(cell, str) and not is_number(cell):
            raise ValueError(
                f"X holds text, such as {str(cell)!r}, but an array is read as "
                "numbers. Pass a data frame, or name units of its columns, as in "
                "visible={0: 'categorical'}."
            )


def is_number(value):
    """Tell whether a value, such as a text, can be read as a number."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def are_rounding(distinct):
    """Tell whether distinct numbers are what is left of a constant that was centred.

    These are a few numbers close to 0, such as 5.6e-17.
    """
    largest = np.abs(distinct).max(initial=0.0)
    return len(distinct) <= _FEW and bool(largest <= _CLOSE_TO_ZERO)


def are_apart(sorted_numbers, dtype):
    """Tell which numbers differ from the one before them by more than rounding.

    Parameters
    ----------
    sorted_numbers : ndarray of shape (n,)
    dtype : dtype
        The dtype that rounded them. Other dtypes than float32 count as float64.

    Returns
    -------
    ndarray of bool of shape (n,)
        True for the first number.
    """
    numbers = np.asarray(sorted_numbers, dtype=np.float64)
    if are_rounding(np.unique(numbers)):
        return np.arange(len(numbers)) == 0
    largest = np.abs(numbers).max(initial=0.0)
    return np.r_[True, np.diff(numbers) > rounding(dtype) * largest][: len(numbers)]


def rounding(dtype):
    """Return the relative difference of numbers that may be the same number.

    A number of float32 and the same number of float64 differ by that much, too.
    """
    dtype = getattr(dtype, "numpy_dtype", dtype)
    return 10 * np.finfo(np.float32 if dtype == np.float32 else np.float64).eps


def refuse_huge(X):
    """Raise a sentence if a number is too large for its square.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    """
    values = X.data if issparse(X) else X
    if values.dtype != np.float64 or not values.size:
        return  # no number of single precision is as large
    low, high = np.nanmin(values, initial=0), np.nanmax(values, initial=0)
    if low >= -LARGEST and high <= LARGEST:
        return
    place = np.flatnonzero(np.abs(values) > LARGEST)[0]
    column = X.indices[place] if issparse(X) else place % X.shape[1]
    raise ValueError(
        f"Column {column} of X holds a number beyond {LARGEST:g}. Scale the column, or "
        "write NaN for a value that is not known."
    )
