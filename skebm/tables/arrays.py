"""Arrays of numbers: what scikit-learn's checks let pass and a model cannot use."""

import numpy as np
from scipy.sparse import issparse

# The variance of larger numbers is larger than any float.
LARGEST = 1e150


def plain_array(X):
    """Return an array with NaN in masked cells; refuse dates.

    Raises
    ------
    ValueError
        If the array holds dates or times, which scikit-learn reads as whole numbers.
    """
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    if kind in ("M", "m"):
        raise ValueError(
            "X holds dates or times. Pass numbers, such as days since the first date, "
            "or parts of the dates as columns of their own."
        )
    if isinstance(X, np.ma.MaskedArray):
        return X.astype(np.float64).filled(np.nan) if np.ma.is_masked(X) else X.data
    return X


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
