"""Ratings as a table with one row a rating, which is what cross-validation divides.

Scikit-learn divides ``X`` by ``X[train]`` and ``X[test]``. The rows of a matrix of
users x items are users, so a splitter hides users, whatever indices it yields: a plain
matrix has no place for "this user, without this item". A table with one row a rating
has. It remembers the numbers of users and items, so a part of the ratings has the users
and items of the whole. Every splitter, search and score of scikit-learn can divide it.

Two alternatives were left. A subclass of SciPy's matrices would have an ``X[rows]``
that is not what SciPy promises. A plain array of pairs forgets the users and items that
a part has no rating of.
"""

from numbers import Integral

import narwhals as nw
import numpy as np
import pandas as pd
from scipy.sparse import coo_array

from skebm.tables.ratings._matrix import canonical, refuse_duplicates
from skebm.utils._stored import public

_AGGREGATES = "first", "last", "max", "mean", "min", "sum"


@public("skebm.model_selection")
class RatingTable:
    """Ratings as a table with one row a rating, for cross-validation.

    Functions of scikit-learn that divide the rows of ``X`` divide ratings if ``X`` is
    such a table, and users if it is a matrix of users x items. A part of a table has
    the users and items of the whole table.

    Parameters
    ----------
    X : sparse matrix of shape (n_users, n_items)
        Stored entries are ratings, also stored zeros. The rows of the table are in the
        order of the users, and for each user in the order of the items.
    user_ids : array-like of shape (n_users,), default=None
        What the users are called. None takes their row numbers.
    item_ids : array-like of shape (n_items,), default=None
        What the items are called. None takes their column numbers.

    Attributes
    ----------
    users, items : ndarray of int32 of shape (n_ratings,)
        Numbers of the user and of the item of each rating.
    ratings : ndarray of float64 of shape (n_ratings,)
        The ratings.
    user_ids : ndarray of shape (n_users,)
        What the users are called.
    item_ids : ndarray of shape (n_items,)
        What the items are called.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.model_selection import train_test_split
    >>> from skebm.model_selection import RatingTable
    >>> frame = pd.DataFrame(
    ...     {
    ...         "user": ["ann", "ann", "bob", "eve"],
    ...         "film": ["Alien", "Brazil", "Brazil", "Alien"],
    ...         "stars": [5, 3, 0, 4],
    ...     }
    ... )
    >>> table = RatingTable.from_frame(frame, user="user", item="film", rating="stars")
    >>> table
    RatingTable(4 ratings of 2 items by 3 users)
    >>> train, test = train_test_split(table, test_size=1, random_state=0)
    >>> train
    RatingTable(3 ratings of 2 items by 3 users)
    """

    def __init__(self, X, *, user_ids=None, item_ids=None):
        matrix = canonical(X)
        entries = matrix.tocoo()
        shape = matrix.shape
        self._set(*entries.coords, entries.data, shape)
        self.user_ids = _checked_ids(user_ids, shape[0], "user_ids", "rows")
        self.item_ids = _checked_ids(item_ids, shape[1], "item_ids", "columns")

    def _set(self, users, items, ratings, matrix_shape):
        self.users = np.asarray(users, dtype=np.int32)
        self.items = np.asarray(items, dtype=np.int32)
        self.ratings = np.asarray(ratings, dtype=np.float64)
        self.matrix_shape = matrix_shape

    @classmethod
    def from_frame(
        cls, frame, *, user="user", item="item", rating="rating", aggfunc=None
    ):
        """Return the table of a frame with one row a rating.

        Parameters
        ----------
        frame : DataFrame of pandas, polars or another library that narwhals reads
        user, item : str, default="user" and "item"
            Columns with the ids: numbers, text, or categories. The users and the items
            are sorted by their ids.
        rating : str or None, default="rating"
            Column with the ratings or counts. None counts the rows of each pair.
        aggfunc : {"first", "last", "max", "mean", "min", "sum"}, default=None
            What to make of several ratings of an item by a user. None refuses them.

        Returns
        -------
        RatingTable
            Its rows are in the order of the frame, or of the first row of each pair.

        Raises
        ------
        ValueError
            If a column is missing or has missing cells, or if a user rates an item
            twice and ``aggfunc`` is None.
        """
        names = [user, item, *([] if rating is None else [rating])]
        columns = _columns(frame, names)
        users, user_ids = pd.factorize(columns[user], sort=True)
        items, item_ids = pd.factorize(columns[item], sort=True)
        ratings = np.ones(len(users)) if rating is None else _numbers(columns[rating])
        if rating is None and aggfunc is None:
            aggfunc = "sum"
        user_ids, item_ids = np.asarray(user_ids), np.asarray(item_ids)
        if aggfunc is None:
            refuse_duplicates(users, items, user_ids, item_ids, _REMEDY)
        else:
            users, items, ratings = _aggregated(users, items, ratings, aggfunc)
        table = cls.__new__(cls)
        table._set(users, items, ratings, (len(user_ids), len(item_ids)))
        table.user_ids, table.item_ids = user_ids, item_ids
        return table

    def __len__(self):
        return len(self.users)

    def __repr__(self):
        n_users, n_items = self.matrix_shape
        return (
            f"RatingTable({len(self):,} ratings of {n_items:,} items by {n_users:,} "
            "users)"
        )

    @property
    def shape(self):
        """The number of ratings, and 2 for user and item."""
        return len(self), 2

    def __getitem__(self, key):
        # scikit-learn asks for table[rows, ...].
        rows = key[0] if isinstance(key, tuple) else key
        rows = [rows] if isinstance(rows, Integral) else rows
        part = object.__new__(type(self))
        parts = self.users[rows], self.items[rows], self.ratings[rows]
        part._set(*parts, self.matrix_shape)
        part.user_ids, part.item_ids = self.user_ids, self.item_ids
        return part

    def with_ratings(self, ratings):
        """Return the table with other ratings of the same pairs."""
        try:
            ratings = np.asarray(ratings, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"y must be numbers; got {ratings!r}.") from None
        if ratings.shape != self.users.shape:
            raise ValueError(
                f"y has the shape {ratings.shape}, but it must have one rating for "
                f"each of the {len(self)} rows of the table."
            )
        other = self[:]
        other.ratings = ratings
        return other

    def renumbered(self, users, items, matrix_shape):
        """Return the table with other numbers of its users and items, and no ids.

        Parameters
        ----------
        users, items : ndarray of int
            The new number of each user, and of each item.
        matrix_shape : tuple of int
            The new numbers of users and of items.
        """
        other = object.__new__(type(self))
        parts = users[self.users], items[self.items], self.ratings
        other._set(*parts, matrix_shape)
        other.user_ids, other.item_ids = map(np.arange, matrix_shape)
        return other

    def to_csr(self):
        """Return the ratings as a CSR array of users x items, with stored zeros.

        Raises
        ------
        ValueError
            If a user rates an item twice, as in a bootstrap sample of ratings.
        """
        entries = self.ratings, (self.users, self.items)
        matrix = coo_array(entries, shape=self.matrix_shape).tocsr()
        if matrix.nnz != len(self):
            ids = self.user_ids, self.item_ids
            refuse_duplicates(self.users, self.items, *ids, "Drop the repeated rows.")
        matrix.sort_indices()
        return matrix


