"""An expert on the correlations of all units."""

import numpy as np
from numba import njit

from skebm.energies.robust._base import LIMIT, clipped
from skebm.utils._addresses import KERNEL

# Degrees of freedom, which say how fast far rows lose influence.
_FREEDOM = 3.0
_N_STEPS = 5
# Share of the variances that is added to the diagonal: at least this, and a variance of
# its own for indicators of categories.
_RIDGE, _CATEGORY_RIDGE = 1e-3, 0.03
# Its cost grows with the square of the number of units, so wider tables go without it.
_MOST_UNITS = 500


class Ellipse:
    """The energy of a multivariate Student-t distribution.

    ``energy(z) = (3 + d) / 2 log(1 + |(z - location) @ factor|^2 / 3)``

    The scatter matrix is an M-estimate: rows far out have a small weight [1]_.

    Parameters
    ----------
    location : ndarray of shape (n_units,), float64
    factor : ndarray of shape (n_units, n_units), float64

    References
    ----------
    .. [1] R. Maronna. "Robust M-estimators of multivariate location and scatter".
       Annals of Statistics 4 (1976).
    """

    def __init__(self, location, factor):
        self.location, self.factor = location, factor

    @classmethod
    def fit(cls, Z, units, random):
        """Estimate location and scatter; return None for too many units.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units), float64
        units : RobustUnits
        random : Random
            Unused.
        """
        n, d = Z.shape
        if d > _MOST_UNITS:
            return None
        Z = clipped(Z)
        weight = np.ones(n)
        for _ in range(_N_STEPS):
            location = weight @ Z / weight.sum()
            apart = Z - location
            scatter = (apart.T * weight) @ apart / weight.sum()
            variance = np.diag(scatter)
            ridge = max(_RIDGE, d / n) * variance + _CATEGORY_RIDGE * units.is_category
            # A unit that does not vary stands alone.
            ridge += variance + ridge <= 1e-12
            factor = np.linalg.inv(np.linalg.cholesky(scatter + np.diag(ridge))).T
            far = ((apart @ factor) ** 2).sum(axis=1)
            # Most rows may be equal, and then the median is 0.
            typical = max(np.median(far), 1e-6 * far.mean()) or d
            factor *= np.sqrt(d / typical)
            weight = (_FREEDOM + d) / (_FREEDOM + far * d / typical)
        return cls(location, np.ascontiguousarray(factor))

    @property
    def work(self):
        """Multiply-adds for one row."""
        return len(self.location) ** 2

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        out = np.empty(len(Z))
        _fill_distances(Z, self.location, self.factor, LIMIT, out)
        return (_FREEDOM + len(self.location)) / 2 * np.log1p(out / _FREEDOM)

    def parts(self, Z):
        """Return what each unit adds to the energy, float64, shape (n, n_units).

        The squared distance is a sum over units, and the energy is shared out as it.
        """
        apart = clipped(Z) - self.location
        by_unit = apart * (apart @ (self.factor @ self.factor.T))
        total = by_unit.sum(axis=1)
        share = self.energy(Z) / np.where(total > 0, total, 1.0)
        return by_unit * share[:, None]


@njit(**KERNEL)
def _fill_distances(Z, location, factor, limit, out):
    """Fill in squared distances, row by row: labels must not depend on other rows."""
    n, d = Z.shape
    sums = np.empty(d)
    for i in range(n):
        sums[:] = 0.0
        for j in range(d):
            z = min(max(Z[i, j], -limit), limit) - location[j]
            # The factor is an upper triangle.
            for k in range(j, d):
                sums[k] += z * factor[j, k]
        total = 0.0
        for k in range(d):
            total += sums[k] * sums[k]
        out[i] = total
