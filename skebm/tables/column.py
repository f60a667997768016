"""Conversion of one column of a frame to numbers, and back to its dtype."""

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from skebm.tables.arrays import LARGEST, are_apart, is_number, rounding
from skebm.tables.kinds import Kind, find_kind
from skebm.tables.kinds.auto import kind_of_column
from skebm.utils._sparse import dense

# As many cells may all be different by chance.
_FEW = 50
# Types that pandas infers for columns of objects that are neither numbers nor
# categories.
_NOT_VALUES = {
    *("complex", "datetime", "datetime64", "date", "time"),
    *("timedelta", "timedelta64", "period", "interval"),
}


class Column(NamedTuple):
    """The kind and the dtype of a column, and the numbers of its values.

    Attributes
    ----------
    label : str
        The name of the column in error messages.
    kind : Kind
    dtype : dtype or None
        The dtype of the column in results. None for floats.
    number : dtype or None
        The dtype of its values, which differs from ``dtype`` for a column of objects.
    values : Index or None
        The known values of a column whose values are numbered. The number of a value is
        its position. None for a column of numbers.
    is_whole : bool
        Whether the values are floats that are all whole numbers, as integers become in
        a frame with holes.
    digits : int or None
        The most digits behind the point of a column of Decimals. None for others.
    """

    label: str
    kind: Kind
    dtype: object = None
    number: object = None
    values: pd.Index | None = None
    is_whole: bool = False
    digits: int | None = None

    @classmethod
    def fit(cls, series, kind, label, weight):
        """Learn the kind and the values of a column.

        Parameters
        ----------
        series : Series
        kind : str
            The name of a kind. With ``"auto"`` the values decide.
        label : str
        weight : ndarray of shape (n,) or None

        Raises
        ------
        ValueError
            If the column has no value, or cannot be of this kind.
        """
        check_dtype(series, label)
        present = series.notna().to_numpy()
        if not present.any():
            raise ValueError(
                f"{label} of X has no value: it is missing in every row. Leave it out."
            )
        known, digits = series[present].infer_objects(), None
        if types.infer_dtype(known) == "decimal":
            digits, known = _digits(known), known.astype(np.float64)
        is_numeric, is_auto = _is_numeric(known.dtype), kind == "auto"
        if is_auto:
            numbers = floats_of(series, label, kind) if is_numeric else None
            is_boolean = is_numeric and types.is_bool_dtype(known.dtype)
            kind = kind_of_column(numbers, is_boolean, weight, known.dtype)
        is_whole = is_auto and is_numeric and _are_whole(known)
        kind, values, dtype = find_kind(kind), None, series.dtype
        if kind.is_numbered(is_auto, is_numeric):
            values = distinct_values(known)
            if not is_numeric:
                _refuse_ids(known, label)
            kind.check_values(values, label)
        elif not is_numeric:
            # Numbers that were written as text are given back as floats.
            dtype = None
        return cls(label, kind, dtype, known.dtype, values, is_whole, digits)

    @property
    def size(self):
        """Number of known values; 0 if they are not numbered."""
        return 0 if self.values is None else len(self.values)

    def numbers(self, series, handle_unknown):
        """Return the numbers of a column, float64, with NaN where one is missing.

        Raises
        ------
        ValueError
            If a value is unknown and ``handle_unknown`` is ``"error"``.
        """
        check_dtype(series, self.label)
        if self.values is None:
            return floats_of(series, self.label, self.kind.name)
        missing = series.isna().to_numpy()
        position = self.values.get_indexer(np.asarray(series, dtype=object))
        if self._holds_reals and (unknown := (position < 0) & ~missing).any():
            # Known numbers of another precision.
            position[unknown] = self._nearest(series[unknown])
        unknown = (position < 0) & ~missing
        if unknown.any() and handle_unknown == "error":
            value = np.asarray(series, dtype=object)[unknown][0]
            known = ", ".join(repr(v) for v in self.values[:5])
            more = ", ..." if len(self.values) > 5 else ""
            raise ValueError(
                f"{self.label} of X holds {value!r}, which fit has not seen. "
                f"Known: {known}{more}. Fit on rows with this value, {self._remedy}or "
                "set handle_unknown='missing'."
            )
        return np.where(missing | unknown, np.nan, position)

    @property
    def _remedy(self):
        is_numeric = _is_numeric(self.number) if self.number is not None else False
        return "name 'real' units for the column in visible, " if is_numeric else ""

    @property
    def _holds_reals(self):
        return types.is_float_dtype(self.number)

    def _nearest(self, series):
        """Return the positions of the known numbers that cells are up to rounding."""
        numbers, known = floats_of(series, self.label, self.kind.name), self.values
        known = known.to_numpy(dtype=np.float64)
        position = np.abs(numbers[:, None] - known).argmin(axis=1)
        dtypes = series.dtype, self.number
        tolerance = max(map(rounding, dtypes)) * np.abs(known[position])
        return np.where(np.abs(numbers - known[position]) > tolerance, -1, position)

    def restore(self, number):
        """Return numbers as a Series of the dtype of the column.

        Expectations are rounded where the dtype has two values, and where the values
        are whole numbers.
        """
        number = np.asarray(number, dtype=np.float64)
        hole = np.isnan(number)
        if self.values is None:
            return self._restore_numbers(number, hole)
        # An expectation between two real numbers is a real number, too. An expectation
        # between two integers or two categories is rounded to one of them.
        if self.kind.averages_values and self.size == 2 and self._holds_reals:
            low, high = (float(value) for value in self.values)
            # This weighted sum is exact at both ends.
            number = low * (1 - number) + high * number
            return self._restore_numbers(number, hole)
        position = np.rint(np.where(hole, 0, number)).astype(np.intp)
        series = pd.Series(self.values.take(position), dtype=object)
        series[hole] = np.nan
        return series if _cannot_hold(self.dtype, hole) else _cast(series, self.dtype)

    def _restore_numbers(self, number, hole):
        if self.dtype is None:
            return pd.Series(number)
        if types.is_bool_dtype(self.number):
            number = np.where(hole, np.nan, number >= 0.5)
        elif types.is_integer_dtype(self.number):
            number = np.clip(np.rint(number), *_integer_bounds(self.number))
        elif self.is_whole:
            number = np.rint(number)
        series = pd.Series(number)
        if _cannot_hold(self.dtype, hole):
            return series
        if self.digits is not None:
            return series.map(self._decimal, na_action="ignore").astype(object)
        if types.is_object_dtype(self.dtype):
            numbers = series[~hole].astype(self.number)
            series = series.astype(object)
            series[~hole] = numbers.astype(object)
            return series
        return _cast(series, self.dtype)

    def _decimal(self, number):
        return round(Decimal(number), self.digits)


