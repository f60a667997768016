"""What a recommender finds for groups of users, and what it shows them."""

import numpy as np
import pandas as pd

from skebm.metrics import coverage, gini, ndcg_at_k, recall_at_k
from skebm.metrics.ranking import exposure
from skebm.tables.ratings import is_table, read_ratings


def audit_recommendations(estimator, X, *, groups=None, n=20, liked_from=None):
    """Return quality and exposure of recommendations by group of users.

    It measures, and changes no recommendation.

    Parameters
    ----------
    estimator : fitted EnergyRecommender
    X : {sparse matrix, RatingTable} of shape (n_users, n_items)
        Held-out ratings of the users of ``fit``, in the same order.
    groups : array-like of shape (n_users,), default=None
        The group of each user, such as an age. None has no groups.
    n : int, default=20
        Number of items that are recommended to each user.
    liked_from : float, default=None
        The lowest rating of an item that should be recommended. None is the mean of the
        levels of explicit ratings; with implicit feedback, counts above 0 count.

    Returns
    -------
    DataFrame
        One row for each group, and the row ``"all"``. The columns are:

        - ``n_users``, ``n_held_out``: numbers of users and of held-out ratings;
        - ``rmse``: error of expected ratings; NaN with implicit feedback;
        - ``recall``, ``ndcg``: see :func:`skebm.metrics.recall_at_k` and
          :func:`skebm.metrics.ndcg_at_k`;
        - ``coverage``: share of items that are recommended to anyone of the group;
        - ``gini``: Gini coefficient of how often items are recommended;
        - ``popularity``: mean number of ratings in ``fit`` of recommended items;
        - ``popularity_of_users``: the same of the items that these users had rated
          in the held-out part, to compare.
    """
    held_out = _held_out(estimator, X)
    n_users = len(held_out)
    if groups is None:
        groups = np.empty(n_users, dtype=object)
    groups = pd.Series(np.asarray(groups))
    if len(groups) != n_users:
        raise ValueError(
            f"groups has {len(groups)} entries, but it must have one for each of the "
            f"{n_users} users of X."
        )
    ids, _ = estimator.recommend(estimator.user_ids_, n=n)
    facts = {
        "shown": pd.Index(estimator.item_ids_)
        .get_indexer(ids.ravel())
        .reshape(ids.shape),
        "liked": _liked(held_out, estimator.levels_, liked_from),
        "errors": _errors(estimator, held_out),
        "counts": estimator.item_counts_,
    }
    found = {"all": _measured(np.arange(n_users), held_out, **facts)}
    for group, members in groups.groupby(groups).indices.items():
        found[group] = _measured(members, held_out, **facts)
    return pd.DataFrame.from_dict(found, orient="index")


def _held_out(estimator, X):
    """Return the held-out ratings as :class:`Ratings` of all users."""
    ids = estimator.user_ids_, estimator.item_ids_
    if is_table(X):
        same = [
            np.array_equal(a, b)
            for a, b in zip((X.user_ids, X.item_ids), ids, strict=True)
        ]
        if not all(same):
            raise ValueError(
                "X has other users or items than fit. Divide one RatingTable into a "
                "part for fit and a part for the audit."
            )
    feedback = "implicit" if estimator.levels_ is None else "explicit"
    facts = {"levels": estimator.levels_, "n_items": len(ids[1])}
    ratings = read_ratings(X, feedback=feedback, **facts)
    if len(ratings) != len(ids[0]):
        raise ValueError(
            f"X has {len(ratings)} users, but it must have a row for each of the "
            f"{len(ids[0])} users of fit."
        )
    return ratings


def _liked(held_out, levels, liked_from):
    """Return the held-out items that should be recommended, as 1 in a CSR array."""
    liked = held_out.to_csr().copy()
    if liked_from is None and levels is None:
        liked.data = (liked.data > 0).astype(float)
    else:
        least = np.mean(levels) if liked_from is None else liked_from
        liked.data = (liked.data >= least).astype(float)
    return liked


def _errors(estimator, held_out):
    """Return the squared error of each expected rating, or NaN with counts."""
    if estimator.levels_ is None or not held_out.n_ratings:
        return np.full(held_out.n_ratings, np.nan)
    users, items = (
        ids[numbers]
        for ids, numbers in zip(
            (estimator.user_ids_, estimator.item_ids_),
            (held_out.users, held_out.items),
            strict=True,
        )
    )
    return (estimator.predict(users, items) - held_out.values) ** 2


def _measured(members, held_out, shown, liked, errors, counts):
    """Return the measures of a group of users."""
    here = np.isin(held_out.users, members)
    shown, n_items = shown[members], held_out.shape[1]
    n, was_shown = shown.shape[1], counts[shown[shown >= 0]]
    rated = counts[held_out.items[here]]
    return {
        "n_users": len(members),
        "n_held_out": int(here.sum()),
        "rmse": np.sqrt(errors[here].mean()) if here.any() else np.nan,
        "recall": recall_at_k(liked[members], shown, n),
        "ndcg": ndcg_at_k(liked[members], shown, n),
        "coverage": coverage(shown, n_items),
        "gini": gini(exposure(shown, n_items)),
        "popularity": was_shown.mean() if len(was_shown) else np.nan,
        "popularity_of_users": rated.mean() if len(rated) else np.nan,
    }
