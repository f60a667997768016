"""Diagnostics of how the chains of a training mix under the fitted model."""

from typing import NamedTuple

import numpy as np

from skebm.metrics import ess, rhat
from skebm.utils._lazy import Lazy

# Draws of each chain. One update moves the chains by one draw, so the draws cost a few
# per cent of a default fit.
_N_DRAWS = 110
# Lags, in draws, at which correlations are compared. Within a mode chains forget
# before the short lag is over.
_SHORT_LAG = 20
_LONG_LAG = 100
# Directions in which the inputs of the hidden units are watched.
_N_DIRECTIONS = 4
# Chains mix too slowly if their memory is longer than this many times the updates of
# the fit. The chains of 784-16 RBMs of MNIST, which learn well, have a memory about as
# long as the fit, and the chains of planted clusters one of hundreds of fits.
_MAX_MEMORY = 2
# A quantity whose correlation is below this changes fast enough.
_SLOW_CORRELATION = 0.7
# The correlation over fewer chains says too little for a warning.
_MIN_CHAINS = 20
# Beside fewer updates the draws would cost too much.
_MIN_UPDATES = 1000


class Figures(NamedTuple):
    """Diagnostics of chains, each of the quantity that mixes worst.

    Attributes
    ----------
    rhat : float
        The largest R-hat.
    ess : float
        The smallest effective sample size.
    memory : float
        Number of updates in which the correlation of the slowest quantity falls by a
        factor e. It is 0 if that is too fast to tell, and infinite if the correlation
        does not fall.
    """

    rhat: float
    ess: float
    memory: float


class Mixing(Lazy):
    """Diagnostics of persistent chains, measured at first use and kept.

    The chains go on from where the training left them, under the fitted model. The
    diagnostics watch the free energy, and the inputs of the hidden units along the
    directions in which the chains differ most.

    Parameters
    ----------
    energy : energy
        The fitted model.
    sampler : sampler
    state : state of the sampler
    n_steps : int
        Steps of the sampler in an update.
    random : Random
        The source of random numbers. ``fit`` fixes its key, so the figures do not
        depend on when they are measured.
    n_jobs : int or None
        Number of threads.
    """

    def __init__(self, energy, sampler, state, n_steps, random, n_jobs):
        super().__init__(n_jobs)
        self._task = energy, sampler, state, n_steps, random

    @classmethod
    def of(cls, energy, training, objective, n_jobs):
        """Return the diagnostics of a training, or None if it has no chains."""
        state = training.objective_state
        if getattr(state, "chains", None) is None:
            return None
        objective = getattr(objective, "generative", objective)
        n_steps = 1
        if hasattr(objective, "steps"):
            n_steps = objective.steps(energy, state.sampler)
        return cls(
            energy,
            state.sampler,
            state.chains,
            n_steps,
            training.random.fold(5),
            n_jobs,
        )

    @property
    def figures(self):
        """The :class:`Figures`."""
        return self._once("figures", self._measured)

    @property
    def is_measured(self):
        """Whether the figures have been measured."""
        return bool(self._results)

    def _measured(self):
        draws = self._draws()
        worst_rhat, worst_ess = np.fmax.reduce(rhat(draws)), np.fmin.reduce(ess(draws))
        return Figures(float(worst_rhat), float(worst_ess), _memory(draws))

    def _draws(self):
        """Return draws of shape (n_draws, n_chains, n_quantities)."""
        energy, sampler, state, n_steps, random = self._task
        features = energy.features(sampler.chains(state))
        center = features.mean(axis=0)
        axes = np.linalg.svd(features - center, full_matrices=False)[2]
        axes = axes[:_N_DIRECTIONS].T
        draws = []
        for t in range(_N_DRAWS):
            for k in range(n_steps):
                state = sampler.step(energy, state, random.fold(t, k))
            chains = sampler.chains(state)
            energies = energy.chain_energy(chains)
            coordinates = (energy.features(chains) - center) @ axes
            draws.append(np.column_stack([energies, coordinates]))
        return np.array(draws)

    def complaint(self, n_updates):
        """Return a warning if chains stay in their modes, else None.

        After a fit of few updates nothing is measured: it would take too large a share
        of the time of the fit.
        """
        energy, sampler, state, *_ = self._task
        n_chains = energy.n_chains(sampler.chains(state))
        if n_updates < _MIN_UPDATES or n_chains < _MIN_CHAINS:
            return None
        if self.figures.memory < _MAX_MEMORY * n_updates:
            return None
        return (
            f"The chains do not mix: in the {n_updates} updates of the fit most of "
            f"them never changed modes (R-hat {self.figures.rhat:.1f}). So the "
            "probabilities that the model gives to its modes are not to be trusted. "
            "Fit RBMDensity(objective=PCD(sampler='tempering'))."
        )


def _memory(draws):
    """Return the relaxation time of the slowest quantity, in draws.

    It comes from the fall of the correlation between two lags. Movements within a mode
    are forgotten before the short lag, and lower both correlations by the same factor.
    """
    starts = draws[: _N_DRAWS - _LONG_LAG]
    at_short, at_long = (
        np.mean(list(map(_correlation, starts, draws[lag:])), axis=0)
        for lag in (_SHORT_LAG, _LONG_LAG)
    )
    slow = at_long > _SLOW_CORRELATION
    if not slow.any():
        return 0.0
    with np.errstate(divide="ignore"):
        falls = np.log(np.maximum(at_short[slow] / at_long[slow], 1))
        times = (_LONG_LAG - _SHORT_LAG) / falls
    return float(times.max())


def _correlation(a, b):
    """Return the correlation over chains of each quantity; 0 if it is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return (a * b).sum(axis=0) / np.where(scale > 0, scale, np.inf)
