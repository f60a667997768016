"""Weighted populations: their mean weights, and the members that go on."""

import numpy as np


def systematic(log_weight, random):
    """Return the members of each population that go on, copies side by side.

    Each member goes on as often as its share of the weight says, up to less than one
    [1]_.

    Parameters
    ----------
    log_weight : ndarray of shape (n_populations, n_members)
    random : Random
        One uniform for each population is drawn.

    Returns
    -------
    ndarray of int of shape (n_populations, n_members)

    References
    ----------
    .. [1] G. Kitagawa. "Monte Carlo filter and smoother for non-Gaussian nonlinear
       state space models". Journal of Computational and Graphical Statistics 5 (1996).
    """
    share = np.exp(log_weight - log_weight.max(axis=1, keepdims=True)).cumsum(axis=1)
    n_populations, n_members = share.shape
    ticks = np.arange(n_members) + random.uniform((n_populations, 1))
    ticks *= share[:, -1:] / n_members
    return np.minimum(positions(share, ticks), n_members - 1)


def effective_size(log_weight):
    """Return how many members of equal weight a population is worth.

    This is ``sum(w) ** 2 / sum(w ** 2)`` over the last axis.
    """
    share = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
    return share.sum(axis=-1) ** 2 / np.square(share).sum(axis=-1)


def positions(cumulative, ticks):
    """Return ``numpy.searchsorted`` of each row, of the shape of ``ticks``."""
    pairs = zip(cumulative, ticks, strict=True)
    found = [np.searchsorted(row, ticks_of) for row, ticks_of in pairs]
    return np.array(found, int).reshape(ticks.shape)


def log_mean_exp(x):
    """Return the log of the mean of ``exp(x)`` over the last axis."""
    return np.logaddexp.reduce(x, axis=-1) - np.log(x.shape[-1])