_REMEDY = (
    'Keep one of them, or say what to make of them, as in aggfunc="mean" or '
    'aggfunc="last".'
)


def _columns(frame, names):
    """Return columns of a frame by name, as Series of pandas without missing cells."""
    if not hasattr(frame, "columns"):
        raise TypeError(
            f"frame must be a data frame with one row a rating; got "
            f"{type(frame).__name__}. Pass a matrix of users x items to RatingTable(X)."
        )
    frame, columns = nw.from_native(frame, eager_only=True), {}
    for name in names:
        if name not in frame.columns:
            known = ", ".join(map(repr, frame.columns))
            raise ValueError(
                f"The frame has no column {name!r}; it has {known}. Name the columns "
                "with user=, item= and rating=."
            )
        column = pd.Series(frame[name].to_pandas())
        n_missing = int(column.isna().sum())
        if n_missing:
            raise ValueError(
                f"Column {name!r} has {n_missing} missing cells. A rating that is not "
                f"known has no row: drop them with frame.dropna(subset=[{name!r}])."
            )
        columns[name] = column.reset_index(drop=True)
    return columns


def _numbers(column):
    """Return a column of ratings as float64, or raise a sentence."""
    try:
        return (
            column.astype(str if column.dtype == "category" else object)
            .astype(np.float64)
            .to_numpy()
        )
    except (TypeError, ValueError):
        first = column.iloc[0]
        raise ValueError(
            f"Column {column.name!r} must hold numbers, but holds {first!r}. Map the "
            "ratings to numbers, such as stars from 1 to 5."
        ) from None


def _aggregated(users, items, ratings, aggfunc):
    """Return each pair once, in the order of their first rows."""
    if aggfunc not in _AGGREGATES:
        raise ValueError(
            f"aggfunc={aggfunc!r} is not known. Known: "
            f"{', '.join(map(repr, _AGGREGATES))}."
        )
    frame = pd.DataFrame({"user": users, "item": items, "rating": ratings})
    pairs = frame.groupby(["user", "item"], sort=False)["rating"].agg(aggfunc)
    index = pairs.index
    numbers = (index.get_level_values(k).to_numpy() for k in ("user", "item"))
    return (*numbers, pairs.to_numpy())


def _checked_ids(ids, n, name, what):
    """Return the ids of users or items, one for each."""
    if ids is None:
        return np.arange(n)
    ids = np.asarray(ids)
    if ids.shape != (n,) or len(pd.unique(ids)) != n:
        raise ValueError(
            f"{name} must have one id for each of the {n} {what} of X, all different; "
            f"got {ids.shape[0] if ids.ndim else 1} ids."
        )
    return ids
