"""Measures of recommendations: what was found, and what is shown to whom.

:func:`sklearn.metrics.ndcg_score` takes dense scores of all items, in which items that
a user knows must be overwritten, and sorts all of them. These measures take lists of
recommended items and a sparse matrix, and agree with it.
"""

import numpy as np
from scipy.sparse import csr_array

__all__ = ["coverage", "expected_calibration_error", "gini", "ndcg_at_k", "recall_at_k"]


def recall_at_k(held_out, recommended, k=20, *, average=True):
    """Return the share of held-out items that the first k recommendations hold [1]_.

    The share is of the items that k recommendations can hold: the number of held-out
    items of a user, or k if it is smaller.

    Parameters
    ----------
    held_out : sparse matrix of shape (n_users, n_items)
        Entries above 0 are items that the user liked.
    recommended : array-like of int of shape (n_users, n)
        Items, the best first. -1 stands for no further item.
    k : int, default=20
        Number of recommendations that count, at most ``n``.
    average : bool, default=True
        Whether to return the mean over users.

    Returns
    -------
    float, or ndarray of shape (n_users,)
        NaN for a user without held-out items. The mean leaves these users out.

    References
    ----------
    .. [1] D. Liang, R. Krishnan, M. Hoffman, T. Jebara. "Variational autoencoders for
       collaborative filtering". WWW 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from skebm.metrics import ndcg_at_k, recall_at_k
    >>> held_out = csr_array(np.array([[0, 1, 1, 0], [1, 0, 0, 0]]))
    >>> recommended = np.array([[2, 3], [3, 0]])
    >>> float(recall_at_k(held_out, recommended, 2))
    0.75
    >>> round(ndcg_at_k(held_out, recommended, 2), 3)
    0.622
    """
    hits, n_held_out = _hits(held_out, recommended, k)
    with np.errstate(invalid="ignore"):
        recall = hits.sum(axis=1) / np.minimum(n_held_out, k)
    return _averaged(recall, average)


def ndcg_at_k(held_out, recommended, k=100, *, average=True):
    """Return the normalised discounted cumulative gain of the first k recommendations.

    A held-out item at place j = 1, 2, ... counts 1 / log2(j + 1). The sum is divided by
    the sum of the best possible list.

    Parameters
    ----------
    held_out : sparse matrix of shape (n_users, n_items)
        Entries above 0 are items that the user liked.
    recommended : array-like of int of shape (n_users, n)
        Items, the best first. -1 stands for no further item.
    k : int, default=100
        Number of recommendations that count, at most ``n``.
    average : bool, default=True
        Whether to return the mean over users.

    Returns
    -------
    float, or ndarray of shape (n_users,)
        NaN for a user without held-out items. The mean leaves these users out.
    """
    hits, n_held_out = _hits(held_out, recommended, k)
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = np.append(np.nan, np.cumsum(discount))[np.minimum(n_held_out, k)]
    return _averaged(hits @ discount / best, average)


def coverage(recommended, n_items):
    """Return the share of all items that are recommended to anybody.

    Parameters
    ----------
    recommended : array-like of int of shape (n_users, n)
        Items. -1 stands for no item.
    n_items : int
        Number of all items.

    Returns
    -------
    float
    """
    return float(np.mean(exposure(recommended, n_items) > 0))


def gini(counts):
    """Return the Gini coefficient of counts, such as how often items are recommended.

    Parameters
    ----------
    counts : array-like of shape (n,)
        Numbers from 0 on, one for each item.

    Returns
    -------
    float
        0 if all are equal, and close to 1 if one item has everything. NaN if all counts
        are 0.

    Examples
    --------
    >>> from skebm.metrics import gini
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    counts = np.sort(np.asarray(counts, dtype=np.float64))
    if counts.ndim != 1 or not len(counts) or not counts[0] >= 0:
        raise ValueError("counts must be a list of numbers from 0 on, without NaN.")
    n, total = len(counts), counts.sum()
    if total == 0:
        return np.nan
    return float(np.arange(1 - n, n, 2) @ counts / (n * total))


def expected_calibration_error(y_true, proba, n_bins=15):
    """Return how far the probability of the likeliest class is from its share of hits.

    Rows are divided into bins of equal width by the probability of their likeliest
    class. The error is the mean over rows of the difference, in their bin, between mean
    probability and share of hits [1]_.

    Parameters
    ----------
    y_true : array-like of int of shape (n_samples,)
        Number of the column of the true class.
    proba : array-like of shape (n_samples, n_classes)
        Probabilities.
    n_bins : int, default=15
        Number of bins in [0, 1].

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Weinberger. "On calibration of modern neural
       networks". ICML 2017.
    """
    y_true, proba = np.asarray(y_true), np.asarray(proba, dtype=np.float64)
    if proba.ndim != 2 or y_true.shape != proba.shape[:1] or not len(proba):
        raise ValueError(
            f"proba must have a row for each of the classes in y_true, which has the "
            f"shape {y_true.shape}; got the shape {proba.shape}."
        )
    highest = proba.max(axis=1)
    gap = (proba.argmax(axis=1) == y_true) - highest
    bins = np.minimum((highest * n_bins).astype(int), n_bins - 1)
    return float(np.abs(np.bincount(bins, gap)).sum() / len(gap))


def exposure(recommended, n_items):
    """Return how often each item is recommended, ndarray of int of shape (n_items,)."""
    shown = np.asarray(recommended)
    return np.bincount(shown[shown >= 0], minlength=n_items)


def _hits(held_out, recommended, k):
    """Return which of the first k recommendations are held out, and how many are."""
    recommended = np.asarray(recommended)
    if recommended.ndim != 2 or len(recommended) != held_out.shape[0]:
        raise ValueError(
            f"recommended has the shape {recommended.shape}, but it must have a row "
            f"for each of the {held_out.shape[0]} users of held_out."
        )
    if not 1 <= k <= recommended.shape[1]:
        raise ValueError(
            f"k={k}, but there are {recommended.shape[1]} recommendations for a user. "
            "Ask for at least k recommendations."
        )
    first, n_items = recommended[:, :k].astype(np.int64), held_out.shape[1]
    if first.size and not -1 <= first.min() <= first.max() < n_items:
        raise ValueError(
            f"recommended must hold columns of held_out, from 0 to {n_items - 1}, or "
            "-1."
        )
    held_out = csr_array(held_out)
    users = np.repeat(np.arange(held_out.shape[0]), np.diff(held_out.indptr))
    liked = held_out.data > 0
    keys = np.sort(users[liked] * np.int64(n_items) + held_out.indices[liked])
    asked = np.arange(len(first))[:, None] * np.int64(n_items) + first
    place = np.searchsorted(keys, asked)
    found = np.append(keys, -1)[place] == asked
    counts = np.bincount(users[liked], minlength=held_out.shape[0])
    return found & (first >= 0), counts


def _averaged(values, average):
    if not average:
        return values
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
