"""Draw rows from a fitted model, without chains to start from."""

import numpy as np

from skebm.samplers import (
    Exact,
    Gibbs,
    anneal,
    draw_grown,
    draw_hidden,
    heated,
    population,
    resolve_kernel,
    sweep,
)
from skebm.utils._resampling import systematic

# With at most this many configurations of one side, draws are exact.
_MAX_STATES = 2**16
# Stages of annealing of other models.
_N_STAGES = 500
# Moves after the resampling, so that copies of a chain become independent.
_N_BURN_IN = 100
# Smallest number of chains: fewer of them may miss modes.
_MIN_CHAINS = 100
# Chains of either kind whose marginals become the marginals of a reference.
_N_MARGINAL_CHAINS = 200


def draw(energy, n_rows, random, kernel="gibbs"):
    """Return rows drawn from the model, in the units of its visible layer.

    Draws from a small model are exact. For others, annealed chains are resampled by
    their importance weights, so that each mode gets its share (sequential Monte Carlo
    with one resampling). Then the chains move on.

    Parameters
    ----------
    energy : Energy
    n_rows : int
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the chains.

    Returns
    -------
    ndarray of shape (n_rows, n_units)
    """
    exact = Exact(max_states=_MAX_STATES)
    if exact.accepts(energy):
        return exact.draw(energy, n_rows, random)
    kernel = resolve_kernel(kernel, energy)
    n_chains = max(n_rows, _MIN_CHAINS)
    start = energy.reference.sample(n_chains, random.fold(0))
    betas = np.linspace(0, 1, _N_STAGES)
    chains, increments = anneal(
        energy, energy.chains(start), betas, random.fold(1), kernel
    )
    rows = systematic(increments.sum(axis=0)[None], random.fold(2))[0]
    # A random choice of rows, since copies of a chain lie side by side.
    rows = rows[random.fold(3).permutation(n_chains)[:n_rows]]
    chains = energy.chains(energy.configurations(chains)[rows])
    chains = sweep(energy, chains, kernel, _N_BURN_IN, random.fold(4))
    return energy.configurations(chains)


def draw_documents(energy, lengths, random):
    """Return documents of these lengths, drawn from a model of documents.

    Parameters
    ----------
    energy : energy of documents
        With ``grow``, or with ``marginal`` and ``words``.
    lengths : ndarray of int of shape (n,)
    random : Random

    Returns
    -------
    ndarray of shape (n, n_words)
    """
    if hasattr(energy, "grow"):
        return draw_grown(energy, lengths, random.fold(1))
    hidden = draw_hidden(energy.marginal, lengths, random.fold(1))
    return energy.words(hidden.astype(energy.dtype), lengths, random.fold(2))


def at_chain_marginals(energy, random):
    """Return the energy with a reference at the marginals of annealed chains.

    This is for parameters that come without data. Every reference is valid. It should
    be wide enough to reach all modes, and else close to the model.

    Parameters
    ----------
    energy : energy with ``with_reference_at``
    random : Random
    """
    kernel = Gibbs()
    start = energy.chains(energy.reference.sample(_N_MARGINAL_CHAINS, random.fold(0)))
    stages = [energy.interpolate(beta) for beta in np.linspace(0, 1, _N_STAGES)]
    parts = [population(stages, start, random.fold(1), kernel)]
    # These chains count as much, whatever the weights of their modes are: a reference
    # that is too wide makes annealing longer, and one that is too narrow misses modes.
    parts.append(heated(energy, _N_MARGINAL_CHAINS, random.fold(2), kernel))
    x = np.concatenate([energy.configurations(part) for part in parts])
    x = x.astype(np.float64)
    return energy.with_reference_at(x.mean(axis=0), x.var(axis=0), len(x))
