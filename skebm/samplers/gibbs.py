"""Block Gibbs sampling."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._parallel import map_blocks


class Gibbs(BaseEstimator):
    """Block Gibbs sampling: all hidden units at once, then all visible ones [1]_.

    Parameters
    ----------
    n_steps : int, default=1
        Sweeps in a step.

    References
    ----------
    .. [1] S. Geman, D. Geman. "Stochastic relaxation, Gibbs distributions, and the
       Bayesian restoration of images". IEEE TPAMI 6 (1984).
    """

    requires = ("gibbs_sweep",)

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def init(self, energy, n_chains, random):
        """Start chains from the reference of the energy."""
        return energy.sample_reference(n_chains, random)

    def step(self, energy, chains, random):
        """Return the chains after ``n_steps`` sweeps, blocks of them in parallel."""

        def sweeps(part):
            state = type(chains)(*(a[part] for a in chains))
            for t in range(self.n_steps):
                state = energy.gibbs_sweep(state, random.rows(part.start).fold(t))
            return state

        n_chains = chains[0].shape[0]
        parts = map_blocks(sweeps, n_chains, energy.work)
        if len(parts) == 1:
            return parts[0]
        return type(chains)(*map(np.concatenate, zip(*parts, strict=True)))
