"""What is noted of the training of a classifier."""

import numpy as np

from skebm.inference import HOLE_STEPS, completed
from skebm.monitoring._base import Monitor, mean, stride, subsample

# Rows of the fixed subsamples, of those of the training and of held-out ones.
_N_ROWS, _N_HELD_OUT = 500, 10_000
# Measured microseconds of a call for a class, of a hidden unit's input within it, and
# of an update.
_CALL, _INPUT, _UPDATE = 70.0, 3e-3, 500.0


class ClassMonitor(Monitor):
    """Log-likelihood of the labels and accuracy on fixed rows.

    Parameters are those of :class:`skebm.monitoring.DensityMonitor`; rows end in
    one-hot labels.
    """

    score_name = "log_likelihood"
    likelihood_name = "joint_log_likelihood"

    def __init__(self, X, weight, held_out, layer, random):
        self.rows, self.weight = subsample(X, weight, random.fold(0), _N_ROWS)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = subsample(*held_out, random.fold(1), _N_HELD_OUT)
        self.n_classes = layer.layers[1].n_units
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return after how many epochs it is worth looking."""
        n_rows = len(self.rows)
        if self.held_out is not None:
            n_rows += len(self.held_out[0])
        look = self.n_classes * (_CALL + _INPUT * n_rows * n_hidden)
        return stride(look, _UPDATE * n_updates, self.size * n_hidden)

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: a hundredth of what there is to learn."""
        return -0.01 * baseline

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        score, accuracy = _label_scores(energy, self.rows, self.weight)
        figures = {"log_likelihood": score, "accuracy": accuracy}
        if self.held_out is not None:
            score, accuracy = _label_scores(energy, *self.held_out)
            figures["validation_score"] = score
            figures["validation_accuracy"] = accuracy
        return figures


def _label_scores(energy, rows, weight):
    """Return the mean log-probability of the labels, and the accuracy."""
    x, y = energy.split(rows)
    if np.isnan(x).any():  # drawn without a look at the label
        unlabelled = np.hstack([x, np.full_like(y, np.nan)])
        x, _ = energy.split(completed(energy, unlabelled, HOLE_STEPS))
    log_prob = -energy.class_energy(x)
    log_prob -= np.logaddexp.reduce(log_prob, axis=1)[:, None]
    of_labels = log_prob[np.arange(len(y)), y.argmax(axis=1)]
    hits = log_prob.argmax(axis=1) == y.argmax(axis=1)
    return mean(np.maximum(of_labels, np.log(1e-300)), weight), mean(hits, weight)
