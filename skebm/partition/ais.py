"""Annealed importance sampling in both directions."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition._base import Estimate
from skebm.samplers import (
    ParallelTempering,
    anneal,
    heated,
    refined_ladder,
    resolve_kernel,
)
from skebm.utils._resampling import effective_size, systematic
from skebm.utils._validation import require

# Temperatures of the first ladder.
_N_FIRST_BETAS = 200
# Smallest and largest number of chains of "auto", and the multiply-adds of a sweep of
# all chains up to which there are more of them.
_N_CHAINS, _WORK = (100, 400), 400_000
# Standard errors from the forward and from the reverse estimate to the ends of the
# bracket.
_SIGMAS = 3
# Standard errors below this are noise themselves, unless all weights are equal.
_NOISE, _EQUAL = 0.002, 1e-6
# The energy of a wider reference, from which a second forward run starts, is this
# factor times the energy of the reference.
_WIDE = 0.4
# Largest number of replicas of the tempering that draws from the model.
_MAX_REPLICAS = 60
# Smallest number of its steps, and
_MIN_STEPS = 150
# smallest number of its steps for each replica: a state has to pass all replicas.
_STEPS_PER_REPLICA = 8


class AIS(BaseEstimator):
    """Annealed importance sampling and its reverse: a bracket of log Z.

    The forward run goes from the reference to the model. It may miss modes, so that its
    estimate errs downwards, up to noise [1]_, [2]_. The reverse run goes from draws of
    the model to the reference, and its estimate errs upwards [3]_.

    Draws that miss the same modes as the forward run would confirm its error. So the
    draws come from parallel tempering that starts from several kinds of rows: the ends
    of the forward run, the ends of a second run from a wider reference, chains that
    were cooled from a high temperature, and the chains of the training. If the kinds
    disagree, the largest of their estimates is the upper end. If the second run finds
    clearly more than the first, its reference is used.

    Parameters
    ----------
    n_chains : int or "auto", default="auto"
        Number of chains in either direction, before it grows. ``"auto"`` is 100, and
        up to 400 for small models without couplings, for which more chains take little
        time.
    tolerance : float, default=0.1
        In nats. The ladder and the number of chains grow until the width of the bracket
        is below seven times this number. The width is six standard errors plus the
        distance between the two estimates.
    max_temperatures : int, default=16000
        Largest number of temperatures with 100 chains. With more chains it is smaller
        in proportion, so that it limits the work.
    kernel : str or sampler, default="gibbs"
        The sampler that moves the chains.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    .. [2] R. Salakhutdinov, I. Murray. "On the quantitative analysis of deep belief
       networks". ICML 2008.
    .. [3] Y. Burda, R. Grosse, R. Salakhutdinov. "Accurate and conservative estimates
       of MRF log-likelihood using reverse annealing". AISTATS 2015.
    """

    requires = ("reference",)

    def __init__(
        self, n_chains="auto", tolerance=0.1, max_temperatures=16000, kernel="gibbs"
    ):
        self.n_chains = n_chains
        self.tolerance = tolerance
        self.max_temperatures = max_temperatures
        self.kernel = kernel

    def estimate(self, energy, random, draws=None):
        """Return log Z as an :class:`Estimate`.

        Parameters
        ----------
        energy : energy
        random : Random
        draws : ContrastiveState, default=None
            The sampler and the chains of a training. Chains of the model start there,
            and tempering moves them on before they are used.

        Raises
        ------
        ValueError
            If ``n_chains`` is below 2.
        TypeError
            If the energy lacks a reference, or a capability that the kernel requires.
        """
        energy = Energy.of(energy)
        require(energy, self, "Give the energy a base layer or a reference.")
        kernel = resolve_kernel(self.kernel, energy)
        rows = None
        if draws is not None:
            rows = energy.configurations(draws.sampler.chains(draws.chains))
        betas = np.linspace(0, 1, _N_FIRST_BETAS)
        n_chains = self._first_chains(energy)
        budget, wide = self.max_temperatures * _N_CHAINS[0], _wide(energy)
        for attempt in range(64):
            is_last = 4 * len(betas) * n_chains > budget
            stream = random.fold(attempt)
            run = _forward(energy, n_chains, betas, stream.fold(0), kernel)
            # The rest waits for a ladder with a sharp forward run, since it costs more
            # than that run.
            if _stderr(run.log_weight) < 4 * self.tolerance or is_last:
                runs = [run]
                if wide is not None:
                    # Half of the work is enough to see that modes are missing.
                    evenly = np.linspace(0, 1, len(betas) // 2)
                    check = _forward(wide, n_chains, evenly, stream.fold(1), kernel)
                    if _is_above(check, run) and not is_last:
                        # The reference is too narrow to reach all modes.
                        energy, wide, betas = wide, None, evenly
                        continue
                    runs.append(check)
                starts = self._starts(energy, runs, rows, stream.fold(2), kernel)
                top = self._draws(energy, run.increments, betas, starts, stream.fold(3))
                chains = energy.chains(top)
                _, reverse = anneal(energy, chains, betas[::-1], stream.fold(4), kernel)
                estimate = _bracket(runs, reverse.sum(axis=0), len(starts))
                if is_last or self._is_sharp(estimate):
                    return estimate
            # A longer ladder makes the weights even. Once they are even, more chains
            # are needed to find all modes.
            if run.log_weight.std() > 1:
                betas = refined_ladder(betas, run.increments, 4 * len(betas))
            else:
                n_chains *= 4
        raise AssertionError("unreachable: the work grows to its limit")

    def _first_chains(self, energy):
        """Return the number of chains before it grows."""
        if self.n_chains == "auto":
            if energy.coupled:
                return _N_CHAINS[0]
            return int(np.clip(_WORK / energy.work, *_N_CHAINS))
        if not isinstance(self.n_chains, Integral) or self.n_chains < 2:
            raise ValueError(
                "n_chains of AIS must be 'auto' or a whole number from 2 on, since the "
                f"spread of chains tells the error of log Z; got {self.n_chains!r}."
            )
        return self.n_chains

    def _is_sharp(self, estimate):
        return estimate.upper - estimate.lower < (2 * _SIGMAS + 1) * self.tolerance

    def _starts(self, energy, runs, rows, random, kernel):
        """Return rows of several kinds at which chains of the model start.

        A mode that one kind misses may be found by another: the ends of the forward
        runs, chains that were cooled from a high temperature, and the chains of the
        training.
        """
        n_chains = len(runs[0].log_weight)
        kinds = [run.ends(random.fold(0, k)) for k, run in enumerate(runs)]
        chains = heated(energy, n_chains, random.fold(1), kernel)
        if chains is not None:
            kinds.append(energy.configurations(chains))
        if rows is not None:
            kinds.append(rows[np.arange(n_chains) % len(rows)])
        return kinds

    def _draws(self, energy, increments, betas, starts, random):
        """Return rows drawn from the model by parallel tempering.

        Row k began at a row of ``starts[k % len(starts)]``.
        """
        # The difference of the energies of neighbouring replicas has a standard
        # deviation near 1, so that they accept about every other exchange.
        lengths = np.r_[0.0, np.cumsum(increments.std(axis=1))]
        n_replicas = int(np.clip(lengths[-1], 4, _MAX_REPLICAS)) + 1
        equal_steps = np.linspace(0, lengths[-1], n_replicas)
        sampler = ParallelTempering(
            np.interp(equal_steps, lengths, betas), kernel=self.kernel
        )
        numbers = np.arange(increments.shape[1])
        top = np.stack(starts)[numbers % len(starts), numbers]
        state = sampler.init(energy, top, random.fold(0))
        # A mode that appears only near the model fills slowly. So tempering gets as
        # much work as both runs of importance sampling.
        same_work = 2 * len(betas) // n_replicas
        n_steps = max(_MIN_STEPS, _STEPS_PER_REPLICA * n_replicas, same_work)
        for t in range(n_steps):
            state = sampler.step(energy, state, random.fold(1, t))
        return energy.configurations(sampler.chains(state))


class _Run(NamedTuple):
    """A forward run: the chains at its end, and their weights.

    Attributes
    ----------
    energy : Energy
    chains : state
    increments : ndarray of shape (n_betas - 1, n_chains)
    """

    energy: object
    chains: object
    increments: np.ndarray

    @property
    def log_weight(self):
        """The log importance weights, whose mean is Z over Z of the reference."""
        return self.increments.sum(axis=0)

    @property
    def log_z(self):
        """The estimate of log Z."""
        return self.energy.reference.log_partition + _log_mean_exp(self.log_weight)

    def ends(self, random):
        """Return rows that are resampled by their weights."""
        rows = systematic(self.log_weight[None], random.fold(0))[0]
        rows = rows[random.fold(1).permutation(len(rows))]
        return self.energy.configurations(self.energy.take(self.chains, rows))


def _wide(energy):
    """Return the model with a wider reference, or None if it has no such reference."""
    make = getattr(energy, "with_wide_reference", None)
    return None if make is None else make(_WIDE)


def _forward(energy, n_chains, betas, random, kernel):
    """Return the run from the reference to the model."""
    chains = energy.chains(energy.reference.sample(n_chains, random.fold(0)))
    return _Run(energy, *anneal(energy, chains, betas, random.fold(1), kernel))


def _is_above(check, run):
    """Tell whether one run has found clearly more of Z than another."""
    noise = np.hypot(_stderr(check.log_weight), _stderr(run.log_weight))
    return check.log_z - run.log_z > _SIGMAS * noise


def _log_mean_exp(log_weight):
    return logsumexp(log_weight) - np.log(len(log_weight))


def _stderr(log_weight):
    """Return the standard error of the log of the mean weight, by the delta method."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.std(ddof=1) / weight.mean() / np.sqrt(len(weight)))


