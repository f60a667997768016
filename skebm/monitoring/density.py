"""The monitor of a density."""

from typing import NamedTuple

import numpy as np

from skebm.inference import HOLE_STEPS, completed, conditional_bounds, conditionals
from skebm.monitoring._base import Look, Monitor, mean, stride, subsample
from skebm.samplers.exact import log_weights

# Largest number of training rows, and of held-out rows, that are watched.
_MAX_ROWS = 100
# A real variable is integrated out over about this many values, a variable of a finite
# layer over two.
_GRID = 60


# Largest number of configurations that are summed over at the end of a training.
_MAX_STATES = 2**14
# A gain in nats a row, and of all training rows together, that is not worth going on
# for. A gain of few rows may be the gain of an overfit. 30,000 rows of the census gain
# 0.04 nats on held-out rows from 8 to 25 epochs.
_SMALL_GAIN, _SMALL_TOTAL = 0.1, 200.0


class Times(NamedTuple):
    """Measured times in microseconds.

    Attributes
    ----------
    call : float
        A call that computes the conditionals of one variable.
    input : float
        The input of one hidden unit within such a call.
    update : float
        The call of an update.
    """

    call: float
    input: float
    update: float


# Units of two values: one call computes all flips, and another does ten updates.
_TWO_VALUED = Times(15.0, 1.6e-4, 60.0)
_OTHERS = Times(200.0, 2e-3, 500.0)


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
        The visible layer.
    random : Random
        The source of the random choice of rows.
    encoding : Encoding, default=None
        Makes numbers of units, so that figures are in the units of the user. None
        leaves them in the units of the layer.
    """

    score_name = "pseudo_log_likelihood"
    likelihood_name = "log_likelihood"

    def __init__(self, X, weight, held_out, layer, random, encoding=None):
        n_rows = _MAX_ROWS if layer.finite else _MAX_ROWS // 4
        self.n_values = 2 if layer.finite else _GRID
        two_valued = len(getattr(layer, "values", ())) == 2
        self.times = _TWO_VALUED if two_valued else _OTHERS
        self.rows, self.weight = subsample(X, weight, random.fold(0), n_rows)
        self.held_out = held_out
        if held_out is not None:
            self.held_out = subsample(*held_out, random.fold(1), n_rows)
        self.stand_for(X.shape[0])
        self.encoding, self.shifts = encoding, {}
        if encoding is not None:
            self.shifts[self.score_name] = self._volume(self.rows, self.weight)
            if held_out is not None:
                self.shifts["validation_score"] = self._volume(*self.held_out)

    def stand_for(self, n_rows):
        """Note the number of rows of the training."""
        self.size = n_rows * self.rows.shape[1]
        self.small_gain = min(_SMALL_GAIN, _SMALL_TOTAL / n_rows)

    def _volume(self, rows, weight):
        """Return the mean log of the volume of a unit volume of the layer."""
        volume = np.broadcast_to(self.encoding.log_volume(rows), len(rows))
        return mean(volume, weight)

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        n_rows, n_units = self.rows.shape
        n_sets = 1 if self.held_out is None else 2
        n_inputs, times = self.n_values * n_rows * n_hidden, self.times
        look_time = n_sets * n_units * (times.call + times.input * n_inputs)
        return stride(look_time, times.update * n_updates, self.size * n_hidden)

    @staticmethod
    def scores(energy, rows):
        """Return the pseudo-log-likelihood of each row, in the units of the layer."""
        return conditionals(energy, rows).sum(axis=1)

    def look(self, energy):
        """Return the figures of this model, in nats.

        Raises
        ------
        FloatingPointError
            If the score is below ``least``, and a bound shows that at little cost.
        """
        training = self.rows, self.weight
        terms = conditional_bounds(energy, self.rows)
        if terms is not None and mean(terms.sum(axis=1), self.weight) < self.least:
            raise FloatingPointError("The weights have grown too large.")
        scores = self.scores(energy, self.rows)
        shift = self.shifts.get
        score = mean(scores, self.weight) - shift(self.score_name, 0.0)
        figures = {self.score_name: score}
        if hasattr(energy, "reconstruct"):
            error = reconstruction_error(energy, self.rows, self.encoding)
            figures["reconstruction_error"] = mean(error, self.weight)
        if self.held_out is not None:
            rows, weight = self.held_out
            held_out = mean(self.scores(energy, rows), weight)
            figures["validation_score"] = held_out - shift("validation_score", 0.0)
            gap = _mean_energy(energy, *self.held_out) - _mean_energy(energy, *training)
            volumes = shift("validation_score", 0.0) - shift(self.score_name, 0.0)
            figures["free_energy_gap"] = gap + volumes
        return Look(figures, scores, self.weight)

    def exact_gain(self, energy):
        """Return the gain in likelihood over the reference, or None; see the base."""
        enumeration = energy.enumerable
        reference = getattr(energy, "reference", None)
        if enumeration is None or enumeration.n_states > _MAX_STATES:
            return None
        if reference is None or np.isnan(self.rows).any():
            return None
        log_z = np.logaddexp.reduce(log_weights(enumeration))
        gain = reference.energy(self.rows) - energy.energy(self.rows)
        return mean(gain, self.weight) + reference.log_partition - log_z


def reconstruction_error(energy, rows, encoding=None):
    """Return the mean squared error of the reconstruction of each row.

    The mean is over the cells that were observed. With an encoding the errors are those
    of numbers in the units of the user. A wrong category has the error 1.
    """
    complete = completed(energy, rows, HOLE_STEPS)
    found = energy.reconstruct(complete)
    if encoding is not None:
        found, rows = encoding.decode(found), encoding.decode(rows)
    error = np.square(found.astype(np.float64) - rows)
    if encoding is not None:
        categories = encoding.categories
        error[:, categories] = np.minimum(error[:, categories], 1)
    n_observed = np.maximum(np.isfinite(error).sum(axis=1), 1)
    return np.nansum(error, axis=1) / n_observed


def _mean_energy(energy, rows, weight):
    """Return the mean free energy of rows."""
    return mean(energy.energy(completed(energy, rows, HOLE_STEPS)), weight)
