"""Annealed importance sampling, from both ends."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logsumexp
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.partition._base import Estimate
from skebm.samplers import ParallelTempering, anneal, resolve_kernel
from skebm.utils._validation import require

_PILOT = 200
# Standard errors of forward and reverse estimate at the ends of the bracket.
_SIGMAS = 3
_MAX_REPLICAS = 60
# Steps of tempering: at least this many, and this many for each replica.
_MIN_MIXING, _MIXING = 150, 8


class AIS(BaseEstimator):
    """Annealed importance sampling and its reverse: a bracket of log Z.

    The forward run goes from the reference to the model and, up to its noise, can only
    miss modes: its estimate errs downwards [1]_, [2]_. The reverse run goes from draws
    of the model to the reference and errs upwards [3]_. The draws come from parallel
    tempering, not from the forward run, which would confirm its own omissions.

    Parameters
    ----------
    n_chains : int, default=100
        Chains in either direction, to begin with.
    tolerance : float, default=0.1
        The ladder and the number of chains grow until the bracket, which holds six
        standard errors and the distance of the two estimates, is seven times as wide.
    max_temperatures : int, default=16000
        Budget: the longest ladder for ``n_chains``, and shorter ones for more chains.
    kernel : str or sampler, default="gibbs"
        Moves the chains.

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
            The sampler and the chains of a training, where chains of the model may
            start. Tempering moves them on before they are used.
        """
        energy = Energy.of(energy)
        require(energy, self, "Give the energy a base layer or a reference.")
        kernel = resolve_kernel(self.kernel, energy)
        start, top = energy.reference.log_partition, None
        if draws is not None:
            top = energy.configurations(draws.sampler.chains(draws.chains))
        betas, n_chains = np.linspace(0, 1, _PILOT), self.n_chains
        budget = self.max_temperatures * self.n_chains
        for attempt in range(64):
            last = 4 * len(betas) * n_chains > budget
            x = energy.reference.sample(n_chains, random.fold(attempt, 0))
            chains, stream = energy.chains(x), random.fold(attempt, 1)
            _, steps = anneal(energy, chains, betas, stream, kernel)
            forward = steps.sum(axis=0)
            # Half a nat here and there costs little: tempering waits for a ladder
            # whose forward run is already sharp.
            if _stderr(forward) < 4 * self.tolerance or last:
                top = self._draws(energy, steps, betas, top, random.fold(attempt, 2))
                chains, stream = energy.chains(top), random.fold(attempt, 3)
                _, back = anneal(energy, chains, betas[::-1], stream, kernel)
                estimate = _bracket(start, forward, back.sum(axis=0))
                if last or self._is_sharp(estimate):
                    return estimate
            # A longer ladder makes the weights even; once they are, what is left is
            # whether chains find all modes, and for that it takes more of them.
            if forward.std() > 1:
                betas = _refined(betas, steps, 4 * len(betas))
            else:
                n_chains *= 4
        raise AssertionError("unreachable: the work grows to its limit")

    def _is_sharp(self, estimate):
        return estimate.upper - estimate.lower < (2 * _SIGMAS + 1) * self.tolerance

    def _draws(self, energy, increments, betas, top, random):
        """Return rows drawn from the model, well mixed by tempering.

        ``top`` holds rows from which chains of the model start, or is None.
        """
        # As many replicas as the way is long in standard deviations of the energy
        # difference, so that neighbours exchange about every other time.
        lengths = np.r_[0.0, np.cumsum(increments.std(axis=1))]
        n_replicas = int(np.clip(lengths[-1], 4, _MAX_REPLICAS)) + 1
        where = np.linspace(0, lengths[-1], n_replicas)
        sampler = ParallelTempering(
            np.interp(where, lengths, betas), kernel=self.kernel
        )
        n_chains = increments.shape[1]
        if top is None:
            top = energy.reference.sample(n_chains, random.fold(0, n_replicas - 1))
        else:
            # The others start from the reference: modes that either has missed can
            # come from the other.
            top = top[np.arange(n_chains) % len(top)]
        state = sampler.init(energy, top, random.fold(0))
        # A mode that exists near the model alone fills slowly, so tempering gets as
        # much work as both runs of importance sampling.
        n_steps = max(_MIN_MIXING, _MIXING * n_replicas, 2 * len(betas) // n_replicas)
        for t in range(n_steps):
            state = sampler.step(energy, state, random.fold(1, t))
        return energy.configurations(sampler.chains(state))


def _refined(betas, increments, n_betas):
    """Return a ladder with equal steps of the increments' standard deviation."""
    density = increments.std(axis=1) + 1e-3 * increments.std(axis=1).mean() + 1e-12
    # Smoothed, since each entry is an estimate from a hundred chains.
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


def _bracket(base, forward, backward):
    lower = base + _log_mean_exp(forward) - _SIGMAS * _stderr(forward)
    upper = base - _log_mean_exp(backward) + _SIGMAS * _stderr(backward)
    lower, upper = min(lower, upper), max(lower, upper)
    ratio, stderr = _bennett(forward, backward)
    weight = np.exp(forward - forward.max())
    return Estimate(
        value=float(np.clip(base + ratio, lower, upper)),
        lower=float(lower),
        upper=float(upper),
        stderr=stderr,
        ess=float(weight.sum() ** 2 / (weight**2).sum()),
        method="ais",
    )


def _bennett(forward, backward):
    """Return Bennett's acceptance-ratio estimate of log(Z / Z_reference).

    It joins both directions with the smallest variance (C. Bennett, J. Comput. Phys.
    22, 1976); equal numbers of chains are assumed.
    """

    def imbalance(value):
        return expit(value - forward).sum() - expit(-backward - value).sum()

    ends = np.concatenate([forward, -backward])
    value = brentq(imbalance, ends.min() - 50, ends.max() + 50)
    a, b = expit(value - forward), expit(-backward - value)
    variance = sum(x.var() / max(x.mean() ** 2, 1e-300) / len(x) for x in (a, b))
    return value, float(np.sqrt(variance))
