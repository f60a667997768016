"""Annealed chains of rows with holes, with as many stages as each row needs."""

from typing import NamedTuple

import numpy as np

from skebm.samplers import anneal, sweep
from skebm.utils._resampling import effective_size, systematic

# Chains that are in memory at a time.
_CHAINS_AT_ONCE = 10_000
# Chains of a block. Coupled layers take twice as long per chain with blocks of 64.
BLOCK = 512
# A row is settled if its chains are worth at least this share of their number, and
_MIN_SHARE = 0.6
# this share after a start from hidden states, where weights may be far from equal but
# modes are seldom missed.
_MIN_SHARE_OF_GUIDED = 0.2
# Moves after the resampling, so that copies of a chain become independent: at least
# this number, a third of the number of stages,
_MIN_MOVES = 2
# and this number after a start from hidden states.
_N_MOVES_OF_GUIDED = 10


class Step(NamedTuple):
    """How the chains of a row begin.

    Attributes
    ----------
    n_chains : int
    n_stages : int
        The inverse temperatures from 0 to 1, with both ends. 0 takes chains from hidden
        states that are near the modes of the model.
    """

    n_chains: int
    n_stages: int

    @property
    def min_size(self):
        """The effective number of chains that settles a row."""
        share = _MIN_SHARE if self.n_stages else _MIN_SHARE_OF_GUIDED
        return share * self.n_chains

    @property
    def n_moves(self):
        """Number of moves after the resampling."""
        if not self.n_stages:
            return _N_MOVES_OF_GUIDED
        return max(_MIN_MOVES, self.n_stages // 3)


def by_blocks(function, energy, x, holes, n_chains, random):
    """Return the results for blocks of rows, which have ``n_chains`` chains each.

    A result depends on the rows before a row, but not on the rows after it.

    Parameters
    ----------
    function : callable
        ``function(x, holes, random)``
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
    n_chains : int
    random : Random
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    size = max(1, _CHAINS_AT_ONCE // n_chains)
    results = []
    for start in range(0, max(1, len(x)), size):
        rows = slice(start, start + size)
        results.append(function(x[rows], holes[rows], random.fold(start)))
    return results


def annealed(clamped, x, holes, step, random, kernel):
    """Return chains that were annealed from the marginals to the model.

    Returns
    -------
    chains : state
        ``step.n_chains`` chains of each row, one row after the other.
    log_weight : ndarray of shape (n, n_chains)
        Log importance weights.
    """
    rows = np.repeat(np.arange(len(x)), step.n_chains)
    start = clamped.interpolate(0.0).start(x[rows], holes[rows], random.fold(0))
    betas = np.linspace(0, 1, step.n_stages)
    chains, increments = anneal(clamped, start, betas, random.fold(1), kernel, BLOCK)
    return chains, increments.sum(axis=0).reshape(-1, step.n_chains)


def resampled(clamped, x, holes, guides, steps, random, kernel):
    """Begin chains of each row until their weights are about equal, and resample.

    Many rows need few stages, since the reference knows the couplings of the visible
    units. Where the weights of a row differ too much, the next step begins anew with
    more stages. The last step settles all rows that are left. Steps without stages are
    left out if ``guides`` is None.

    Yields
    ------
    rows : ndarray of int
        The rows that a step has settled.
    n_chains : int
        Number of chains of each of these rows.
    chains : state
        The chains of the rows, one row after the other, of equal weights.
    """
    steps = [step for step in steps if step.n_stages or guides is not None]
    todo = np.arange(len(x))
    for k, step in enumerate(steps):
        if k and not len(todo):
            return
        draws, n_chains = random.fold(k), step.n_chains
        begin, rows = draws.fold(0), (x[todo], holes[todo])
        if step.n_stages:
            chains, log_weight = annealed(clamped, *rows, step, begin, kernel)
        else:
            chains, log_weight = clamped.guided(*rows, guides, n_chains, begin)
        settled = effective_size(log_weight) >= step.min_size
        settled |= k == len(steps) - 1
        chosen = systematic(log_weight, draws.fold(1))
        chosen += n_chains * np.arange(len(todo))[:, None]
        if settled.any() or not len(x):
            chains = clamped.take(chains, chosen[settled].ravel())
            moves = step.n_moves, draws.fold(2)
            chains = sweep(clamped, chains, kernel, *moves, BLOCK)
            yield todo[settled], n_chains, chains
        todo = todo[~settled]
