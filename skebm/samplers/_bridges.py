"""Ratios of partition functions of neighbouring models, from exchanges as they go."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

# Visits that a running average looks back on.
HORIZON = 1000
# The shift of Bennett's ratio need only be near log(Z / Z'): within a nat it loses
# little of the precision, and a shift that stays lets averages run on.
_FAR = 1.0


class Bridges(NamedTuple):
    """Running averages of Bennett's acceptance ratio between neighbouring rungs [1]_.

    ``log(Z' / Z) = shift + log <expit(u - shift)> - log <expit(d + shift)>``, with
    ``u`` the log ratio of the densities, upper over lower rung, at draws of the lower
    one and ``d`` its negative at draws of the upper one. It holds for every shift.

    Attributes
    ----------
    shift : ndarray of shape (n_pairs,)
    up, down : ndarray of shape (n_pairs, n_chains)
        Averages over time, a row of chains each: rows are independent of each other,
        however slowly they move, so the error is that of a mean over rows.
    count : ndarray of shape (n_pairs,)
        Exchanges behind the averages.

    References
    ----------
    .. [1] C. Bennett. "Efficient estimation of free energy differences from Monte Carlo
       data". Journal of Computational Physics 22 (1976).
    """

    shift: np.ndarray
    up: np.ndarray
    down: np.ndarray
    count: np.ndarray

    @classmethod
    def empty(cls, n_pairs, n_chains):
        """Return bridges that have seen nothing."""
        up, down = np.zeros((2, n_pairs, n_chains))
        return cls(np.zeros(n_pairs), up, down, np.zeros(n_pairs))

    def observed(self, up, down):
        """Return the bridges after one more exchange of every pair."""
        fresh = self.count == 0
        middle = (up.mean(axis=1) - down.mean(axis=1)) / 2
        shift, count = np.where(fresh, middle, self.shift)[:, None], self.count + 1
        # The first draws weigh ever less, so that where the chains began is forgotten.
        weight = np.maximum(2 / (count + 1), 1 / HORIZON)[:, None]
        now = expit(up - shift), expit(down + shift)
        new = Bridges(
            shift[:, 0],
            self.up + weight * (now[0] - self.up),
            self.down + weight * (now[1] - self.down),
            count,
        )
        off = new.ratios() - new.shift
        far = np.abs(off) > _FAR
        shift = shift + np.where(far, off, 0)[:, None]
        return Bridges(
            shift[:, 0],
            np.where(far[:, None], expit(up - shift), new.up),
            np.where(far[:, None], expit(down + shift), new.down),
            np.where(far, 1, count),
        )

    def ratios(self):
        """Return log Z of the upper rung minus that of the lower one, a pair each."""
        up, down = (_log(part.mean(axis=1)) for part in (self.up, self.down))
        return self.shift + up - down

    def influence(self):
        """Return what each row of chains adds to the sum of the ratios, relatively."""
        up, down = (
            part / np.maximum(part.mean(axis=1, keepdims=True), 1e-300)
            for part in (self.up, self.down)
        )
        return (up - down).sum(axis=0)

    def part(self, start, stop=None):
        """Return the bridges of some of the pairs."""
        return Bridges(*(a[start:stop] for a in self))

    def joined(self, other):
        """Return these bridges followed by others."""
        return Bridges(*map(np.concatenate, zip(self, other, strict=True)))


def _log(mean):
    return np.log(np.maximum(mean, 1e-300))
