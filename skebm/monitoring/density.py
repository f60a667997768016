"""What is noted of the training of a density."""

import numpy as np

from skebm.inference import HOLE_STEPS, completed, conditionals
from skebm.monitoring._base import Monitor, mean, stride, subsample

# Rows of the fixed subsamples.
_MAX_ROWS = 100
# Measured microseconds of a call for a variable, of a hidden unit's input within it,
# and of an update. Where visible units have two values, all flips come at once, and
# updates are ten in a call.
_TWO_VALUED, _OTHERS = (15.0, 1.6e-4, 60.0), (200.0, 2e-3, 500.0)
# A real variable is integrated out over about this many values, a binary one over two.
_GRID = 60


class DensityMonitor(Monitor):
    """Pseudo-likelihood, reconstruction error and free-energy gap on fixed rows.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_units)
        Training rows, in the units of the visible layer.
    weight : ndarray of shape (n,) or None
        How many rows each row counts for.
    held_out : tuple of (X, weight), or None
    layer : layer
        The visible units.
    random : Random
        Chooses the rows.
    """

    score_name = "pseudo_log_likelihood"
    likelihood_name = "log_likelihood"

    def __init__(self, X, weight, held_out, layer, random):
        n_rows = _MAX_ROWS if layer.finite else _MAX_ROWS // 4
        self.n_values = 2 if layer.finite else _GRID
        two_valued = len(getattr(layer, "values", ())) == 2
        self.prices = _TWO_VALUED if two_valued else _OTHERS
        self.rows, self.weight = subsample(X, weight, random.fold(0), n_rows)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = subsample(*held_out, random.fold(1), n_rows)
        self.size = X.shape[0] * X.shape[1]

    def stride(self, n_updates, n_hidden):
        """Return after how many epochs it is worth looking."""
        n_rows, n_units = self.rows.shape
        n_sets = 1 if self.held_out is None else 2
        inputs = self.n_values * n_rows * n_hidden
        call, of_input, update = self.prices
        look = n_sets * n_units * (call + of_input * inputs)
        return stride(look, update * n_updates, self.size * n_hidden)

    def row(self, energy):
        """Return the figures of this model as a dict of floats, in nats."""
        figures = {"pseudo_log_likelihood": _pseudo(energy, self.rows, self.weight)}
        if hasattr(energy, "reconstruct"):
            error = reconstruction_error(energy, self.rows)
            figures["reconstruction_error"] = mean(error, self.weight)
        if self.held_out is not None:
            rows, weight = self.held_out
            figures["validation_score"] = _pseudo(energy, rows, weight)
            figures["free_energy_gap"] = _energy(energy, rows, weight) - _energy(
                energy, self.rows, self.weight
            )
        return figures


def reconstruction_error(energy, rows):
    """Return each row's mean squared error, sent through the hidden means and back.

    Holes have none: it is the mean over the units that were observed.
    """
    whole = completed(energy, rows, HOLE_STEPS)
    error = np.square(energy.reconstruct(whole) - rows)
    n_seen = np.maximum(np.isfinite(error).sum(axis=1), 1)
    return np.nansum(error, axis=1) / n_seen


def _pseudo(energy, rows, weight):
    return mean(conditionals(energy, rows).sum(axis=1), weight)


def _energy(energy, rows, weight):
    return mean(energy.energy(completed(energy, rows, HOLE_STEPS)), weight)
