"""Parallel tempering along the way from the reference to the model."""

from typing import NamedTuple

import numpy as np

from skebm.energies import Energy
from skebm.samplers._base import (
    Sampler,
    exchange,
    follow_ladder,
    named_kernel,
    resolve_kernel,
)

# Number of temperatures with which "auto" starts.
_N_FIRST_BETAS = 10
# Number of steps after which the ladder of "auto" adapts.
_PERIOD = 50
# A ladder stays as it is if its acceptance rates differ by less than this. A change has
# a cost: replicas need a few sweeps at their new temperatures.
_UNEVEN = 0.15


class TemperedChains(NamedTuple):
    """Chains of the model, and replicas at lower couplings.

    Attributes
    ----------
    replicas : list of states
        The chains of each temperature, from the reference to the model.
    betas : ndarray of shape (n_temperatures,)
        The couplings of the replicas, rising from 0 to 1.
    n_swaps : ndarray of shape (n_temperatures - 1,)
        Expected number of accepted exchanges of each pair of neighbours.
    n_steps : int
        Number of steps that ``n_swaps`` counts. If the ladder adapts, both begin at 0
        after each adaptation.
    kernels : list of samplers
        The sampler that moves each replica. Step sizes that are ``"auto"`` differ, and
        follow their models.
    """

    replicas: list
    betas: np.ndarray
    n_swaps: np.ndarray
    n_steps: int = 0
    kernels: list = ()


