"""What a recommender says of items: the best of a user, the alike, the reasons."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skebm.inference.recommendation import best_items
from skebm.tables.ratings import Ids
from skebm.utils._parallel import use_threads
from skebm.utils._validation import check_positive

NEW_USER = "Pass the ratings of new users as rows of a sparse matrix."
NEW_ITEM = "Refit the model with that item."


class RecommendationsMixin:
    """Methods of a recommender that return items."""

    def recommend(self, X=None, n: int = 10, *, filter_seen: bool = True):
        """Return the best items of each user, with their scores.

        Parameters
        ----------
        X : array-like of shape (n_users,) or sparse matrix, default=None
            Ids of known users, or the ratings of new users, which need no refitting.
            None takes all users of ``fit``.
        n : int, default=10
            Number of items.
        filter_seen : bool, default=True
            Whether to leave out the items that a user has rated.

        Returns
        -------
        items : ndarray of shape (n_users, n)
            Ids, the best first. Where no item is left, -1, or None if ids are no ints.
        scores : ndarray of shape (n_users, n), float64
            What :meth:`predict` returns; -inf where no item is left.
        """
        check_is_fitted(self)
        numbers, best = self._best(X, n, filter_seen)
        return Ids(self.item_ids_, "item").called(numbers), best

    def _best(self, X, n, filter_seen):
        """Return the numbers of the best items, and their scores."""
        check_positive(n, "n")
        if issparse(X):
            seen = self._known(X)
            people, rows = self._folded(seen), np.arange(len(seen))
        else:
            people, seen = self._people, self._ratings
            rows = np.arange(len(seen))
            if X is not None:
                rows = Ids(self.user_ids_, "user").numbers(X, NEW_USER)
                seen = seen.take(rows)
        n = min(n, self.n_features_in_)
        seen = seen if filter_seen else None
        with use_threads(self.n_jobs):
            return best_items(self.energy_, people, rows, n, seen)

    def similar_items(self, item, n: int = 10):
        """Return the items that are most similar to an item, with their similarities.

        Parameters
        ----------
        item : id
        n : int, default=10
            Number of items.

        Returns
        -------
        items : ndarray of shape (n,)
            Ids, the most similar first, without the item itself.
        similarities : ndarray of shape (n,), float64
        """
        check_is_fitted(self)
        check_positive(n, "n")
        ids = Ids(self.item_ids_, "item")
        number = int(ids.numbers(item, NEW_ITEM)[0])
        similarity = np.array(self.energy_.similarities(number), dtype=np.float64)
        similarity[number] = -np.inf
        best = np.argsort(-similarity, kind="stable")[: min(n, len(similarity) - 1)]
        return ids.called(best), similarity[best]

    def explain(self, user, item) -> pd.DataFrame:
        """Return which ratings of a user speak for an item, and against it.

        Parameters
        ----------
        user : id or sparse matrix of shape (1, n_items)
            A known user, or the ratings of a new one.
        item : id

        Returns
        -------
        DataFrame
            One row for each rating of the user, with the columns ``rating`` and
            ``contribution``, the largest contributions first. Its last row is the
            prediction without any rating. The contributions sum to what
            :meth:`predict` returns.
        """
        people, rows, columns = self._pairs(user, item)
        if len(rows) != 1:
            raise ValueError(f"explain takes one user and one item; got {len(rows)}.")
        pair = int(rows[0]), int(columns[0])
        items, parts, baseline = self.energy_.explain(people, *pair)
        rated = self._known(user) if issparse(user) else self._ratings.take(rows)
        place = np.searchsorted(rated.items, items)
        order = np.argsort(-np.abs(parts), kind="stable")
        names = Ids(self.item_ids_, "item").called(np.asarray(items)[order])
        table = {
            "rating": np.append(rated.values[place][order], np.nan),
            "contribution": np.append(np.asarray(parts)[order], baseline),
        }
        index = pd.Index([*names, "(no rating)"], name="item", dtype=object)
        return pd.DataFrame(table, index=index)
