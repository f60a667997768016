"""Tempering along the checkpoints of a training, with log Z as a by-product."""

from typing import NamedTuple

import numpy as np
from scipy.special import erfcinv

from skebm.energies import Energy
from skebm.samplers._base import (
    Sampler,
    anneal,
    exchange,
    resolve_kernel,
    sweep,
    sweep_ladder,
)
from skebm.samplers._bridges import HORIZON, Bridges

# Stages and sweeps that find the first ladder of a model that was trained before.
_PILOT, _SETTLE = 50, 5
# Visits after which a running average is worth a look.
_MEASURED = 10
# Share of a rung's chains that must have come up from the reference since the rung was
# made: what is left of those it began with biases its averages little from then on.
_SETTLED = 0.9


class TrajectoryChains(NamedTuple):
    """Chains of the present model, and the replicas at its checkpoints.

    Attributes
    ----------
    top : state
        The chains of the model.
    rungs : tuple of energies
        Copies of the model as it was, from the reference on.
    replicas : tuple of states
        The chains of each rung.
    rates : ndarray of shape (n_rungs,)
        How often a rung and the next one exchange; the last is next to the model.
    births : ndarray of shape (n_rungs,)
        The step at which each rung was made.
    renewals : ndarray of shape (n_rungs + 1, n_chains)
        The step at which what is now there was last drawn from the reference; -1 never.
    settled : ndarray of shape (n_rungs,), bool
        Rungs that have forgotten the chains that they began with.
    bridges : Bridges
        Between neighbouring rungs; begun anew where the upper one has settled.
    n_steps, due : int
        Steps so far, and the step of the next look at how far the last checkpoint is.
    """

    top: object
    rungs: tuple
    replicas: tuple
    rates: np.ndarray
    births: np.ndarray
    renewals: np.ndarray
    settled: np.ndarray
    bridges: Bridges
    n_steps: int = 0
    due: int = 1


