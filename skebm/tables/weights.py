"""Weights of rows."""

import numpy as np

from skebm.utils._sklearn import check_sample_weight
from skebm.utils._sparse import dense

# Sums over squares of smaller weights, or of their inverses, are not numbers.
_LEAST = 1e-50


def check_weight(sample_weight, X):
    """Return the weights of rows as float64; None if all rows have the same weight."""
    if sample_weight is None:
        return None
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.sum() > 0:
        raise ValueError("sample_weight is zero for all rows: nothing to learn from.")
    if not _LEAST < weight.max() < 1 / _LEAST:
        raise ValueError(
            f"The largest sample_weight is {weight.max():.3g}, but it must be between "
            f"{_LEAST:g} and {1 / _LEAST:g}. A weight says how many rows a row counts "
            "for."
        )
    return weight


def positive(weight):
    """Return the weights above 0; None if there are no weights."""
    return None if weight is None else weight[weight > 0]


def rows_by_weight(n_rows, weight, most, random):
    """Return rows in which each occurs as often as its weight says; None for all.

    Rows that occur several times give what one row of that weight gives.

    Parameters
    ----------
    n_rows : int
    weight : ndarray of shape (n_rows,) or None
    most : int
        Number of rows that are drawn, if weights are fractions or there are more rows.
    random : Random
    """
    if weight is None:
        if n_rows <= most:
            return None
        weight = np.ones(n_rows)
    total = weight.sum()
    if (weight == np.floor(weight)).all() and total <= most:
        return np.repeat(np.arange(n_rows), weight.astype(int))
    position = np.sort(random.uniform(most)) * total
    return np.minimum(np.searchsorted(weight.cumsum(), position, "right"), n_rows - 1)


def without_anomalies(X, weight, is_anomaly):
    """Return the other rows with their weights, and the anomalies with theirs.

    Parameters
    ----------
    X : {ndarray, sparse matrix} of shape (n_positive, n_columns)
        Rows of weights above 0.
    weight : ndarray of shape (n_rows,) or None
    is_anomaly : ndarray of bool of shape (n_rows,) or None
    """
    if is_anomaly is None:
        return X, positive(weight), None
    if weight is None:
        weight = np.ones(len(is_anomaly))
    is_anomaly, weight = is_anomaly[weight > 0], positive(weight)
    if is_anomaly.all():
        raise ValueError(
            "All rows whose sample_weight is above 0 are anomalies (-1). Give rows "
            "with the label 0 or 1 a weight."
        )
    # Nothing is known if all of them have weight 0.
    anomalies = (dense(X[is_anomaly]), weight[is_anomaly]) if is_anomaly.any() else None
    return X[~is_anomaly], weight[~is_anomaly], anomalies
