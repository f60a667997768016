"""Energies over one or two columns of a table, with the other columns given."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logsumexp

# Whole numbers of at most this range have an axis of levels.
_MAX_RANGE = 20
# How far beyond the rows an axis reaches, as a part of their range.
_MARGIN = 0.1
# Rows whose energies are computed at once.
_CHUNK = 100_000


class Axis(NamedTuple):
    """The values of a column on one axis of a grid.

    Attributes
    ----------
    name : str
    values : ndarray of shape (n_values,)
    is_levels : bool
        Whether the column has these values only. Else they are points of an interval.
    is_whole : bool
        Whether they are points of an interval of whole numbers.
    """

    name: str
    values: np.ndarray
    is_levels: bool
    is_whole: bool = False

    @classmethod
    def of(cls, name, column, resolution, may_have_levels=True):
        """Make the axis of a column; it reaches a tenth beyond the values.

        It does not pass 0 or 1 if the values do not.
        """
        levels = _levels(column) if may_have_levels else None
        if levels is not None:
            return cls(name, levels, True)
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            raise ValueError(
                f"features names {name}, which has no finite number in X. Choose "
                "another column, or pass rows that have one."
            )
        low, high = numbers.min(), numbers.max()
        margin = _MARGIN * (high - low) or 1.0
        start = max(low - margin, 0.0) if low >= 0 else low - margin
        end = min(high + margin, 1.0) if low >= 0 and high <= 1 else high + margin
        if may_have_levels and not (numbers % 1).any():
            # Counts take no other numbers, and their points need the same distances.
            step = max(np.ceil((end - start) / (resolution - 1)), 1)
            return cls(name, np.arange(np.floor(start), end + step, step), False, True)
        return cls(name, np.linspace(start, end, resolution), False)

    @property
    def positions(self):
        """Where the values stand in a plot: levels are numbered."""
        return np.arange(len(self.values)) if self.is_levels else self.values

    def place(self, column):
        """Return where the values of a column stand in a plot; NaN for none."""
        if not self.is_levels:
            return column.to_numpy(dtype=float, na_value=np.nan)
        codes = pd.Index(self.values).get_indexer(column.astype(object))
        return np.where(codes < 0, np.nan, codes)

    @property
    def log_width(self):
        """Logarithm of the width of a cell, and 0 for a level."""
        return 0.0 if self.is_levels else np.log(self.values[1] - self.values[0])


def _levels(column):
    """Return the values of a column with few of them, or None for a real column."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.array(column.cat.categories, dtype=object)
    present = column.dropna()
    if not pd.api.types.is_numeric_dtype(column) or present.dtype.kind == "b":
        return np.array(sorted(present.unique(), key=str), dtype=object)
    values = np.unique(present.to_numpy(dtype=float))
    if len(values) == 2:
        return values
    if not len(values) or (values % 1).any() or np.ptp(values) > _MAX_RANGE:
        return None
    return np.arange(values[0], values[-1] + 1)


class Section(NamedTuple):
    """Energies of points of a plane through given rows.

    Attributes
    ----------
    energy : callable
        Energies of rows in the form that the estimator takes.
    table : Table
    positions : list of int
        The columns that the points replace.
    rows : DataFrame
        The rows whose other columns are kept.
    log_mass : ndarray of shape (n_rows,) or None
        For each row the logarithm of the sum of ``exp(-energy)`` over the grid. None
        for a single row, whose energies are shown as they are.
    """

    energy: object
    table: object
    positions: list
    rows: pd.DataFrame
    log_mass: np.ndarray | None = None

    def marginal(self, points, log_cell):
        """Return the same section, with the rows averaged out over this grid.

        Parameters
        ----------
        points : list of ndarray of shape (n_points,)
            The grid.
        log_cell : float
            Logarithm of the area of a cell.
        """
        mass = logsumexp(-self._energies(points), axis=0) + log_cell
        return self._replace(log_mass=mass)

    def __call__(self, points):
        """Return the energies of points, shape (n_points,)."""
        energies = self._energies(points)
        if self.log_mass is None:
            return energies[:, 0]
        conditional = -energies - self.log_mass
        return np.log(len(self.rows)) - logsumexp(conditional, axis=1)

    def _energies(self, points):
        """Return the energies of all points in all rows, (n_points, n_rows)."""
        n_rows = len(self.rows)
        size = max(1, _CHUNK // n_rows)
        parts = [
            self._block([values[start : start + size] for values in points])
            for start in range(0, len(points[0]), size)
        ]
        return np.concatenate(parts)

    def _block(self, points):
        n_points, n_rows = len(points[0]), len(self.rows)
        frame = self.rows.iloc[np.tile(np.arange(n_rows), n_points)]
        frame = frame.reset_index(drop=True)
        for position, values in zip(self.positions, points, strict=True):
            values = np.repeat(values, n_rows)
            dtype = self.table.frame.dtypes.iloc[position]
            frame.isetitem(position, pd.Series(values).astype(dtype))
        return self.energy(self.table.back(frame)).reshape(n_points, n_rows)


class Plane(NamedTuple):
    """Energies of points of the plane of two directions through a point.

    Attributes
    ----------
    energy : callable
    table : Table
    center : ndarray of shape (n_features,)
    directions : ndarray of shape (2, n_features)
    """

    energy: object
    table: object
    center: np.ndarray
    directions: np.ndarray

    @classmethod
    def of(cls, energy, table):
        """Make the plane of the first two principal components of the rows."""
        from sklearn.decomposition import PCA

        numbers = table.frame
        names = [
            name
            for name, dtype in numbers.dtypes.items()
            if not pd.api.types.is_numeric_dtype(dtype)
        ]
        if names or numbers.isna().to_numpy().any() or numbers.shape[1] < 2:
            raise ValueError(
                "plane='pca' needs rows of two numbers or more without missing cells; "
                f"X has {names or 'missing cells or one column'}. Use features=(i, j)."
            )
        pca = PCA(2).fit(numbers.to_numpy(dtype=float))
        return cls(energy, table, pca.mean_, pca.components_)

    def __call__(self, points):
        """Return the energies of points, shape (n_points,)."""
        rows = self.center + np.stack(points, axis=1) @ self.directions
        frame = pd.DataFrame(rows, columns=self.table.frame.columns)
        return self.energy(self.table.back(frame))

    def place(self, frame):
        """Return the projections of rows, shape (n_samples, 2)."""
        return (frame.to_numpy(dtype=float) - self.center) @ self.directions.T


def typical_row(frame):
    """Return one row: means of real columns, else the most frequent values."""
    cells = {}
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        is_real = _levels(column) is None and column.dtype.kind not in "biu"
        value = column.mean() if is_real else column.mode().iloc[0]
        cells[position] = pd.Series([value]).astype(column.dtype)
    return pd.DataFrame(cells).set_axis(frame.columns, axis=1)