class TrajectoryTempering(Sampler):
    """Tempering whose ladder is the training itself: checkpoints of the model [1]_.

    The first rung is the reference, whose units are independent and whose log Z is
    known. Where the model has moved so far from its last checkpoint that exchanges
    between them become rare, a copy of its parameters becomes a checkpoint. On the way
    of the training modes appear one after the other, each by a continuous transition,
    while on the way of a rising temperature they may appear at once.

    Exchanges compare the free energies of neighbours, and what they compare also gives
    the ratio of their partition functions [2]_: so :meth:`log_partition` costs next to
    nothing. It is for :class:`skebm.objectives.PCD`, whose chains go on.

    Parameters
    ----------
    swap_rate : float in (0, 1), default=0.3
        The model becomes a checkpoint where exchanges with the last one are rarer.
    max_rungs : int, default=25
        Largest number of checkpoints; beyond it the one goes whose neighbours exchange
        most.
    every : int, default=20
        Steps from one visit of the whole ladder to the next; in between the chains of
        the model move on by Gibbs sampling alone. With twenty rungs the default makes
        training 1.8 times as long as ``sampler="gibbs"`` does (784 visible units and
        16 to 500 hidden ones; one thread), with ``every=10`` 2.5 times.
    kernel : str or sampler, default="gibbs"
        Moves the chains of the model and of each rung.

    References
    ----------
    .. [1] N. Bereux, A. Decelle, C. Furtlehner, L. Rosset, B. Seoane. "Fast training
       and sampling of restricted Boltzmann machines". ICLR 2025.
    .. [2] C. Bennett. "Efficient estimation of free energy differences from Monte Carlo
       data". Journal of Computational Physics 22 (1976).
    """

    requires = ("reference",)
    needs_persistence = True

    def __init__(self, swap_rate=0.3, max_rungs=25, every=20, kernel="gibbs"):
        self.swap_rate = swap_rate
        self.max_rungs = max_rungs
        self.every = every
        self.kernel = kernel

    def spread(self, energy, chains, random):
        """Return the state of a ladder that leads from the reference to the energy.

        If the model is far from its reference, the ladder is found by annealing. The
        chains of the model come up that way, from as many draws of the reference as
        there are ``chains``.
        """
        self._check()
        kernel = resolve_kernel(self.kernel, energy)
        n_chains = energy.n_chains(chains)
        chains = energy.chains(energy.reference.sample(n_chains, random.fold(0)))
        betas = np.linspace(0, 1, _PILOT)
        top, increments = anneal(energy, chains, betas, random.fold(1), kernel)
        lengths = np.r_[0.0, increments.std(axis=1).cumsum()]
        # Normal log ratios of standard deviation s are accepted at the rate erfc(s/2).
        n_rungs = np.ceil(lengths[-1] / (2 * erfcinv(self.swap_rate)))
        n_rungs = int(np.clip(n_rungs, 1, self.max_rungs))
        where = np.linspace(0, lengths[-1], n_rungs + 1)[:-1]
        rungs, replicas = [_frozen(energy.interpolate(0.0))], [chains]
        for k, beta in enumerate(np.interp(where[1:], lengths, betas)):
            rungs.append(_frozen(energy.interpolate(beta)))
            x = energy.configurations(replicas[-1])
            chains = rungs[-1].chains(x)
            chains = sweep(rungs[-1], chains, kernel, _SETTLE, random.fold(2, k))
            replicas.append(chains)
        return TrajectoryChains(
            top,
            tuple(rungs),
            tuple(replicas),
            rates=np.ones(n_rungs),
            births=np.zeros(n_rungs, dtype=int),
            renewals=np.full((n_rungs + 1, n_chains), -1),
            settled=np.arange(n_rungs) == 0,
            bridges=Bridges.empty(n_rungs - 1, n_chains),
        )

    def _check(self):
        if not (0 < self.swap_rate < 1 and self.max_rungs >= 2 and self.every >= 1):
            raise ValueError(
                "swap_rate must lie between 0 and 1, max_rungs be at least 2 and every "
                f"at least 1; they are {self.swap_rate!r}, {self.max_rungs!r} and "
                f"{self.every!r}."
            )

    def chains(self, state):
        """Return the chains of the model."""
        return state.top

    def step(self, energy, state, random):
        """Move the chains of the model, and visit all rungs where that is due."""
        energy = Energy.of(energy)
        kernel = resolve_kernel(self.kernel, energy)
        state = state._replace(n_steps=state.n_steps + 1)
        low = 0 if state.n_steps % self.every == 0 else len(state.rungs) - 1
        if low and state.n_steps < state.due:
            return state._replace(top=sweep(energy, state.top, kernel, 1, random))
        models = [*state.rungs[low:], energy]
        replicas = [*state.replicas[low:], state.top]
        renewals = state.renewals[low:].copy()
        if low == 0:
            renewals[0] = state.n_steps
        replicas, renewals, up, down = _visit(
            models, replicas, renewals, kernel, random
        )
        rate = np.exp(np.minimum(up + down, 0)).mean(axis=1)
        state = state._replace(
            top=replicas[-1],
            replicas=(*state.replicas[:low], *replicas[:-1]),
            renewals=np.concatenate([state.renewals[:low], renewals]),
            rates=np.append(state.rates[:-1], rate[-1]),
        )
        if low == 0:
            state = _measured(state, rate[:-1], up[:-1], down[:-1])
        return self._looked(energy, state)

    def _looked(self, energy, state):
        """Return the state after a look at the rate of the last pair."""
        rate = state.rates[-1]
        if rate < self.swap_rate:
            return self._extended(energy, state)
        # The log ratio's standard deviation (its rate is erfc(s / 2) if it is normal)
        # grows with the way of the model: look again on half of what is left.
        way = erfcinv(max(rate, 0.0)) / erfcinv(self.swap_rate)
        left = (state.n_steps - state.births[-1]) * (1 / max(way, 1e-3) - 1) / 2
        wait = int(np.clip(left, 1, self.every))
        return state._replace(due=state.n_steps + wait)

    def _extended(self, energy, state):
        """Return the state with the model as a checkpoint, one rung thinned if full."""
        rungs = [*state.rungs, _frozen(energy)]
        replicas = [*state.replicas, state.top]
        n_chains = energy.n_chains(state.top)
        bridges = state.bridges.joined(Bridges.empty(1, n_chains))
        arrays = {
            "rates": np.append(state.rates, 1.0),
            "births": np.append(state.births, state.n_steps),
            "renewals": np.concatenate([state.renewals, state.renewals[-1:]]),
            "settled": np.append(state.settled, False),
        }
        if len(rungs) > self.max_rungs:
            rates = arrays["rates"]
            k = 1 + int(np.argmax(rates[:-2] + rates[1:-1]))
            rates[k - 1] *= rates[k]
            del rungs[k], replicas[k]
            arrays = {name: np.delete(a, k, axis=0) for name, a in arrays.items()}
            bridges = Bridges(*(np.delete(a, k, axis=0) for a in bridges))
            bridges.count[k - 1] = 0
        return state._replace(
            rungs=tuple(rungs),
            replicas=tuple(replicas),
            bridges=bridges,
            due=state.n_steps + 1,
            **arrays,
        )

    def log_partition(self, state, energy, random, n_sweeps=50):
        """Return log Z of a model near the present one, and its standard error.

        Parameters
        ----------
        state : TrajectoryChains
        energy : energy
            The present model, or a near one such as the average of the last updates: a
            last bridge leads from the last checkpoint to it.
        random : Random
        n_sweeps : int, default=50
            Sweeps of the last bridge, and of pairs that training has hardly measured.

        Returns
        -------
        value, stderr : float
            In nats. The standard error is infinite where a pair has no exchanges.
        """
        energy = Energy.of(energy)
        kernel = resolve_kernel(self.kernel, energy)
        new = np.flatnonzero(state.bridges.count < _MEASURED)
        low = int(new[0]) if len(new) else len(state.rungs) - 1
        models = [*state.rungs[low:], energy]
        # The chains as this energy sees them, whose parameters may be others.
        top = energy.chains(energy.configurations(state.top))
        replicas, renewals = [*state.replicas[low:], top], state.renewals[low:]
        bridges = Bridges.empty(len(models) - 1, energy.n_chains(top))
        for t in range(n_sweeps):
            replicas, renewals, up, down = _visit(
                models, replicas, renewals, kernel, random.fold(t)
            )
            bridges = bridges.observed(up, down)
        bridges = state.bridges.part(0, low).joined(bridges)
        value = energy.reference.log_partition + bridges.ratios().sum()
        if not state.settled.all() or bridges.count.min() < 2:
            return float(value), np.inf
        influence = bridges.influence()
        return float(value), float(influence.std(ddof=1) / np.sqrt(len(influence)))


