"""Running estimates of the ratios of partition functions of neighbouring models."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skebm.utils._stored import public

# Number of visits over which a running average extends.
HORIZON = 1000
# The largest distance, in nats, of the shift from the log ratio. A shift within this
# distance loses little precision, and the averages start anew when the shift changes.
_MAX_DISTANCE = 1.0
# Smallest mean acceptance, so that its log and its inverse are finite.
_TINY = 1e-300


@public("skebm.samplers")
class Bridges(NamedTuple):
    """Running averages of Bennett's acceptance ratio between neighbouring rungs [1]_.

    ``log(Z' / Z) = shift + log <expit(u - shift)> - log <expit(d + shift)>`` for every
    shift. ``u`` is the log ratio of the densities, upper over lower rung, at draws of
    the lower rung. ``d`` is the negative log ratio at draws of the upper rung.

    Attributes
    ----------
    shift : ndarray of shape (n_pairs,)
    up, down : ndarray of shape (n_pairs, n_chains)
        Averages over time for each chain. The chains are independent of each other,
        however slowly they move. So the standard error of a mean over chains is right.
    count : ndarray of shape (n_pairs,)
        Number of exchanges in the averages.

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
        """Return bridges before the first exchange."""
        up, down = np.zeros((2, n_pairs, n_chains))
        return cls(np.zeros(n_pairs), up, down, np.zeros(n_pairs))

    def observed(self, up, down):
        """Return the bridges after one more exchange of every pair."""
        is_first = self.count == 0
        middle = (up.mean(axis=1) - down.mean(axis=1)) / 2
        shift, count = np.where(is_first, middle, self.shift)[:, None], self.count + 1
        # The weight of the first draws falls, so that the start of the chains is
        # forgotten.
        weight = np.maximum(2 / (count + 1), 1 / HORIZON)[:, None]
        accept_up, accept_down = expit(up - shift), expit(down + shift)
        new = Bridges(
            shift[:, 0],
            self.up + weight * (accept_up - self.up),
            self.down + weight * (accept_down - self.down),
            count,
        )
        distance = new.ratios() - new.shift
        far = np.abs(distance) > _MAX_DISTANCE
        shift = shift + np.where(far, distance, 0)[:, None]
        return Bridges(
            shift[:, 0],
            np.where(far[:, None], expit(up - shift), new.up),
            np.where(far[:, None], expit(down + shift), new.down),
            np.where(far, 1, count),
        )

    def ratios(self):
        """Return log Z of the upper rung minus log Z of the lower rung of each pair."""
        up, down = (
            np.log(np.maximum(average.mean(axis=1), _TINY))
            for average in (self.up, self.down)
        )
        return self.shift + up - down

    def influence(self):
        """Return the influence of each chain on the sum of the ratios.

        The sum has the standard error of the mean of these numbers.
        """
        up, down = (
            average / np.maximum(average.mean(axis=1, keepdims=True), _TINY)
            for average in (self.up, self.down)
        )
        return (up - down).sum(axis=0)

    def part(self, start, stop=None):
        """Return the bridges of the pairs ``start`` to ``stop - 1``."""
        return Bridges(*(array[start:stop] for array in self))

    def joined(self, other):
        """Return these bridges followed by others."""
        return Bridges(*map(np.concatenate, zip(self, other, strict=True)))
