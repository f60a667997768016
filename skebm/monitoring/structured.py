"""The monitor of a classifier whose labels depend on each other."""

import numpy as np

from skebm.monitoring._base import Look, Monitor, mean, stride
from skebm.utils._groups import subsample_groups

# Largest numbers of training rows and of held-out rows that are watched.
_MAX_ROWS, _MAX_HELD_OUT = 500, 10_000
# Measured microseconds of a link of a chain, for each hidden unit and class.
_LINK_TIME = 0.5
# Measured microseconds of one label set of a row, and of each of its hidden units.
_SET_TIME, _UNIT_TIME = 0.02, 0.003
# Most labels whose sets are gone through, and visits of each of more labels.
_MOST_LABELS, _N_VISITS = 12, 260
# Measured microseconds of the calls of an update.
_UPDATE_TIME = 500.0


class StructuredMonitor(Monitor):
    """Log-likelihood and accuracy of structured labels on fixed rows.

    The parameters are the parameters of :class:`skebm.monitoring.ClassMonitor`. The
    accuracy is the share of rows all of whose labels are right. Rows of one group are
    watched together.
    """

    score_name, likelihood_name = "log_likelihood", "joint_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random, encoding=None, loss=None):
        self.is_grouped = len(layer.layers) > 2
        watched = X, weight, random.fold(0), _MAX_ROWS
        self.rows, self.weight = subsample_groups(*watched, self.is_grouped)
        self.held_out = held_out
        if held_out is not None:
            watched = *held_out, random.fold(1), _MAX_HELD_OUT
            self.held_out = subsample_groups(*watched, self.is_grouped)
        self.n_labels = layer.layers[1].n_units
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        n_rows = self.rows.shape[0]
        if self.held_out is not None:
            n_rows += self.held_out[0].shape[0]
        n_units = n_hidden + self.n_labels
        if self.is_grouped:
            look_time = _LINK_TIME * n_units
        else:
            is_small = self.n_labels <= _MOST_LABELS
            n_sets = 2**self.n_labels if is_small else _N_VISITS * self.n_labels
            look_time = n_sets * (_SET_TIME + _UNIT_TIME * n_units)
        return stride(
            n_rows * look_time, _UPDATE_TIME * n_updates, self.size * n_hidden
        )

    @staticmethod
    def least_gain(baseline):
        """Return the gain over independent columns that every good fit reaches."""
        return -0.01 * baseline

    def scores(self, energy, rows):
        """Return the log-probability of the labels of each row, in nats."""
        return np.maximum(-energy.nll(rows), np.log(1e-300))

    def look(self, energy):
        """Return the figures of this model, in nats."""
        scores = self.scores(energy, self.rows)
        figures = {
            "log_likelihood": mean(scores, self.weight),
            "accuracy": _accuracy(energy, self.rows, self.weight),
        }
        if self.held_out is not None:
            rows, weight = self.held_out
            held_out = mean(self.scores(energy, rows), weight)
            figures["validation_score"] = held_out
            figures["validation_accuracy"] = _accuracy(energy, rows, weight)
        return Look(figures, scores, self.weight)


def _accuracy(energy, rows, weight):
    labels = energy.split(rows)[1][:, : energy.n_classes]
    return mean((energy.mode(rows) == labels).all(axis=1), weight)
