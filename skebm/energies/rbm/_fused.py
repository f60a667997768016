"""The updates of an RBM of binary units as a record and a call of a kernel."""

import numpy as np

from skebm.energies._bipartite import Chains
from skebm.energies.rbm._updates import contrast_after, descend
from skebm.layers import Bernoulli, Spin
from skebm.utils._math import row_weights
from skebm.utils._random import folded


def has_binary_units(energy, *rows):
    """Tell whether the kernels of binary units apply, to these rows, too."""
    sides = energy.visible, energy.hidden
    return all(isinstance(layer, Bernoulli | Spin) for layer in sides) and all(
        isinstance(array, np.ndarray)
        and array.dtype == energy.dtype
        and array.flags.c_contiguous
        for array in (energy.weights, *rows)
    )


class FusedRBM:
    """The minibatches of an RBM of binary units, each in one call of a kernel.

    Parameters
    ----------
    energy : RBM
        With Bernoulli or Spin units on both sides.
    """

    def __init__(self, energy):
        self.energy = energy

    def accepts(self, X):
        """Tell whether the kernels take these rows: dense, and of the model's dtype."""
        return has_binary_units(self.energy, X)

    def gradient(self, positive, negative, offsets):
        """Move chains, and return the gradient of -log p at data and chains.

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
        energy = self.energy
        inputs = None if positive.chains is None else positive.chains.inputs
        weight = row_weights(positive.weight, len(positive.rows), energy.dtype)
        chain_inputs = negative.chains.inputs
        chain_weight = row_weights(negative.weight, len(chain_inputs), energy.dtype)
        if offsets is None:
            offsets = energy._zero_offsets()
        gradient, chains, targets = contrast_after(
            energy,
            (positive.rows, inputs, weight),
            (chain_inputs, -chain_weight),
            offsets,
            negative.randoms,
        )
        return gradient, Chains(*chains), targets

    def updates(self, updates):
        """Do several updates of plain gradient descent; the energy changes in place.

        Parameters
        ----------
        updates : Updates

        Returns
        -------
        chains : Chains
        offsets : tuple of ndarray or None
        """
        offsets, offset_rate = updates.offsets, updates.offset_rate
        if offsets is None:
            offsets, offset_rate = self.energy._zero_offsets(), 0.0
        steps = np.stack([updates.rates, updates.decays, updates.moves], axis=1)
        chains, moved = descend(
            self.energy,
            updates.X,
            updates.batches,
            steps,
            updates.resample,
            updates.chains,
            offsets,
            offset_rate,
            updates.averages,
            _words(updates.randoms, updates.n_sweeps),
        )
        return Chains(*chains), None if updates.offsets is None else moved


def _words(randoms, n_sweeps):
    """Return the keys, and the streams of all sweeps and data of each minibatch."""
    steps, sweeps, sides = map(range, (*n_sweeps, 2))
    sides = [(1, t, s, side) for t in steps for s in sweeps for side in sides]
    streams = [random.stream for random in randoms]
    of_chains = folded(streams, sides).reshape(len(streams), -1, 2, 2)
    return randoms[0].words()[0], of_chains, folded(streams, [(0,)])[:, 0]
