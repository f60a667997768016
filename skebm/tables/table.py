"""Conversion of frames and arrays to numbers, with NaN in the holes, and back."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skebm.tables._plain import from_plain, to_plain
from skebm.tables.column import Column, distinct_values, label_of, range_with_zero
from skebm.tables.declaration import declared_kinds
from skebm.tables.frames import bits_of, in_kind, is_plain
from skebm.tables.kinds import columns_by_kind, find_kind
from skebm.tables.kinds.auto import (
    LIMITS_OF_LEVELS,
    columns_of_levels,
    kinds_of_array,
    kinds_of_summary,
)
from skebm.tables.observed import keep_observed
from skebm.utils._sparse import dense


class Table:
    """The columns of a table, as the first rows show them.

    Parameters
    ----------
    columns : list of Column
    names : Index or None
        Names of the columns of a frame. None if results are arrays.
    dtype : dtype or None
        The dtype of the numbers of a table that is read column by column. None for a
        table that keeps the dtype of its rows.

    Attributes
    ----------
    backend : str
        The library of the frames of results, which :meth:`fit` sets.
    kinds : tuple of str
        The name of the kind of each column.
    low, high : ndarray of shape (n_features,)
        Smallest and largest number that each column may hold.
    """

    def __init__(self, columns, names=None, dtype=None):
        self.columns, self.names, self.dtype = list(columns), names, dtype
        self.backend = "pandas"
        self.kinds = tuple(column.kind.name for column in self.columns)
        zeros = np.zeros(len(self.columns))
        self.low, self.high = zeros.copy(), zeros.copy()
        self._set_limits(zeros, zeros)

    def __getstate__(self):
        return {name: to_plain(value) for name, value in vars(self).items()}

    def __setstate__(self, state):
        vars(self).update({name: from_plain(value) for name, value in state.items()})

    def _set_limits(self, low, high):
        """Set the limits from the smallest and largest numbers that fit has seen."""
        for kind, positions in self._groups():
            limits = kind.limits(low[positions], high[positions])
            self.low[positions], self.high[positions] = limits

    def _groups(self):
        """Return pairs of a kind and the positions of the columns of this kind."""
        groups = columns_by_kind(self.kinds).values()
        return [(self.columns[positions[0]].kind, positions) for positions in groups]

    @classmethod
    def fit(cls, X, visible, weight=None, names=None, backend="pandas", summary=None):
        """Learn the kinds and the values of the columns.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
            A frame is read column by column.
        visible : str, dict or list
            See :class:`skebm.RBMDensity`.
        weight : ndarray of shape (n_samples,), default=None
            Weights of the rows, all of them above 0. A row of weight 0 is not there, so
            leave it out: its values would be known.
        names : array-like of str, default=None
            Names of the columns, if the rows come from a frame.
        backend : str, default="pandas"
            The library of that frame.
        summary : ArraySummary or FrameSummary, default=None
            What is known of more rows than ``X``, which then are its witnesses.

        Raises
        ------
        ValueError
            If a column cannot be what it is declared to be, or has no value.
        """
        kinds = declared_kinds(visible, X)
        if isinstance(X, pd.DataFrame):
            self = cls._of_frame(X, kinds, weight, names, summary)
        else:
            self = cls._of_array(X, kinds, weight, names, summary)
        self.backend = backend
        if any(column.kind.learns_limits for column in self.columns):
            low, high = range_with_zero(self.numbers(X, "error"))
            for column, largest in zip(self.columns, high, strict=True):
                column.kind.check_largest(largest, column.label)
            self._set_limits(low, high)
        grey = columns_of_levels(X, kinds, self.kinds) & (self.sizes == 0)
        self.low[grey], self.high[grey] = LIMITS_OF_LEVELS
        if summary is not None and self.by_columns and summary.are_bytes(self):
            self.dtype = np.float32  # which holds all numbers
        return self

    @classmethod
    def _of_frame(cls, X, kinds, weight, names, summary):
        labels = [label_of(j, names) for j in range(len(kinds))]
        if summary is not None:
            triples = zip(summary.columns, kinds, labels, strict=True)
            columns = [column.settled(*facts) for column, *facts in triples]
        else:
            if is_plain(X):
                kinds = _settled_kinds(X.to_numpy(dtype=np.float64), kinds)
            columns = [
                Column.fit(X.iloc[:, j], kind, labels[j], weight)
                for j, kind in enumerate(kinds)
            ]
        widths = {X.iloc[:, j].dtype for j, c in enumerate(columns) if c.size == 0}
        narrow = bool(widths) and all(
            getattr(dtype, "numpy_dtype", dtype) == np.float32 for dtype in widths
        )
        return cls(columns, names, np.float32 if narrow else np.float64)

    @classmethod
    def _of_array(cls, X, kinds, weight, names, summary):
        kinds = _settled_kinds(X, kinds, summary)
        hole = np.isnan(X.data if issparse(X) else X)
        if hole.any() and not issparse(X) and (empty := hole.all(axis=0)).any():
            raise ValueError(
                f"{label_of(empty.argmax(), names)} of X has no value: it is missing "
                "in every row. Leave it out."
            )
        columns = []
        for j, kind in enumerate(map(find_kind, kinds)):
            values = None
            if kind.is_numbered(is_auto=False, is_numeric=True):
                column = pd.Series(dense(X[:, [j]])[:, 0])
                column = column if summary is None else pd.Series(summary.levels[j])
                values = distinct_values(column.dropna())
                kind.check_values(values, label_of(j, names))
            columns.append(Column(label_of(j, names), kind, None, X.dtype, values))
        return cls(columns, names)

    @classmethod
    def of_kind(cls, kind, n_features):
        """Return the table of an array whose columns are all of one kind."""
        return cls(Column(label_of(j), find_kind(kind)) for j in range(n_features))

    @property
    def by_columns(self):
        """Whether rows are read column by column."""
        return self.dtype is not None

    @property
    def are_bits(self):
        """Whether each column has the numbered values 0 and 1."""
        return all(c.size == 2 and [*c.values] == [0, 1] for c in self.columns)

    @property
    def sizes(self):
        """Number of numbered values or counts of each column; 0 for others."""
        return np.array(
            [
                column.kind.n_values(column.size, high)
                for column, high in zip(self.columns, self.high, strict=True)
            ]
        )

    @property
    def holds_numbers(self):
        """Whether each column holds numbers, not categories or two values."""
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

    def matrix(self, X, handle_unknown="error", remedy="fit on rows with such numbers"):
        """Return rows as numbers.

        Parameters
        ----------
        X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
        handle_unknown : {"error", "missing"}, default="error"
            Whether an unknown value raises an error or is taken as missing. A value is
            unknown if it is numbered and ``fit`` has not seen it, or if it is not a
            possible count.
        remedy : str
            Advice in the error about numbers outside the domain of a column.

        Returns
        -------
        {ndarray, CSR matrix} of shape (n_samples, n_features)
            ``X`` itself if no cell changes.

        Raises
        ------
        ValueError
            If a value is unknown, or outside the domain of its column.
        """
        numbers = self.numbers(X, handle_unknown)
        for kind, positions in self._groups():
            if kind.domain is None:
                continue
            outside = self._outside(kind, numbers, positions)
            if outside is None:
                continue
            if kind.outside_is_unknown and handle_unknown == "missing":
                numbers = self._without_outside(kind, numbers, positions)
            else:
                self._refuse(kind, positions[outside], remedy)
        return numbers

    def numbers(self, X, handle_unknown):
        """Return what :meth:`matrix` returns, without a look at the domains."""
        if isinstance(X, pd.DataFrame):
            if self.are_bits and (bits := bits_of(X)) is not None:
                return bits.astype(self.dtype, order="C")
            columns = [
                column.numbers(series, handle_unknown)
                for column, (_, series) in zip(self.columns, X.items(), strict=True)
            ]
            # The kernels need rows that are contiguous.
            return np.ascontiguousarray(np.transpose(columns), dtype=self.dtype)
        numbered = [j for j, column in enumerate(self.columns) if column.size]
        if numbered:
            X = dense(X).copy()
            for j in numbered:
                series = pd.Series(X[:, j])
                X[:, j] = self.columns[j].numbers(series, handle_unknown)
        return X

    def _outside(self, kind, numbers, positions):
        """Return which columns of a kind hold numbers outside its domain, or None."""
        n_columns = len(positions)
        X = numbers if n_columns == numbers.shape[1] else numbers[:, positions]
        low, high = self.low[positions], self.high[positions]
        if issparse(X):
            X = X.tocoo()
            # First the zeros, which a sparse matrix leaves out.
            wrong = kind.outside(np.zeros(n_columns), low, high)
            wrong[X.col[kind.outside(X.data, low[X.col], high[X.col])]] = True
        else:
            wrong = kind.outside(X, low, high)
            wrong = wrong.any(axis=0) if wrong.any() else np.zeros(n_columns, bool)
        return wrong if wrong.any() else None

    def _without_outside(self, kind, numbers, positions):
        """Return the numbers with NaN in place of numbers outside the domain."""
        numbers = dense(numbers).copy()
        X = numbers[:, positions]
        wrong = kind.outside(X, self.low[positions], self.high[positions])
        numbers[:, positions] = np.where(wrong, np.nan, X)
        return numbers

    def _refuse(self, kind, columns, remedy):
        """Raise an error that names the columns with numbers outside the domain."""
        labels = [self.columns[j].label for j in columns]
        more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
        raise ValueError(
            f"{kind.name.replace('_', '-').capitalize()} units take {kind.domain}, but "
            f"{', '.join(labels[:5])}{more} of X has others. Scale the columns, or "
            f"{remedy}."
        )

    def refuse_holes(self, numbers, estimator, remedy=""):
        """Raise an error if a number is missing."""
        hole = np.isnan(numbers.data if issparse(numbers) else numbers)
        if hole.any():
            columns = (
                numbers.tocoo().col[hole] if issparse(numbers) else hole.nonzero()[1]
            )
            j = columns.min()
            raise ValueError(
                f"Input X contains NaN or other missing values, such as in "
                f"{self.columns[j].label}, which this {estimator} does not take. Fill "
                f"them in first, as with EnergyImputer{remedy}."
            )

    # -- from numbers ----------------------------------------------------------------

    def restore(self, numbers, index=None, source=None, filled_cells=None):
        """Return rows in the form of the rows of ``fit``: a frame or an array.

        Parameters
        ----------
        numbers : ndarray of shape (n, n_features)
            Expectations are rounded in columns of whole numbers.
        index : Index, default=None
            The labels of the rows of a frame.
        source : DataFrame, default=None
            The rows as the user passed them. Cells that were not filled in come back as
            they are there.
        filled_cells : ndarray of bool of shape (n, n_features), default=None
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
        if source is not None:
            source = source.reset_index(drop=True)
            if filled_cells is None:
                filled_cells = np.isnan(numbers)
            for j, filled in enumerate(columns):
                observed, hole = source.iloc[:, j], filled_cells[:, j]
                columns[j] = keep_observed(filled, observed, hole)
        frame = pd.DataFrame(dict(enumerate(columns)))
        if self.names is None:
            return frame.to_numpy(dtype=object)
        frame.columns = self.names
        if index is not None:
            frame.index = index
        return in_kind(frame, self.backend)


def _settled_kinds(X, kinds, summary=None):
    """Return kinds with those of the rule of arrays for "auto"."""
    undeclared = [j for j, kind in enumerate(kinds) if kind == "auto"]
    if not undeclared:
        return kinds
    if summary is None:
        columns = X if len(undeclared) == len(kinds) else X[:, undeclared]
        chosen = iter(kinds_of_array(columns))
    else:
        chosen = iter(kinds_of_summary(summary, undeclared))
    return [next(chosen) if kind == "auto" else kind for kind in kinds]
