"""The arguments of fused kernels: records with named fields.

If ``fused`` of an energy is not None, the energy does the work of a minibatch, or of
several, in one call of a kernel: ``fused.gradient(positive, negative, offsets)`` and
``fused.updates(updates)``. Both do the same as the separate steps of the objective. The
tests compare them.
"""

from typing import NamedTuple

import numpy as np


class PositivePhase(NamedTuple):
    """The rows of a minibatch.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features)
    weight : ndarray of shape (n,) or None
        Shares of the rows; None gives all rows the same share.
    chains : state or None
        ``energy.chains(rows)`` if it is known.
    """

    rows: np.ndarray
    weight: np.ndarray | None
    chains: object = None


class NegativePhase(NamedTuple):
    """The chains of a minibatch, and the random numbers of their moves.

    Attributes
    ----------
    chains : state
        The state of the energy before the chains move.
    weight : ndarray of shape (n_chains,) or None
        Shares of the chains; None gives all chains the same share.
    randoms : list of Random
        One for each Gibbs sweep.
    """

    chains: object
    weight: np.ndarray | None
    randoms: list


class Updates(NamedTuple):
    """Several updates of plain gradient descent, or of Adam.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
    batches : list of ndarray of int
        The rows of each minibatch.
    rates : ndarray of shape (n_batches,)
        Learning rate of each update.
    decays : ndarray of shape (n_batches,)
        Factor of the weights in each update; below 1 for weights that decay.
    moves : ndarray of shape (n_batches,)
        Share of the distance to the parameters that the averages go after each update.
    averages : dict of str to ndarray
        Averages of the parameters, updated in place.
    resample : bool
        Whether the values of ``X`` are probabilities.
    randoms : list of Random
        One for each minibatch.
    chains : state or None
        The state of the energy. None starts chains at each minibatch.
    offsets : tuple of ndarray or None
        Offsets of the centered gradient.
    offset_rate : float
        Share of the distance to the means of a minibatch that the offsets go.
    n_sweeps : tuple of int
        Number of steps of the sampler in an update, and number of Gibbs sweeps in a
        step.
    shares : list of ndarray or None
        Shares of the rows of each minibatch. None gives all rows the same share.
    adam : AdamSteps or None
        The steps of Adam. None stands for plain gradient descent.
    l2 : float
        Factor of the penalty, which is a part of the gradient of Adam.
    """

    X: np.ndarray
    batches: list
    rates: np.ndarray
    decays: np.ndarray
    moves: np.ndarray
    averages: dict
    resample: bool
    randoms: list
    chains: object = None
    offsets: tuple | None = None
    offset_rate: float = 0.0
    n_sweeps: tuple = (1, 1)
    shares: list | None = None
    adam: object = None
    l2: float = 0.0
