"""Updates of an RBM whose units all take two values, without the interpreter.

The formulas are those of the layers and of :class:`skebm.energies.RBM`, in phases that
threads go through together: rows of data; hidden units of chains, their fields, visible
units; columns of the gradient. Several minibatches are one call, since the interpreter
and its lock cost more than the arithmetic of a small one. Steps of plain gradient
descent are added to the weights as they are summed up, so their gradient is never
stored.
"""

from typing import NamedTuple

import numpy as np

from skebm.energies.rbm._binary import model_of, words_of
from skebm.energies.rbm._fused import calls_of, run
from skebm.energies.rbm._records import (
    Averages,
    Chains,
    Data,
    Descent,
    Parts,
    Scratch,
    Work,
)
from skebm.utils._parallel import blocks, blocks_of
from skebm.utils._products import GRADIENT_ROWS

# Multiply-adds of an update below which its phases are not worth a second thread.
SERIAL_UPDATE = 24_000_000


# -- what the caller gives -------------------------------------------------------------


class Contrast(NamedTuple):
    """A minibatch and chains, for :func:`fused_gradient`.

    Attributes
    ----------
    x : ndarray of shape (n, n_visible)
    inputs : ndarray of shape (n, n_hidden), or None
        What the hidden units receive of ``x``, where it is known.
    weight : ndarray of shape (n,)
    chain_inputs : ndarray of shape (n_chains, n_hidden)
        What the hidden units of the chains receive.
    chain_weight : ndarray of shape (n_chains,)
        With the sign that chains have in the gradient.
    mu, lam : ndarray of shape (n_visible,) and (n_hidden,)
        Offsets of the centered gradient.
    randoms : list of Random
        One for each sweep.
    """

    x: np.ndarray
    inputs: np.ndarray | None
    weight: np.ndarray
    chain_inputs: np.ndarray
    chain_weight: np.ndarray
    mu: np.ndarray
    lam: np.ndarray
    randoms: list


class Updates(NamedTuple):
    """Minibatches and how to descend, for :func:`fused_updates`.

    Attributes
    ----------
    X : ndarray of shape (n, n_visible)
    batches : list of ndarray of int
        The rows of each minibatch.
    resample : bool
        Whether values of ``X`` are probabilities.
    rates : ndarray of shape (n_batches,)
    decays : ndarray of shape (n_batches,)
        What the weights are multiplied by: below 1 where they decay.
    average_rates : ndarray of shape (n_batches,)
        How far averages then go on to the parameters, as a share of the way.
    averages : dict of str to ndarray
        Updated in place.
    chain_inputs : ndarray of shape (n_chains, n_hidden), or None
        What the hidden units of the chains receive; None starts chains at the
        minibatch.
    mu, lam : ndarray of shape (n_visible,) and (n_hidden,)
        Offsets of the centered gradient.
    offset_rate : float
    keys : ndarray of shape (20,), uint32
    sweep_streams : ndarray of shape (n_batches, n_sweeps, 2, 2), uint32
        Of the hidden and the visible units.
    data_streams : ndarray of shape (n_batches, 2), uint32
    """

    X: np.ndarray
    batches: list
    resample: bool
    rates: np.ndarray
    decays: np.ndarray
    average_rates: np.ndarray
    averages: dict
    chain_inputs: np.ndarray | None
    mu: np.ndarray
    lam: np.ndarray
    offset_rate: float
    keys: np.ndarray
    sweep_streams: np.ndarray
    data_streams: np.ndarray


def fused_gradient(energy, contrast):
    """Move chains and return the gradient of -log p at data and chains.

    Parameters
    ----------
    energy : RBM
        With Bernoulli or Spin units on both sides.
    contrast : Contrast

    Returns
    -------
    gradient : dict of str to ndarray
    visible, inputs : ndarray
        Of the chains.
    means : tuple of ndarray
        Weighted sums of the visible and hidden units over the data.
    """
    x, randoms = contrast.x, contrast.randoms
    n, m, dtype = len(x), len(contrast.chain_inputs), energy.dtype
    keys, streams = words_of(randoms)
    order, edges = np.arange(n), np.array([0, n])
    inputs = np.array(contrast.chain_inputs, order="C")
    has_inputs = contrast.inputs is not None
    data_inputs = contrast.inputs
    if not has_inputs:
        data_inputs = np.empty((n, inputs.shape[1]), dtype)
    parts = _parts(energy, n, m)
    scratch = _scratch(energy, n, m, parts)
    scratch.weight[:n], scratch.weight[n:] = contrast.weight, contrast.chain_weight
    weights = np.empty_like(energy.weights)
    # A step of rate -1 from nothing is the gradient.
    steps = np.array([[-1, 0, 0]], dtype)
    averages = energy.weights, contrast.mu, contrast.lam
    work = Work(
        calls_of(dtype.char),
        parts,
        model_of(energy),
        Data(x, order, edges, False, streams[0, 0][None], data_inputs, has_inputs),
        Chains(keys, streams[None], randoms[0].row, True, inputs),
        scratch,
        Descent(False, steps, weights, contrast.mu, contrast.lam, dtype.type(0)),
        Averages(*averages),
    )
    run(work)
    gradient = {
        "weights": weights,
        "visible.bias": scratch.visible_gradient,
        "hidden.bias": scratch.hidden_gradient,
    }
    means = scratch.visible_mean, scratch.hidden_mean
    return gradient, scratch.units[n : n + m], inputs, means


