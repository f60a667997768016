"""The monitor of a density whose reference is near: likelihoods by importance."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from skebm.inference import HOLE_STEPS, completed
from skebm.monitoring._base import Look, Monitor, mean, subsample

# Largest number of training rows and of held-out rows that are watched.
_MAX_ROWS = 2000
# Draws of the reference, whose weights give log Z.
_N_DRAWS = 5000
# Updates from one look to the next, at least. A look costs about ten updates.
_UPDATES = 250


# So few rows cannot tell what is wrong with the reference, which is then the model.
FEWEST_ROWS = 20


class LikelihoodMonitor(Monitor):
    """Log-likelihoods by importance sampling from the reference, on fixed rows.

    If rows are held out, they also choose the strength of a hybrid, between 0, which is
    the reference, and 1. Their likelihood is a concave function of it.

    Parameters
    ----------
    X, weight, held_out, layer, random, encoding
        As for :class:`DensityMonitor`.
    """

    score_name = "log_likelihood"

    def __init__(self, X, weight, held_out, layer, random, encoding=None):
        self.rows, self.weight = subsample(X, weight, random.fold(0), _MAX_ROWS)
        self.held_out, self.random = held_out, random.fold(2)
        if held_out is not None:
            self.held_out = subsample(*held_out, random.fold(1), _MAX_ROWS)
        self.draws, self.shifts = None, {}
        if encoding is not None:
            self.shifts[self.score_name] = _volume(encoding, self.rows, self.weight)
            if held_out is not None:
                volume = _volume(encoding, *self.held_out)
                self.shifts["validation_score"] = volume

    def stride(self, n_updates, n_hidden):
        """Return the number of epochs from one look to the next."""
        return -(-_UPDATES // n_updates)

    def scores(self, energy, rows):
        """Return the log-likelihood of each row at the strength of the tilt."""
        rows, reference = completed(energy, rows, HOLE_STEPS), energy.reference
        gains = energy.log_ratio(rows) - _log_mean(self._ratios_of_draws(energy))
        return gains - reference.energy(rows) - reference.log_partition

    def look(self, energy):
        """Return the figures of this model, in nats."""
        if hasattr(energy, "with_strength"):
            energy = energy.with_strength(1.0)
        reference, of_draws = energy.reference, self._ratios_of_draws(energy)
        sets = {self.score_name: (self.rows, self.weight)}
        if self.held_out is not None:
            sets["validation_score"] = self.held_out
        sets = {
            name: (completed(energy, rows, HOLE_STEPS), weight)
            for name, (rows, weight) in sets.items()
        }
        ratios = {name: energy.log_ratio(rows) for name, (rows, _) in sets.items()}
        strength = 1.0 if len(self.rows) >= FEWEST_ROWS else 0.0
        if self.held_out is not None and hasattr(energy, "with_strength"):
            strength = best_strength(
                mean(ratios["validation_score"], sets["validation_score"][1]), of_draws
            )
        # log Z over log Z of the reference.
        log_z_ratio = _log_mean(strength * of_draws)
        figures = {}
        for name, (rows, weight) in sets.items():
            gains = strength * ratios[name] - log_z_ratio
            scores = gains - reference.energy(rows) - reference.log_partition
            figures[name] = mean(scores, weight) - self.shifts.get(name, 0.0)
            if name == self.score_name:
                watched = scores
            else:
                figures["gain"] = mean(gains, weight)
                figures["gain_error"] = float(gains.std() / np.sqrt(len(gains)))
        if hasattr(energy, "with_strength"):
            figures["strength"] = strength
        return Look(figures, watched, self.weight)

    def _ratios_of_draws(self, energy):
        """Return log ratios at draws of the reference, which are the same for all."""
        if self.draws is None:
            self.draws = energy.reference.sample(_N_DRAWS, self.random)
        return energy.log_ratio(self.draws)


def best_strength(mean_ratio, ratios):
    """Return the strength in [0, 1] with the largest likelihood.

    Parameters
    ----------
    mean_ratio : float
        Mean log ratio of rows at strength 1.
    ratios : ndarray of shape (n_draws,)
        Log ratios of draws of the reference.
    """
    loss = lambda strength: _log_mean(strength * ratios) - strength * mean_ratio  # noqa: E731
    found = minimize_scalar(loss, bounds=(0, 1), method="bounded")
    return float(min((0.0, float(found.x), 1.0), key=loss))


def _log_mean(values):
    return logsumexp(values) - np.log(len(values))


def _volume(encoding, rows, weight):
    """Return the mean log of the volume of a unit volume of the layer."""
    return mean(np.broadcast_to(encoding.log_volume(rows), len(rows)), weight)
