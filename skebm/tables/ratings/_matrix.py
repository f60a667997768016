"""Sparse matrices of ratings: sorted, with stored zeros, without duplicates."""

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse

# Formats that cannot tell a stored zero from a cell without a value.
_FILLED = {"bsr", "dia"}


def canonical(X):
    """Return a sparse matrix as a CSR array of float64, sorted, with stored zeros.

    Parameters
    ----------
    X : sparse matrix of shape (n_users, n_items)

    Returns
    -------
    CSR array
        It may share memory with ``X``, which is not changed.

    Raises
    ------
    TypeError
        If ``X`` is no sparse matrix.
    ValueError
        If ``X`` has no rows or columns, is in a format that loses stored zeros, holds
        what is not a real number, or stores a cell twice.
    """
    _refuse_others(X)
    matrix = X.tocsr()
    if X.format != "csr" and matrix.nnz < X.nnz:
        refuse_duplicates(*X.tocoo().coords, *map(np.arange, X.shape), _SUM)
    data = matrix.data.astype(np.float64, copy=False)
    matrix = csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    # SciPy would remember its finding in a matrix of the user, so this one is new.
    if not matrix.has_sorted_indices:
        matrix = matrix.sorted_indices()
    if not matrix.has_canonical_format:
        entries = matrix.tocoo()
        refuse_duplicates(*entries.coords, *map(np.arange, X.shape), _SUM)
    if not np.isfinite(matrix.data).all():
        place = np.flatnonzero(~np.isfinite(matrix.data))[0]
        user = np.searchsorted(matrix.indptr, place, side="right") - 1
        raise ValueError(
            f"X stores {matrix.data[place]} for user {user} and item "
            f"{matrix.indices[place]}. A rating that is not known must not be stored."
        )
    return matrix


_SUM = "Sum them with X.sum_duplicates() if they are counts, and else keep one of them."


def refuse_duplicates(users, items, user_ids, item_ids, remedy):
    """Raise a sentence that names a pair of user and item that is there twice."""
    keys = np.asarray(users, dtype=np.int64) * len(item_ids) + items
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        user, item = divmod(int(repeated[0]), len(item_ids))
        n_times = int((keys == repeated[0]).sum())
        raise ValueError(
            f"User {_shown(user_ids[user])} rates item {_shown(item_ids[item])} "
            f"{n_times} times, and {len(np.unique(repeated))} pairs of user and item "
            f"are there more than once. {remedy}"
        )


def known_cells(X):
    """Return the cells of a dense array that are not NaN, as a COO array."""
    users, items = np.nonzero(~np.isnan(X))
    return coo_array((X[users, items], (users, items)), shape=X.shape)


def _shown(name):
    return repr(name.item() if isinstance(name, np.generic) else name)


def _refuse_others(X):
    """Raise a sentence if X is no sparse matrix of real numbers."""
    if not issparse(X):
        raise TypeError(
            "Ratings must be a sparse matrix of users x items; got "
            f"{type(X).__name__}. Make one with scipy.sparse.csr_array, or read a "
            "frame of (user, item, rating) with RatingTable.from_frame."
        )
    if X.format in _FILLED:
        raise ValueError(
            f"X is in {X.format.upper()} format, which does not tell a stored zero "
            "from a cell without a rating. Pass a CSR, CSC or COO matrix."
        )
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"X has the shape {X.shape}, but ratings need a row for each user and a "
            "column for each item, at least one of both."
        )
    if X.dtype.kind not in "biuf":
        raise ValueError(
            f"X holds values of dtype {X.dtype}, but ratings are real numbers."
        )
