"""What energies of real columns share: their rows, and the refusal of others."""

import numpy as np
from scipy.sparse import issparse

from skebm.energies._couplings import leaves
from skebm.layers import Gaussian, Normals

# Share of the variances that is added to the diagonal of the covariance of rows.
_RIDGE = 0.01


def is_real(layer):
    """Tell whether all units of a layer are real numbers without limits."""
    return all(isinstance(leaf, Gaussian | Normals) for leaf in leaves(layer))


def require_real(layer, recipe):
    """Raise a ValueError unless all columns are real."""
    if not is_real(layer):
        raise ValueError(
            f"{type(recipe).__name__} is an energy of real columns, but some columns "
            "hold other values. Use energy='mlp', which takes columns of any kind, or "
            "declare the columns as numbers: visible='real'."
        )


def as_rows(x, dtype):
    """Return rows as an array of this dtype."""
    return (x.toarray() if issparse(x) else x).astype(dtype, copy=False)


def normal_of(summary):
    """Return the mean and the precision matrix of rows, float64.

    A hole counts as the mean of its column.
    """
    mean = np.asarray(summary.mean, np.float64)
    variance = np.maximum(np.asarray(summary.variance, np.float64), 1e-12)
    covariance = np.diag(variance)
    if summary.rows is not None:
        rows = as_rows(summary.rows, np.float64) - mean
        rows = np.where(np.isnan(rows), 0.0, rows)
        weight = summary.weight
        weight = np.ones(len(rows)) if weight is None else weight
        covariance = (rows.T * weight) @ rows / weight.sum()
    covariance = covariance + _RIDGE * np.diag(variance)
    return mean, np.linalg.inv(covariance)
