"""Annealing and parallel tempering along the way from the reference to the model."""

import itertools
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._parallel import map_blocks


def anneal(energy, chains, betas, random):
    """Take chains along ``betas``, weighing them as importance sampling does [1]_.

    Parameters
    ----------
    energy : energy with ``interpolate`` and ``gibbs_sweep``
    chains : state
        Draws from ``energy.interpolate(betas[0])``.
    betas : ndarray of shape (n_betas,)
        Rising for the forward direction, falling for the reverse.
    random : Random

    Returns
    -------
    chains : state
        At ``betas[-1]``.
    increments : ndarray of shape (n_betas - 1, n_chains)
        What each stage adds to the log importance weights.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    """
    stages = [energy.interpolate(beta) for beta in betas]

    def block(part):
        state, own = type(chains)(*(a[part] for a in chains)), random.rows(part.start)
        increments = np.empty((len(betas) - 1, len(state[0])))
        for k, (here, there) in enumerate(itertools.pairwise(stages)):
            before = here.energy(state.visible, state.inputs)
            increments[k] = before - there.energy(state.visible, state.inputs)
            state = there.gibbs_sweep(state, own.fold(k))
        return state, increments

    n_chains = chains[0].shape[0]
    parts = map_blocks(block, n_chains, energy.work)
    states, increments = zip(*parts, strict=True)
    merged = map(np.concatenate, zip(*states, strict=True))
    return type(chains)(*merged), np.concatenate(increments, axis=1)


class TemperedChains(NamedTuple):
    """Chains of the model, and the replicas at lower couplings that feed them.

    Attributes
    ----------
    visible, inputs : ndarray
        The chains at ``beta = 1``, as :class:`skebm.energies.Chains` has them.
    replicas : list of states
        One a temperature, from the reference to the model.
    n_swaps : ndarray of shape (n_temperatures - 1,)
        Accepted exchanges of each pair of neighbours.
    n_steps : int
    """

    visible: np.ndarray
    inputs: np.ndarray
    replicas: list
    n_swaps: np.ndarray
    n_steps: int = 0


class ParallelTempering(BaseEstimator):
    """Replicas from the reference to the model that exchange their states [1]_.

    A chain that visits the reference, where all units are independent, comes back in
    any mode: so the chains at the model change modes that Gibbs sampling cannot leave.

    Parameters
    ----------
    betas : int or array-like, default=10
        Number of equally spaced temperatures, or their couplings rising from 0 to 1.

    References
    ----------
    .. [1] G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau. "Tempered
       Markov chain Monte Carlo for training of restricted Boltzmann machines".
       AISTATS 2010.
    """

    requires = ("gibbs_sweep", "interpolate")

    def __init__(self, betas=10):
        self.betas = betas

    def _betas(self):
        if np.ndim(self.betas) == 0:
            return np.linspace(0, 1, self.betas)
        return np.asarray(self.betas, dtype=np.float64)

    def init(self, energy, n_chains, random):
        """Start every replica from the reference."""
        return self.spread(
            [
                energy.sample_reference(n_chains, random.fold(k))
                for k in range(len(self._betas()))
            ]
        )

    def spread(self, replicas):
        """Return the state that holds these chains, one entry a temperature."""
        top = replicas[-1]
        n_swaps = np.zeros(len(replicas) - 1)
        return TemperedChains(top.visible, top.inputs, list(replicas), n_swaps)

    def step(self, energy, state, random):
        """Sweep every replica, then offer exchanges to neighbouring pairs."""
        models = [energy.interpolate(beta) for beta in self._betas()]
        if not hasattr(state, "replicas"):  # chains that stand at data, as in CD
            state = self.spread([state] * len(models))

        def sweep(part):
            return [
                models[k].gibbs_sweep(state.replicas[k], random.fold(0, k))
                for k in range(part.start, part.stop)
            ]

        work = energy.work * len(state.visible)
        parts = map_blocks(sweep, len(models), work, size=1)
        replicas = [replica for part in parts for replica in part]
        accepted = state.n_swaps.copy()
        for k in range(state.n_steps % 2, len(models) - 1, 2):
            pair = models[k : k + 2], replicas[k : k + 2]
            replicas[k : k + 2], rate = _exchange(*pair, random.fold(1, k))
            accepted[k] += 2 * rate  # a pair is offered at every other step
        top = replicas[-1]
        return TemperedChains(
            top.visible, top.inputs, replicas, accepted, state.n_steps + 1
        )


def _exchange(models, replicas, random):
    """Exchange the rows of two replicas where Metropolis' rule accepts."""
    cold, hot = models
    a, b = replicas
    gain = (
        cold.energy(a.visible, a.inputs)
        + hot.energy(b.visible, b.inputs)
        - cold.energy(b.visible, b.inputs)
        - hot.energy(a.visible, a.inputs)
    )
    swap = np.log(random.uniform((len(gain), 1))) < gain[:, None]
    exchanged = [
        type(a)(*(np.where(swap, y, x) for x, y in zip(*pair, strict=True)))
        for pair in ((a, b), (b, a))
    ]
    return exchanged, swap.mean()