def fused_updates(energy, updates):
    """Do several updates of plain gradient descent in one call.

    Parameters
    ----------
    energy : RBM
        With Bernoulli or Spin units on both sides; updated in place.
    updates : Updates

    Returns
    -------
    visible, inputs : ndarray
        Of the chains.
    mu, lam : ndarray
    """
    sizes, dtype = [len(rows) for rows in updates.batches], energy.dtype
    n, is_persistent = max(sizes), updates.chain_inputs is not None
    m = len(updates.chain_inputs) if is_persistent else n
    data_inputs = np.empty((n, energy.weights.shape[1]), dtype)
    # Chains that start at the data move on what the data sent to the hidden units.
    inputs = data_inputs
    if is_persistent:
        inputs = np.array(updates.chain_inputs, order="C")
    order, edges = np.concatenate(updates.batches), np.cumsum([0, *sizes])
    steps = updates.rates, updates.decays, updates.average_rates
    steps = np.stack(steps, axis=1).astype(dtype)
    mu, lam, rate = updates.mu.copy(), updates.lam.copy(), updates.offset_rate
    names = "weights", "visible.bias", "hidden.bias"
    parts = _parts(energy, n, m)
    scratch = _scratch(energy, n, m, parts)
    streams = updates.data_streams
    work = Work(
        calls_of(dtype.char),
        parts,
        model_of(energy),
        Data(updates.X, order, edges, updates.resample, streams, data_inputs, False),
        Chains(updates.keys, updates.sweep_streams, 0, is_persistent, inputs),
        scratch,
        Descent(True, steps, energy.weights, mu, lam, dtype.type(rate)),
        Averages(*(updates.averages[name] for name in names)),
    )
    run(work)
    n = sizes[-1]
    m = m if is_persistent else n
    return scratch.units[n : n + m], inputs[:m], mu, lam


def contrast_after(energy, data, chains, offsets, randoms):
    """Call :func:`fused_gradient` with tuples."""
    contrast = Contrast(*data, *chains, *offsets, randoms)
    gradient, visible, inputs, means = fused_gradient(energy, contrast)
    return gradient, (visible, inputs), means


def descend(
    energy, X, batches, steps, resample, chains, offsets, offset_rate, averages, random
):
    """Call :func:`fused_updates` with tuples."""
    inputs = None if chains is None else chains.inputs
    updates = Updates(
        X, batches, resample, *steps.T, averages, inputs, *offsets, offset_rate, *random
    )
    visible, inputs, mu, lam = fused_updates(energy, updates)
    return (visible, inputs), (mu, lam)


def _parts(energy, n, m):
    """Return the number of parts of the phases, for n rows and m chains."""
    if (n + m) * energy.work < SERIAL_UPDATE:
        return Parts(1, 1, 1)
    rows = (len(blocks_of(k, energy.work)) for k in (n, m))
    return Parts(*rows, len(blocks(energy.n_features, GRADIENT_ROWS)))


def _scratch(energy, n, m, parts):
    (n_visible, n_hidden), dtype = energy.weights.shape, energy.dtype
    shapes = Scratch(
        units=(n + m + 1, n_visible),
        shares=(n + m + 1, n_hidden),
        weight=(n + m,),
        hidden=(m, n_hidden),
        field=(n_visible * m,),
        sums=(parts.data + parts.chains, 2, n_visible + n_hidden),
        visible_gradient=(n_visible,),
        hidden_gradient=(n_hidden,),
        visible_mean=(n_visible,),
        hidden_mean=(n_hidden,),
    )
    return Scratch(*(np.empty(shape, dtype) for shape in shapes))
