"""What a recommender says of items: the best of a user, the alike, the reasons."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skebm.inference.recommendation import best_items
from skebm.tables.ratings import Ids, is_table, read_ratings
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
        numbers = ids.numbers(item, NEW_ITEM)
        if len(numbers) != 1:
            raise ValueError(f"similar_items takes one item; got {len(numbers)}.")
        [number] = numbers
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

    # -- what is asked -----------------------------------------------------------------

    def _pairs(self, users, items):
        """Return people, and the numbers of a user and of an item for each pair."""
        check_is_fitted(self)
        user_ids, item_ids = Ids(self.user_ids_, "user"), Ids(self.item_ids_, "item")
        if is_table(users):
            rows = user_ids.numbers(users.user_ids, NEW_USER)[users.users]
            columns = item_ids.numbers(users.item_ids, NEW_ITEM)[users.items]
            return self._people, rows, columns
        if items is None:
            raise ValueError(
                "items is missing: pass ids of users and as many ids of items, or a "
                "RatingTable alone. For all items of a user, call recommend."
            )
        columns = item_ids.numbers(items, NEW_ITEM)
        if issparse(users):
            new = self._known(users)
            people, rows = self._folded(new), np.arange(len(new))
        else:
            people, rows = self._people, user_ids.numbers(users, NEW_USER)
        if len(rows) != len(columns) and 1 not in (len(rows), len(columns)):
            raise ValueError(
                f"users has {len(rows)} entries, but items has {len(columns)}. Each "
                "pair needs one of both."
            )
        return (people, *map(np.ascontiguousarray, np.broadcast_arrays(rows, columns)))

    def _known(self, X, y=None, users=None):
        """Return ratings with the levels and in the order of the items of fit."""
        if is_table(X):
            rows = users.numbers(X.user_ids, NEW_USER)
            columns = Ids(self.item_ids_, "item").numbers(X.item_ids, NEW_ITEM)
            X = X.renumbered(rows, columns, (len(users.names), self.n_features_in_))
        facts = {"levels": self.levels_, "n_items": self.n_features_in_}
        return read_ratings(X, y, feedback=self.feedback, **facts)

    def _folded(self, ratings):
        """Return people for new users."""
        if self._features is not None:
            features = np.tile(self._features.mean(axis=0), (len(ratings), 1))
        else:
            features = None
        with use_threads(self.n_jobs):
            return self.energy_.fold_in(ratings.heard, features)
