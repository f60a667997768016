"""Configurations to try, and the probabilities of all configurations."""

import numpy as np

from skebm.testing._base import MAX_STATES, N_ROWS


def configurations(energy, X, random):
    """Return X, or rows drawn from the reference where it is None."""
    if X is not None:
        return np.asarray(X)
    if not hasattr(energy, "reference"):
        raise ValueError("Pass X: this energy has no reference from which to draw it.")
    return energy.reference.sample(N_ROWS, random)


def enumerated(energy):
    """Return all configurations and their probabilities.

    None if the configurations are infinitely many, or more than ``MAX_STATES``.
    """
    layer = getattr(energy, "visible", None)
    if not getattr(layer, "finite", False) or layer.n_states > MAX_STATES:
        return None
    states = layer.states(0, int(layer.n_states))
    log_weight = -np.asarray(energy.energy(states), dtype=np.float64)
    return states, np.exp(log_weight - np.logaddexp.reduce(log_weight))
