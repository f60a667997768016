"""Closed forms for an RBM of Gaussian units, whose density is normal."""

import numpy as np

from skebm.energies.rbm._bounds import MAX_SINGULAR_VALUE
from skebm.layers import Gaussian, Normals
from skebm.layers._real import LOG_PRECISION_BOUNDS


def is_normal(energy):
    """Tell whether all units are Gaussian."""
    sides = (energy.visible, energy.hidden)
    layers = [layer for side in sides for layer in getattr(side, "layers", [side])]
    return all(isinstance(layer, Gaussian) for layer in layers)


def principal_axes(rows, weight, n_hidden, random):
    """Return the layers and the weights of the RBM that is probabilistic PCA [1]_.

    No other RBM of Gaussian units with one variance of all visible units describes a
    normal distribution better [2]_.

    Parameters
    ----------
    rows : ndarray of shape (n, n_visible)
        NaN in the holes.
    weight : ndarray of shape (n,) or None
    n_hidden : int
    random : Random

    Returns
    -------
    visible, hidden : Gaussian
    weights : ndarray of shape (n_visible, n_hidden)

    References
    ----------
    .. [1] M. Tipping, C. Bishop. "Probabilistic principal component analysis". JRSS B
       61 (1999).
    .. [2] R. Karakida, M. Okada, S. Amari. "Dynamical analysis of contrastive
       divergence learning: Restricted Boltzmann machines with Gaussian visible units".
       Neural Networks 79 (2016).
    """
    normal = Normals.from_rows(rows, weight, random, 1)
    # The moments include rows that the wide component takes, without its ridge.
    mean, covariance = normal.moments()
    covariance -= np.exp(normal.log_weight[-1]) * np.eye(len(mean))
    variances, axes = np.linalg.eigh(covariance)
    n_axes = min(n_hidden, len(mean) - 1)
    noise = variances[: len(mean) - n_axes].mean()
    # Singular values of the weights are below 1.
    noise = max(noise, (1 - MAX_SINGULAR_VALUE**2) * variances[-1])
    precision = np.clip(1 / noise, *np.exp(LOG_PRECISION_BOUNDS))
    squares = np.maximum(precision - 1 / variances[::-1][:n_axes], 0)
    weights = np.zeros((len(mean), n_hidden))
    weights[:, :n_axes] = axes[:, ::-1][:, :n_axes] * np.sqrt(squares)
    log_precision = np.full(len(mean), np.log(precision))
    return (
        Gaussian(precision * mean, log_precision),
        Gaussian(-mean @ weights, None),
        weights,
    )


def log_partition_of_normal(energy):
    """Return log Z in nats, since both sides are jointly normal."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    matrix = np.block(
        [
            [np.diag(energy.visible.curvature), -weights],
            [-weights.T, np.diag(energy.hidden.curvature)],
        ]
    )
    linear = np.concatenate([energy.visible.bias, energy.hidden.bias])
    try:
        log_det = 2 * np.log(np.diag(np.linalg.cholesky(matrix))).sum()
    except np.linalg.LinAlgError:
        raise ValueError(
            "The partition function of this Gaussian-Gaussian RBM is infinite: the "
            "largest singular value of its scaled weights is not below 1."
        ) from None
    quadratic = linear @ np.linalg.solve(matrix, linear)
    return float((len(linear) * np.log(2 * np.pi) - log_det + quadratic) / 2)


def conditionals_of_normal(energy, x):
    """Return the log density of each column given the others, shape (n, n_visible)."""
    weights = energy.coupling * energy.weights.astype(np.float64)
    back = weights / energy.hidden.curvature
    matrix = np.diag(energy.visible.curvature) - back @ weights.T
    linear = energy.visible.bias + back @ energy.hidden.bias
    precision = np.diag(matrix)
    mean = x + (linear - x @ matrix) / precision
    return (np.log(precision / (2 * np.pi)) - precision * np.square(x - mean)) / 2


def integral_of_normal(energy, x, hole):
    """Return the energy of the observed units, with the holes integrated out.

    The integral has a closed form, since the free energy is a quadratic function of the
    holes.

    Parameters
    ----------
    energy : RBM
    x : ndarray of shape (n, n_visible)
        0 in the holes.
    hole : ndarray of bool of shape (n_visible,)
        The holes, which are the same for all rows.
    """
    weights = energy.coupling * energy.weights.astype(np.float64)
    scaled = weights / energy.hidden.curvature
    matrix = np.diag(energy.visible.curvature) - scaled @ weights.T
    inner = matrix[np.ix_(hole, hole)]
    linear = (energy.visible.bias + scaled @ energy.hidden.bias)[hole]
    linear = linear - x @ matrix[:, hole]
    log_det = np.linalg.slogdet(inner)[1]
    quadratic = (linear * np.linalg.solve(inner, linear.T).T).sum(axis=1)
    log_integral = (hole.sum() * np.log(2 * np.pi) - log_det + quadratic) / 2
    return energy.energy(x) - log_integral
