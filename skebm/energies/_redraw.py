"""Chains that propose what the reference draws."""

import numpy as np


def redrawn(energy, chains, random):
    """Return chains after one proposal of the reference for each of them.

    A proposal ``y`` takes the place of a row ``x`` with the probability ``min(1,
    exp(log_ratio(y) - log_ratio(x)))``. For rows with holes, the reference draws the
    holes given the observed cells.
    """
    n, proposed = energy.n_chains(chains), energy.redraw(chains, random.fold(0))
    here, there = (
        energy.log_ratio(energy.configurations(state)) for state in (chains, proposed)
    )
    accepted = np.log(random.fold(1).uniform((n, 1)))[:, 0] < there - here
    # The proposals stand behind the chains.
    return energy.take(energy.join([chains, proposed]), np.arange(n) + n * accepted)