def _margin(log_weight):
    """Return the distance from an estimate to its end of the bracket."""
    stderr = _stderr(log_weight)
    return _SIGMAS * max(stderr, _NOISE) if stderr > _EQUAL else _SIGMAS * stderr


def _bracket(runs, reverse, n_kinds):
    """Return the estimate from the forward runs, and the weights of the reverse run.

    Row k of the reverse run began at a start of kind ``k % n_kinds``. Kinds that have
    not mixed see other modes, and the largest of their estimates counts.
    """
    forward = runs[0].log_weight
    log_z_reference = runs[0].energy.reference.log_partition
    lower = log_z_reference + _log_mean_exp(forward) - _margin(forward)
    upper = log_z_reference - _log_mean_exp(reverse) + _margin(reverse)
    for k in range(n_kinds):
        part = reverse[k::n_kinds]
        if len(part) > 1:  # one draw tells nothing of its error
            of_kind = log_z_reference - _log_mean_exp(part) - _SIGMAS * _stderr(part)
            upper = max(upper, of_kind)
    for run in runs[1:]:
        upper = max(upper, run.log_z - _SIGMAS * _stderr(run.log_weight))
    lower, upper = min(lower, upper), max(lower, upper)
    ratio, stderr = _bennett(forward, reverse)
    return Estimate(
        value=float(np.clip(log_z_reference + ratio, lower, upper)),
        lower=float(lower),
        upper=float(upper),
        stderr=stderr,
        ess=float(effective_size(forward)),
        method="ais",
    )


def _bennett(forward, reverse):
    """Return Bennett's estimate of log(Z / Z_reference), and its standard error.

    Of all combinations of the two directions it has the smallest variance (C. Bennett,
    J. Comput. Phys. 22, 1976). Both must have the same number of chains.
    """

    def imbalance(value):
        return expit(value - forward).sum() - expit(-reverse - value).sum()

    estimates = np.concatenate([forward, -reverse])
    value = brentq(imbalance, estimates.min() - 50, estimates.max() + 50)
    acceptances = expit(value - forward), expit(-reverse - value)
    variance = sum(
        rate.var() / max(rate.mean() ** 2, 1e-300) / len(rate) for rate in acceptances
    )
    return value, float(np.sqrt(variance))
