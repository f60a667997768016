"""Exact where that is possible."""

from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition.ais import AIS
from skebm.partition.exact import ExactPartition
from skebm.partition.trajectory import TrajectoryPartition

# Brackets of a ladder that are wider, in nats, are not good enough.
_NARROW = 1.0


class Auto(BaseEstimator):
    """Exact log Z where possible, the training's own estimate if it is sharp, or AIS.

    Exact is a model with a small finite side or all units Gaussian. The training's own
    estimate comes from :class:`skebm.samplers.TrajectoryTempering`.

    Parameters
    ----------
    exact, trajectory, ais : specs, default=None
        The methods; None takes each with its defaults.
    """

    def __init__(self, exact=None, trajectory=None, ais=None):
        self.exact = exact
        self.trajectory = trajectory
        self.ais = ais

    def estimate(self, energy, random, draws=None):
        """Return log Z as an Estimate."""
        energy = Energy.of(energy)
        exact = self.exact or ExactPartition()
        if exact.accepts(energy):
            return exact.estimate(energy, random, draws)
        trajectory = self.trajectory or TrajectoryPartition()
        if trajectory.accepts(draws):
            estimate = trajectory.estimate(energy, random.fold(5), draws)
            if estimate.upper - estimate.lower < _NARROW:
                return estimate
        return (self.ais or AIS()).estimate(energy, random, draws)
