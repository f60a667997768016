"""The monitor of a classifier."""

import numpy as np
from scipy.sparse import issparse

from skebm.inference import HOLE_STEPS, completed
from skebm.monitoring._base import Look, Monitor, mean, stride, subsample

# Largest number of training rows that are watched.
_MAX_ROWS = 500
# Largest number of held-out rows that are watched. Early stopping depends on them.
_MAX_HELD_OUT = 10_000
# Measured microseconds of a call of the energy, for each class.
_CALL_TIME = 70.0
# Measured microseconds of the input of one hidden unit within such a call.
_INPUT_TIME = 3e-3
# Measured microseconds of the calls of an update.
_UPDATE_TIME = 500.0


class ClassMonitor(Monitor):
    """Log-likelihood of the labels, negative loss and accuracy on fixed rows.

    The parameters are the parameters of :class:`skebm.monitoring.DensityMonitor`. The
    last columns of a row are its one-hot label.

    Parameters
    ----------
    loss : loss, default=None
        A loss of :data:`skebm.objectives.LOSSES`, by which a model is judged. None
        judges it by the log-likelihood.
    """

    score_name = "log_likelihood"
    likelihood_name = "joint_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random, encoding=None, loss=None):
        self.loss = loss
        self.score_name = getattr(loss, "score_name", self.score_name)
        self.n_classes = layer.layers[1].n_units
        watched = *self.judged(X, weight), random.fold(0), _MAX_ROWS
        self.rows, self.weight = subsample(*watched, stays_sparse=True)
        self.held_out = held_out
        if held_out is not None:
            watched = *held_out, random.fold(1), _MAX_HELD_OUT
            self.held_out = subsample(*watched, stays_sparse=True)
        self.stand_for(X.shape[0])

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        n_rows = self.rows.shape[0]
        if self.held_out is not None:
            n_rows += self.held_out[0].shape[0]
        look_time = self.n_classes * (_CALL_TIME + _INPUT_TIME * n_rows * n_hidden)
        return stride(look_time, _UPDATE_TIME * n_updates, self.size * n_hidden)

    def stand_for(self, n_rows):
        """Note the number of rows of the training."""
        self.size = n_rows * self.rows.shape[1]

    @staticmethod
    def least_gain(baseline):
        """Return the gain over independent columns that every good fit reaches.

        It is a hundredth of the distance from the baseline to the log-likelihood 0 of a
        classifier that is certain and right.
        """
        return -0.01 * baseline

    def judged(self, X, weight):
        """Return the rows with a label, and their weights."""
        there = np.asarray((X[:, -self.n_classes :] > 0).sum(axis=1)).ravel() > 0
        if there.all():
            return X, weight
        return X[there], None if weight is None else weight[there]

    def scores(self, energy, rows):
        """Return the log-probability of the label of each row, or its negative loss."""
        return self._judged(energy, rows, None)[0]

    def look(self, energy):
        """Return the figures of this model, in nats."""
        scores, figures = self._judged(energy, self.rows, self.weight)
        if self.held_out is not None:
            _, held_out = self._judged(energy, *self.held_out)
            figures["validation_score"] = held_out[self.score_name]
            figures["validation_accuracy"] = held_out["accuracy"]
        return Look(figures, scores, self.weight)

    def _judged(self, energy, rows, weight):
        """Return the score of each row, and the mean figures."""
        energies, labels = _class_energies(energy, rows)
        log_prob = -energies
        log_prob -= np.logaddexp.reduce(log_prob, axis=1)[:, None]
        scores = np.maximum(log_prob[np.arange(len(labels)), labels], np.log(1e-300))
        is_right = log_prob.argmax(axis=1) == labels
        figures = {
            "log_likelihood": mean(scores, weight),
            "accuracy": mean(is_right, weight),
        }
        if self.score_name not in figures:
            scores = -self.loss(energies, labels)[0]
            figures[self.score_name] = mean(scores, weight)
        return scores, figures


def _class_energies(energy, rows):
    """Return the energies of all classes, and the numbers of the labels."""
    x, y = energy.split(rows)
    if not issparse(x) and np.isnan(x).any():
        # Holes must be drawn without knowledge of the label.
        unlabelled = np.hstack([x, np.full_like(y, np.nan)])
        x, _ = energy.split(completed(energy, unlabelled, HOLE_STEPS))
    return energy.class_energy(x), y.argmax(axis=1)
