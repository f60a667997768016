"""What the monitors share: rows to look at, and how often it is worth while."""

import numpy as np

from skebm.inference import HOLE_STEPS, completed
from skebm.utils._sparse import dense

# Share of an epoch's time that looking may take.
_COST = 0.05
# Measured microseconds of a weight for a row in an update.
_WEIGHT = 1e-4


class Monitor:
    """Rows to look at, drawn from those of the training and from held-out ones.

    A subclass has ``row(energy)``, the figures of a model as a dict of floats.

    Attributes
    ----------
    score_name : str
        The figure by which a model is compared with independent columns.
    likelihood_name : str
        What :meth:`likelihood` calls its figure.
    rows, weight : ndarray
        Training rows and their weights, or None for equal ones.
    held_out : tuple of (rows, weight), or None
    """

    def likelihood(self, energy, log_partition, log_volume):
        """Return the mean log-likelihood of either set of rows, in nats.

        ``log_volume(rows)`` is the change of variables to the user's units.
        """
        sets = {self.likelihood_name: (self.rows, self.weight)}
        if self.held_out is not None:
            sets["validation_" + self.likelihood_name] = self.held_out
        return {
            name: -mean(
                energy.energy(completed(energy, rows, HOLE_STEPS)) + log_volume(rows),
                weight,
            )
            - log_partition
            for name, (rows, weight) in sets.items()
        }

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: where columns are independent, a loss."""
        return -0.02 * abs(baseline) - 0.02


def stride(look, updates, n_weights_rows):
    """Return after how many epochs it is worth looking.

    Parameters
    ----------
    look, updates : float
        Microseconds of a look, and of the calls of an epoch's updates.
    n_weights_rows : int
        Weights, times the rows of an epoch.
    """
    epoch = updates + _WEIGHT * n_weights_rows
    return int(np.ceil(look / (_COST * epoch)))


def mean(values, weight):
    """Return the weighted mean as a float."""
    return float(np.average(values, weights=weight))


def subsample(X, weight, random, n_rows):
    """Return some rows of weight above 0, and their weights."""
    counting = np.arange(X.shape[0]) if weight is None else np.flatnonzero(weight)
    chosen = counting[np.sort(random.permutation(len(counting))[:n_rows])]
    return dense(X[chosen]), None if weight is None else weight[chosen]
