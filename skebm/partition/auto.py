"""Choose the method that estimates log Z."""

from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition.ais import AIS
from skebm.partition.exact import ExactPartition
from skebm.partition.trajectory import TrajectoryPartition

# The widest bracket, in nats, of an estimate of the training that is good enough.
_MAX_WIDTH = 1.0


class Auto(BaseEstimator):
    """The exact log Z if possible, else an estimate of the training, else AIS.

    log Z is exact if one side of the model is small and finite, or if all units are
    Gaussian. A training with :class:`skebm.samplers.TrajectoryTempering` gives an
    estimate, which is taken if its bracket is narrow.

    Parameters
    ----------
    exact, trajectory, ais : specs, default=None
        The three methods. None takes a method with its defaults.
    """

    def __init__(self, exact=None, trajectory=None, ais=None):
        self.exact = exact
        self.trajectory = trajectory
        self.ais = ais

    def estimate(self, energy, random, draws=None):
        """Return log Z as an :class:`Estimate`; see :meth:`AIS.estimate`."""
        energy = Energy.of(energy)
        exact = self.exact or ExactPartition()
        if exact.accepts(energy):
            return exact.estimate(energy, random, draws)
        trajectory = self.trajectory or TrajectoryPartition()
        if trajectory.accepts(draws):
            estimate = trajectory.estimate(energy, random.fold(5), draws)
            if estimate.upper - estimate.lower < _MAX_WIDTH:
                return estimate
        return (self.ais or AIS()).estimate(energy, random, draws)
