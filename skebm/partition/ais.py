"""Annealed importance sampling in both directions."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition._base import Estimate
from skebm.samplers import ParallelTempering, anneal, resolve_kernel
from skebm.utils._validation import require

# Temperatures of the first ladder.
_N_FIRST_BETAS = 200
# Standard errors from the forward and from the reverse estimate to the ends of the
# bracket.
_SIGMAS = 3
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
    the model to the reference, and its estimate errs upwards [3]_. The draws come from
    parallel tempering. Draws of the forward run would miss the same modes as it does.

    Parameters
    ----------
    n_chains : int, default=100
        Number of chains in either direction, before it grows.
    tolerance : float, default=0.1
        In nats. The ladder and the number of chains grow until the width of the bracket
        is below seven times this number. The width is six standard errors plus the
        distance between the two estimates.
    max_temperatures : int, default=16000
        Largest number of temperatures with ``n_chains`` chains. With more chains it is
        smaller in proportion, so that it limits the work.
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
        self, n_chains=100, tolerance=0.1, max_temperatures=16000, kernel="gibbs"
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
        TypeError
            If the energy lacks a reference, or a capability that the kernel requires.
        """
        energy = Energy.of(energy)
        require(energy, self, "Give the energy a base layer or a reference.")
        kernel = resolve_kernel(self.kernel, energy)
        log_z_reference, top = energy.reference.log_partition, None
        if draws is not None:
            top = energy.configurations(draws.sampler.chains(draws.chains))
        betas, n_chains = np.linspace(0, 1, _N_FIRST_BETAS), self.n_chains
        budget = self.max_temperatures * self.n_chains
        for attempt in range(64):
            is_last = 4 * len(betas) * n_chains > budget
            x = energy.reference.sample(n_chains, random.fold(attempt, 0))
            chains, stream = energy.chains(x), random.fold(attempt, 1)
            _, increments = anneal(energy, chains, betas, stream, kernel)
            forward = increments.sum(axis=0)
            # The draws and the reverse run wait for a ladder with a sharp forward run,
            # since they cost more than that run.
            if _stderr(forward) < 4 * self.tolerance or is_last:
                stream = random.fold(attempt, 2)
                top = self._draws(energy, increments, betas, top, stream)
                chains, stream = energy.chains(top), random.fold(attempt, 3)
                _, reverse = anneal(energy, chains, betas[::-1], stream, kernel)
                estimate = _bracket(log_z_reference, forward, reverse.sum(axis=0))
                if is_last or self._is_sharp(estimate):
                    return estimate
            # A longer ladder makes the weights even. Once they are even, more chains
            # are needed to find all modes.
            if forward.std() > 1:
                betas = _refined(betas, increments, 4 * len(betas))
            else:
                n_chains *= 4
        raise AssertionError("unreachable: the work grows to its limit")

    def _is_sharp(self, estimate):
        return estimate.upper - estimate.lower < (2 * _SIGMAS + 1) * self.tolerance

    def _draws(self, energy, increments, betas, top, random):
        """Return rows drawn from the model by parallel tempering.

        ``top`` holds rows at which chains of the model start, or is None.
        """
        # The difference of the energies of neighbouring replicas has a standard
        # deviation near 1, so that they accept about every other exchange.
        lengths = np.r_[0.0, np.cumsum(increments.std(axis=1))]
        n_replicas = int(np.clip(lengths[-1], 4, _MAX_REPLICAS)) + 1
        equal_steps = np.linspace(0, lengths[-1], n_replicas)
        sampler = ParallelTempering(
            np.interp(equal_steps, lengths, betas), kernel=self.kernel
        )
        n_chains = increments.shape[1]
        if top is None:
            top = energy.reference.sample(n_chains, random.fold(0, n_replicas - 1))
        else:
            # The other replicas start from the reference. So modes that the training
            # has missed may come from the reference, and the other way round.
            top = top[np.arange(n_chains) % len(top)]
        state = sampler.init(energy, top, random.fold(0))
        # A mode that appears only near the model fills slowly. So tempering gets as
        # much work as both runs of importance sampling.
        same_work = 2 * len(betas) // n_replicas
        n_steps = max(_MIN_STEPS, _STEPS_PER_REPLICA * n_replicas, same_work)
        for t in range(n_steps):
            state = sampler.step(energy, state, random.fold(1, t))
        return energy.configurations(sampler.chains(state))


def _refined(betas, increments, n_betas):
    """Return a ladder on which all increments have the same standard deviation."""
    density = increments.std(axis=1) + 1e-3 * increments.std(axis=1).mean() + 1e-12
    # The density is smoothed, since each entry is a noisy estimate from the chains.
    width = max(1, len(density) // 50)
    padded = np.pad(density, width, mode="edge")
    kernel = np.ones(2 * width + 1) / (2 * width + 1)
    length = np.r_[0.0, np.convolve(padded, kernel, mode="valid").cumsum()]
    refined = np.interp(np.linspace(0, length[-1], n_betas), length, betas)
    refined[[0, -1]] = 0.0, 1.0
    return refined


def _log_mean_exp(log_weight):
    return logsumexp(log_weight) - np.log(len(log_weight))


def _stderr(log_weight):
    """Return the standard error of the log of the mean weight, by the delta method."""
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.std(ddof=1) / weight.mean() / np.sqrt(len(weight)))


def _bracket(log_z_reference, forward, reverse):
    """Return the estimate from the log weights of the forward and reverse runs."""
    lower = log_z_reference + _log_mean_exp(forward) - _SIGMAS * _stderr(forward)
    upper = log_z_reference - _log_mean_exp(reverse) + _SIGMAS * _stderr(reverse)
    lower, upper = min(lower, upper), max(lower, upper)
    ratio, stderr = _bennett(forward, reverse)
    weight = np.exp(forward - forward.max())
    return Estimate(
        value=float(np.clip(log_z_reference + ratio, lower, upper)),
        lower=float(lower),
        upper=float(upper),
        stderr=stderr,
        ess=float(weight.sum() ** 2 / (weight**2).sum()),
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
