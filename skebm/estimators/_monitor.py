"""What is recorded of a training after each epoch."""

import numpy as np
from scipy.sparse import issparse

from skebm.utils._parallel import map_blocks

# Rows of the fixed subsamples, and the share of an epoch's time that they may take.
_MAX_ROWS = 100
_COST = 0.05
# A real variable is integrated out over about this many values, a binary one over two.
_GRID = 60


class DensityMonitor:
    """Pseudo-likelihood, reconstruction error and free-energy gap on fixed rows.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_units)
        Training rows, in the units of the visible layer.
    held_out : same, or None
    finite : bool
        Whether the visible units are.
    random : Random
        Chooses the rows.
    """

    score_name = "pseudo_log_likelihood"

    def __init__(self, X, held_out, finite, random):
        n_rows = _MAX_ROWS if finite else _MAX_ROWS // 4
        self.n_values = 2 if finite else _GRID
        self.rows = _subsample(X, random.fold(0), n_rows)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = _subsample(held_out, random.fold(1), n_rows)
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates):
        """Return after how many epochs it is worth looking."""
        # A value of a variable costs about as much as a row's share of an update, and
        # a call from Python about what a hundred rows do.
        n_sets = 1 if self.held_out is None else 2
        cost = n_sets * self.n_values * (self.rows.size + 100 * self.rows.shape[1])
        return int(np.ceil(cost / (_COST * (self.size * 10 + 10_000 * n_updates))))

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: where columns are independent, a loss."""
        return -0.02 * abs(baseline) - 0.02

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        figures = {
            "pseudo_log_likelihood": _pseudo(energy, self.rows),
            "reconstruction_error": reconstruction_error(energy, self.rows),
        }
        if self.held_out is not None:
            gap = energy.energy(self.held_out).mean() - energy.energy(self.rows).mean()
            figures["validation_score"] = _pseudo(energy, self.held_out)
            figures["free_energy_gap"] = float(gap)
        return figures


class ClassMonitor:
    """Log-likelihood of the labels and accuracy on fixed rows.

    Parameters are those of :class:`DensityMonitor`; rows end in one-hot labels.
    """

    score_name = "log_likelihood"

    def __init__(self, X, held_out, finite, random):
        self.rows = _subsample(X, random.fold(0), 5 * _MAX_ROWS)
        self.held_out = (
            None
            if held_out is None
            else _subsample(held_out, random.fold(1), 100 * _MAX_ROWS)
        )
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates):
        """Return after how many epochs it is worth looking."""
        cost = self.rows.size + 10_000
        return int(np.ceil(cost / (_COST * (3 * self.size + 10_000 * n_updates))))

    @staticmethod
    def least_gain(baseline):
        """Return what to expect of any fit: a hundredth of what there is to learn."""
        return -0.01 * baseline

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        score, accuracy = _label_scores(energy, self.rows)
        figures = {"log_likelihood": score, "accuracy": accuracy}
        if self.held_out is not None:
            score, accuracy = _label_scores(energy, self.held_out)
            figures["validation_score"] = score
            figures["validation_accuracy"] = accuracy
        return figures


def reconstruction_error(energy, rows):
    """Return the mean squared error of rows sent through the hidden means and back."""
    return float(np.mean(np.square(reconstruct(energy, rows) - rows)))


def reconstruct(energy, rows):
    """Return the visible means given the hidden means given the rows."""
    inputs = energy.hidden_mean(rows) @ energy.weights.T
    return energy.visible.mean(inputs)


def conditionals(energy, rows):
    """Return the log-probability of every variable given the rest, blocks in parallel."""
    parts = map_blocks(
        lambda part: energy.conditional_log_prob(rows[part]),
        len(rows),
        energy.weights.shape[1] * 100,
        size=64,
    )
    return np.concatenate(parts)


def _pseudo(energy, rows):
    return float(conditionals(energy, rows).sum(axis=1).mean())


def _label_scores(energy, rows):
    x, y = rows[:, : energy.n_inputs], rows[:, energy.n_inputs :]
    probability = energy.class_probability(x)
    own = probability[np.arange(len(y)), y.argmax(axis=1)]
    hits = probability.argmax(axis=1) == y.argmax(axis=1)
    return float(np.log(np.maximum(own, 1e-300)).mean()), float(hits.mean())


def _subsample(X, random, n_rows=_MAX_ROWS):
    chosen = X[np.sort(random.permutation(X.shape[0])[:n_rows])]
    return chosen.toarray() if issparse(chosen) else chosen
