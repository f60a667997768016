"""Cells that a user knows come back as they were, beside those that are filled in."""

import pandas as pd


def keep_observed(filled, observed, hole):
    """Return a column with its observed cells as they were, and its holes filled in.

    Parameters
    ----------
    filled : Series
        The numbers of all cells, in the dtype of ``fit``.
    observed : Series
        The column as the user passed it, with the index of ``filled``.
    hole : ndarray of bool of shape (n,)
        Which cells are filled in.

    Returns
    -------
    Series
        It has the dtype of ``filled`` if that holds each observed cell, else the dtype
        of ``observed`` or one that holds both.
    """
    known = observed[~hole]
    for dtype in (filled.dtype, observed.dtype):
        if (kept := _cast(known, dtype)) is not None:
            new = filled[hole] if dtype == filled.dtype else _cast(filled[hole], dtype)
            if new is not None:
                return pd.concat([kept, new]).sort_index() if hole.any() else kept
    both = pd.concat([known, filled[hole]]).sort_index()
    if both[~hole].astype(known.dtype).equals(known):
        return both
    return pd.concat([known.astype(object), filled[hole].astype(object)]).sort_index()


def _cast(series, dtype):
    """Return a Series in a dtype, or None if a value is not the same there."""
    if series.dtype == dtype:
        return series
    try:
        cast = series.astype(dtype)
        return cast if cast.astype(series.dtype).equals(series) else None
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None
