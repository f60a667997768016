"""Frames and arrays as numbers: categories numbered, holes NaN; and back."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_array

from skebm.tables.column import Column, known_values
from skebm.tables.declaration import array_rule, declared_kinds
from skebm.utils._sparse import dense

# A count may become this many times the largest that was seen.
_HEADROOM = 2
_DOMAINS = {
    "bernoulli": "values in [0, 1]",
    "spin": "the values -1 and +1",
    "count": "whole numbers from 0 to twice the largest that fit has seen",
    "zero_inflated": "0 and positive numbers where fit has seen no others",
}


class Table:
    """The columns of a table, settled by the first rows.

    Parameters
    ----------
    columns : list of Column
    names : Index or None
        Names of a frame's columns; None gives arrays back.
    dtype : dtype or None
        Of the numbers, for tables that are read column by column; None keeps that of
        the rows.

    Attributes
    ----------
    low, high : ndarray of shape (n_features,)
        Smallest and largest number that each column may hold.
    """

    def __init__(self, columns, names=None, dtype=None):
        self.columns, self.names, self.dtype = list(columns), names, dtype
        self.kinds = tuple(column.kind for column in self.columns)
        self.low, self.high = np.repeat([[-np.inf], [np.inf]], len(self.kinds), axis=1)
        self._limit("bernoulli", 0, 1)
        self._limit("spin", -1, 1)

    def _limit(self, kind, low, high):
        own = np.array(self.kinds) == kind
        self.low[own], self.high[own] = low, high

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
            Of the rows; one of weight 0 has no say, save that its values are known.
        names : array-like of str, default=None
            Names of the columns of what was a frame.

        Raises
        ------
        ValueError
            If a column cannot be what it is declared to be, or holds nothing.
        """
        kinds = declared_kinds(visible, X)
        if isinstance(X, pd.DataFrame):
            self = cls._of_frame(X, kinds, weight, names)
        else:
            self = cls._of_array(X, kinds, names)
        if "count" in self.kinds or "zero_inflated" in self.kinds:
            low, high = _range(self._numbers(X, "error"))
            own = np.array(self.kinds)
            counts, inflated = own == "count", own == "zero_inflated"
            self.low[counts] = 0
            self.high[counts] = np.maximum(_HEADROOM * np.floor(high[counts]), 1)
            self.low[inflated] = np.where(low[inflated] < 0, -np.inf, 0)
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
        kinds = array_rule(X, kinds)
        hole = np.isnan(X.data if issparse(X) else X)
        if hole.any() and not issparse(X) and (empty := hole.all(axis=0)).any():
            raise ValueError(
                f"{_label(empty.argmax(), names)} of X has no value: it is missing in "
                "every row. Leave it out."
            )
        columns = []
        for j, kind in enumerate(kinds):
            values = None
            if kind == "categorical":
                column = pd.Series(dense(X[:, [j]])[:, 0])
                values = known_values(column.dropna())
            columns.append(Column(_label(j, names), kind, None, X.dtype, values))
        return cls(columns, names)

    @classmethod
    def of_kind(cls, kind, n_features):
        """Return the table of an array whose columns are all of one kind."""
        return cls(Column(_label(j), kind) for j in range(n_features))

    @property
    def by_columns(self):
        """Whether rows are read column by column."""
        return self.dtype is not None

    @property
    def sizes(self):
        """Number of values of columns whose values are numbered, else 0."""
        return np.array(
            [
                int(high) + 1 if column.kind == "count" else column.size
                for column, high in zip(self.columns, self.high, strict=True)
            ]
        )

    @property
    def unit_names(self):
        """The name of each unit, in the order of the columns."""
        names = self.names
        if names is None:
            names = [f"x{j}" for j in range(len(self.kinds))]
        pairs = zip(names, self.columns, strict=True)
        return np.array([n for name, c in pairs for n in _unit_names(name, c)], object)

    # -- to numbers ------------------------------------------------------------------

    def matrix(self, X, handle_unknown="error", remedy="fit on rows that have such"):
        """Return rows as numbers.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
        handle_unknown : {"error", "missing"}, default="error"
            What becomes of values that ``fit`` has not seen in columns whose values are
            numbered, and of numbers that are no count.
        remedy : str
            For the sentence about numbers outside a column's domain.

        Returns
        -------
        {ndarray, CSR matrix} of shape (n_samples, n_features)
            Itself, if there is nothing to change.

        Raises
        ------
        ValueError
            If a value is not known or outside its column's domain.
        """
        numbers = self._numbers(X, handle_unknown)
        for kind in _DOMAINS.keys() & set(self.kinds):
            own = np.flatnonzero(np.array(self.kinds) == kind)
            numbers = self._checked(numbers, kind, own, handle_unknown, remedy)
        return numbers

    def _numbers(self, X, handle_unknown):
        if isinstance(X, pd.DataFrame):
            parts = [
                column.numbers(X.iloc[:, j], handle_unknown)
                for j, column in enumerate(self.columns)
            ]
            # In the order of rows, which the kernels ask for.
            return np.ascontiguousarray(np.transpose(parts), dtype=self.dtype)
        numbered = [j for j, column in enumerate(self.columns) if column.size]
        if numbered:
            X = dense(X).copy()
            for j in numbered:
                series = pd.Series(X[:, j])
                X[:, j] = self.columns[j].numbers(series, handle_unknown)
        return X

    def _checked(self, X, kind, own, handle_unknown, remedy):
        """Return numbers within their domains, or raise a sentence."""
        part = X if len(own) == X.shape[1] else X[:, own]
        low, high = self.low[own], self.high[own]
        if issparse(part):
            part = part.tocoo()
            bad = outside(kind, part.data, low[part.col], high[part.col])
            columns = np.unique(part.col[bad])
            if kind == "spin":  # 0 is none
                columns = np.arange(len(own))
        else:
            bad = outside(kind, part, low, high)
            columns = np.flatnonzero(bad.any(axis=0)) if bad.any() else []
        if len(columns) == 0:
            return X
        if kind == "count" and handle_unknown == "missing":
            X = dense(X).copy()
            X[:, own] = np.where(outside(kind, X[:, own], low, high), np.nan, X[:, own])
            return X
        labels = [self.columns[j].label for j in own[columns]]
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        raise ValueError(
            f"{kind.replace('_', '-').capitalize()} units take {_DOMAINS[kind]}, but "
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
            Of the frame.
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
    """Whether rows have to be read column by column: not all of them are numbers.

    Frames are, unless they are but an array: without names, and all numbers. So are
    arrays of objects or strings, if ``visible`` declares what they hold.
    """
    if is_frame(X):
        if any(isinstance(name, str) for name in X.columns):
            return True
        return not all(isinstance(d, np.dtype) and d.kind in "biuf" for d in X.dtypes)
    if isinstance(visible, str) and visible != "categorical":
        return False
    return not issparse(X) and np.asarray(X).dtype.kind in "OUS"


def is_frame(X):
    """Whether ``X`` is a data frame, of pandas or of polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def as_frame(X):
    """Return rows as a pandas frame, one dtype a column."""
    if not isinstance(X, pd.DataFrame):
        if is_frame(X):
            X = pd.DataFrame({name: X[name].to_numpy() for name in X.columns})
        else:
            kind = None if hasattr(X, "dtype") else object
            X = check_array(dense(X), dtype=kind, ensure_all_finite=False)
            X = pd.DataFrame(X).infer_objects()
    for n, what in zip(X.shape, ("sample", "feature"), strict=True):
        if n == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 "
                "is required."
            )
    return X


def outside(kind, x, low, high):
    """Return which numbers lie outside the domain of their kind; no hole does."""
    wrong = (x < low) | (x > high)
    if kind == "count":
        wrong |= np.abs(x - np.floor(x)) > 0
    elif kind == "spin":
        wrong |= np.abs(np.abs(x) - 1) > 0
    return wrong


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


def _unit_names(name, column):
    if column.kind == "categorical":
        return [f"{name}={value}" for value in column.values]
    if column.kind == "zero_inflated":
        return [f"{name}!=0", str(name)]
    if column.size == 2 and list(column.values) != [0, 1]:
        return [f"{name}={column.values[1]}"]
    return [str(name)]
