"""Metropolis-Hastings with proposals from the reference."""

import numpy as np

from skebm.samplers._base import Sampler


class Independence(Sampler):
    """Proposes whole rows of the reference, whatever the chains are at [1]_.

    With proposals from ``q`` and the energy ``E``, a row ``y`` takes the place of ``x``
    with the probability ``min(1, exp(E(x) - E(y)) q(x) / q(y))``. It is a good sampler
    near the reference, and a poor one far from it.

    Parameters
    ----------
    n_steps : int, default=1
        Moves in a step.

    References
    ----------
    .. [1] W. Hastings. "Monte Carlo sampling methods using Markov chains and their
       applications". Biometrika 57 (1970).
    """

    requires = ("reference",)

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def move(self, energy, chains, random):
        """Return the chains after one proposal each."""
        n, reference = energy.n_chains(chains), energy.reference
        proposed = energy.put(chains, reference.sample(n, random.fold(0)))
        log_ratio = 0.0
        for state, sign in ((chains, 1), (proposed, -1)):
            rows = energy.configurations(state)
            log_ratio += sign * (energy.chain_energy(state) - reference.energy(rows))
        accepted = np.log(random.fold(1).uniform((n, 1)))[:, 0] < log_ratio
        # The proposals stand behind the chains.
        both = energy.join([chains, proposed])
        return energy.take(both, np.arange(n) + n * accepted)
