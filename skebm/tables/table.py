"""Frames and arrays as numbers: values numbered, holes NaN; and back."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_array

from skebm.tables.column import Column, distinct_values
from skebm.tables.declaration import declared_kinds
from skebm.tables.kinds import KINDS, columns_by_kind, find_kind
from skebm.tables.kinds.auto import kind_of_array
from skebm.utils._sparse import dense


class Table:
    """The columns of a table, settled by the first rows.

    Parameters
    ----------
    columns : list of Column
    names : Index or None
        Names of a frame's columns; None gives arrays back.
    dtype : dtype or None
        The dtype of the numbers, for tables that are read column by column; None keeps
        the dtype of the rows.

    Attributes
    ----------
    kinds : tuple of str
        The name of each column's kind.
    low, high : ndarray of shape (n_features,)
        Smallest and largest number that each column may hold.
    """

    def __init__(self, columns, names=None, dtype=None):
        self.columns, self.names, self.dtype = list(columns), names, dtype
        self.kinds = tuple(column.kind.name for column in self.columns)
        nothing = np.zeros(len(self.columns))
        self.low, self.high = nothing.copy(), nothing.copy()
        self._set_limits(nothing, nothing)

    def _set_limits(self, low, high):
        """Set the limits by the smallest and largest numbers that fit has seen."""
        for kind, where in self._groups():
            limits = kind.limits(low[where], high[where])
            self.low[where], self.high[where] = limits

    def _groups(self):
        """Return pairs of a kind and the columns that are of this kind."""
        groups = columns_by_kind(self.kinds).values()
        return [(self.columns[where[0]].kind, where) for where in groups]

    @classmethod
    def fit(cls, X, visible, weight=None, names=None):
        """Learn what the columns hold.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
            A frame is read column by column.
        visible : str, dict or list
            See :class:`skebm.RBMDensity`.
        weight : ndarray of shape (n_samples,), default=None
            Weights of the rows. A row of weight 0 does not count, except that its
            values are known.
        names : array-like of str, default=None
            Names of the columns of what was a frame.

        Raises
        ------
        ValueError
            If a column cannot be what it is declared to be, or has no value.
        """
        kinds = declared_kinds(visible, X)
        if isinstance(X, pd.DataFrame):
            self = cls._of_frame(X, kinds, weight, names)
        else:
            self = cls._of_array(X, kinds, names)
        if any(column.kind.learns_limits for column in self.columns):
            self._set_limits(*_range(self._numbers(X, "error")))
        return self

    @classmethod
    def _of_frame(cls, X, kinds, weight, names):
        columns = [
            Column.fit(X.iloc[:, j], kind, _label(j, names), weight)
            for j, kind in enumerate(kinds)
        ]
        widths = {X.iloc[:, j].dtype for j, c in enumerate(columns) if c.size == 0}
        narrow = bool(widths) and all(
            getattr(dtype, "numpy_dtype", dtype) == np.float32 for dtype in widths
        )
        return cls(columns, names, np.float32 if narrow else np.float64)

    @classmethod
    def _of_array(cls, X, kinds, names):
        if undeclared := [j for j, kind in enumerate(kinds) if kind == "auto"]:
            rest = X if len(undeclared) == len(kinds) else X[:, undeclared]
            chosen = kind_of_array(rest)
            kinds = [chosen if kind == "auto" else kind for kind in kinds]
        hole = np.isnan(X.data if issparse(X) else X)
        if hole.any() and not issparse(X) and (empty := hole.all(axis=0)).any():
            raise ValueError(
                f"{_label(empty.argmax(), names)} of X has no value: it is missing in "
                "every row. Leave it out."
            )
        columns = []
        for j, kind in enumerate(map(find_kind, kinds)):
            values = None
            if kind.is_numbered(is_auto=False, is_numeric=True):
                column = pd.Series(dense(X[:, [j]])[:, 0])
                values = distinct_values(column.dropna())
            columns.append(Column(_label(j, names), kind, None, X.dtype, values))
        return cls(columns, names)

    @classmethod
    def of_kind(cls, kind, n_features):
        """Return the table of an array whose columns are all of one kind."""
        return cls(Column(_label(j), find_kind(kind)) for j in range(n_features))

    @property
    def by_columns(self):
        """Whether rows are read column by column."""
        return self.dtype is not None

    @property
    def sizes(self):
        """Number of values of columns whose values are counted, else 0."""
        return np.array(
            [
                column.kind.n_values(column.size, high)
                for column, high in zip(self.columns, self.high, strict=True)
            ]
        )

    @property
    def holds_numbers(self):
        """Whether each column holds numbers, not categories or one of two values."""
        return np.array([column.kind.holds_numbers for column in self.columns])

    @property
    def unit_names(self):
        """The name of each unit, in the order of the columns."""
        names = self.names
        if names is None:
            names = [f"x{j}" for j in range(len(self.kinds))]
        units = [
            unit
            for name, column in zip(names, self.columns, strict=True)
            for unit in column.kind.unit_names(name, column.values)
        ]
        return np.array(units, object)

    # -- to numbers ------------------------------------------------------------------

    def matrix(self, X, handle_unknown="error", remedy="fit on rows that have such"):
        """Return rows as numbers.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
        handle_unknown : {"error", "missing"}, default="error"
            Whether to raise an error, or to take a value as missing, where ``fit`` has
            not seen a numbered value or a number is not a possible count.
        remedy : str
            For the sentence about numbers outside a column's domain.

        Returns
        -------
        {ndarray, CSR matrix} of shape (n_samples, n_features)
            ``X`` itself, if there is nothing to change.

        Raises
        ------
        ValueError
            If a value is not known or outside its column's domain.
        """
        numbers = self._numbers(X, handle_unknown)
        for kind, where in self._groups():
            if kind.domain is None:
                continue
            outside = self._outside(kind, numbers, where)
            if outside is None:
                continue
            if kind.outside_is_unknown and handle_unknown == "missing":
                numbers = self._without(kind, numbers, where)
            else:
                self._refuse(kind, where[outside], remedy)
        return numbers

    def _numbers(self, X, handle_unknown):
        if isinstance(X, pd.DataFrame):
            columns = [
                column.numbers(X.iloc[:, j], handle_unknown)
                for j, column in enumerate(self.columns)
            ]
            # In the order of rows, which the kernels ask for.
            return np.ascontiguousarray(np.transpose(columns), dtype=self.dtype)
        numbered = [j for j, column in enumerate(self.columns) if column.size]
        if numbered:
            X = dense(X).copy()
            for j in numbered:
                series = pd.Series(X[:, j])
                X[:, j] = self.columns[j].numbers(series, handle_unknown)
        return X

    def _outside(self, kind, numbers, where):
        """Return which columns of a kind hold numbers outside its domain, or None."""
        X = numbers if len(where) == numbers.shape[1] else numbers[:, where]
        low, high = self.low[where], self.high[where]
        if issparse(X):
            X = X.tocoo()
            wrong = kind.outside(np.zeros(len(where)), low, high)  # the zeros left out
            wrong[X.col[kind.outside(X.data, low[X.col], high[X.col])]] = True
        else:
            wrong = kind.outside(X, low, high)
            wrong = wrong.any(axis=0) if wrong.any() else np.zeros(len(where), bool)
        return wrong if wrong.any() else None

    def _without(self, kind, numbers, where):
        """Return the numbers with NaN in place of those outside the domain."""
        numbers = dense(numbers).copy()
        X = numbers[:, where]
        wrong = kind.outside(X, self.low[where], self.high[where])
        numbers[:, where] = np.where(wrong, np.nan, X)
        return numbers

    def _refuse(self, kind, columns, remedy):
        """Raise a sentence that names the columns with numbers outside the domain."""
        labels = [self.columns[j].label for j in columns]
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        raise ValueError(
            f"{kind.name.replace('_', '-').capitalize()} units take {kind.domain}, but "
            f"{', '.join(labels[:5])}{more} of X has others. Scale the columns, or "
            f"{remedy}."
        )

    def refuse_holes(self, numbers, estimator):
        """Raise a sentence if a number is missing."""
        hole = np.isnan(numbers.data if issparse(numbers) else numbers)
        if hole.any():
            where = (
                numbers.tocoo().col[hole] if issparse(numbers) else hole.nonzero()[1]
            )
            j = where.min()
            raise ValueError(
                f"Input X contains NaN or other missing values, such as in "
                f"{self.columns[j].label}, which this {estimator} does not take. Fill "
                "them in first, as with EnergyImputer."
            )

    # -- and back --------------------------------------------------------------------

    def restore(self, numbers, index=None):
        """Return rows as what ``fit`` got: a frame with its dtypes, or an array.

        Parameters
        ----------
        numbers : ndarray of shape (n, n_features)
            Expectations are rounded where a column's dtype has whole numbers.
        index : Index, default=None
            The labels of a frame's rows.
        """
        if self.names is None and not self.by_columns:
            if not any(column.size for column in self.columns):
                return numbers
            numbers = numbers.copy()
            for j, column in enumerate(self.columns):
                if column.size:
                    numbers[:, j] = column.restore(numbers[:, j]).astype(numbers.dtype)
            return numbers
        columns = [c.restore(numbers[:, j]) for j, c in enumerate(self.columns)]
        frame = pd.DataFrame(dict(enumerate(columns)))
        if self.names is None:
            return frame.to_numpy(dtype=object)
        frame.columns = self.names
        if index is not None:
            frame.index = index
        return frame


def by_columns(X, visible):
    """Whether rows have to be read column by column: not all cells are numbers.

    A frame is read by columns, unless it is an array in all but type: without names,
    and with numbers only. An array of objects or strings is read by columns if
    ``visible`` declares what its columns hold.
    """
    if is_frame(X):
        if any(isinstance(name, str) for name in X.columns):
            return True
        return not all(isinstance(d, np.dtype) and d.kind in "biuf" for d in X.dtypes)
    if isinstance(visible, str) and not _takes_text(visible):
        return False
    return not issparse(X) and np.asarray(X).dtype.kind in "OUS"


def _takes_text(name):
    return name in KINDS and KINDS[name].takes_text


def is_frame(X):
    """Whether ``X`` is a data frame, of pandas or of polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def as_frame(X):
    """Return rows as a pandas frame, one dtype a column."""
    if not isinstance(X, pd.DataFrame):
        if is_frame(X):
            X = pd.DataFrame({name: X[name].to_numpy() for name in X.columns})
        else:
            dtype = None if hasattr(X, "dtype") else object
            X = check_array(dense(X), dtype=dtype, ensure_all_finite=False)
            X = pd.DataFrame(X).infer_objects()
    for n, what in zip(X.shape, ("sample", "feature"), strict=True):
        if n == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 "
                "is required."
            )
    return X


def _range(numbers):
    """Return the smallest and largest number of each column, and 0."""
    return [
        f.reduce(dense(numbers), axis=0, initial=0.0).astype(np.float64)
        for f in (np.fmin, np.fmax)
    ]


def _label(j, names=None):
    if names is None:
        return f"column {j}"
    name = names[j]
    return repr(str(name)) if isinstance(name, str) else f"column {name!r}"
