"""Metropolis-Hastings with proposals of one variable after the other."""

import numpy as np

from skebm.samplers._base import Sampler


class Metropolis(Sampler):
    """Proposes new values of one variable after the other, from the reference [1]_.

    A move visits all variables. With the reference ``q`` and the energy ``E``, a row
    ``y`` that differs from ``x`` in one variable takes its place with the probability
    ``min(1, exp(E(x) - E(y)) q(x) / q(y))``. Where whole rows of the reference would
    hardly ever be accepted, single variables often are; a move costs an energy for each
    variable. It needs no Gibbs sweep, and serves real columns as well.

    The reference has to be made of independent variables, as that of an energy with a
    ``base`` layer is. Only then is a variable of one of its rows a draw of this
    variable given all others, as the rule above assumes. If variables of the reference
    depend on each other, the chains do not have the distribution of the energy.

    Parameters
    ----------
    n_steps : int, default=1
        Moves in a step: visits of each variable.

    References
    ----------
    .. [1] N. Metropolis, A. Rosenbluth, M. Rosenbluth, A. Teller, E. Teller. "Equation
       of state calculations by fast computing machines". The Journal of Chemical
       Physics 21 (1953).
    """

    requires = ("reference",)

    def __init__(self, n_steps=1):
        self.n_steps = n_steps

    def move(self, energy, chains, random):
        """Return the chains after one proposal for each variable."""
        reference = energy.reference
        if not hasattr(reference, "variables"):
            raise TypeError(
                f"{type(self).__name__} needs a reference of independent variables; "
                f"{type(reference).__name__} has no `variables`. Choose another "
                "sampler, or give the energy a base layer."
            )

        def log_ratio(state):
            """Return the log of target over reference, up to a constant."""
            rows = energy.configurations(state)
            return reference.energy(rows) - energy.chain_energy(state)

        n, variables = energy.n_chains(chains), np.asarray(reference.variables)
        # The variables of a row are independent: each serves as a draw by itself.
        drawn = reference.sample(n, random.fold(0))
        log_uniform = np.log(random.fold(1).uniform((n, variables.max(initial=-1) + 1)))
        here = log_ratio(chains)
        for variable in range(log_uniform.shape[1]):
            columns = variables == variable
            rows = np.where(columns, drawn, energy.configurations(chains))
            proposed = energy.put(chains, rows)
            there = log_ratio(proposed)
            accepted = log_uniform[:, variable] < there - here
            # The proposals stand behind the chains.
            both = energy.join([chains, proposed])
            chains = energy.take(both, np.arange(n) + n * accepted)
            here = np.where(accepted, there, here)
        return chains
