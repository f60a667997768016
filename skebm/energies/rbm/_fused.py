"""Updates of an RBM whose units all take two values, without the interpreter.

The formulas are the formulas of the layers and of :class:`skebm.energies.RBM`. Threads
go together through the stages of a minibatch: rows of data; hidden units of chains,
their fields, visible units; columns of the gradient. One call does several minibatches,
since the interpreter and its lock cost more than the arithmetic of a small one. A step
of plain gradient descent is added to the weights while the gradient is summed up, so
the gradient is never stored. The kernels are in
:mod:`skebm.energies.rbm._minibatches`.
"""

import numpy as np

from skebm.energies import _bipartite
from skebm.energies.rbm._binary import model_of, words_of
from skebm.energies.rbm._minibatches import calls_of, run
from skebm.energies.rbm._records import (
    Averages,
    Chains,
    Data,
    Descent,
    Parts,
    Scratch,
    Work,
)
from skebm.layers import Bernoulli, Spin
from skebm.utils._math import row_weights
from skebm.utils._parallel import blocks, blocks_of
from skebm.utils._products import GRADIENT_ROWS
from skebm.utils._random import folded

# An update with fewer multiply-adds is not worth a second thread.
SERIAL_UPDATE = 24_000_000


def has_binary_units(energy, *rows):
    """Tell whether the kernels of binary units take an energy, and these rows."""
    sides = energy.visible, energy.hidden
    return all(isinstance(layer, Bernoulli | Spin) for layer in sides) and all(
        isinstance(array, np.ndarray)
        and array.dtype == energy.dtype
        and array.flags.c_contiguous
        for array in (energy.weights, *rows)
    )