class ParallelTempering(Sampler):
    """Replicas from the reference to the model that exchange their states [1]_.

    All units are independent in the reference. So a chain that visits the reference may
    come back in any mode, and the chains of the model change between modes that Gibbs
    sampling alone cannot leave.

    Parameters
    ----------
    betas : "auto", int or array-like, default="auto"
        Number of equally spaced couplings, or the couplings themselves, which rise from
        0 to 1. With ``"auto"`` the ladder follows the model [2]_. Every 50 steps the
        couplings move to where all neighbours have the same rejection rate: there the
        cumulative rejection rate rises in equal steps [3]_. Their number changes until
        the rate is ``swap_rate``. The ladder adapts after all exchanges of a step, so a
        step leaves the distribution of all replicas invariant.
    swap_rate : float in (0, 1), default=0.3
        Rate of accepted exchanges at which ``"auto"`` aims.
    max_betas : int, default=20
        Largest number of couplings of ``"auto"``.
    kernel : str or sampler, default="gibbs"
        The sampler that moves the chains of each replica.

    References
    ----------
    .. [1] G. Desjardins, A. Courville, Y. Bengio, P. Vincent, O. Delalleau. "Tempered
       Markov chain Monte Carlo for training of restricted Boltzmann machines".
       AISTATS 2010.
    .. [2] G. Desjardins, A. Courville, Y. Bengio. "Adaptive parallel tempering for
       stochastic maximum likelihood learning of RBMs". arXiv 1012.3476 (2010).
    .. [3] S. Syed, A. Bouchard-Cote, G. Deligiannidis, A. Doucet. "Non-reversible
       parallel tempering: a scalable highly parallel MCMC scheme". JRSS B 84 (2022).
    """

    requires = ("reference",)

    def __init__(self, betas="auto", swap_rate=0.3, max_betas=20, kernel="gibbs"):
        self.betas = betas
        self.swap_rate = swap_rate
        self.max_betas = max_betas
        self.kernel = kernel

    @property
    def _adapts(self):
        return isinstance(self.betas, str)

    def _first_betas(self):
        """Return the ladder of the first step, and check the parameters."""
        if self._adapts:
            if self.betas != "auto":
                raise ValueError(f"betas={self.betas!r} is not known. Known: 'auto'.")
            if not (0 < self.swap_rate < 1 and self.max_betas >= 2):
                raise ValueError(
                    "swap_rate must lie between 0 and 1, and max_betas be at least 2; "
                    f"they are {self.swap_rate!r} and {self.max_betas!r}."
                )
            return np.linspace(0, 1, min(_N_FIRST_BETAS, self.max_betas))
        if np.ndim(self.betas) == 0:
            betas = np.linspace(0, 1, self.betas)
        else:
            betas = np.asarray(self.betas, dtype=np.float64)
        rises = len(betas) > 1 and betas[0] >= 0 and (np.diff(betas) >= 0).all()
        if not (rises and betas[-1] == 1):
            raise ValueError(
                "betas must be 'auto', a number of at least 2, or couplings that rise "
                f"to 1; it is {self.betas!r}."
            )
        return betas

    def spread(self, energy, chains, random):
        """Return the state in which all other replicas start from the reference."""
        kernel = resolve_kernel(self.kernel, energy)
        n_chains, betas = energy.n_chains(chains), self._first_betas()
        replicas = [
            energy.chains(energy.reference.sample(n_chains, random.fold(k)))
            for k in range(len(betas) - 1)
        ]
        n_swaps, kernels = np.zeros(len(replicas)), [kernel] * len(betas)
        return TemperedChains([*replicas, chains], betas, n_swaps, kernels=kernels)

    def chains(self, state):
        """Return the chains at ``beta = 1``."""
        return state.replicas[-1]

    def step(self, energy, state, random):
        """Move every replica, then propose exchanges to neighbouring pairs."""
        energy = Energy.of(energy)
        models = [energy.interpolate(beta) for beta in state.betas]
        follows = getattr(named_kernel(self.kernel), "adapts", False)
        replicas, kernels = follow_ladder(
            models, state.replicas, state.kernels, random, follows
        )
        n_swaps = state.n_swaps.copy()
        for k in range(state.n_steps % 2, len(models) - 1, 2):
            # Both models can use the same states: see Energy.interpolate.
            drawn = replicas[k : k + 2]
            replicas[k : k + 2], _, up, down = exchange(
                models[k : k + 2], drawn, drawn, random.fold(1, k)
            )
            # A pair has its turn at every other step.
            n_swaps[k] += 2 * np.exp(np.minimum(up + down, 0)).mean()
        state = TemperedChains(
            replicas, state.betas, n_swaps, state.n_steps + 1, kernels
        )
        if self._adapts and state.n_steps == _PERIOD:
            return self._adapted(state)
        return state

    def _adapted(self, state):
        """Return the state on a ladder whose neighbours exchange at ``swap_rate``."""
        rates = state.n_swaps / state.n_steps
        betas = _equalised(state.betas, rates, self.swap_rate, self.max_betas)
        if len(betas) == len(state.betas) and np.ptp(rates) < _UNEVEN:
            betas = state.betas
        # A new replica starts at the chains of the nearest former coupling.
        nearest = np.abs(betas[:, None] - state.betas).argmin(axis=1)
        return state._replace(
            replicas=[state.replicas[k] for k in nearest],
            kernels=[state.kernels[k] for k in nearest],
            betas=betas,
            n_swaps=np.zeros(len(betas) - 1),
            n_steps=0,
        )


def _equalised(betas, rates, swap_rate, max_betas):
    """Return the ladder with equal steps of the cumulative rejection rate.

    Rejection rates add up along the ladder as long as none is near 1. So the number of
    pairs is the sum of the rates divided by the rejection rate that a pair should have.
    """
    rejection = np.maximum(1 - rates, 1e-6)
    # A tenth of a pair is noise.
    n_pairs = np.ceil(rejection.sum() / (1 - swap_rate) - 0.1)
    n_pairs = int(np.clip(n_pairs, 1, max_betas - 1))
    length = np.r_[0.0, rejection.cumsum()]
    equalised = np.interp(np.linspace(0, length[-1], n_pairs + 1), length, betas)
    equalised[[0, -1]] = 0.0, 1.0
    return equalised
