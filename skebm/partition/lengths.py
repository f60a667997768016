"""Estimate log Z of documents of every length."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.partition._base import Estimate
from skebm.partition._growth import Growth
from skebm.samplers.lengths import climb, coins, make_ladder
from skebm.utils._parallel import map_blocks
from skebm.utils._resampling import log_mean_exp

# Standard errors from the estimates of both directions to the ends of the bracket.
_SIGMAS = 3
# Hidden states that one thread enumerates at a time.
_BLOCK = 4096
# Chains of a population that climbs,
_N_UP = 100
# of a population that descends, and
_N_DOWN = 50
# of the population that finds the ladder.
_N_FIRST = 200
# Number of chains that climb for each chain that descends.
_UP_PER_DOWN = 2
# Of documents that grow there are fewer chains by this factor.
_FEWER_GROW = 4
# Words from which on there are fewer of these chains in proportion.
_LONG = 10_000
# Largest number of multiply-adds of an enumeration of documents that grow, a second.
_MAX_WORK = 1e8
# Lengths that are filled in at a time, which limits the memory.
_LENGTHS = 64


class LengthPartition(BaseEstimator):
    """log Z of a model of documents, for all lengths at once.

    Each length of documents has its own partition function. With few hidden units it is
    a sum over all of their states. With more of them, populations of chains climb from
    length 0 to the longest document by sequential Monte Carlo, and give an estimate at
    each length on their way. They may miss modes, so that the estimates err downwards,
    up to noise. Other populations descend to length 0 from draws at the longest
    document, and their estimates err upwards [1]_. The draws come from another climb.

    The chains of :class:`skebm.energies.ReplicatedSoftmax` are hidden units, where
    ``Z(D) = sum_h exp(D phi(h))``, so that the length is an inverse temperature. The
    chains of :class:`skebm.energies.BurstyDocuments` are documents that grow and shrink
    word by word.

    Parameters
    ----------
    max_units : int, default=16
        Up to this number of hidden units all states are enumerated. The states of
        bursty documents take much work, so that these documents have to be short, and
        their vocabulary small, too.
    n_chains : int, default=4000
        Number of chains that climb. Half as many descend. Of bursty documents, which
        mix much faster, there are a quarter as many, and fewer if the longest one has
        more than 10,000 words: the time is in proportion to chains times words.
    n_sweeps : int, default=1
        Gibbs sweeps at each length of the ladder.

    References
    ----------
    .. [1] R. Grosse, Z. Ghahramani, R. Adams. "Sandwiching the marginal likelihood
       using bidirectional Monte Carlo". arXiv:1511.02543 (2015).
    """

    def __init__(self, max_units=16, n_chains=4000, n_sweeps=1):
        self.max_units = max_units
        self.n_chains = n_chains
        self.n_sweeps = n_sweeps

    def estimate(self, energy, random, top):
        """Return log Z of the lengths 0 to ``top``.

        Parameters
        ----------
        energy : energy of documents
        random : Random
        top : int

        Returns
        -------
        Estimate
            All entries except ``method`` are arrays of shape (top + 1,).
        """
        if hasattr(energy, "grow"):
            is_small = energy.n_hidden <= self.max_units
            if is_small and energy.exact_work(top) <= _MAX_WORK:
                return _exact(energy.exact_log_partitions(top))
            n_chains = self.n_chains // _FEWER_GROW * _LONG // max(top, _LONG)
            growth = Growth(energy, top, n_chains, self.n_sweeps)
            tables = growth.tables(random)
            return _bracketed(energy.log_partition_empty, *tables, "growth")
        marginal, lengths = energy.marginal, np.arange(top + 1)
        if marginal.n_units <= self.max_units:
            return _exact(_enumerated(marginal, lengths))
        ladder = make_ladder(marginal, float(top), _N_FIRST, random.fold(0))
        return self._annealed(marginal, ladder, random)

    def _annealed(self, marginal, ladder, random):
        """Return the estimate from climbing and from descending populations."""
        log_z_empty = marginal.n_units * np.log(2)
        shape = max(2, self.n_chains // _N_UP), _N_UP
        start = coins(marginal, shape, random.fold(1))
        up = self._along(marginal, ladder, start, random.fold(2))
        start = self._top(marginal, ladder, random.fold(3))
        down = self._along(marginal, ladder[::-1], start, random.fold(4))
        return _bracketed(log_z_empty, up, down, "annealing of the length")

    def _along(self, marginal, ladder, start, random):
        """Return ``log(Z(D) / Z(start))`` of each population, at all whole lengths D.

        Returns
        -------
        ndarray of shape (n_populations, n_lengths)
        """
        lengths = np.arange(int(max(ladder)) + 1)
        table = np.empty((len(start), len(lengths)))
        ends = np.r_[ladder[1:], ladder[-1]]
        rungs = climb(marginal, ladder, start, random, self.n_sweeps)
        for rung, end in zip(rungs, ends, strict=True):
            low, high = sorted([rung.length, end])
            between = lengths[int(np.ceil(low)) : int(high) + 1]
            for first in range(0, len(between), _LENGTHS):
                block = between[first : first + _LENGTHS]
                table[:, block] = rung.log_ratio_at(block)
        return table

    def _top(self, marginal, ladder, random):
        """Return draws at the longest length, from another climb."""
        shape = max(2, self.n_chains // _N_UP), _N_UP
        start = coins(marginal, shape, random.fold(0))
        for rung in climb(marginal, ladder, start, random.fold(1), self.n_sweeps):
            top = rung
        n_populations = max(2, self.n_chains // (_UP_PER_DOWN * _N_DOWN))
        # The estimate of a population is the weight of each of its chains.
        weight = np.repeat(np.exp(top.log_ratio - top.log_ratio.max()), _N_UP)
        cumulative = weight.cumsum()
        uniform = random.fold(2).uniform((n_populations, _N_DOWN)) * cumulative[-1]
        chosen = np.minimum(np.searchsorted(cumulative, uniform), len(cumulative) - 1)
        return top.states.reshape(len(cumulative), -1)[chosen]


def _exact(value):
    """Return exact values as an estimate."""
    stderr, ess = np.zeros(len(value)), np.full(len(value), np.inf)
    return Estimate(value, value, value, stderr, ess, "enumeration")


def _bracketed(log_z_empty, up, down, method):
    """Return the estimate from ``log(Z(D) / Z(start))`` of each population.

    Parameters
    ----------
    log_z_empty : float
        log Z at length 0, where the first populations start.
    up, down : ndarray of shape (n_populations, n_lengths)
        Of populations that climb, and that descend.
    method : str
    """
    value, stderr = _log_mean(up)
    # log(Z(0) / Z(D)) is the ratio at length 0 less the ratio at length D.
    reverse, reverse_stderr = _log_mean(down[:, :1] - down)
    ends = value - _SIGMAS * stderr, _SIGMAS * reverse_stderr - reverse
    lower, upper = np.minimum(*ends), np.maximum(*ends)
    weight = np.exp(up - up.max(axis=0))
    return Estimate(
        value=log_z_empty + np.clip(value, lower, upper),
        lower=log_z_empty + lower,
        upper=log_z_empty + upper,
        stderr=stderr,
        ess=weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0),
        method=method,
    )


def _log_mean(log_ratios):
    """Return the log of the mean over populations, and its standard error."""
    value = log_mean_exp(log_ratios.T)
    share = np.exp(log_ratios - value)
    return value, share.std(axis=0, ddof=1) / np.sqrt(len(log_ratios))


def _enumerated(marginal, lengths):
    """Return log Z at these lengths by a sum over all hidden states."""

    def block_phi(block):
        return marginal.phi(marginal.states(block.start, block.stop))

    blocks = map_blocks(block_phi, 2**marginal.n_units, marginal.work, size=_BLOCK)
    phi = np.concatenate(blocks)
    return np.array([np.logaddexp.reduce(length * phi) for length in lengths])
