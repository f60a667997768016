"""The model of holes, for energies whose variables take finitely many values."""

from typing import NamedTuple

import numpy as np

from skebm.energies import _sites
from skebm.energies._whole import OfWhole
from skebm.utils._stored import public


@public("skebm.energies")
class SiteChains(NamedTuple):
    """Chains that stand at rows with holes.

    Attributes
    ----------
    visible : ndarray of shape (n_chains, n_features)
        The observed cells, and the present values of the holes.
    holes : ndarray of bool of shape (n_chains, n_features)
    """

    visible: np.ndarray
    holes: np.ndarray


class ClampedSites(OfWhole):
    """``p(holes | observed)`` of an energy whose variables take finitely many values.

    The energy of a chain is the energy of its row, with the present values of the
    holes.

    Parameters
    ----------
    whole : Energy
        The energy of rows.
    """

    draws_exactly = False

    def chains(self, x, holes):
        """Return chains at rows whose holes hold values of their domain."""
        return SiteChains(x, holes)

    def start(self, x, holes, random):
        """Return chains whose holes are drawn from the marginals."""
        drawn = self.reference.sample(len(x), random).astype(x.dtype, copy=False)
        return self.chains(np.where(holes, drawn, x), holes)

    def put(self, chains, x):
        """Return the chains with the values of these rows in their holes."""
        return chains._replace(visible=np.where(chains.holes, x, chains.visible))

    def chain_energy(self, chains):
        """Return the energy of each chain, in nats, float64, shape (n_chains,)."""
        return self.whole.energy(chains.visible)

    def gibbs_sweep(self, chains, random):
        """Return the chains after each hole in turn was drawn given all other cells."""
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
            site = _sites.site(self.whole, x, variable)
            mean[:, site.columns] = site.mean()
            _sites.put(site, site.draw(random.fold(variable)), x, chains.holes)
        return chains._replace(visible=x), np.empty((len(x), 0)), mean

    def climb(self, chains):
        """Return the chains after each hole in turn took its most probable value."""
        x = chains.visible.copy()
        for variable in range(self.visible.n_variables):
            site = _sites.site(self.whole, x, variable)
            _sites.put(site, site.mode(), x, chains.holes)
        return chains._replace(visible=x)

    def interpolate(self, beta):
        """Return the model between independent holes (0) and this model (1)."""
        return type(self)(self.whole.interpolate(beta))

    def log_partition_start(self, chains):
        """Return log Z at ``beta=0`` given the observed cells of each chain, nats."""
        return _sites.log_partition_of_holes(
            self.reference, chains.visible, chains.holes
        )

    def guides(self, random):
        """Return None: there are no hidden states near the modes."""

    def exact_energy(self, x, holes):
        """Return the energy of the observed cells; NaN if a row has too many holes."""
        return _sites.sum_over_holes(self.whole, x, holes)
