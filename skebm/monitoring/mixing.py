"""How well the training's chains mix under the fitted model."""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from skebm.metrics import ess, rhat
from skebm.utils._parallel import use_threads

# Draws a chain, and the distances over which they are compared. A draw is what one
# update moves the chains by, so 110 of them are a few per cent of a default fit.
_N_DRAWS, _NEAR, _FAR = 110, 20, 100
_N_DIRECTIONS = 4
# Chains mix too slowly if they forget in more than this many times the fit's updates:
# 784-16 RBMs of MNIST need about as many, and learn well; planted clusters hundreds.
_LONG = 2
# Correlation below which a quantity changes fast enough not to be looked at.
_REMEMBERED = 0.7
_MIN_CHAINS, _MIN_UPDATES = 20, 1000


class Figures(NamedTuple):
    """What was measured: the worst quantity of each.

    Attributes
    ----------
    rhat, ess : float
    memory : float
        Updates in which the slowest quantity forgets its value (its correlation falls
        by a factor e); 0 if that is too fast to tell, infinite if nothing is forgotten.
    """

    rhat: float
    ess: float
    memory: float


class Mixing:
    """Diagnostics of persistent chains, measured at first use and kept.

    The chains go on from where the training left them, under the fitted model. What is
    watched: the free energy, and what the hidden units receive along the directions in
    which the chains differ most.

    Parameters
    ----------
    energy : energy
        The fitted model.
    sampler : sampler
    state : state of the sampler
    n_steps : int
        Steps of the sampler an update.
    random : Random
        Its key is fixed by ``fit``: figures are the same whenever they are measured.
    n_jobs : int or None
    """

    def __init__(self, energy, sampler, state, n_steps, random, n_jobs):
        self._task = energy, sampler, state, n_steps, random
        self._n_jobs = n_jobs

    @classmethod
    def of(cls, energy, training, objective, n_jobs):
        """Return the diagnostics of a training, or None if it has no chains."""
        state = training.objective_state
        if getattr(state, "chains", None) is None:
            return None
        objective = getattr(objective, "generative", objective)
        n_steps = objective.steps(energy) if hasattr(objective, "steps") else 1
        return cls(
            energy,
            state.sampler,
            state.chains,
            n_steps,
            training.random.fold(5),
            n_jobs,
        )

    @cached_property
    def figures(self):
        """The :class:`Figures`."""
        with use_threads(self._n_jobs):
            draws = self._draws()
        worst = np.fmax.reduce(rhat(draws)), np.fmin.reduce(ess(draws))
        return Figures(float(worst[0]), float(worst[1]), _memory(draws))

    def _draws(self):
        """Return draws of shape (n_draws, n_chains, n_quantities)."""
        energy, sampler, state, n_steps, random = self._task
        features = energy.features(sampler.chains(state))
        center = features.mean(axis=0)
        axes = np.linalg.svd(features - center, full_matrices=False)[2]
        axes, draws = axes[:_N_DIRECTIONS].T, []
        for t in range(_N_DRAWS):
            for k in range(n_steps):
                state = sampler.step(energy, state, random.fold(t, k))
            chains = sampler.chains(state)
            energies = energy.chain_energy(chains)
            along = (energy.features(chains) - center) @ axes
            draws.append(np.column_stack([energies, along]))
        return np.array(draws)

    def complaint(self, n_updates):
        """Return a sentence if chains stay in their modes, else None.

        After fits of few updates there is no look, which would cost too much of them.
        """
        energy, sampler, state, *_ = self._task
        n_chains = energy.n_chains(sampler.chains(state))
        if n_updates < _MIN_UPDATES or n_chains < _MIN_CHAINS:
            return None
        if self.figures.memory < _LONG * n_updates:
            return None
        return (
            f"The chains do not mix: in the {n_updates} updates of the fit most never "
            f"changed modes (R-hat {self.figures.rhat:.1f}), so how much probability "
            "the model gives to each mode is not to be trusted. Fit "
            "RBMDensity(objective=PCD(sampler='tempering'))."
        )


def _memory(draws):
    """Return the relaxation time of the slowest quantity, in draws.

    From the fall of the correlation between two lags, since what chains do within a
    mode is forgotten at once, and takes the same share of both.
    """
    starts = draws[: _N_DRAWS - _FAR]
    near, far = (
        np.mean(list(map(_correlation, starts, draws[lag:])), axis=0)
        for lag in (_NEAR, _FAR)
    )
    slow = far > _REMEMBERED
    if not slow.any():
        return 0.0
    with np.errstate(divide="ignore"):
        times = (_FAR - _NEAR) / np.log(np.maximum(near[slow] / far[slow], 1))
    return float(times.max())


def _correlation(a, b):
    """Return the correlation over chains of each quantity; 0 where one is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return (a * b).sum(axis=0) / np.where(scale > 0, scale, np.inf)
