"""Cross-validation of ratings: folds that hide ratings, not users.

Pass a :class:`RatingTable` as ``X``, which has one row a rating. Then every splitter of
scikit-learn hides ratings, and :class:`RatingKFold` can hide a share of the ratings of
each user. A matrix of users x items cannot be divided in this way, since scikit-learn
divides ``X`` by its rows. So the splitter refuses a matrix.
"""

import numpy as np
from sklearn.model_selection import KFold
from sklearn.utils import shuffle as shuffled

from skebm.tables.ratings import RatingTable
from skebm.utils._stored import public

__all__ = ["RatingKFold", "RatingTable"]


@public("skebm.model_selection")
class RatingKFold(KFold):
    """K folds of ratings, each of which is hidden once.

    It is used as ``cv=`` of :class:`sklearn.model_selection.GridSearchCV`,
    :func:`sklearn.model_selection.cross_validate` and the like, with a
    :class:`RatingTable` as ``X``. Users and items are in all folds.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    by_user : bool, default=False
        Whether each fold hides ``1 / n_splits`` of the ratings of each user, to within
        one rating. If not, the folds are those of
        :class:`sklearn.model_selection.KFold` over all ratings.
    shuffle : bool, default=True
        Whether ratings are put into folds at random. If not, folds are consecutive
        rows of the table; with ``by_user``, every ``n_splits``-th row of a user.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds. An int gives the same folds in each call of ``split``.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from skebm.model_selection import RatingKFold, RatingTable
    >>> X = csr_array(np.array([[5, 3, 4, 1], [2, 0, 5, 4]]))
    >>> table = RatingTable(X)
    >>> folds = RatingKFold(3, by_user=True, random_state=0)
    >>> for train, test in folds.split(table):
    ...     print(table[train], table.users[test])
    RatingTable(4 ratings of 4 items by 2 users) [0 0 1]
    RatingTable(5 ratings of 4 items by 2 users) [0 1]
    RatingTable(5 ratings of 4 items by 2 users) [0 1]
    """

    def __init__(self, n_splits=5, *, by_user=False, shuffle=True, random_state=None):
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.by_user = by_user

    def split(self, X, y=None, groups=None):
        """Yield the rows that train and the rows that are hidden.

        Parameters
        ----------
        X : RatingTable
        y, groups : Ignored

        Yields
        ------
        train, test : ndarray of int
            Row numbers, in increasing order.

        Raises
        ------
        TypeError
            If ``X`` is not a table with one row a rating.
        """
        if not isinstance(X, RatingTable):
            raise TypeError(
                f"RatingKFold hides ratings, but the rows of this {type(X).__name__} "
                "are users. Pass skebm.model_selection.RatingTable(X), which has one "
                "row a rating, to the search or score as X."
            )
        if not self.by_user:
            yield from super().split(X)
            return
        fold = self._folds_by_user(X.users)
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def _folds_by_user(self, users):
        """Return the fold of each rating.

        Ratings are dealt out like cards, one user after the other.
        """
        n = len(users)
        if n < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {n} ratings of X. Choose "
                "at most as many folds."
            )
        order = np.arange(n)
        if self.shuffle:
            order = shuffled(order, random_state=self.random_state)
        order = order[np.argsort(users[order], kind="stable")]
        fold = np.empty(n, dtype=np.intp)
        fold[order] = np.arange(n) % self.n_splits
        return fold
