"""Exact where that is possible."""

from sklearn.base import BaseEstimator

from skebm.partition.ais import AIS
from skebm.partition.exact import ExactPartition


class Auto(BaseEstimator):
    """Exact log Z if one finite side is small or all is Gaussian, else AIS.

    Parameters
    ----------
    exact, ais : specs, default=None
        The two methods; None takes each with its defaults.
    """

    def __init__(self, exact=None, ais=None):
        self.exact = exact
        self.ais = ais

    def estimate(self, energy, random, draws=None):
        """Return log Z as an Estimate."""
        exact = self.exact or ExactPartition()
        method = exact if exact.accepts(energy) else self.ais or AIS()
        return method.estimate(energy, random, draws)
