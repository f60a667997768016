"""The couplings that restore best, for several shares of flipped pixels."""

from typing import NamedTuple

import numpy as np

from skebm.utils._stored import public


@public("skebm.energies.images")
class Levels(NamedTuple):
    """Couplings and ink for shares of flipped pixels.

    Attributes
    ----------
    noise : ndarray of shape (n_levels,)
        Shares of flipped pixels, in rising order.
    couplings : ndarray of shape (n_levels, n_offsets)
    ink : ndarray of shape (n_levels,)
    """

    noise: np.ndarray
    couplings: np.ndarray
    ink: np.ndarray

    def at(self, noise):
        """Return couplings and ink at a share, which are linear in its log odds."""
        odds = log_odds(self.noise)[::-1]
        at = np.clip(log_odds(noise), odds[0], odds[-1])
        shares = [np.interp(at, odds, one) for one in np.eye(len(odds))]
        shares = np.array(shares)[::-1]
        return shares @ self.couplings, float(shares @ self.ink)


def log_odds(noise):
    """Return ``log((1 - noise) / noise)``, which is infinite where noise is 0."""
    with np.errstate(divide="ignore"):
        return np.log1p(-np.asarray(noise)) - np.log(noise)
