"""Estimate log Z from the ladder of trajectory tempering."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.partition._base import Estimate
from skebm.samplers import TrajectoryTempering

# Standard errors from the estimate to either end of the bracket.
_SIGMAS = 3
# Visits of the ladder from one estimate to the next.
_N_VISITS = 50


class TrajectoryPartition(BaseEstimator):
    """Bennett's estimate along the checkpoints of the training [1]_, [2]_.

    The training has measured the ratios of the partition functions of neighbouring
    checkpoints. A short bridge from the last checkpoint to the model is added. If the
    standard error is larger than ``tolerance``, the sampler visits the ladder further,
    with the model on top.

    Parameters
    ----------
    tolerance : float, default=0.1
        Standard error, in nats, below which no further visits are made.
    max_visits : int, default=400
        Largest number of further visits.

    References
    ----------
    .. [1] C. Bennett. "Efficient estimation of free energy differences from Monte Carlo
       data". Journal of Computational Physics 22 (1976).
    .. [2] N. Bereux, A. Decelle, C. Furtlehner, L. Rosset, B. Seoane. "Fast training
       and sampling of restricted Boltzmann machines". ICLR 2025.
    """

    requires = TrajectoryTempering.requires

    def __init__(self, tolerance=0.1, max_visits=400):
        self.tolerance = tolerance
        self.max_visits = max_visits

    @staticmethod
    def accepts(draws):
        """Tell whether the chains have a ladder of checkpoints."""
        return hasattr(getattr(draws, "chains", None), "rungs")

    def estimate(self, energy, random, draws=None):
        """Return log Z as an :class:`Estimate`.

        Parameters
        ----------
        energy : energy
        random : Random
        draws : ContrastiveState
            The sampler and the chains of the training.

        Returns
        -------
        Estimate
            The bracket extends three standard errors to either side. It is infinite if
            the ladder has not forgotten its start. ``ess`` is the number of independent
            weights that have this standard error.

        Raises
        ------
        ValueError
            If the chains do not have a ladder of checkpoints.
        """
        if not self.accepts(draws):
            raise ValueError(
                "partition='trajectory' needs the chains of a training with "
                "objective=PCD(sampler='trajectory'). Use partition='ais'."
            )
        sampler = TrajectoryTempering(every=1)
        top = energy.configurations(draws.chains.top)
        state = draws.chains._replace(top=energy.chains(top))
        value, stderr = sampler.log_partition(state, energy, random.fold(0))
        for t in range(self.max_visits):
            if stderr <= self.tolerance:
                break
            state = sampler.step(energy, state, random.fold(1, t))
            if t % _N_VISITS == _N_VISITS - 1:
                value, stderr = sampler.log_partition(state, energy, random.fold(2, t))
        return Estimate(
            value=value,
            lower=value - _SIGMAS * stderr,
            upper=value + _SIGMAS * stderr,
            stderr=stderr,
            ess=float(1 / max(stderr, 1e-12) ** 2) if np.isfinite(stderr) else 0.0,
            method="trajectory",
        )
