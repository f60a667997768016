"""Where draws of a model differ from the rows that it was fitted to."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skebm.inference import HOLE_STEPS, completed, draw
from skebm.monitoring._base import subsample
from skebm.samplers import can_move, named_kernel
from skebm.utils._lazy import Lazy
from skebm.utils._math import row_weights

# Largest number of rows that are compared, and of their cells.
_MAX_ROWS, _MAX_CELLS = 1000, 200_000
# Largest number of units: those that vary most. There are squares of it.
_MAX_UNITS = 2000
# Numbers further out than this many standard deviations count as this far out: squares
# of outliers would decide everything.
_FAR = 4.0
# A misfit warns if it is above this, and
_LARGE = 0.2
# above this many standard errors. There are many pairs.
_SIGMAS = 5
# Multiply-adds of the draws, up to which every fit makes them.
_MAX_WORK = 2e9
# Sweeps of each drawn row, about.
_N_SWEEPS = 300


class Misfit(Lazy):
    """The differences between rows and draws, for each column and pair of columns.

    The units are standardised by the rows. The misfit of a pair of columns is the
    largest difference of the mean product of two of their units, which are the
    correlations of real columns. The misfit of a column is the largest difference of a
    mean, in standard deviations.

    Parameters
    ----------
    energy : energy
        The fitted model.
    X : {ndarray, CSR matrix} of shape (n, n_units)
        Training rows. The rows that are compared are kept.
    weight : ndarray of shape (n,) or None
    variables : ndarray of int of shape (n_units,)
        The column of each unit.
    names : list
        Names of the columns.
    random : Random
    n_jobs : int or None
        Number of threads.
    kernel : str or sampler
        The sampler that moves chains.
    """

    def __init__(self, energy, X, weight, variables, names, random, n_jobs, kernel):
        super().__init__(n_jobs)
        n_rows = min(_MAX_ROWS, max(_MAX_CELLS // X.shape[1], 100))
        self.rows, self.weight = subsample(X, weight, random.fold(0), n_rows)
        self.names = names
        self._task = energy, variables, random, kernel

    @classmethod
    def of(cls, energy, X, *facts):
        """Return the misfit of rows, or None if the model cannot be drawn from."""
        kernel = named_kernel(facts[-1])
        has_holes = not issparse(X) and np.isnan(X).any()
        needs = ("reference", "clamped") if has_holes else ("reference",)
        can_draw = can_move(energy, kernel) and all(hasattr(energy, n) for n in needs)
        return cls(energy, X, *facts) if can_draw else None

    @property
    def is_cheap(self):
        """Whether the draws take little time beside a fit."""
        return self._task[0].work * len(self.rows) * _N_SWEEPS <= _MAX_WORK

    @property
    def table(self):
        """The misfits, shape (n_columns, n_columns); single columns on the diagonal."""
        return self._once("figures", self._measured)[0]

    @property
    def frame(self):
        """The :attr:`table` as a frame with the names of the columns."""
        return pd.DataFrame(self.table, index=self.names, columns=self.names)

    @property
    def errors(self):
        """The standard errors of the misfits, of the same shape."""
        return self._once("figures", self._measured)[1]

    def _measured(self):
        energy, variables, random, kernel = self._task
        rows = completed(energy, self.rows, HOLE_STEPS).astype(np.float64)
        drawn = draw(energy, len(rows), random.fold(1), kernel)
        center = np.average(rows, axis=0, weights=self.weight)
        scale = np.sqrt(np.average((rows - center) ** 2, axis=0, weights=self.weight))
        if len(scale) > _MAX_UNITS:
            kept = np.sort(scale.argsort(kind="stable")[-_MAX_UNITS:])
            rows, drawn, center = rows[:, kept], drawn[:, kept], center[kept]
            scale, variables = scale[kept], variables[kept]
        scale[scale == 0] = np.inf
        both = [np.clip((x - center) / scale, -_FAR, _FAR) for x in (rows, drawn)]
        moments = [_moments(both[0], self.weight), _moments(both[1], None)]
        difference = np.abs(moments[0][0] - moments[1][0])
        error = np.sqrt(moments[0][1] + moments[1][1])
        return _by_columns(difference, error, variables, len(self.names))

    def complaint(self):
        """Return a warning that names the columns with the largest misfit, or None."""
        names = self.names
        table = np.where(self.table > _SIGMAS * self.errors, self.table, 0)
        i, j = np.unravel_index(table.argmax(), table.shape)
        if table[i, j] <= _LARGE:
            return None
        what = f"the correlation of columns {names[i]!r} and {names[j]!r}"
        if i == j:
            what = f"the mean of column {names[i]!r}, in standard deviations,"
        return (
            f"Draws of the model do not look like the rows: {what} is off by "
            f"{table[i, j]:.2g} (see misfit_). Raise n_iter, or fit with "
            "objective=PCD(sampler='tempering')."
        )


def _moments(Z, weight):
    """Return mean products of units, means on the diagonal, and their variances."""
    share = row_weights(weight, len(Z))
    share = share / share.sum()
    product = (Z * share[:, None]).T @ Z
    square = (Z**2 * share[:, None]).T @ Z**2
    mean, second = share @ Z, np.diag(product)
    np.fill_diagonal(square, second)
    np.fill_diagonal(product, mean)
    return product, np.maximum(square - product**2, 0) * (share @ share)


def _by_columns(difference, error, variables, n_columns):
    """Return the largest difference of each pair of columns, and its standard error.

    They are NaN for columns without a unit that was compared.
    """
    first, second = np.meshgrid(variables, variables, indexing="ij")
    # Units of one column say something about this column by their means only.
    within = (first == second) & ~np.eye(len(variables), dtype=bool)
    difference = np.where(within, 0, difference)
    order = difference.argsort(axis=None)
    place = first.ravel()[order], second.ravel()[order]
    table, errors = np.full((2, n_columns, n_columns), np.nan)
    # The last value counts, which is the largest.
    table[place], errors[place] = difference.ravel()[order], error.ravel()[order]
    return table, errors
