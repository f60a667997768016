"""Compute log Z exactly."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition._base import Estimate
from skebm.samplers.exact import log_weights


class ExactPartition(BaseEstimator):
    """Enumeration of all configurations, or a closed form.

    If the model has hidden units, the side with fewer configurations is enumerated. A
    normal density has a closed form.

    Parameters
    ----------
    max_units : int, default=20
        At most ``2 ** max_units`` configurations are enumerated.
    """

    def __init__(self, max_units=20):
        self.max_units = max_units

    def accepts(self, energy):
        """Tell whether log Z of the energy can be computed exactly."""
        energy = Energy.of(energy)
        if energy.enumerable is None:
            return energy.closed_log_partition is not None
        return energy.enumerable.n_states <= 2**self.max_units

    def estimate(self, energy, random=None, draws=None):
        """Return log Z as an :class:`Estimate`.

        Parameters
        ----------
        energy : energy
        random, draws : Ignored

        Raises
        ------
        ValueError
            If the configurations are too many, and no closed form is known.
        """
        energy = Energy.of(energy)
        enumeration = energy.enumerable
        if enumeration is None:
            value = energy.closed_log_partition
            if value is None:
                raise ValueError(
                    f"There is no exact log Z of {energy!r}: its configurations are "
                    "infinitely many (real units on both sides of an RBM, not all of "
                    "them Gaussian), and no closed form is known. Use partition='ais'."
                )
            return _exact_estimate(value, "closed form")
        if enumeration.n_states > 2**self.max_units:
            raise ValueError(
                f"The smaller finite side of {energy!r} has "
                f"{enumeration.n_states:.3g} configurations, more than "
                f"2**{self.max_units}. Use partition='ais'."
            )
        log_z = np.logaddexp.reduce(log_weights(enumeration))
        return _exact_estimate(log_z, "enumeration")


def _exact_estimate(value, method):
    value = float(value)
    return Estimate(value, value, value, 0.0, np.inf, method)
