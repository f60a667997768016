"""Rows and columns that a question names: some columns may be left out."""

from collections.abc import Iterable, Mapping
from numbers import Integral

import pandas as pd
from scipy.sparse import issparse

from skebm.tables.frames import as_frame, is_frame
from skebm.utils._validation import list_names


def partial_rows(rows, names, n_features):
    """Return rows as ``fit`` got them; cells of columns that were left out are missing.

    Parameters
    ----------
    rows : dict, list of dict, Series, DataFrame or array-like
        One row or several.
    names : Index of length n_features or None
        The columns of ``fit``; None if it got an array.
    n_features : int

    Returns
    -------
    DataFrame or array-like

    Raises
    ------
    ValueError
        If a column was not seen in ``fit``.
    """
    if issparse(rows):
        return rows.toarray()
    if isinstance(rows, Mapping):
        rows = [rows]
    elif getattr(rows, "ndim", 2) == 1:
        rows = [rows.to_dict()] if hasattr(rows, "to_dict") else rows[None]
    if isinstance(rows, list) and rows and isinstance(rows[0], Mapping):
        rows = pd.DataFrame(rows)
    if not is_frame(rows):
        return rows
    rows = as_frame(rows)
    known = range(n_features) if names is None else names
    if unknown := [name for name in rows.columns if name not in known]:
        raise ValueError(
            f"given has a column {unknown[0]!r} that was not there in fit. Known: "
            f"{list_names(unknown[0], known)}."
        )
    rows = rows.reindex(columns=known)
    return rows.to_numpy() if names is None else rows


def column_positions(columns, names, n_features):
    """Return the positions of columns that are named, or numbered.

    Parameters
    ----------
    columns : list of str or int, str or int
    names : Index of length n_features or None
    n_features : int

    Returns
    -------
    list of int

    Raises
    ------
    ValueError
        If there is no such column.
    """
    names = [] if names is None else list(names)
    is_tuple = isinstance(columns, tuple) and columns in names
    if isinstance(columns, str | Integral) or is_tuple:
        columns = [columns]
    elif not isinstance(columns, Iterable):
        raise ValueError(f"given must be a list of names of columns; got {columns!r}.")
    by_name = dict(zip(names, range(len(names)), strict=True))
    positions = []
    for column in columns:
        position = by_name.get(column, column)
        whole = isinstance(position, Integral) and not isinstance(position, bool)
        if not whole or not -n_features <= position < n_features:
            known = names or range(n_features)
            raise ValueError(
                f"given names a column {column!r}, but the columns of fit are "
                f"{list_names(column, known)}."
            )
        positions.append(position)
    return positions