class FusedRBM:
    """Kernels that do the work of whole minibatches of an RBM of binary units.

    Parameters
    ----------
    energy : RBM
        An RBM with Bernoulli or spin units on both sides.
    """

    def __init__(self, energy):
        self.energy = energy

    def accepts(self, X):
        """Tell whether the kernels take rows: dense, in the dtype of the model."""
        return has_binary_units(self.energy, X)

    def gradient(self, positive, negative, offsets):
        """Move the chains, and return the gradient of -log p.

        Parameters
        ----------
        positive : PositivePhase
        negative : NegativePhase
        offsets : tuple of ndarray or None

        Returns
        -------
        gradient : dict of str to ndarray
        chains : Chains
        targets : tuple of ndarray
            The means of visible and hidden units over the data.
        """
        energy, x, dtype = self.energy, positive.rows, self.energy.dtype
        inputs = np.array(negative.chains.inputs, order="C")
        n, m = len(x), len(inputs)
        parts = _parts(energy, n, m)
        scratch = _scratch(energy, n, m, parts)
        scratch.weight[:n] = row_weights(positive.weight, n, dtype)
        scratch.weight[n:] = -row_weights(negative.weight, m, dtype)
        has_inputs = positive.chains is not None
        data_inputs = positive.chains.inputs if has_inputs else _empty_inputs(energy, n)
        keys, streams = words_of(negative.randoms)
        mu, lam = energy._zero_offsets() if offsets is None else offsets
        weights = np.empty_like(energy.weights)
        rows = np.arange(n), np.array([0, n]), False, streams[0, 0][None]
        # A step of rate -1 from zero weights is the gradient.
        steps = np.array([[-1, 0, 0]], dtype)
        work = Work(
            calls_of(dtype.char),
            parts,
            model_of(energy),
            Data(x, *rows, data_inputs, has_inputs),
            Chains(keys, streams[None], negative.randoms[0].row, True, inputs),
            scratch,
            Descent(False, steps, weights, mu, lam, dtype.type(0)),
            Averages(energy.weights, mu, lam),
        )
        run(work)
        visible, hidden = np.split(scratch.totals, [energy.n_features], axis=1)
        (visible_mean, visible_gradient), (hidden_mean, hidden_gradient) = (
            side[:2] for side in (visible, hidden)
        )
        gradient = {
            "weights": weights,
            "visible.bias": visible_gradient,
            "hidden.bias": hidden_gradient,
        }
        chains = _bipartite.Chains(scratch.units[n : n + m], inputs)
        return gradient, chains, (visible_mean, hidden_mean)

    def updates(self, updates):
        """Do several updates of plain gradient descent of the energy, in place.

        Parameters
        ----------
        updates : Updates

        Returns
        -------
        chains : Chains
        offsets : tuple of ndarray or None
        """
        energy, dtype = self.energy, self.energy.dtype
        sizes = [len(rows) for rows in updates.batches]
        n, is_persistent = max(sizes), updates.chains is not None
        data_inputs = _empty_inputs(energy, n)
        # Chains that start at the data begin with the inputs from the data.
        inputs = data_inputs
        if is_persistent:
            inputs = np.array(updates.chains.inputs, order="C")
        m = len(inputs)
        order, edges = np.concatenate(updates.batches), np.cumsum([0, *sizes])
        keys, sweep_streams, data_streams = _streams(updates)
        offsets, offset_rate = updates.offsets, updates.offset_rate
        if offsets is None:
            offsets, offset_rate = energy._zero_offsets(), 0.0
        mu, lam = (offset.copy() for offset in offsets)
        steps = np.stack([updates.rates, updates.decays, updates.moves], axis=1)
        names = "weights", "visible.bias", "hidden.bias"
        parts = _parts(energy, n, m)
        scratch = _scratch(energy, n, m, parts)
        rows = order, edges, updates.resample, data_streams
        rate = dtype.type(offset_rate)
        work = Work(
            calls_of(dtype.char),
            parts,
            model_of(energy),
            Data(updates.X, *rows, data_inputs, False),
            Chains(keys, sweep_streams, 0, is_persistent, inputs),
            scratch,
            Descent(True, steps.astype(dtype), energy.weights, mu, lam, rate),
            Averages(*(updates.averages[name] for name in names)),
        )
        run(work)
        n = sizes[-1]
        m = m if is_persistent else n
        chains = _bipartite.Chains(scratch.units[n : n + m], inputs[:m])
        return chains, None if updates.offsets is None else (mu, lam)


def _streams(updates):
    """Return the keys, and the streams of all sweeps and of the data of minibatches."""
    steps, sweeps, sides = map(range, (*updates.n_sweeps, 2))
    sides = [(1, t, s, side) for t in steps for s in sweeps for side in sides]
    streams = [random.stream for random in updates.randoms]
    of_sweeps = folded(streams, sides).reshape(len(streams), -1, 2, 2)
    keys = updates.randoms[0].words()[0]
    return keys, of_sweeps, folded(streams, [(0,)])[:, 0]


def _empty_inputs(energy, n):
    return np.empty((n, energy.n_hidden), energy.dtype)


def _parts(energy, n, m):
    """Return the number of parts of each stage, for n rows and m chains."""
    if (n + m) * energy.work < SERIAL_UPDATE:
        return Parts(1, 1, 1)
    rows = (len(blocks_of(k, energy.work)) for k in (n, m))
    return Parts(*rows, len(blocks(energy.n_features, GRADIENT_ROWS)))


def _scratch(energy, n, m, parts):
    """Return empty arrays for n rows and m chains."""
    (n_visible, n_hidden), dtype = energy.weights.shape, energy.dtype
    shapes = Scratch(
        units=(n + m + 1, n_visible),
        shares=(n + m + 1, n_hidden),
        weight=(n + m,),
        hidden=(m, n_hidden),
        field=(n_visible * m,),
        sums=(parts.data + parts.chains, 2, n_visible + n_hidden),
        totals=(3, n_visible + n_hidden),
    )
    return Scratch(*(np.empty(shape, dtype) for shape in shapes))
