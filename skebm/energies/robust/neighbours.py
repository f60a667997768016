"""An expert on distances to small random sets of rows."""

import numpy as np
from numba import njit

from skebm.energies.robust._base import FLOOR, clipped_single, log_distances
from skebm.utils._addresses import KERNEL

_N_SETS = 64


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
        sets = clipped_single(Z[drawn.ravel()]).reshape(_N_SETS, set_size, -1)
        sets = np.ascontiguousarray(sets.transpose(0, 2, 1))
        return cls(sets, units.n_columns)

    @property
    def work(self):
        """Multiply-adds for one row."""
        return self.sets.size

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        out = np.empty(len(Z))
        _fill_nearness(clipped_single(Z), self.sets, 1 / self.n_columns, FLOOR, out)
        return out

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units).

        What a set adds above its least energy is shared out as the distance is. The
        least energy is shared out equally.
        """
        Z, n_units = clipped_single(Z), self.sets.shape[1]
        out = np.full(Z.shape, np.log(FLOOR) / n_units)
        for rows in self.sets:
            apart = np.abs(Z[:, :, None] - rows).astype(np.float64)
            nearest = apart.sum(axis=1).argmin(axis=1)
            apart = np.take_along_axis(apart, nearest[:, None, None], axis=2)[:, :, 0]
            out += log_distances(apart, self.n_columns) / len(self.sets)
        return out


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
