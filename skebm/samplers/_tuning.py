"""Chains with step sizes, and parts of their search: averaging, scales of columns."""

from typing import NamedTuple

import numpy as np

from skebm.utils._stored import public

# The constants of dual averaging. Hoffman and Gelman recommend a gamma of 0.05, for the
# noisy rates of one chain; with that, step sizes swing by 20 %, and end up too small.
_GAMMA, _T0, _KAPPA = 0.2, 10, 0.75
# Column scales below this share of the largest one are numerical noise.
_SMALLEST_SCALE = 1e-8


@public("skebm.samplers")
class GradientChains(NamedTuple):
    """Chains, and the numbers with which they move.

    Attributes
    ----------
    chains : state
        The chains of the energy.
    step_size : float or ndarray of shape (n_features,)
        The step size of each column.
    acceptance : float
        Share of the proposals of the last step that were accepted, in expectation. NaN
        before the first step.
    n_leapfrog : int
        Largest number of steps of a move.
    """

    chains: object
    step_size: np.ndarray
    acceptance: float = np.nan
    n_leapfrog: int = 1


class DualAveraging:
    """Brings the mean of noisy rates to a target (Hoffman and Gelman 2014)."""

    def __init__(self, log_step, target):
        self.log_step = self.average = self.start = log_step
        self.target, self.error, self.t = target, 0.0, 0

    def update(self, rate):
        """Take the acceptance of a move at the present step size."""
        self.t += 1
        self.error += (self.target - rate - self.error) / (self.t + _T0)
        self.log_step = self.start - np.sqrt(self.t) / _GAMMA * self.error
        share = self.t**-_KAPPA
        self.average += share * (self.log_step - self.average)


def scales(rows, default):
    """Return standard deviations of columns, or ``default`` where all rows agree."""
    rows = np.concatenate(rows).astype(np.float64, copy=False)
    scale = rows.std(axis=0)
    known = np.isfinite(scale) & (scale > _SMALLEST_SCALE * np.nanmax(scale, initial=0))
    return np.where(known & (scale > 0), scale, default)
