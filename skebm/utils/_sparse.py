"""Rows that may be sparse."""

from scipy.sparse import issparse


def dense(X):
    """Return the rows as an array: themselves, unless they are sparse."""
    return X.toarray() if issparse(X) else X
