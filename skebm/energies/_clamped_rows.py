"""The model of holes, for energies whose reference draws holes given other cells."""

import numpy as np

from skebm.energies._clamped_sites import ClampedSites
from skebm.energies._redraw import redrawn


class ClampedRows(ClampedSites):
    """``p(holes | observed)`` of an energy beside a reference.

    The reference draws holes given the observed cells, and the energy accepts or
    rejects them. The energy of a chain is the energy of its row, with the present
    values of the holes.

    Parameters
    ----------
    whole : Energy
        The energy of rows. Its ``base`` is the layer of the reference.
    """

    def start(self, x, holes, random):
        """Return chains whose holes the reference draws given the observed cells."""
        drawn = self.base.given(x, holes).sample(_no_inputs(x), random)
        return self.chains(drawn.astype(x.dtype, copy=False), holes)

    def redraw(self, chains, random):
        """Return chains whose holes the reference draws anew."""
        return self.start(chains.visible, chains.holes, random)

    def energy_above(self, other, chains):
        """Return the energy of chains minus their energy in another stage."""
        return self.whole.energy_above(other.whole, chains.visible)

    def log_ratio(self, x):
        """Return the log of the model over the reference, up to a constant."""
        return self.whole.log_ratio(x)

    def gibbs_sweep(self, chains, random):
        """Return the chains after a proposal for all holes of a row together."""
        return redrawn(self, chains, random)

    def mean_sweep(self, chains, random):
        """Return the chains after a sweep, no hidden units, and the rows themselves."""
        moved = self.gibbs_sweep(chains, random)
        return moved, np.empty((len(moved.visible), 0)), moved.visible

    def climb(self, chains):
        """Return chains whose holes are most probable in the reference, if that pays.

        The energy of a chain never rises.
        """
        given = self.base.given(chains.visible, chains.holes)
        x = given.mode(_no_inputs(chains.visible)).astype(chains.visible.dtype)
        proposed = self.put(chains, x)
        lower = self.chain_energy(proposed) < self.chain_energy(chains)
        return self.put(chains, np.where(lower[:, None], x, chains.visible))

    def log_partition_start(self, chains):
        """Return log Z at ``beta=0`` given the observed cells of each chain, nats."""
        return self.base.given(*chains).cgf(_no_inputs(chains.visible))

    def exact_energy(self, x, holes):
        """Return the energy of rows without holes; NaN for others."""
        return np.where(holes.any(axis=1), np.nan, self.whole.energy(x))


def _no_inputs(x):
    return np.zeros(x.shape, dtype=x.dtype)
