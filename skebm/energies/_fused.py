"""What a fused kernel is handed: records with named fields.

An energy whose ``fused`` is not None does the work of a minibatch, or of several, in
one call of a kernel: ``fused.gradient(positive, negative, offsets)`` and
``fused.updates(updates)``. Both do the same as the objective's own steps, which the
tests compare.
"""

from typing import NamedTuple

import numpy as np


class PositivePhase(NamedTuple):
    """The rows of a minibatch.

    Attributes
    ----------
    rows : ndarray of shape (n, n_features)
    weight : ndarray of shape (n,) or None
        Shares of the rows; None weighs all rows alike.
    chains : state or None
        ``energy.chains(rows)`` where it is known.
    """

    rows: np.ndarray
    weight: np.ndarray | None
    chains: object = None


class NegativePhase(NamedTuple):
    """The chains of a minibatch and how they move.

    Attributes
    ----------
    chains : state
        The energy's own, before they move.
    weight : ndarray of shape (n_chains,) or None
    randoms : list of Random
        One for each Gibbs sweep.
    """

    chains: object
    weight: np.ndarray | None
    randoms: list


class Updates(NamedTuple):
    """Several updates of plain gradient descent.

    Attributes
    ----------
    X : ndarray of shape (n, n_features)
    batches : list of ndarray of int
        The rows of each minibatch.
    rates : ndarray of shape (n_batches,)
        Learning rate of each update.
    decays : ndarray of shape (n_batches,)
        The share of the weights that each update leaves: below 1 where they decay.
    moves : ndarray of shape (n_batches,)
        How far the averages go to the parameters after each update, as a share of the
        way.
    averages : dict of str to ndarray
        Averages of the parameters, updated in place.
    resample : bool
        Whether the values of ``X`` are probabilities.
    randoms : list of Random
        One for each minibatch.
    chains : state or None
        The energy's own; None starts chains at each minibatch.
    offsets : tuple of ndarray or None
        Of the centered gradient.
    offset_rate : float
        How far the offsets go to the means of each minibatch.
    n_sweeps : tuple of int
        Steps of the sampler in an update, and Gibbs sweeps in a step.
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
