"""log Z without error."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.partition._base import Estimate
from skebm.samplers.exact import finite_side, log_weights


class ExactPartition(BaseEstimator):
    """Enumeration of the smaller finite side, or the closed form of a normal density.

    Parameters
    ----------
    max_units : int, default=20
        Enumerate sides of at most ``2 ** max_units`` configurations.
    """

    def __init__(self, max_units=20):
        self.max_units = max_units

    def accepts(self, energy):
        """Tell whether this method can take the energy."""
        if not hasattr(energy, "T"):
            return False
        side = finite_side(energy)
        if side is None:
            return energy.is_normal
        return side.visible.n_states <= 2**self.max_units

    def estimate(self, energy, random=None, draws=None):
        """Return log Z as an :class:`Estimate`; ``random`` and ``draws`` are unused."""
        side = finite_side(energy)
        if side is None and not energy.is_normal:
            raise ValueError(
                f"{energy!r} has real units on both sides, and not all are Gaussian: "
                "there is no exact log Z. Use partition='ais'."
            )
        if side is None:
            return _exactly(_log_partition_gaussian(energy), "closed form")
        if side.visible.n_states > 2**self.max_units:
            raise ValueError(
                f"The smaller finite side of {energy!r} has "
                f"{side.visible.n_states:.3g} configurations, more than "
                f"2**{self.max_units}. Use partition='ais'."
            )
        return _exactly(np.logaddexp.reduce(log_weights(side)), "enumeration")


def _exactly(value, method):
    value = float(value)
    return Estimate(value, value, value, 0.0, np.inf, method)


def _log_partition_gaussian(energy):
    """Return log Z of a Gaussian-Gaussian RBM: both sides are jointly normal."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    matrix = np.block(
        [
            [np.diag(energy.visible.curvature), -weights],
            [-weights.T, np.diag(energy.hidden.curvature)],
        ]
    )
    linear = np.concatenate([energy.visible.bias, energy.hidden.bias])
    try:
        log_det = 2 * np.log(np.diag(np.linalg.cholesky(matrix))).sum()
    except np.linalg.LinAlgError:
        raise ValueError(
            "The partition function of this Gaussian-Gaussian RBM is infinite: the "
            "largest singular value of its scaled weights is not below 1."
        ) from None
    quadratic = linear @ np.linalg.solve(matrix, linear)
    return (len(linear) * np.log(2 * np.pi) - log_det + quadratic) / 2
