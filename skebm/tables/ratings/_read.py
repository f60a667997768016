"""From what a user passes as ratings to :class:`Ratings`."""

import numpy as np
from scipy.sparse import issparse

from skebm.tables.ratings._matrix import canonical, known_cells
from skebm.tables.ratings._people import LARGEST
from skebm.tables.ratings._table import RatingTable
from skebm.tables.ratings._value import Ratings

# More distinct ratings than these are measurements, and no levels of a scale.
MOST_LEVELS = 50
_REPLACED = "RatingTable.from_frame(frame, user=..., item=..., rating=...)"


def read_ratings(X, y=None, *, feedback, levels=None, n_items=None):
    """Return the ratings of users x items.

    Parameters
    ----------
    X : sparse matrix, RatingTable, or array of shape (n_users, n_items)
        Stored entries of a matrix are ratings, also stored zeros. An array or a frame
        must have NaN where a rating is not known.
    y : array-like of shape (n_ratings,), default=None
        Ratings of the rows of a table, in place of its own.
    feedback : {"explicit", "implicit"}
        Whether the values are ratings, which have an order, or counts.
    levels : ndarray of shape (n_levels,), default=None
        The ratings that a model knows. None takes those of ``X``.
    n_items : int, default=None
        The number of items that a model knows. None is any.

    Returns
    -------
    Ratings

    Raises
    ------
    TypeError, ValueError
        If ``X`` cannot be read; the sentence says what to do.
    """
    matrix = matrix_of(X, y)
    if n_items is not None and matrix.shape[1] != n_items:
        raise ValueError(
            f"X has {matrix.shape[1]} items, but the model was fitted to {n_items}. "
            "The columns must be the items of fit, in the same order."
        )
    if feedback == "implicit":
        _refuse_negative(matrix)
        return Ratings.from_csr(matrix)
    found = np.unique(matrix.data)
    if levels is None:
        levels = _checked_levels(found)
    elif len(unknown := np.setdiff1d(found, levels)):
        raise ValueError(
            f"X holds the rating {unknown[0]:g}, but the ratings of fit are "
            f"{_listed(levels)}. Refit the model with that rating, or round it to one "
            "of these."
        )
    return Ratings.from_csr(matrix, levels)


def is_table(X):
    """Tell whether ratings are a table with one row a rating."""
    return isinstance(X, RatingTable)


def matrix_of(X, y=None):
    """Return ratings in any of the forms that are read as a CSR array."""
    if is_table(X):
        return (X if y is None else X.with_ratings(y)).to_csr()
    if y is not None:
        raise ValueError(
            "y must be None: the ratings are the values of X. To pass ratings as y, "
            "pass a skebm.model_selection.RatingTable as X."
        )
    return canonical(X if issparse(X) else _cells(X))


def _cells(X):
    """Return the known cells of an array or a frame of users x items."""
    if isinstance(X, str) or not np.ndim(X):
        return X  # what is no matrix is refused later
    try:
        array = np.asarray(X)
        if array.dtype.kind == "c":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            "X holds text, objects or complex numbers, but ratings of users x items "
            f"are real numbers. Read a frame with one row a rating with {_REPLACED}."
        ) from None
    if array.ndim != 2:
        raise ValueError(
            f"X has {array.ndim} dimension(s), but ratings are a matrix of users x "
            "items."
        )
    if not np.isnan(array).any():
        raise ValueError(
            "X is dense and has no missing cell, so each user would have rated each "
            "item. If zeros stand for ratings that are not known, pass "
            "scipy.sparse.csr_array(X); if they are marked otherwise, write NaN there. "
            f"Read a frame with one row a rating with {_REPLACED}."
        )
    return known_cells(array)


def _checked_levels(found):
    """Return the levels of explicit ratings, or raise a sentence."""
    if not len(found):
        raise ValueError(
            "X has no rating. Stored entries are ratings, and X stores none."
        )
    if (largest := np.abs(found).max()) > LARGEST:
        raise ValueError(
            f"X holds ratings as large as {largest:g}. Divide them, so that none is "
            f"above {LARGEST:g}."
        )
    if len(found) > MOST_LEVELS:
        raise ValueError(
            f"X holds {len(found)} distinct ratings, from {found[0]:g} to "
            f"{found[-1]:g}, and explicit ratings have at most {MOST_LEVELS} levels. "
            "Round them, as in np.round(2 * X.data) / 2, or set "
            'feedback="implicit" if they are counts.'
        )
    return found


def _refuse_negative(matrix):
    """Raise a sentence if a count is below 0."""
    if not matrix.nnz:
        raise ValueError(
            "X has no count. Stored entries are counts, and X stores none."
        )
    if (least := matrix.data.min()) < 0:
        raise ValueError(
            f"X holds the count {least:g}, but counts of implicit feedback are at "
            'least 0. Set feedback="explicit" if X holds ratings.'
        )


def _listed(levels):
    shown = [f"{level:g}" for level in levels]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:5], "...", shown[-1]])
