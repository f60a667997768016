"""The hidden units of documents, drawn along a ladder of lengths.

The length of a document is the inverse temperature of its hidden units (see
``ReplicatedSoftmax.marginal``): so populations climb from length 0, where units are
fair coins, and chains of different lengths are replicas that exchange their units.
"""

import itertools
from typing import NamedTuple

import numpy as np

from skebm.samplers._base import Sampler
from skebm.utils._resampling import systematic

# A rung ends where log weights have spread this far, or the length has doubled.
_SPREAD, _FIRST = 0.5, 0.5


class LengthTempering(Sampler):
    """Gibbs sweeps of documents, which exchange hidden units with others.

    Chains of documents have lengths of their own, and the length is an inverse
    temperature. So all chains together are a ladder of parallel tempering, from short
    documents that forget at once to long ones that would never leave their modes, and
    no replicas are needed. Two chains of neighbouring lengths exchange their hidden
    units by Metropolis' rule, words summed out; every length keeps its distribution.

    Without the exchange long documents get modes that no chain ever visits, which take
    most of the probability (asv_bench/compare/results.md).

    Parameters
    ----------
    n_steps : int, default=3
        Sweeps in a step.
    n_exchanges : int, default=30
        Rounds of exchanges after each sweep.
    """

    requires = ("sweep_hidden", "words")

    def __init__(self, n_steps=3, n_exchanges=30):
        self.n_steps = n_steps
        self.n_exchanges = n_exchanges

    def step(self, energy, chains, random):
        """Sweep all chains, exchange hidden units, and draw words given them."""
        documents = energy.configurations(chains)
        lengths = np.asarray(documents.sum(axis=1)).reshape(-1)
        for t in range(self.n_steps):
            hidden, phi = energy.sweep_hidden(chains, random.fold(t, 0))
            order = exchanged(lengths, phi, self.n_exchanges, random.fold(t, 1))
            words = energy.words(hidden[order], lengths, random.fold(t, 2))
            chains = energy.chains(words)
        return chains


def exchanged(lengths, phi, n_rounds, random):
    """Return which chain's hidden units each chain has after rounds of exchanges.

    Parameters
    ----------
    lengths, phi : ndarray of shape (n,)
    n_rounds : int
    random : Random
    """
    lengths, phi = lengths.astype(np.float64), phi.astype(np.float64)
    ranked = np.argsort(lengths, kind="stable")
    gaps, own = np.diff(lengths[ranked]), ranked.copy()
    log_uniform = np.log(random.uniform((n_rounds, len(gaps))))
    for t in range(n_rounds):
        first = np.arange(t % 2, len(gaps), 2)
        gain = gaps[first] * (phi[own[first]] - phi[own[first + 1]])
        first = first[log_uniform[t, first] < gain]
        own[first], own[first + 1] = own[first + 1], own[first]
    order = np.empty_like(ranked)
    order[ranked] = own
    return order


class Rung(NamedTuple):
    """Populations at one length.

    Attributes
    ----------
    length : float
    states : ndarray of shape (n_populations, n_chains, n_hidden)
        Hidden units.
    phi : ndarray of shape (n_populations, n_chains)
    log_ratio : ndarray of shape (n_populations,)
        Log of each population's estimate of Z over that of the first rung.
    """

    length: float
    states: np.ndarray
    phi: np.ndarray
    log_ratio: np.ndarray

    def log_ratio_at(self, lengths):
        """Return the estimates at lengths near by, shape (n_populations, n_lengths)."""
        steps = np.asarray(lengths, dtype=np.float64) - self.length
        log_weight = steps[:, None, None] * self.phi
        return (self.log_ratio + log_mean_exp(log_weight)).T


def log_mean_exp(x):
    """Return the log of the mean of ``exp(x)`` over the last axis."""
    return np.logaddexp.reduce(x, axis=-1) - np.log(x.shape[-1])


def coins(marginal, shape, random):
    """Draw hidden units of empty documents."""
    uniform = random.uniform((int(np.prod(shape)), marginal.n_units))
    return np.where(uniform < 0.5, 0.0, 1.0).reshape(*shape, marginal.n_units)


def make_ladder(marginal, top, n_chains, random):
    """Return lengths from 0 to ``top``, as far apart as a small population allows."""
    hidden, length, ladder = coins(marginal, (n_chains,), random.fold(0)), 0.0, [0.0]
    phi = marginal.phi(hidden)
    while length < top:
        spread = _SPREAD / max(phi.std(), 1e-300)
        length = min(top, length + min(spread, max(length, _FIRST)))
        log_weight = (length - ladder[-1]) * phi
        rows = systematic(log_weight[None], random.fold(1, len(ladder)))[0]
        lengths = np.full(n_chains, length)
        hidden, phi = marginal.sweep(hidden[rows], lengths, random.fold(2, len(ladder)))
        ladder.append(length)
    return np.array(ladder)


def climb(marginal, ladder, hidden, random, n_sweeps=1):
    """Take populations along a ladder of lengths, up or down: yield each rung.

    Sequential Monte Carlo: a step to the next length gives every member a weight, by
    which its population is resampled; then Gibbs sweeps move all. The product of the
    mean weights is an unbiased estimate of the ratio of partition functions, if the
    first population has the distribution of its length [1]_, [2]_.

    Parameters
    ----------
    marginal : Marginal
    ladder : ndarray of shape (n_rungs,)
    hidden : ndarray of shape (n_populations, n_chains, n_hidden)
        Draws at the first length.
    random : Random
    n_sweeps : int, default=1
        Sweeps at each rung.

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
    for t, (here, there) in enumerate(itertools.pairwise(ladder)):
        log_weight = (there - here) * phi
        log_ratio = log_ratio + log_mean_exp(log_weight)
        rows = systematic(log_weight, random.fold(0, t))
        moved = np.take_along_axis(hidden, rows[:, :, None], axis=1)
        moved, lengths = moved.reshape(-1, shape[2]), np.full(phi.size, there)
        for s in range(n_sweeps):
            moved, phi = marginal.sweep(moved, lengths, random.fold(1, t, s))
        hidden, phi = moved.reshape(shape), phi.reshape(shape[:2])
        yield Rung(there, hidden, phi, log_ratio)


def draw_hidden(marginal, lengths, random, n_chains=1000, n_sweeps=20):
    """Draw hidden units of documents of these lengths, all on one way up.

    Parameters
    ----------
    marginal : Marginal
    lengths : ndarray of shape (n,)
    random : Random
    n_chains : int, default=1000
        Least size of the population that climbs.
    n_sweeps : int, default=20
        Gibbs sweeps at the end.

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
            share = np.exp(log_weight - log_weight.max()).cumsum()
            chosen = np.searchsorted(share, uniform[i] * share[-1])
            out[i] = rung.states[0, min(chosen, len(share) - 1)]
    for s in range(n_sweeps):
        out, _ = marginal.sweep(out, lengths, random.fold(4, s))
    return out
