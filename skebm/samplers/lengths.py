"""Samplers of the hidden units of documents, along a ladder of lengths.

The length of a document is the inverse temperature of its hidden units (see
``ReplicatedSoftmax.marginal``). So populations climb from length 0, where the units are
fair coins. And chains of different lengths are replicas that exchange their units.
"""

import itertools
from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.samplers._base import Sampler
from skebm.utils._addresses import KERNEL
from skebm.utils._resampling import log_mean_exp, systematic

# The next rung is where the log weights have this standard deviation, or where the
# length has doubled, whichever is nearer.
_SPREAD = 0.5
# The first rung above 0 is at most this long, since 0 doubled is 0.
_FIRST = 0.5
# With weights that have exploded the steps would become so small that the ladder never
# ends. With fewer rungs the estimate stays unbiased, but its spread grows.
_MAX_RUNGS = 100_000


class LengthTempering(Sampler):
    """Gibbs sweeps of documents that exchange their hidden units.

    The length of a document is an inverse temperature. The chains have different
    lengths, so that all of them together are a ladder of parallel tempering. Short
    documents forget their state at once, and long documents would never leave their
    modes. Two chains of neighbouring lengths exchange their hidden units by the rule of
    Metropolis, with the words summed out. So every length keeps its distribution, and
    no further replicas are needed.

    Without the exchange a model of long documents gets modes that no chain ever visits,
    and that take most of the probability (asv_bench/compare/results.md).

    Parameters
    ----------
    n_steps : int, default=3
        Number of sweeps in a step.
    n_exchanges : int, default=30
        Number of rounds of exchanges after each sweep.
    """

    requires = ("sweep_hidden", "words")

    def __init__(self, n_steps=3, n_exchanges=30):
        self.n_steps = n_steps
        self.n_exchanges = n_exchanges

    def step(self, energy, chains, random):
        """Draw hidden units, exchange them between chains, and draw the words."""
        documents = energy.configurations(chains)
        lengths = np.asarray(documents.sum(axis=1)).reshape(-1)
        for t in range(self.n_steps):
            hidden, phi = energy.sweep_hidden(chains, random.fold(t, 0))
            order = exchanged(lengths, phi, self.n_exchanges, random.fold(t, 1))
            words = energy.words(hidden[order], lengths, random.fold(t, 2))
            chains = energy.chains(words)
        return chains


def exchanged(lengths, phi, n_rounds, random):
    """Return the order of the hidden units of chains after rounds of exchanges.

    Parameters
    ----------
    lengths, phi : ndarray of shape (n,)
        The length of each chain, and the log weight of its hidden units in a document
        of one word.
    n_rounds : int
    random : Random

    Returns
    -------
    ndarray of int of shape (n,)
        Chain ``i`` gets the hidden units of chain ``order[i]``.
    """
    lengths, phi = lengths.astype(np.float64), phi.astype(np.float64)
    ranked = np.argsort(lengths, kind="stable")
    # The chain whose hidden units are at each rank of the lengths.
    owners, gaps = ranked.copy(), np.diff(lengths[ranked])
    log_uniform = np.log(random.uniform((n_rounds, len(gaps))))
    _exchange(gaps, phi, log_uniform, owners)
    order = np.empty_like(ranked)
    order[ranked] = owners
    return order


@njit(**KERNEL)
def _exchange(gaps, phi, log_uniform, owners):
    """Go through rounds of exchanges between owners of neighbouring ranks."""
    for t in range(len(log_uniform)):
        for k in range(t % 2, len(gaps), 2):
            here, there = owners[k], owners[k + 1]
            if log_uniform[t, k] < gaps[k] * (phi[here] - phi[there]):
                owners[k], owners[k + 1] = there, here


class Rung(NamedTuple):
    """Populations of chains at one length.

    Attributes
    ----------
    length : float
    states : ndarray of shape (n_populations, n_chains, n_hidden)
        Hidden units.
    phi : ndarray of shape (n_populations, n_chains)
        Log weights of the hidden units in a document of one word.
    log_ratio : ndarray of shape (n_populations,)
        The estimate by each population of log Z at this length minus log Z at the first
        rung.
    """

    length: float
    states: np.ndarray
    phi: np.ndarray
    log_ratio: np.ndarray

    def log_ratio_at(self, lengths):
        """Return the estimates at near lengths, shape (n_populations, n_lengths)."""
        differences = np.asarray(lengths, dtype=np.float64) - self.length
        log_weight = differences[:, None, None] * self.phi
        return (self.log_ratio + log_mean_exp(log_weight)).T


def coins(marginal, shape, random):
    """Draw hidden units of empty documents, which are fair coins."""
    uniform = random.uniform((int(np.prod(shape)), marginal.n_units))
    return np.where(uniform < 0.5, 0.0, 1.0).reshape(*shape, marginal.n_units)


