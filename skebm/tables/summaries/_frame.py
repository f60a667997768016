"""What has to be known of the columns of frames to settle them."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from skebm.tables.column import Column, check_dtype, floats_of, label_of
from skebm.tables.frames import is_uniform
from skebm.tables.kinds import MOST_LEVELS, Facts
from skebm.tables.summaries._array import ArraySummary
from skebm.tables.summaries._moments import Moments

# A column of more distinct values is one of real numbers, or is refused.
_MOST_VALUES = 2 * MOST_LEVELS
_BYTE = 255


class ColumnSummary(NamedTuple):
    """Facts about a column of a frame.

    Attributes
    ----------
    dtype : dtype
    n_rows, n_seen : int
        Numbers of rows of weights above 0, and of these with a value.
    values : dict of value to (int, float) or None
        How often each value occurs, and its weight. None if there are too many.
    zeros : float
        The weight of the number 0.
    low, high, broken, between : float
        As for :class:`ArraySummary`, if the column holds numbers.
    moments : Moments
    is_numeric : bool or None
        Whether all values are numbers. None if there are none.
    """

    dtype: object
    n_rows: int
    n_seen: int
    values: dict | None
    zeros: float
    low: float
    high: float
    broken: float
    between: float
    moments: Moments
    is_numeric: bool | None

    @classmethod
    def of(cls, series, label, weight=None):
        """Return the summary of a part of a column without rows of weight 0."""
        check_dtype(series, label)
        present = series.notna().to_numpy()
        known = series[present]
        weight = np.ones(len(series)) if weight is None else weight
        values, mass = _counted(known, weight[present]), 0.0
        found, is_numeric = known.infer_objects(), None
        if types.infer_dtype(found) == "decimal":
            found = found.astype(np.float64)
        facts = np.inf, -np.inf, np.nan, np.nan
        if len(known):
            is_category = isinstance(found.dtype, pd.CategoricalDtype)
            is_numeric = not is_category and types.is_numeric_dtype(found.dtype)
        numbers = np.empty(0)
        if is_numeric:
            numbers, weight = floats_of(found, label, "real"), weight[present]
            facts = _facts_of(numbers)
            mass = float(weight[numbers == 0].sum())
        moments = Moments.of(numbers[:, None], weight if is_numeric else np.empty(0))
        counts = len(series), len(known)
        return cls(series.dtype, *counts, values, mass, *facts, moments, is_numeric)

    def merged(self, other, label):
        """Return the summary of the rows of both."""
        flags = {self.is_numeric, other.is_numeric} - {None}
        if len(flags) == 2:
            raise ValueError(
                f"{label} of X holds numbers in some parts and other values in others. "
                "Give the column one type in all files and partitions."
            )
        first = lambda a, b: b if np.isnan(a) else a  # noqa: E731
        return ColumnSummary(
            _common_dtype(self, other, label),
            self.n_rows + other.n_rows,
            self.n_seen + other.n_seen,
            _joined(self.values, other.values),
            self.zeros + other.zeros,
            min(self.low, other.low),
            max(self.high, other.high),
            first(self.broken, other.broken),
            first(self.between, other.between),
            self.moments.merged(other.moments),
            flags.pop() if flags else None,
        )

    def settled(self, kind, label):
        """Return what :meth:`Column.fit` returns for all rows."""
        if self.values is None and not self.is_numeric:
            raise ValueError(
                f"{label} of X has more than {_MOST_VALUES} different values that are "
                "not numbers, as an id has. It says nothing about other rows: leave "
                "it out, or make one level of the rare ones."
            )
        if self.values is None:
            series, weight = self._stand_in()
        else:
            cells = [value for value, _ in self._cells]
            series = pd.Series(cells, dtype=object)
            weight = np.array([mass for _, mass in self._cells])
            series = _cast(series, self.dtype)
        column = Column.fit(series, kind, label, weight)
        if self.n_seen < self.n_rows and _is_whole_dtype(self.dtype):
            column = column._replace(dtype=np.dtype(np.float64))
        return column._replace(is_whole=column.is_whole and np.isnan(self.broken))

    @property
    def _cells(self):
        """Values, each once or twice as in the table, with the weight of the cell."""
        for value, (count, mass) in self.values.items():
            times = min(count, 2)
            yield from [(value, mass / times)] * times

    def _stand_in(self):
        """Return numbers that say of the kind of the column what all of them say."""
        total = float(self.moments.mass[0])
        numbers = np.linspace(self.low, self.high, 100)
        if not np.isnan(self.broken):
            numbers[1] = self.broken
        else:
            numbers = np.rint(numbers)
        numbers = np.unique(np.r_[numbers[numbers != 0], self.low, self.high])
        weight = np.full(len(numbers), (total - self.zeros) / len(numbers))
        if self.zeros:
            numbers, weight = np.r_[numbers, 0.0], np.r_[weight, self.zeros]
        return _cast(pd.Series(numbers), self.dtype), weight

    def witnesses(self):
        """Return a few cells that lie outside of a domain if any cell does."""
        if not self.is_numeric:
            cells = [None if self.values is None else next(iter(self.values), None)] * 6
        else:
            cells = [self.low, self.high]
            cells += [0.0] if self.zeros else []
            others = [x for x in (self.broken, self.between) if not np.isnan(x)]
            ones = [1.0] if self.values and 1 in self.values else []
            cells = (cells + others + ones + [self.low] * 6)[:6]
        cells = [*cells, None if self.n_seen < self.n_rows else cells[0]]
        return _cast(pd.Series(cells, dtype=object), self.dtype)


class FrameSummary(NamedTuple):
    """The summaries of the columns of a frame.

    Attributes
    ----------
    names : Index
    columns : tuple of ColumnSummary
    """

    names: pd.Index
    columns: tuple

    @classmethod
    def of(cls, X, weight=None):
        """Return the summary of a part."""
        if weight is not None and not (there := weight > 0).all():
            X, weight = X[there], weight[there]
        if is_uniform(X):
            return cls(X.columns, tuple(_summaries_of_bytes(X, weight)))
        columns = [
            ColumnSummary.of(X.iloc[:, j], label_of(j, X.columns), weight)
            for j in range(X.shape[1])
        ]
        return cls(X.columns, tuple(columns))

    def merged(self, other):
        """Return the summary of the rows of both.

        Raises
        ------
        ValueError
            If they have other columns, or a column changes its type.
        """
        if not self.names.equals(other.names):
            raise ValueError(
                f"The parts of X have different columns: {list(self.names)[:5]} and "
                f"{list(other.names)[:5]}. Give all files and partitions the same "
                "columns in the same order."
            )
        columns = [
            one.merged(another, label_of(j, self.names))
            for j, (one, another) in enumerate(
                zip(self.columns, other.columns, strict=True)
            )
        ]
        return FrameSummary(self.names, tuple(columns))

    @property
    def n_rows(self):
        """Number of rows of weights above 0."""
        return self.columns[0].n_rows

    def witnesses(self, dtype=None):
        """Return a few rows that lie outside of a domain if any row does."""
        columns = [column.witnesses() for column in self.columns]
        frame = pd.DataFrame(dict(enumerate(columns)))
        return frame.set_axis(self.names, axis=1)

    def are_bytes(self, table):
        """Tell whether the numbers of the table are whole and fit one byte each."""
        facts = self.facts(table)
        holes = np.array([column.n_seen < column.n_rows for column in self.columns])
        whole = [np.isnan(column.broken) for column in self.columns]
        whole = np.array(whole) | (table.sizes > 0)
        fits = whole & ~holes & (facts.low >= 0) & (facts.high <= _BYTE)
        return bool(fits.all())

    def facts(self, table):
        """Return :class:`Facts` about the numbers of a table."""
        rows = []
        for summary, column in zip(self.columns, table.columns, strict=True):
            if column.size:  # the numbers are those of the values
                rows.append((0.0, 0.0, 0.0, column.size - 1.0, False))
                continue
            mean, variance = summary.moments.mean[0], summary.moments.variance[0]
            has_between = not np.isnan(summary.between)
            rows.append((mean, variance, summary.low, summary.high, has_between))
        *numbers, between = map(np.array, zip(*rows, strict=True))
        return Facts(*numbers, between)


def _summaries_of_bytes(X, weight):
    """Yield what :meth:`ColumnSummary.of` returns for each column, all at once."""
    dtype, numbers = X.dtypes.iloc[0], X.to_numpy()
    of = ArraySummary.of(numbers, weight)
    mass = np.ones(len(numbers)) if weight is None else weight
    total = mass.sum()
    for j in range(numbers.shape[1]):
        n, (zeros, ones) = of.n_rows, map(int, (of.n_zeros[j], of.n_ones[j]))
        moments = Moments(*(moment[[j]] for moment in of.moments))
        if zeros + ones == n:
            on = float(moments.mass[0] * moments.mean[0])
            pairs = ((0, (zeros, total - on)), (1, (ones, on)))
        else:
            values, codes = np.unique(numbers[:, j], return_inverse=True)
            masses = np.bincount(codes, weights=mass).tolist()
            counts = zip(np.bincount(codes).tolist(), masses, strict=True)
            pairs = zip(values.tolist(), counts, strict=True)
        values = {value: pair for value, pair in pairs if pair[0]}
        at_zero = values.get(0, (0, 0.0))[1]
        ends = float(of.low[j]), float(of.high[j]), np.nan, np.nan
        yield ColumnSummary(dtype, n, n, values, at_zero, *ends, moments, True)


def _facts_of(x):
    if not len(x):
        return np.inf, -np.inf, np.nan, np.nan
    with np.errstate(invalid="ignore"):
        broken, between = x[x != np.floor(x)], x[(x > 0) & (x < 1)]
    examples = (part[0] if len(part) else np.nan for part in (broken, between))
    return float(x.min()), float(x.max()), *map(float, examples)


def _counted(known, weight):
    """Return how often each value occurs with its weight, or None if they are many."""
    codes, values = pd.factorize(np.asarray(known, dtype=object))
    if len(values) > _MOST_VALUES:
        return None
    counts = np.bincount(codes, minlength=len(values)).tolist()
    masses = np.bincount(codes, weights=weight, minlength=len(values)).tolist()
    return dict(zip(values, zip(counts, masses, strict=True), strict=True))


def _joined(one, other):
    if one is None or other is None:
        return None
    both = dict(one)
    for value, (count, mass) in other.items():
        before = both.get(value, (0, 0.0))
        both[value] = before[0] + count, before[1] + mass
    return both if len(both) <= _MOST_VALUES else None


def _common_dtype(one, other, label):
    """Return the dtype of both parts of a column together."""
    if one.dtype == other.dtype:
        return one.dtype
    dtypes = one.dtype, other.dtype
    are_categories = [isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes]
    if all(are_categories):
        if any(dtype.ordered for dtype in dtypes):
            raise ValueError(
                f"{label} of X has ordered categories that differ between its parts: "
                f"{list(dtypes[0].categories)[:5]} and "
                f"{list(dtypes[1].categories)[:5]}. Give all files and partitions the "
                "same categories in the same order."
            )
        categories = dtypes[0].categories
        return pd.CategoricalDtype(categories.append(dtypes[1].categories).unique())
    if 0 in (one.n_seen, other.n_seen):  # a part of nothing but holes has any dtype
        return (one if one.n_seen else other).dtype
    empty = [pd.Series([], dtype=dtype) for dtype in dtypes]
    return pd.concat(empty).dtype


def _is_whole_dtype(dtype):
    return isinstance(dtype, np.dtype) and dtype.kind in "iu"


def _cast(series, dtype):
    """Return cells in a dtype, or in one that has room for their holes."""
    if isinstance(dtype, np.dtype) and dtype.kind in "iu" and series.isna().any():
        dtype = np.float64
    if isinstance(dtype, np.dtype) and dtype.kind == "b":
        return series if series.isna().any() else series.astype(bool)
    return series.astype(dtype)