def _measured(state, rate, up, down):
    """Return the state with one more visit of the ladder in its averages."""
    bridges = state.bridges
    recent = state.renewals[:-1] >= state.births[:, None]
    settled = state.settled | (recent.mean(axis=1) >= _SETTLED)
    count = np.where(settled[1:] > state.settled[1:], 0, bridges.count)
    bridges = bridges._replace(count=count).observed(up, down)
    weight = 2 / (np.minimum(bridges.count, HORIZON) + 1)
    rates = state.rates.copy()
    rates[:-1] += weight * (rate - rates[:-1])
    return state._replace(bridges=bridges, rates=rates, settled=settled)


def _visit(models, replicas, renewals, kernel, random):
    """Move all replicas, then offer exchanges to the even and to the odd pairs.

    Returns
    -------
    replicas : list of states
    renewals : ndarray of shape (n_models, n_chains)
        Gone with the states that they belong to.
    up, down : ndarray of shape (n_models - 1, n_chains)
        What each pair compared: see :func:`skebm.samplers._base.exchange`.
    """
    replicas = sweep_ladder(models, replicas, kernel, random)
    renewals = renewals.copy()
    up, down = np.empty((2, len(models) - 1, models[0].n_chains(replicas[0])))
    for parity in 0, 1:
        for k in range(parity, len(models) - 1, 2):
            pair, drawn = models[k : k + 2], replicas[k : k + 2]
            seen = [
                model.chains(model.configurations(chains))
                for model, chains in zip(pair[::-1], drawn, strict=True)
            ]
            replicas[k : k + 2], swap, up[k], down[k] = exchange(
                pair, drawn, seen, random.fold(1, k)
            )
            renewals[k : k + 2] = np.where(
                swap, renewals[k : k + 2][::-1], renewals[k : k + 2]
            )
    return replicas, renewals, up, down


def _frozen(energy):
    """Return a copy that the training does not move."""
    return energy.replace({name: p.copy() for name, p in energy.params.items()})
