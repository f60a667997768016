"""Draws and most probable values of the holes of rows."""

import numpy as np

from skebm.inference._annealing import Step, annealed, by_blocks, resampled
from skebm.samplers import resolve_kernel, sweep

# Chains of each row where draws are not exact.
_N_CHAINS = 20
# Stages of their annealing, in one step after the other until the weights are equal. 0
# is a start from hidden states that are near the modes of the model.
_STAGES = (0, 4, 20, 100)
# The inverse temperature to which completions are cooled, and
_COLD = 30.0
# the number of stages from 1 to there.
_N_COLD = 30
# Largest number of steps that climb to the nearest maximum. Most need far fewer.
_N_CLIMB = 200


def draw_holes(energy, x, holes, n_draws, random, kernel="gibbs"):
    """Return rows with draws of ``p(holes | observed)`` in their holes.

    For an RBM whose hidden side has at most 4096 configurations the draws are exact; if
    visible units are coupled, at most 256. Else chains are resampled by their
    importance weights and move on. Without couplings they begin from hidden states near
    the modes. Where the weights differ too much, they are annealed, in more and more
    stages.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_draws : int
        Number of draws of each row.
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the holes.

    Returns
    -------
    ndarray of shape (n, n_draws, n_visible)
    """
    clamped = energy.clamped
    kernel = resolve_kernel(kernel, clamped)
    n_chains = max(n_draws, _N_CHAINS)
    guides = None if clamped.draws_exactly else clamped.guides(random.fold(0))

    def draw(x, holes, random):
        if clamped.draws_exactly:
            return clamped.draw(x, holes, n_draws, random)
        steps = [Step(n_chains, n_stages) for n_stages in _STAGES]
        begin = random.fold(0)
        settled = resampled(clamped, x, holes, guides, steps, begin, kernel)
        return _draw_from_chains(clamped, x, n_draws, settled, random.fold(1))

    draws = random.fold(1)
    return np.concatenate(by_blocks(draw, energy, x, holes, n_chains, draws))


def _draw_from_chains(clamped, x, n_draws, settled, random):
    """Return ``n_draws`` of the chains of each row that :func:`resampled` yields."""
    out = np.empty((len(x), n_draws, x.shape[1]), dtype=x.dtype)
    for k, (rows, n_chains, chains) in enumerate(settled):
        drawn = clamped.configurations(chains).reshape(len(rows), n_chains, x.shape[1])
        # A random choice of chains, since copies of a chain lie side by side.
        order = random.fold(k).uniform((len(rows), n_chains)).argsort(axis=1)
        order = order[:, :n_draws, None]
        out[rows] = np.take_along_axis(drawn, order, axis=1)
    return out


def complete_holes(energy, x, holes, random, kernel="gibbs"):
    """Return the rows with their holes at the lowest free energy that is found.

    Chains are annealed, then cooled. From there the holes climb to the nearest maximum
    of ``p(holes | observed)``. A step of the climb takes the most probable values given
    the expectation of the hidden units, which never lowers the probability (the
    concave-convex procedure [1]_). The result is the best of 20 chains of each row.

    The parameters are the parameters of :func:`draw_holes`, without ``n_draws``.

    References
    ----------
    .. [1] A. Yuille, A. Rangarajan. "The concave-convex procedure". Neural Computation
       15 (2003).
    """
    kernel = resolve_kernel(kernel, energy.clamped)

    def complete(x, holes, random):
        return _complete(energy, x, holes, random, kernel)

    return np.concatenate(by_blocks(complete, energy, x, holes, _N_CHAINS, random))


def _complete(energy, x, holes, random, kernel):
    """Return the completion of rows that fit into one block."""
    clamped = energy.clamped
    step = Step(_N_CHAINS, _STAGES[-1])
    chains, _ = annealed(clamped, x, holes, step, random.fold(0), kernel)
    for k, beta in enumerate(np.geomspace(1, _COLD, _N_COLD)):
        cold = energy.scaled(beta).clamped
        chains = sweep(cold, chains, kernel, 1, random.fold(1, k))
    for _ in range(_N_CLIMB):
        climbed = clamped.climb(chains)
        if np.array_equal(
            clamped.configurations(climbed), clamped.configurations(chains)
        ):
            break
        chains = climbed
    best = clamped.chain_energy(chains).reshape(len(x), _N_CHAINS).argmin(axis=1)
    return clamped.configurations(chains)[best + _N_CHAINS * np.arange(len(x))]
