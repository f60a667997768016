"""Rows without a label, in the convention of scikit-learn."""

import numpy as np
import pandas as pd

# What stands for a missing label, in numbers and in numbers of classes.
MISSING = -1
# Fewest classes beside -1 for -1 to be a missing label.
_FEWEST = 2


def without_missing(y):
    """Return labels in which NaN of strings is None, as frames of pandas have it."""
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.StringDtype):
        return y.astype(object).where(y.notna(), None)
    return y


def is_labelled(y, classes=None):
    """Tell which rows have a label.

    None is a missing label. In numbers, -1 is a missing label if there are at least two
    other classes. So labels -1 and 1 are two classes.

    Parameters
    ----------
    y : ndarray of shape (n,)
    classes : array-like of shape (n_classes,), default=None
        The classes, where they are known before. If -1 is one of them, it is a label.

    Returns
    -------
    ndarray of bool of shape (n,), or None if all rows have a label
    """
    if y.dtype == object:
        known = np.array([label is not None for label in y], bool)
    elif y.dtype.kind in "if":
        known = y != MISSING
        others = y[known] if classes is None else np.asarray(classes)
        if MISSING in others or len(np.unique(others)) < _FEWEST:
            return None
    else:
        return None
    return None if known.all() else known


def plain_labels(y):
    """Return numbers among objects as an array of numbers; other labels as they are."""
    if y.dtype == object and len({type(label) for label in y}) == 1:
        plain = np.array(y.tolist())
        return plain if plain.dtype.kind in "bif" else y
    return y