def _digits(decimals):
    """Return the most digits behind the point of some Decimals."""
    return max(0, *(-value.as_tuple().exponent for value in decimals))


def _cast(series, dtype):
    same = dtype is None or series.dtype == dtype
    return series if same else series.astype(dtype)


def _cannot_hold(dtype, hole):
    """Tell whether there are holes for which the dtype has no value."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biu" and hole.any()


def _integer_bounds(dtype):
    """Return the smallest and largest float that an integer dtype can hold."""
    dtype = getattr(dtype, "subtype", dtype)  # of sparse columns
    limits = np.iinfo(getattr(dtype, "numpy_dtype", dtype))
    high = float(limits.max)
    return float(limits.min), high if high <= limits.max else np.nextafter(high, 0)


def _is_numeric(dtype):
    """Tell whether a dtype of NumPy, pandas or Arrow holds numbers or booleans."""
    if isinstance(dtype, pd.CategoricalDtype):
        return False
    return types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype)


def _is_plain(dtype):
    """Tell whether a dtype is one of NumPy's for numbers or booleans."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iufb"


def check_dtype(series, label):
    """Refuse a column that holds neither numbers nor categories."""
    if _is_plain(series.dtype):
        return
    dtype, found = series.dtype, str(series.dtype)
    numeric = _is_numeric(dtype) and not types.is_complex_dtype(dtype)
    category = isinstance(dtype, pd.CategoricalDtype) or types.is_string_dtype(dtype)
    if types.is_object_dtype(dtype):
        found = types.infer_dtype(series, skipna=True)
        category = found not in _NOT_VALUES
        if found.startswith("mixed"):
            category = series.map(pd.api.types.is_scalar).all()
            found = "objects that are not single values"
    if not (numeric or category):
        raise ValueError(
            f"{label} of X holds {found}. Turn the column into numbers or categories, "
            "or leave it out."
        )


def _are_whole(known):
    """Tell whether floats are all whole numbers."""
    if not types.is_float_dtype(known.dtype):
        return False
    values = known.to_numpy(dtype=np.float64)
    return bool((values == np.floor(values)).all())


def floats_of(series, label, kind):
    """Return the numbers of a column as float64, with NaN where one is missing."""
    if _is_plain(series.dtype):
        out = series.to_numpy(dtype=np.float64)
    else:
        out = _read_floats(series, label, kind)
    if (np.abs(out) > LARGEST).any():
        raise ValueError(
            f"{label} of X holds infinity, or a number beyond {LARGEST:g}. Scale the "
            "column, or write None for a value that is not known."
        )
    return out


def _read_floats(series, label, kind):
    """Return the numbers of a column whose dtype is not one of NumPy's for numbers."""
    out = np.full(len(series), np.nan)
    present = series.notna().to_numpy()
    values = series[present]
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    try:
        out[present] = values.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        value = next(v for v in values if not is_number(v))
        raise ValueError(
            f"{label} of X holds {value!r}, which could not be read as a number, but "
            f"{kind} units take numbers. Declare the column as 'categorical'."
        ) from None
    return out


def _refuse_ids(known, label):
    """Raise an error if each of many cells without holes is different."""
    if len(known) > _FEW and known.astype(object).nunique() == len(known):
        raise ValueError(
            f"{label} of X has a different value in each of {len(known)} rows, as an "
            "id has. It says nothing about other rows: leave it out."
        )


def distinct_values(known):
    """Return the distinct values of a column without holes.

    Declared categories keep their order; other values are sorted.
    """
    if isinstance(known.dtype, pd.CategoricalDtype):
        return pd.Index(known.dtype.categories, dtype=object)
    if types.is_bool_dtype(known.dtype):
        return pd.Index([False, True], dtype=object)
    values = pd.unique(np.asarray(known, dtype=object))
    if types.is_float_dtype(known.dtype):
        values = np.sort(values)
        return pd.Index(values[are_apart(values, known.dtype)], dtype=object)
    try:
        values = sorted(values)
    except TypeError:
        # Values of several types cannot be compared.
        values = sorted(values, key=lambda v: (type(v).__name__, str(v)))
    return pd.Index(values, dtype=object)


def label_of(j, names=None):
    """Return the name of a column in messages; without names, its position."""
    if names is None:
        return f"column {j}"
    name = names[j]
    return repr(str(name)) if isinstance(name, str) else f"column {name!r}"


def range_with_zero(numbers):
    """Return the smallest and the largest of the numbers of each column and 0."""
    return [
        f.reduce(dense(numbers), axis=0, initial=0.0).astype(np.float64)
        for f in (np.fmin, np.fmax)
    ]
