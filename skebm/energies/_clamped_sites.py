"""Energies of finitely many values, some of whose cells are observed."""

from typing import NamedTuple

import numpy as np

from skebm.energies import _sites
from skebm.energies._base import Energy

# Configurations of the holes of a row up to which all are summed over.
_MAX_STATES = 2**13


class SiteChains(NamedTuple):
    """Chains that stand at rows with holes.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_features)
        What was observed, and the present values of the holes.
    holes : ndarray of bool of shape (n_chains, n_features)
    """

    visible: np.ndarray
    holes: np.ndarray


class ClampedSites(Energy):
    """``p(holes | observed)`` of an energy whose variables take finitely many values.

    The energy of a chain is that of its whole row.

    Parameters
    ----------
    whole : Energy
    """

    draws_exactly = False

    def __init__(self, whole):
        self.whole = whole
        self.visible = whole.visible

    @property
    def params(self):
        """The parameters of the whole energy."""
        return self.whole.params

    @property
    def work(self):
        """Multiply-adds of a sweep, a row."""
        return self.whole.work

    @property
    def reference(self):
        """The reference of the whole energy."""
        return self.whole.reference

    def chains(self, x, holes):
        """Return chains at rows whose holes hold some value of their domain."""
        return SiteChains(x, holes)

    def start(self, x, holes, random):
        """Return chains whose holes are drawn from the marginals."""
        drawn = self.reference.sample(len(x), random).astype(x.dtype, copy=False)
        return self.chains(np.where(holes, drawn, x), holes)

    def put(self, chains, x):
        """Return the chains with their holes filled from these rows."""
        return chains._replace(visible=np.where(chains.holes, x, chains.visible))

    def chain_energy(self, chains):
        """Return the energy of each chain, in nats, float64, shape (n_chains,)."""
        return self.whole.energy(chains.visible)

    def gibbs_sweep(self, chains, random):
        """Draw each hole in turn, given all else."""
        x = _sites.swept(self.whole, chains.visible, random, chains.holes)
        return chains._replace(visible=x)

    def mean_sweep(self, chains, random):
        """Return the chains after a sweep, and the means from which it drew.

        Returns
        -------
        chains : SiteChains
        hidden : ndarray of shape (n_chains, 0)
        visible : ndarray of shape (n_chains, n_features)
        """
        x, mean = chains.visible.copy(), np.empty(chains.visible.shape)
        for variable in range(self.visible.n_variables):
            here = _sites.site(self.whole, x, variable)
            mean[:, here.columns] = here.mean()
            _sites.put(here, here.draw(random.fold(variable)), x, chains.holes)
        return chains._replace(visible=x), np.empty((len(x), 0)), mean

    def climb(self, chains):
        """Return chains whose holes took their most probable value, each in turn."""
        x = chains.visible.copy()
        for variable in range(self.visible.n_variables):
            here = _sites.site(self.whole, x, variable)
            _sites.put(here, here.mode(), x, chains.holes)
        return chains._replace(visible=x)

    def interpolate(self, beta):
        """Return the model on the way from independent holes (0) to this one (1)."""
        return type(self)(self.whole.interpolate(beta))

    def log_partition_start(self, chains):
        """Return log Z at ``beta=0`` for the observed cells of each chain, in nats."""
        return _sites.log_partition_of_holes(
            self.reference, chains.visible, chains.holes
        )

    def exact_energy(self, x, holes):
        """Return the energy of what was observed, NaN where its holes are too many."""
        return _sites.sum_over_holes(self.whole, x, holes, _MAX_STATES)

    def observed_energy(self, x):
        """Return 0: the energies of chains are those of whole rows."""
        return np.zeros(len(x))
