"""Block Gibbs sampling."""

from skebm.samplers._base import Sampler


class Gibbs(Sampler):
    """Block Gibbs sampling: all hidden units at once, then all visible ones [1]_.

    What a sweep draws, and in which order, is up to the energy.

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

    @property
    def sweeps(self):
        """Gibbs sweeps in a step; None for a subclass that does something else."""
        methods = type(self).move is Gibbs.move, type(self).step is Sampler.step
        return self.n_steps if all(methods) else None

    def move(self, energy, chains, random):
        """Return the chains after one sweep."""
        return energy.gibbs_sweep(chains, random)
