"""Barker's rule with proposals from the reference."""

import numpy as np
from scipy.special import logit

from skebm.samplers._base import Sampler


class Barker(Sampler):
    """Proposes whole rows of the reference, and accepts them by Barker's rule [1]_.

    With proposals from ``q`` and the energy ``E``, a row ``y`` takes the place of ``x``
    with the probability ``1 / (1 + exp(E(y) - E(x)) q(y) / q(x))``. Metropolis and
    Hastings accept more often.

    Parameters
    ----------
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] A. Barker. "Monte Carlo calculations of the radial distribution functions for
       a proton-electron plasma". Australian Journal of Physics 18 (1965).
    """

    requires = ("reference",)

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def move(self, energy, chains, random):
        """Return the chains after one proposal each."""
        n = energy.n_chains(chains)
        proposed = energy.redraw(chains, random.fold(0))
        here, there = (
            energy.log_ratio(energy.configurations(state))
            for state in (chains, proposed)
        )
        uniform = random.fold(1).uniform((n, 1))[:, 0]
        accepted = logit(uniform) < there - here
        # The proposals stand behind the chains.
        both = energy.join([chains, proposed])
        return energy.take(both, np.arange(n) + n * accepted)