def make_ladder(marginal, top, n_chains, random):
    """Return a ladder of lengths from 0 to ``top``.

    A population of ``n_chains`` climbs the ladder while it is made, and its log weights
    decide the distance to the next rung.
    """
    hidden, length, ladder = coins(marginal, (n_chains,), random.fold(0)), 0.0, [0.0]
    phi = marginal.phi(hidden)
    for _ in range(_MAX_RUNGS):
        if length >= top:
            break
        longest_step = max(_SPREAD / max(phi.std(), 1e-300), top / _MAX_RUNGS)
        length = min(top, length + min(longest_step, max(length, _FIRST)))
        log_weight = (length - ladder[-1]) * phi
        rows = systematic(log_weight[None], random.fold(1, len(ladder)))[0]
        lengths = np.full(n_chains, length)
        hidden, phi = marginal.sweep(hidden[rows], lengths, random.fold(2, len(ladder)))
        ladder.append(length)
    return np.array(ladder)


def climb(marginal, ladder, hidden, random, n_sweeps=1):
    """Move populations along a ladder of lengths, up or down, and yield each rung.

    This is sequential Monte Carlo. A step to the next length gives every chain a
    weight, by which its population is resampled. Then Gibbs sweeps move all chains. The
    product of the mean weights is an unbiased estimate of the ratio of the partition
    functions, if the first population has the distribution of its length [1]_, [2]_.

    Parameters
    ----------
    marginal : Marginal
    ladder : ndarray of shape (n_rungs,)
    hidden : ndarray of shape (n_populations, n_chains, n_hidden)
        Draws at the first length.
    random : Random
    n_sweeps : int, default=1
        Number of sweeps at each rung.

    Yields
    ------
    Rung

    References
    ----------
    .. [1] P. Del Moral, A. Doucet, A. Jasra. "Sequential Monte Carlo samplers". JRSS B
       68 (2006).
    .. [2] R. Grosse, Z. Ghahramani, R. Adams. "Sandwiching the marginal likelihood
       using bidirectional Monte Carlo". arXiv:1511.02543 (2015).
    """
    shape, log_ratio = hidden.shape, np.zeros(len(hidden))
    phi = marginal.phi(hidden.reshape(-1, shape[2])).reshape(shape[:2])
    yield Rung(ladder[0], hidden, phi, log_ratio)
    for t, (length, next_length) in enumerate(itertools.pairwise(ladder)):
        log_weight = (next_length - length) * phi
        log_ratio = log_ratio + log_mean_exp(log_weight)
        rows = systematic(log_weight, random.fold(0, t))
        moved = np.take_along_axis(hidden, rows[:, :, None], axis=1)
        moved, lengths = moved.reshape(-1, shape[2]), np.full(phi.size, next_length)
        for s in range(n_sweeps):
            moved, phi = marginal.sweep(moved, lengths, random.fold(1, t, s))
        hidden, phi = moved.reshape(shape), phi.reshape(shape[:2])
        yield Rung(next_length, hidden, phi, log_ratio)


def draw_hidden(marginal, lengths, random, n_chains=1000, n_sweeps=20):
    """Draw hidden units of documents of these lengths.

    One population climbs a ladder of lengths, and each draw is taken from it at the
    length of the draw.

    Parameters
    ----------
    marginal : Marginal
    lengths : ndarray of shape (n,)
    random : Random
    n_chains : int, default=1000
        Smallest number of chains that climb.
    n_sweeps : int, default=20
        Number of Gibbs sweeps at the end.

    Returns
    -------
    ndarray of shape (n, n_hidden)
    """
    n, lengths = len(lengths), np.asarray(lengths, dtype=np.float64)
    ladder = make_ladder(marginal, max(lengths, default=0.0), 200, random.fold(0))
    start = coins(marginal, (1, max(n_chains, n)), random.fold(1))
    uniform, out = random.fold(2).uniform((n, 1))[:, 0], np.empty((n, start.shape[2]))
    ends = np.r_[ladder[1:], np.inf]
    rungs = climb(marginal, ladder, start, random.fold(3))
    for rung, end in zip(rungs, ends, strict=True):
        for i in np.flatnonzero((lengths >= rung.length) & (lengths < end)):
            log_weight = (lengths[i] - rung.length) * rung.phi[0]
            cumulative = np.exp(log_weight - log_weight.max()).cumsum()
            chosen = np.searchsorted(cumulative, uniform[i] * cumulative[-1])
            out[i] = rung.states[0, min(chosen, len(cumulative) - 1)]
    for s in range(n_sweeps):
        out, _ = marginal.sweep(out, lengths, random.fold(4, s))
    return out
