"""Restricted Boltzmann machines whose parameters come from elsewhere."""

import numpy as np

from skebm.energies.rbm.rbm import RBM
from skebm.layers import HIDDEN, LAYERS
from skebm.utils._validation import lookup


def rbm_from_parameters(
    components,
    intercept_visible,
    intercept_hidden,
    variance_visible=None,
    visible="bernoulli",
    hidden="bernoulli",
):
    """Return an RBM with these parameters.

    Parameters
    ----------
    components : ndarray of shape (n_components, n_features)
    intercept_visible : array-like of shape (n_features,)
    intercept_hidden : array-like of shape (n_components,)
    variance_visible : array-like of shape (n_features,), default=None
        Of Gaussian visible units; None is 1.
    visible, hidden : str
        Names of layers.

    Raises
    ------
    ValueError
        If a name is not known, shapes do not fit, a number is not finite, or the
        partition function may be infinite.
    """
    dtype, (n_components, n_features) = components.dtype, components.shape
    layer_class = lookup(visible, LAYERS, "visible")
    params = {
        "bias": _vector(intercept_visible, n_features, "intercept_visible", dtype)
    }
    if hasattr(layer_class, "precision"):
        variance = np.ones(n_features) if variance_visible is None else variance_visible
        log_precision = -np.log(np.asarray(variance, dtype=np.float64))
        params["log_precision"] = _vector(
            log_precision, n_features, "variance_visible", dtype
        )
    bias = _vector(intercept_hidden, n_components, "intercept_hidden", dtype)
    hidden_layer = lookup(hidden, HIDDEN, "hidden")(bias)
    weights = np.ascontiguousarray(components.T)
    energy = RBM(layer_class(**params), hidden_layer, weights)
    if not energy.is_proper:
        raise ValueError(
            "The partition function of these parameters may be infinite: with "
            f"hidden={hidden!r}, the largest singular value of components * "
            "sqrt(variance_visible) must be below 1. Use smaller components."
        )
    return energy


def _vector(values, length, name, dtype):
    values = np.array(values, dtype=dtype)
    if values.shape != (length,) or not np.isfinite(values).all():
        raise ValueError(
            f"{name} must hold {length} finite numbers to go with components; its "
            f"shape is {values.shape}."
        )
    return values
