"""An expert on distances to small random sets of rows."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL

_N_SETS = 64
# Rows are clipped to this many scales.
_LIMIT = 5.0
# Added to the mean distance of a column, in scales: equal rows are not infinitely near.
_FLOOR = 0.1


class Neighbours:
    """The mean log distance to the nearest row of small random sets of rows.

    The distance is the mean absolute difference of the columns. A set of few rows has a
    row in each large region of rows only, so a small cluster of anomalies has no row
    near it in most sets [1]_.

    Parameters
    ----------
    sets : ndarray of shape (n_sets, n_units, set_size), float32
    n_columns : int

    References
    ----------
    .. [1] T. Bandaragoda et al. "Isolation-based anomaly detection using
       nearest-neighbor ensembles". Computational Intelligence 34 (2018).
    """

    def __init__(self, sets, n_columns):
        self.sets, self.n_columns = sets, n_columns

    @classmethod
    def fit(cls, Z, units, random, set_size):
        """Draw the sets.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units), float64
        units : RobustUnits
        random : Random
        set_size : int
        """
        # Rows that are repeated are drawn as one row of that weight would be.
        drawn = (random.uniform((_N_SETS, set_size)) * len(Z)).astype(int)
        sets = _clipped(Z[drawn.ravel()]).reshape(_N_SETS, set_size, -1)
        sets = np.ascontiguousarray(sets.transpose(0, 2, 1))
        return cls(sets, units.n_columns)

    @property
    def work(self):
        """Multiply-adds for one row."""
        return self.sets.size

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        out = np.empty(len(Z))
        _fill_nearness(_clipped(Z), self.sets, 1 / self.n_columns, _FLOOR, out)
        return out

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units).

        What a set adds above its least energy is shared out as the distance is. The
        least energy is shared out equally.
        """
        Z, n_units = _clipped(Z), self.sets.shape[1]
        out = np.full(Z.shape, np.log(_FLOOR) / n_units)
        for rows in self.sets:
            apart = np.abs(Z[:, :, None] - rows).astype(np.float64)
            nearest = apart.sum(axis=1).argmin(axis=1)
            apart = np.take_along_axis(apart, nearest[:, None, None], axis=2)[:, :, 0]
            total = apart.sum(axis=1)
            gain = np.log1p(total / self.n_columns / _FLOOR)
            share = gain / np.where(total > 0, total, 1) / len(self.sets)
            out += apart * share[:, None]
        return out


def _clipped(Z):
    return np.clip(Z, -_LIMIT, _LIMIT).astype(np.float32)


@njit(**KERNEL)
def _fill_nearness(Z, sets, scale, floor, out):
    n, d = Z.shape
    n_sets, _, size = sets.shape
    sums = np.empty(size, np.float32)
    for i in range(n):
        product = 1.0
        for t in range(n_sets):
            sums[:] = 0
            for j in range(d):
                z = Z[i, j]
                for k in range(size):
                    sums[k] += abs(z - sets[t, j, k])
            # One log for 64 factors between 0.1 and 10: the product fits in a float.
            product *= sums.min() * scale + floor
        out[i] = np.log(product) / n_sets
