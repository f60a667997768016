"""Block Gibbs sampling."""

from sklearn.base import BaseEstimator

from skebm.samplers._base import sweep


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
        return sweep(energy, chains, self.n_steps, random)
