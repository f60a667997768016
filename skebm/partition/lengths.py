"""log Z of documents of every length."""

from threading import Lock

import numpy as np
from sklearn.base import BaseEstimator

from skebm.partition._base import Estimate
from skebm.samplers.lengths import climb, coins, log_mean_exp, make_ladder, temper
from skebm.utils._parallel import map_blocks, use_threads

_SIGMAS = 3
_BLOCK = 4096
# Members of a population up and of one down, replicas of the latter's start, steps of
# tempering for it, and the distance of its rungs.
_UP, _DOWN, _PILOT, _STEPS, _STRIDE = 100, 20, 200, 100, 2


class LengthPartition(BaseEstimator):
    """log Z of a replicated softmax, for all lengths of documents at once.

    ``Z(D) = sum_h exp(D phi(h))``: with few hidden units a sum over all of their
    states. With more, the length is an inverse temperature, from ``Z(0) = 2**n_hidden``
    on; populations climb from there to the longest document by sequential Monte Carlo,
    and give an estimate at each length on their way. Up to noise they can only miss
    modes, and so err downwards. Others start from draws at the longest, by tempering
    that knows nothing of the first ones, go down to 0, and err upwards [1]_.

    Parameters
    ----------
    max_units : int, default=16
        Enumerate up to this many hidden units.
    n_chains : int, default=2000
        Members of the populations that climb; a tenth as many go down, in smaller ones,
        since tempering for their start takes most of the time.
    n_sweeps : int, default=1
        Gibbs sweeps at each rung.

    References
    ----------
    .. [1] R. Grosse, Z. Ghahramani, R. Adams. "Sandwiching the marginal likelihood
       using bidirectional Monte Carlo". arXiv:1511.02543 (2015).
    """

    requires = ("marginal",)

    def __init__(self, max_units=16, n_chains=2000, n_sweeps=1):
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
            value = _enumerated(marginal, energy.hidden, lengths)
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
        """Return draws at the longest length, by tempering from a climb of its own."""
        n_rows = max(2, self.n_chains // (10 * _DOWN)) * _DOWN
        own = ladder[::-_STRIDE][::-1]
        own = own if own[0] == 0 else np.r_[0.0, own]
        start = coins(marginal, (1, n_rows), random.fold(0))
        rungs = climb(marginal, own, start, random.fold(1))
        replicas = np.concatenate([rung.hidden for rung in rungs])
        replicas = temper(marginal, own, replicas, _STEPS, random.fold(2))
        return replicas[-1].reshape(-1, _DOWN, marginal.n_units)


def _mean(table):
    """Return the log of the populations' mean and its standard error."""
    value = log_mean_exp(table.T)
    share = np.exp(table - value)
    return value, share.std(axis=0, ddof=1) / np.sqrt(len(table))


def _enumerated(marginal, hidden, lengths):
    def rows(part):
        states = hidden.states(part.start, part.stop).astype(np.float64)
        return marginal.phi(states)

    parts = map_blocks(rows, 2**marginal.n_units, marginal.weights.size, size=_BLOCK)
    phi = np.concatenate(parts)
    return np.array([np.logaddexp.reduce(length * phi) for length in lengths])


class LengthPartitions:
    """log Z of a fitted model of documents, by length; computed when asked for.

    Parameters
    ----------
    energy : ReplicatedSoftmax
    method : spec with ``estimate(energy, random, top)``
    random : Random
        Its key is fixed by ``fit``: the values are the same whenever they are computed.
    n_jobs : int, default=None
    """

    def __init__(self, energy, method, random, n_jobs=None):
        self._task = energy, method, random
        self._n_jobs = n_jobs
        self._estimates = {}
        self._lock = Lock()

    def __repr__(self):
        return f"LengthPartitions(computed up to {max(self._estimates, default=0)})"

    def __getstate__(self):
        return {name: v for name, v in vars(self).items() if name != "_lock"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._lock = Lock()

    def at(self, lengths):
        """Return log Z of documents of these lengths.

        Parameters
        ----------
        lengths : array-like
            Between whole numbers the values are interpolated.

        Returns
        -------
        Estimate
            ``value``, ``lower``, ``upper`` (a bracket), ``stderr`` and ``ess`` are
            arrays, an entry a length; ``method`` is a word for all.
        """
        lengths = np.asarray(lengths, dtype=np.float64).reshape(-1)
        top = max(1, int(self._task[0].lengths[-1]))
        with self._lock:
            # Which others are asked for must not matter, so tops are fixed, too.
            tops = top * 2 ** np.ceil(np.log2(np.maximum(lengths / top, 1))).astype(int)
            out = np.zeros((5, len(lengths)))
            method = ""
            for longest in np.unique(np.r_[tops, top]):
                estimate = self._estimate(int(longest))
                own = tops == longest
                every = np.arange(longest + 1)
                out[:, own] = [
                    np.interp(lengths[own], every, part) for part in estimate[:5]
                ]
                method = estimate.method
        return Estimate(*out, method)

    def _estimate(self, top):
        if top not in self._estimates:
            energy, method, random = self._task
            with use_threads(self._n_jobs):
                self._estimates[top] = method.estimate(energy, random.fold(top), top)
        return self._estimates[top]
