"""Arrays of numbers: what scikit-learn's checks let pass and a model cannot use."""

import numpy as np
from scipy.sparse import issparse

# The variance of larger numbers is larger than any float.
LARGEST = 1e150
# The rounding of numbers around 1 is below this, and there are at most so many of them.
_CLOSE_TO_ZERO, _FEW = 1e-14, 8


def plain_array(X):
    """Return an array with NaN in masked cells; refuse dates and text.

    Raises
    ------
    ValueError
        If the array holds dates or times, which scikit-learn reads as whole numbers, or
        text that is no number.
    """
    _refuse_text(X)
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    if kind in ("M", "m"):
        raise ValueError(
            "X holds dates or times. Pass numbers, such as days since the first date, "
            "or parts of the dates as columns of their own."
        )
    if isinstance(X, np.ma.MaskedArray):
        return X.astype(np.float64).filled(np.nan) if np.ma.is_masked(X) else X.data
    return X


def _refuse_text(X):
    """Raise a sentence if a cell of an array or a list of rows is text."""
    if isinstance(X, list | tuple):
        cells = (c for row in X if isinstance(row, list | tuple) for c in row)
    elif getattr(getattr(X, "dtype", None), "kind", None) in tuple("OUS"):
        cells = np.ravel(X)
    else:
        return
    for cell in cells:
        if isinstance(cell, str) and not _is_number(cell):
            raise ValueError(
                f"X holds text, such as {str(cell)!r}, but an array is read as "
                "numbers. Pass a data frame, or name units of its columns, as in "
                "visible={0: 'categorical'}."
            )


def _is_number(text):
    try:
        float(text)
    except ValueError:
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
