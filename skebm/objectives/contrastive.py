"""Contrastive divergence, with chains from the data or persistent ones."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.objectives._base import (
    SampledState,
    contrast_after,
    descend,
    initial_offsets,
)
from skebm.samplers import SAMPLERS
from skebm.utils._validation import require, resolve

# Multiply-adds of a row in a step up to which PCD takes three steps.
_SMALL_WORK = 100_000
_REMEDY = "Choose another sampler."


class CD(BaseEstimator):
    """Contrastive divergence: chains start at the minibatch [1]_.

    Parameters
    ----------
    n_steps : int, default=1
        Steps of the sampler a gradient (the k of CD-k).
    sampler : str or sampler, default="gibbs"
        Moves the chains.
    centered : bool, default=True
        Whether to follow the centered gradient.

    References
    ----------
    .. [1] G. Hinton. "Training products of experts by minimizing contrastive
       divergence". Neural Computation 14 (2002).
    """

    def __init__(self, n_steps=1, sampler="gibbs", centered=True):
        self.n_steps = n_steps
        self.sampler = sampler
        self.centered = centered

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        sampler = resolve(self.sampler, SAMPLERS, "sampler")
        require(energy, sampler, _REMEDY)
        return SampledState(sampler, None, initial_offsets(energy, self.centered))

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the negative log-likelihood, and the next state.

        ``weight`` sums to one over the rows of ``X``.
        """
        chains = energy.chains(X)
        data = X, chains.inputs, weight
        gradient, _, offsets = contrast_after(
            energy, data, chains, weight, self.n_steps, state, random
        )
        return gradient, state._replace(offsets=offsets)

    def descend(self, energy, X, batches, steps, resample, state, averages, random):
        """Do the updates of several minibatches in one call, or return None."""
        plan = X, batches, steps, resample, None, self.n_steps
        return descend(energy, *plan, state, averages, random)


class PCD(BaseEstimator):
    """Persistent contrastive divergence: chains go on from gradient to gradient [1]_.

    Parameters
    ----------
    n_steps : int or "auto", default="auto"
        Steps of the sampler a gradient. ``"auto"`` is 3 for small models, of up to
        100,000 multiply-adds a row and step: there they cost little, and keep chains
        from falling behind rates that suit the data. Else 1.
    n_chains : int, default=100
        Number of chains, whatever the size of a minibatch.
    sampler : str or sampler, default="gibbs"
        Moves the chains.
    centered : bool, default=True
        Whether to follow the centered gradient.

    References
    ----------
    .. [1] T. Tieleman. "Training restricted Boltzmann machines using approximations to
       the likelihood gradient". ICML 2008.
    """

    def __init__(self, n_steps="auto", n_chains=100, sampler="gibbs", centered=True):
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.sampler = sampler
        self.centered = centered

    def init(self, energy, random):
        """Return the state before the first minibatch: chains from the reference."""
        sampler = resolve(self.sampler, SAMPLERS, "sampler")
        require(energy, sampler, _REMEDY)
        chains = sampler.init(energy, self.n_chains, random)
        return SampledState(sampler, chains, initial_offsets(energy, self.centered))

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the negative log-likelihood, and the next state.

        ``weight`` sums to one over the rows of ``X``. The chains keep what the hidden
        units received under the weights before this update: one update is a small
        step beside a sweep, and it saves a third of the products.
        """
        data = X, None, weight
        gradient, chains, offsets = contrast_after(
            energy, data, state.chains, None, self.steps(energy), state, random
        )
        return gradient, state._replace(chains=chains, offsets=offsets)

    def descend(self, energy, X, batches, steps, resample, state, averages, random):
        """Do the updates of several minibatches in one call, or return None."""
        plan = X, batches, steps, resample, state.chains, self.steps(energy)
        return descend(energy, *plan, state, averages, random)

    def steps(self, energy):
        """Return how many steps of the sampler a gradient of this energy takes."""
        if self.n_steps != "auto":
            return self.n_steps
        return 3 if getattr(energy, "work", np.inf) <= _SMALL_WORK else 1
