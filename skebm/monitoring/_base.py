"""The base of the monitors, and the number of epochs between two of their looks."""

from typing import NamedTuple

import numpy as np

from skebm.inference import HOLE_STEPS, completed
from skebm.utils._sparse import dense

# Largest share of the time of training that the monitor may take.
MAX_SHARE = 0.05
# Measured microseconds that an update takes for each weight and row.
_WEIGHT_TIME = 1e-4


class Look(NamedTuple):
    """What a monitor sees of a model.

    Attributes
    ----------
    figures : dict of str to float
    scores : ndarray of shape (n,)
        The score of each watched training row.
    weight : ndarray of shape (n,) or None
        Weights of these rows.
    """

    figures: dict
    scores: np.ndarray
    weight: np.ndarray | None


class Monitor:
    """Base of monitors: figures of a model on fixed rows.

    The rows are drawn from the training rows and from the held-out rows. A subclass has
    ``look(energy)``, which returns a :class:`Look`, and ``scores(energy, rows)``, which
    returns the score of each of any rows, in nats.

    Attributes
    ----------
    score_name : str
        Name of the figure by which a model is compared with independent columns.
    likelihood_name : str
        Name of the figure that :meth:`likelihood` returns.
    small_gain : float or None
        Gain of the score that no user would wait for, in nats a row. None if the length
        of a training does not depend on its gain.
    rows : ndarray of shape (n, n_units)
        Training rows.
    weight : ndarray of shape (n,) or None
        Weights of the rows. None gives every row the same weight.
    held_out : tuple of (rows, weight), or None
    least : float
        A score, in the units of the layer, below which ``look`` may raise a
        FloatingPointError in place of returning figures.
    shifts : dict of str to float
        What has to be added to a figure to have it in the units of the layer, whatever
        the units of the user are.
    """

    small_gain, least = None, -np.inf
    shifts: dict = {}

    def in_layer(self, figures, name):
        """Return a figure in the units of the layer."""
        return figures[name] + self.shifts.get(name, 0.0)

    def stand_for(self, n_rows):
        """Note that the training has more rows than the rows that were handed over."""

    def judged(self, X, weight):
        """Return the rows that have a score, and their weights."""
        return X, weight

    def likelihood(self, energy, log_partition, log_volume):
        """Return the mean log-likelihoods of training and held-out rows, in nats.

        Parameters
        ----------
        energy : Energy
        log_partition : float
        log_volume : callable
            ``log_volume(rows)`` returns the term by which the change of variables to
            the units of the user lowers the log-density of each row.

        Returns
        -------
        dict of str to float
        """
        sets = {self.likelihood_name: (dense(self.rows), self.weight)}
        if self.held_out is not None:
            rows, weight = self.held_out
            sets["validation_" + self.likelihood_name] = dense(rows), weight
        return {
            name: -mean(
                energy.energy(completed(energy, dense(rows), HOLE_STEPS))
                + log_volume(rows),
                weight,
            )
            - log_partition
            for name, (rows, weight) in sets.items()
        }

    def exact_gain(self, energy):
        """Return the gain in likelihood over the reference, in nats a row.

        None if the exact log Z takes too long, or if another figure matters.
        """
        return None

    @staticmethod
    def least_gain(baseline):
        """Return the gain over independent columns that every good fit reaches.

        It is below 0, since a fit may end below the baseline, by noise, where the
        columns are in fact independent.
        """
        return -0.02 * abs(baseline) - 0.02


def stride(look_time, call_time, n_products):
    """Return the number of epochs from one look of the monitor to the next.

    Parameters
    ----------
    look_time : float
        Microseconds of a look.
    call_time : float
        Microseconds of the calls of the updates of an epoch, without their arithmetic.
    n_products : int
        Number of weights times the number of rows of an epoch.
    """
    epoch_time = call_time + _WEIGHT_TIME * n_products
    return int(np.ceil(look_time / (MAX_SHARE * epoch_time)))


def mean(values, weight):
    """Return the weighted mean as a float."""
    return float(np.average(values, weights=weight))


def subsample(X, weight, random, n_rows, stays_sparse=False):
    """Return at most ``n_rows`` random rows of weight above 0, and their weights.

    Sparse rows become an array unless ``stays_sparse``.
    """
    candidates = np.arange(X.shape[0]) if weight is None else np.flatnonzero(weight)
    chosen = candidates[np.sort(random.permutation(len(candidates))[:n_rows])]
    rows = X[chosen] if stays_sparse else dense(X[chosen])
    return rows, None if weight is None else weight[chosen]
