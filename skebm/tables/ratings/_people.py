"""From ids of users and items to their numbers, and features of them to numbers."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse

# Larger ratings and features have squares that overflow, or sums of them.
LARGEST = 1e100


class Ids:
    """What users or items are called.

    Parameters
    ----------
    names : array-like of shape (n,)
        All different.
    what : {"user", "item"}
        For error messages.
    """

    def __init__(self, names, what):
        self.names, self.what = np.asarray(names), what

    def numbers(self, names, remedy):
        """Return the numbers of names, or a sentence about the first unknown one."""
        try:
            asked = np.atleast_1d(np.asarray(names))
            numbers = pd.Index(self.names).get_indexer(pd.Index(asked.ravel()))
        except (TypeError, ValueError):  # such as of dicts and tables
            raise ValueError(
                f"{self.what}s must be ids, such as numbers and text; got {names!r}."
            ) from None
        if asked.ndim != 1:
            raise ValueError(
                f"{self.what}s must be ids in one dimension; got the shape "
                f"{asked.shape}."
            )
        if (numbers < 0).any():
            name = asked[numbers < 0][0]
            name = name.item() if isinstance(name, np.generic) else name
            raise ValueError(f"{self.what} {name!r} was not in fit. {remedy}")
        return numbers

    def called(self, numbers):
        """Return the names of numbers; -1 becomes -1, or None if names are no ints."""
        names = self.names[np.maximum(numbers, 0)]
        if (nobody := numbers < 0).any():
            if names.dtype.kind not in "iu":
                names = names.astype(object)
            names[nobody] = -1 if names.dtype.kind in "iu" else None
        return names

    def extended(self, names):
        """Return these ids with those of names that are new, at the end."""
        new = ~np.isin(names, self.names)
        return Ids(np.concatenate([self.names, np.asarray(names)[new]]), self.what)

    def lengthened(self, n):
        """Return ids of n rows of a matrix, which has more rows than there are ids."""
        if not np.array_equal(self.names, np.arange(len(self.names))):
            raise ValueError(
                f"X has {n} rows, but fit had {len(self.names)} {self.what}s, and the "
                f"others have no ids. Pass a RatingTable with {self.what}_ids."
            )
        return Ids(np.arange(n), self.what)


def read_features(features, n, name):
    """Return features of users or items as numbers, or None.

    Parameters
    ----------
    features : {array-like, sparse matrix, DataFrame} of shape (n, n_features) or None
        Columns of a frame with text or categories become indicators.
    n : int
        Number of users or items.
    name : str
        For error messages.

    Returns
    -------
    ndarray of float64 of shape (n, n_features) or None
    """
    if features is None:
        return None
    if issparse(features):
        features = features.toarray()
    if isinstance(features, pd.DataFrame):
        features = pd.get_dummies(features, dtype=float)
    try:
        features = np.asarray(features, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be numbers, or a pandas frame with numbers and categories."
        ) from None
    if features.ndim != 2 or len(features) != n:
        raise ValueError(
            f"{name} has the shape {features.shape}, but it must have one row for each "
            f"of the {n} {name.split('_')[0]}s of X, in their order."
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"{name} has missing or infinite values. Fill them in, as with "
            "sklearn.impute.SimpleImputer."
        )
    if features.size and np.abs(features).max() > LARGEST:
        raise ValueError(
            f"{name} has values above {LARGEST:g}. Scale them, as with "
            "sklearn.preprocessing.StandardScaler."
        )
    return features
