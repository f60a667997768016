"""Contrastive divergence, with chains that start at the data or persist."""

from typing import NamedTuple

from sklearn.base import BaseEstimator

from skebm.energies import Energy, NegativePhase, PositivePhase
from skebm.samplers import SAMPLERS
from skebm.utils._validation import require, resolve

# With at most this many multiply-adds for each row and step, three steps cost little.
_SMALL_WORK = 100_000
# The same for models with couplings, in which a draw takes longer than the products.
# With few units three steps help: of two clusters of 16 columns the smaller one gets
# up to 0.14 too much in one of six fits with one step, and 0.05 with three.
_SMALL_COUPLED = 10_000
# Share of the distance to the means of a minibatch that the offsets go.
_OFFSET_RATE = 0.01


class ContrastiveState(NamedTuple):
    """Chains and offsets, which are carried from one minibatch to the next.

    Attributes
    ----------
    sampler : sampler
    chains : state of the sampler, or None
        None if the chains start anew at each minibatch.
    offsets : tuple of ndarray, or None
        Moving averages of the visible and hidden units over the data. None for an
        energy without a centered gradient.
    """

    sampler: object
    chains: object
    offsets: tuple | None


class _Contrastive(BaseEstimator):
    """Base of CD and PCD: positive minus negative phase, and the moving offsets.

    A subclass says where chains start: before the first minibatch (``_first_chains``),
    and at each minibatch (``_start``).
    """

    _persists = True

    def init(self, energy, random):
        """Return the state before the first minibatch."""
        energy = Energy.of(energy)
        sampler = resolve(self.sampler, SAMPLERS, "sampler")
        require(energy, sampler, "Choose another sampler.")
        if not self._persists and hasattr(sampler, "tuned"):
            # Chains that start anew do not carry a step size from step to step.
            sampler = sampler.tuned(energy)
        offsets = energy.initial_offsets() if self.centered else None
        chains = self._first_chains(energy, sampler, random)
        return ContrastiveState(sampler, chains, offsets)

    def gradient(self, energy, X, weight, state, random):
        """Return the gradient of the negative log-likelihood, and the next state.

        Parameters
        ----------
        energy : energy
        X : {ndarray, CSR matrix} of shape (n, n_features)
        weight : ndarray of shape (n,) or None
            Sums to one; None weighs all rows alike.
        state : ContrastiveState
        random : Random

        Returns
        -------
        gradient : dict of str to ndarray
        state : ContrastiveState
        """
        energy = Energy.of(energy)
        data, chains, chain_weight = self._start(energy, X, weight, state, random)
        sampler = state.sampler
        n_steps = self.steps(energy, sampler)
        fused = self._fused(energy, sampler, X)
        if fused is not None:
            randoms = [
                random.fold(t, s) for t in range(n_steps) for s in range(sampler.sweeps)
            ]
            gradient, chains, targets = fused.gradient(
                PositivePhase(X, weight, data),
                NegativePhase(chains, chain_weight, randoms),
                state.offsets,
            )
            return gradient, self._next(state, chains, targets)
        if data is None:
            positive = energy.start_phase(X, weight)
        else:
            positive = energy.start_chain_phase(data, weight)
        for t in range(n_steps):
            chains = sampler.step(energy, chains, random.fold(t))
        negative = energy.start_chain_phase(sampler.chains(chains), chain_weight)
        negative, positive = negative.result(), positive.result()
        targets = energy.offset_targets(positive)
        gradient = energy.contrast(positive, negative, state.offsets)
        return gradient, self._next(state, chains, targets)

    def fused_updates(self, energy, updates, state):
        """Do several updates of plain gradient descent in one call of a kernel.

        Parameters
        ----------
        energy : energy
            Updated in place.
        updates : Updates
            Without the chains and the offsets, which come from the state.
        state : ContrastiveState

        Returns
        -------
        ContrastiveState or NotImplemented
            ``NotImplemented`` if there is no kernel for the updates.
        """
        energy = Energy.of(energy)
        fused = self._fused(energy, state.sampler, updates.X)
        if fused is None or updates.adam or updates.shares:
            return NotImplemented
        updates = updates._replace(
            chains=state.chains,
            offsets=state.offsets,
            offset_rate=_OFFSET_RATE,
            n_sweeps=(self.steps(energy, state.sampler), state.sampler.sweeps),
        )
        chains, offsets = fused.updates(updates)
        if state.chains is None:
            chains = None
        return state._replace(chains=chains, offsets=offsets)

    def steps(self, energy, sampler):
        """Return the number of steps of the sampler for each gradient."""
        return self.n_steps

    @staticmethod
    def _fused(energy, sampler, X):
        """Return kernels that do the same as the separate steps, or None."""
        fused = energy.fused
        usable = fused is not None and sampler.sweeps is not None and fused.accepts(X)
        return fused if usable else None

    def _next(self, state, chains, targets):
        """Return the state with these chains, and offsets nearer to their targets."""
        if state.chains is None:
            chains = None
        if state.offsets is None:
            return state._replace(chains=chains)
        offsets = tuple(
            old + old.dtype.type(_OFFSET_RATE) * (new - old)
            for old, new in zip(state.offsets, targets, strict=True)
        )
        return state._replace(chains=chains, offsets=offsets)


