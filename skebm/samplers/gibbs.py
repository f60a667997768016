"""Block Gibbs sampling."""

from skebm.samplers._base import Sampler


class Gibbs(Sampler):
    """Block Gibbs sampling: all hidden units at once, then all visible ones [1]_.

    The energy decides what a sweep draws, and in which order.

    Parameters
    ----------
    n_steps : int, default=1
        Number of sweeps in a step.

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
        """Number of Gibbs sweeps in a step; None for a subclass with other moves."""
        is_plain = type(self).move is Gibbs.move and type(self).step is Sampler.step
        return self.n_steps if is_plain else None

    def move(self, energy, chains, random):
        """Return the chains after one sweep."""
        return energy.gibbs_sweep(chains, random)
