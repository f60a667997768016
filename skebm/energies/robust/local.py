"""An expert on how near rows are in comparison with their neighbours."""

import numpy as np
from numba import njit

from skebm.energies.robust._base import FLOOR, clipped_single, log_distances
from skebm.utils._addresses import KERNEL

# Rows that others are compared with. The time for a row grows in proportion.
_MOST_ROWS = 4096


class Local:
    """The mean log distance to the nearest rows, less that of these rows themselves.

    ``energy(z) = mean_k log d(z, r_k) - mean_k mean_l log d(r_k, r_kl)``

    Here ``r_k`` are the rows nearest to ``z``, and ``r_kl`` are the rows nearest to
    ``r_k``. This is the local outlier factor [1]_ without its bounds on distances. The
    distance is the mean absolute difference of the columns. Anomalies among the rows
    hide others that are near them, so this is for rows without anomalies.

    A row at distance 0 may be ``z`` itself, so one such row does not count. Rows that
    were fitted have the energies of new rows then.

    Parameters
    ----------
    rows : ndarray of shape (n_units, n_rows), float32
    own : ndarray of shape (n_rows,), float64
        What is subtracted for each row, in nats.
    n_neighbours : int
    n_columns : int

    References
    ----------
    .. [1] M. Breunig et al. "LOF: identifying density-based local outliers". SIGMOD
       2000.
    """

    def __init__(self, rows, own, n_neighbours, n_columns):
        self.rows, self.own = rows, own
        self.n_neighbours, self.n_columns = n_neighbours, n_columns

    @classmethod
    def fit(cls, Z, units, random, n_neighbours):
        """Draw the rows; return None for a single row.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units), float64
        units : RobustUnits
        random : Random
        n_neighbours : int
        """
        if len(Z) < 2:
            return None
        drawn = np.argsort(random.uniform(len(Z)), kind="stable")[:_MOST_ROWS]
        rows = clipped_single(Z[drawn])
        n_neighbours = min(n_neighbours, len(rows) - 1)
        columns = np.ascontiguousarray(rows.T), np.zeros(len(rows))
        own, _ = cls(*columns, n_neighbours, units.n_columns)._look(rows)
        return cls(columns[0], own, n_neighbours, units.n_columns)

    @property
    def work(self):
        """Multiply-adds for one row."""
        return self.rows.size

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self._look(clipped_single(Z))[0]

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units).

        The log of each distance is shared out as the distance is. What does not depend
        on distances is shared out equally.
        """
        Z, n_units = clipped_single(Z), len(self.rows)
        _, nearest = self._look(Z)
        rest = np.log(FLOOR) - self.own[nearest].mean(axis=1)
        out = np.repeat(rest[:, None] / n_units, n_units, axis=1)
        for rows in nearest.T:
            apart = np.abs(Z - self.rows[:, rows].T).astype(np.float64)
            out += log_distances(apart, self.n_columns) / self.n_neighbours
        return out

    def _look(self, Z):
        """Return energies, and the nearest rows."""
        out, nearest = np.empty(len(Z)), np.empty((len(Z), self.n_neighbours), int)
        facts = self.rows, self.own, 1 / self.n_columns, FLOOR
        _fill_local(Z, *facts, nearest, out)
        return out, nearest


@njit(**KERNEL)
def _fill_local(Z, rows, own, scale, floor, nearest, out):
    (n, d), n_rows, n_nearest = Z.shape, rows.shape[1], nearest.shape[1]
    sums = np.empty(n_rows, np.float32)
    least = np.empty(n_nearest, np.float32)
    for i in range(n):
        sums[:] = 0
        for j in range(d):
            z = Z[i, j]
            for k in range(n_rows):
                sums[k] += abs(z - rows[j, k])
        least[:] = np.inf
        itself = False
        for k in range(n_rows):
            if sums[k] == 0 and not itself:
                itself = True
                continue
            if sums[k] >= least[n_nearest - 1]:
                continue
            # Farther rows move up by one place.
            place = n_nearest - 1
            for m in range(n_nearest - 1, 0, -1):
                if least[m - 1] <= sums[k]:
                    break
                least[m], nearest[i, m] = least[m - 1], nearest[i, m - 1]
                place = m - 1
            least[place], nearest[i, place] = sums[k], k
        total = 0.0
        for m in range(n_nearest):
            total += np.log(least[m] * scale + floor) - own[nearest[i, m]]
        out[i] = total / n_nearest