class CD(_Contrastive):
    """Contrastive divergence: chains start at the minibatch [1]_.

    Parameters
    ----------
    n_steps : int, default=1
        Steps of the sampler for each gradient (the k of CD-k).
    sampler : str or sampler, default="gibbs"
        The sampler that moves the chains.
    centered : bool, default=True
        Whether to follow the centered gradient.

    References
    ----------
    .. [1] G. Hinton. "Training products of experts by minimizing contrastive
       divergence". Neural Computation 14 (2002).
    """

    _persists = False

    def __init__(self, n_steps=1, sampler="gibbs", centered=True):
        self.n_steps = n_steps
        self.sampler = sampler
        self.centered = centered

    def _first_chains(self, energy, sampler, random):
        if sampler.needs_persistence:
            raise ValueError(
                f"{type(sampler).__name__} keeps more than chains between steps, so it "
                "needs chains that go on. Use it in PCD, or another sampler."
            )

    def _start(self, energy, X, weight, state, random):
        """Return chains at the rows, the state of the sampler, and its weights."""
        data = energy.chains(X)
        chains = state.sampler.spread(energy, data, random.fold(self.n_steps))
        return data, chains, weight


class PCD(_Contrastive):
    """Persistent contrastive divergence: chains go on from gradient to gradient [1]_.

    The chains keep the inputs of the hidden units, computed with the weights before an
    update. An update changes them little, compared with a sweep, and not to compute
    them again saves a third of the matrix products.

    Parameters
    ----------
    n_steps : int or "auto", default="auto"
        Steps of the sampler for each gradient. ``"auto"`` is 3 for small models, with
        up to 100,000 multiply-adds for each row and step (10,000 with couplings), and 1
        for others. In small models three steps cost little, and the chains can follow a
        learning rate that suits the data.
    n_chains : int, default=100
        Number of chains. It does not depend on the size of a minibatch.
    sampler : str or sampler, default="gibbs"
        The sampler that moves the chains.
    centered : bool, default=True
        Whether to follow the centered gradient.

    References
    ----------
    .. [1] T. Tieleman. "Training restricted Boltzmann machines using approximations to
       the likelihood gradient". ICML 2008.
    """

    requires = ("reference",)

    def __init__(self, n_steps="auto", n_chains=100, sampler="gibbs", centered=True):
        self.n_steps = n_steps
        self.n_chains = n_chains
        self.sampler = sampler
        self.centered = centered

    def _first_chains(self, energy, sampler, random):
        """Return chains that start at draws from the reference."""
        require(energy, self, "Use objective='cd', whose chains start at the data.")
        x = energy.reference.sample(self.n_chains, random)
        return sampler.init(energy, x, random)

    def _start(self, energy, X, weight, state, random):
        """Return no chains at the rows, the persistent chains, and no weights."""
        return None, state.chains, None

    def steps(self, energy, sampler):
        """Return the number of steps of the sampler for each gradient."""
        if self.n_steps != "auto":
            return self.n_steps
        energy = Energy.of(energy)
        # A ladder has to follow the model at every rung, coupled or not.
        follows = energy.coupled and sampler.sweeps is not None
        return 3 if energy.work <= (_SMALL_COUPLED if follows else _SMALL_WORK) else 1
