"""A restricted Boltzmann machine that gets more hidden units."""

import numpy as np

from skebm.energies._recipe import small_weights


def grown(energy, size, random):
    """Return layers and weights of a model with ``size`` hidden units, as new arrays.

    The new units have small random weights: units of the same weights would learn the
    same. They change all energies by nearly the same number.

    Parameters
    ----------
    energy : RBM
    size : int
    random : Random
    """
    n_new = size - energy.n_hidden
    new = energy.hidden.zeros(n_new, energy.dtype).params
    hidden = energy.hidden.replace(
        **{k: np.concatenate([v, new[k]]) for k, v in energy.hidden.params.items()}
    )
    weights = small_weights((energy.n_features, n_new), energy.dtype, random)
    weights = energy.visible.decorrelate(weights)
    visible = energy.visible.astype(energy.dtype)
    return visible, hidden, np.hstack([energy.weights, weights])
