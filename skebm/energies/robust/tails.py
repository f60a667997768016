"""An expert on each unit alone, with heavy tails."""

import numpy as np
from numba import njit

from skebm.energies.robust._base import row_sums
from skebm.utils._addresses import KERNEL

# Degrees of freedom. From 1 to 10 the mean AUROC over 22 sets changes by .001.
_FREEDOM = 3.0
# Added to the count of each category.
_SMOOTHING = 0.5


class Tails:
    """The sum of the energies of independent Student-t distributions and categories.

    Parameters
    ----------
    surprisal : ndarray of shape (n_units,), float64
        Energy of the category of each unit, in nats. NaN for a unit that is a number.
    """

    def __init__(self, surprisal):
        self.surprisal = surprisal

    @classmethod
    def fit(cls, Z, units, random):
        """Count the categories.

        Parameters
        ----------
        Z : ndarray of shape (n, n_units), float64
        units : RobustUnits
        random : Random
            Unused.
        """
        counts = (Z > 0).sum(axis=0) + _SMOOTHING
        surprisal = -np.log(counts / (len(Z) + _SMOOTHING))
        return cls(np.where(units.is_category, surprisal, np.nan))

    @property
    def work(self):
        """Multiply-adds for one row."""
        return 20 * len(self.surprisal)

    def parts(self, Z):
        """Return the energy of each unit, in nats, float64, shape (n, n_units)."""
        out = np.empty(Z.shape)
        _fill_tails(Z, self.surprisal, _FREEDOM, out)
        return out

    def energy(self, Z):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return row_sums(self.parts(Z))


@njit(**KERNEL)
def _fill_tails(Z, surprisal, freedom, out):
    n, d = Z.shape
    for i in range(n):
        for j in range(d):
            z = Z[i, j]
            if np.isnan(surprisal[j]):
                out[i, j] = (freedom + 1) / 2 * np.log1p(z * z / freedom)
            else:
                out[i, j] = surprisal[j] if z > 0 else 0.0
