"""log Z of documents of every length."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.partition._base import Estimate
from skebm.samplers.lengths import climb, coins, log_mean_exp, make_ladder
from skebm.utils._parallel import map_blocks

_SIGMAS = 3
_BLOCK = 4096
# Members of a population up, of one down, of that which makes the ladder; and how many
# climb for one that goes down.
_UP, _DOWN, _PILOT, _SHARE = 100, 50, 200, 2


class LengthPartition(BaseEstimator):
    """log Z of a replicated softmax, for all lengths of documents at once.

    ``Z(D) = sum_h exp(D phi(h))``: with few hidden units a sum over all of their
    states. With more, the length is an inverse temperature, from ``Z(0) = 2**n_hidden``
    on; populations climb from there to the longest document by sequential Monte Carlo,
    and give an estimate at each length on their way. Up to noise they can only miss
    modes, and so err downwards. Others start from draws at the longest, which a climb
    of its own has brought there, go down to 0, and err upwards [1]_.

    Parameters
    ----------
    max_units : int, default=16
        Enumerate up to this many hidden units.
    n_chains : int, default=4000
        Members of the populations that climb; half as many go down, in smaller ones.
    n_sweeps : int, default=1
        Gibbs sweeps at each rung.

    References
    ----------
    .. [1] R. Grosse, Z. Ghahramani, R. Adams. "Sandwiching the marginal likelihood
       using bidirectional Monte Carlo". arXiv:1511.02543 (2015).
    """

    requires = ("marginal",)

    def __init__(self, max_units=16, n_chains=4000, n_sweeps=1):
        self.max_units = max_units
        self.n_chains = n_chains
        self.n_sweeps = n_sweeps

    def estimate(self, energy, random, top):
        """Return log Z of the lengths 0 to ``top``.

        Parameters
        ----------
        energy : ReplicatedSoftmax
        random : Random
        top : int

        Returns
        -------
        Estimate
            Its entries are arrays of shape (top + 1,), but for the method.
        """
        marginal, lengths = energy.marginal, np.arange(top + 1)
        if marginal.n_units <= self.max_units:
            value = _enumerated(marginal, lengths)
            sure = np.zeros(len(value)), np.full(len(value), np.inf)
            return Estimate(value, value, value, *sure, "enumeration")
        ladder = make_ladder(marginal, float(top), _PILOT, random.fold(0))
        return self._bracket(marginal, ladder, random)

    def _bracket(self, marginal, ladder, random):
        empty = marginal.n_units * np.log(2)
        shape = max(2, self.n_chains // _UP), _UP
        start = coins(marginal, shape, random.fold(1))
        up = self._along(marginal, ladder, start, random.fold(2))
        start = self._top(marginal, ladder, random.fold(3))
        down = self._along(marginal, ladder[::-1], start, random.fold(4))
        value, stderr = _mean(up)
        # From a length down to 0: the rest of the way from the top.
        other, error = _mean(down[:, :1] - down)
        ends = value - _SIGMAS * stderr, _SIGMAS * error - other
        weight = np.exp(up - up.max(axis=0))
        return Estimate(
            value=empty + np.clip(value, np.minimum(*ends), np.maximum(*ends)),
            lower=empty + np.minimum(*ends),
            upper=empty + np.maximum(*ends),
            stderr=stderr,
            ess=weight.sum(axis=0) ** 2 / (weight**2).sum(axis=0),
            method="annealing of the length",
        )

    def _along(self, marginal, ladder, start, random):
        """Return each population's log Z over that of its start, at whole lengths."""
        lengths = np.arange(int(max(ladder)) + 1)
        table = np.empty((len(start), len(lengths)))
        ends = np.r_[ladder[1:], ladder[-1]]
        rungs = climb(marginal, ladder, start, random, self.n_sweeps)
        for rung, end in zip(rungs, ends, strict=True):
            low, high = sorted([rung.length, end])
            own = lengths[int(np.ceil(low)) : int(high) + 1]
            for part in range(0, len(own), 64):
                near = own[part : part + 64]
                table[:, near] = rung.log_ratio_at(near)
        return table

    def _top(self, marginal, ladder, random):
        """Return draws at the longest length, from a climb of its own."""
        start = coins(marginal, (max(2, self.n_chains // _UP), _UP), random.fold(0))
        for rung in climb(marginal, ladder, start, random.fold(1), self.n_sweeps):
            top = rung
        n_populations = max(2, self.n_chains // (_SHARE * _DOWN))
        # Members count as much as the estimates of their populations say.
        share = np.repeat(np.exp(top.log_ratio - top.log_ratio.max()), _UP).cumsum()
        uniform = random.fold(2).uniform((n_populations, _DOWN)) * share[-1]
        chosen = np.minimum(np.searchsorted(share, uniform), len(share) - 1)
        return top.states.reshape(len(share), -1)[chosen]


def _mean(table):
    """Return the log of the populations' mean and its standard error."""
    value = log_mean_exp(table.T)
    share = np.exp(table - value)
    return value, share.std(axis=0, ddof=1) / np.sqrt(len(table))


def _enumerated(marginal, lengths):
    def block_phi(block):
        return marginal.phi(marginal.states(block.start, block.stop))

    blocks = map_blocks(block_phi, 2**marginal.n_units, marginal.work, size=_BLOCK)
    phi = np.concatenate(blocks)
    return np.array([np.logaddexp.reduce(length * phi) for length in lengths])
