"""The base of the samplers: moves of blocks, exchanges, and annealing."""

import itertools

import numpy as np
from sklearn.base import BaseEstimator

from skebm.energies import Energy
from skebm.utils._parallel import BLOCK_ROWS, map_blocks
from skebm.utils._validation import lookup, require

# All samplers by name. The __init__ of the folder enters them.
SAMPLERS = {}
_REMEDY = "Choose another sampler."
_STAGES_REMEDY = (
    "Choose another kernel, or give the energy an `interpolate` whose stages have it."
)


class Sampler(BaseEstimator):
    """Base of samplers: the other methods are made from ``move``.

    A subclass has ``move(energy, chains, random)``, which returns the chains after one
    transition. The transition leaves the distribution of the energy invariant. A
    sampler whose state holds more than chains overrides :meth:`spread`, :meth:`chains`
    and :meth:`step`.

    Attributes
    ----------
    requires : tuple of str
        The capabilities of an energy that the sampler needs.
    n_steps : int
        Number of moves in a step.
    sweeps : int or None
        Number of Gibbs sweeps in a step, if a step consists of such sweeps and nothing
        else. Fused kernels do such steps. Else None.
    needs_persistence : bool
        Whether chains have to go on from step to step.
    """

    requires = ()
    n_steps = 1
    sweeps = None
    needs_persistence = False

    @property
    def adapts(self):
        """Whether numbers of the moves are to follow the energy."""
        return False

    def tuned(self, energy, random=None):
        """Return the sampler with numbers that suit the energy: by default itself.

        A move of the sampler that is returned is a fixed transition.

        Parameters
        ----------
        energy : energy
        random : Random, default=None
            None takes a fixed key.
        """
        return self

    def init(self, energy, x, random):
        """Return the state of chains that stand at the rows of ``x``.

        Parameters
        ----------
        energy : energy
        x : ndarray of shape (n_chains, n_features)
        random : Random

        Returns
        -------
        state

        Raises
        ------
        TypeError
            If the energy lacks a capability that the sampler requires.
        """
        energy = Energy.of(energy)
        require(energy, self, _REMEDY)
        return self.spread(energy, energy.chains(x), random)

    def spread(self, energy, chains, random):
        """Return the state of the sampler that begins with these chains."""
        return chains

    def chains(self, state):
        """Return the chains of the energy in a state of the sampler."""
        return state

    def at(self, state, chains):
        """Return the state with other chains, for a sampler with a ``move``."""
        return chains

    def step(self, energy, state, random):
        """Return the state after ``n_steps`` moves of blocks of chains in parallel."""
        return sweep(Energy.of(energy), state, self, self.n_steps, random)

    def steps(self, energy, state, n, random):
        """Return the state after ``n`` steps under the same energy."""
        for t in range(n):
            state = self.step(energy, state, random.fold(t))
        return state


def named_kernel(kernel):
    """Return the sampler with a ``move`` that a name or a spec stands for.

    Parameters
    ----------
    kernel : str or sampler

    Raises
    ------
    ValueError
        If the name is not known, or the sampler does not have ``move``. Tempering is
        an example.
    """
    # A spec is not cloned: this runs at every step of the chains.
    sampler = (
        lookup(kernel, SAMPLERS, "kernel")() if isinstance(kernel, str) else kernel
    )
    if not hasattr(sampler, "move"):
        raise ValueError(
            f"kernel={kernel!r} does not have a `move` of single chains. Use "
            "kernel='gibbs', or another sampler with a `move`."
        )
    return sampler


def resolve_kernel(kernel, energy):
    """Return the sampler of a kernel, tuned to an energy that it can move.

    Parameters
    ----------
    kernel : str or sampler
    energy : Energy

    Raises
    ------
    ValueError
        As for :func:`named_kernel`.
    TypeError
        If the energy lacks a capability that the sampler requires.
    """
    sampler = named_kernel(kernel)
    require(energy, sampler, "Choose another kernel.")
    # The spec of a user need not inherit from Sampler.
    return sampler.tuned(energy) if hasattr(sampler, "tuned") else sampler


def can_move(energy, kernel):
    """Tell whether the energy has all that the kernel requires."""
    return all(hasattr(energy, name) for name in kernel.requires)


def sweep(energy, chains, kernel, n_steps, random, size=BLOCK_ROWS):
    """Return the chains after ``n_steps`` moves of blocks of chains in parallel.

    Parameters
    ----------
    energy : Energy
    chains : state
    kernel : sampler with ``move``
    n_steps : int
    random : Random
    size : int, default=64
        Largest number of chains of a block.
    """

    def move_block(block):
        state, draws = energy.take(chains, block), random.rows(block.start)
        if hasattr(kernel, "moves"):
            return kernel.moves(energy, state, n_steps, draws)
        for t in range(n_steps):
            state = kernel.move(energy, state, draws.fold(t))
        return state

    blocks = map_blocks(move_block, energy.n_chains(chains), energy.work, size)
    return blocks[0] if len(blocks) == 1 else energy.join(blocks)


def sweep_ladder(models, replicas, kernel, random):
    """Return every replica after a move under its model, models in parallel."""
    return follow_ladder(models, replicas, [kernel] * len(models), random, False)[0]


def follow_ladder(models, replicas, kernels, random, follows=True):
    """Return every replica after a move with its own kernel, and the next kernels.

    If ``follows`` is true, the kernels adapt to their models.
    """

    def move_replicas(block):
        out = []
        for k in range(block.start, block.stop):
            kernel, arguments = kernels[k], (models[k], replicas[k], random.fold(0, k))
            if follows:
                out.append(kernel.follow(*arguments))
            else:
                out.append((kernel.move(*arguments), kernel))
        return out

    require(models[0], kernels[0], _STAGES_REMEDY)
    work = models[-1].work * models[0].n_chains(replicas[0])
    blocks = map_blocks(move_replicas, len(models), work, size=1)
    return tuple(map(list, zip(*itertools.chain(*blocks), strict=True)))


def exchange(models, drawn, seen, random):
    """Exchange the chains of two replicas where the rule of Metropolis accepts.

    Parameters
    ----------
    models : pair of energies
        Two neighbours, the lower one first.
    drawn : pair of states
        Chains of each model.
    seen : pair of states
        The same chains as states of the other model: ``seen[0]`` is ``drawn[0]`` as a
        state of ``models[1]``. If it is ``drawn``, the models are stages of one
        interpolation.
    random : Random

    Returns
    -------
    replicas : list of states
    swap : ndarray of shape (n_chains,), bool
        Which chains were exchanged.
    up, down : ndarray of shape (n_chains,)
        Log ratios of the unnormalised densities. ``up`` is upper over lower at the
        chains of the lower model. ``down`` is lower over upper at the chains of the
        upper model.
    """
    lower, upper = models
    if seen is drawn:
        up, down = (lower.energy_above(upper, chains) for chains in drawn)
        down = -down
    else:
        up = lower.chain_energy(drawn[0]) - upper.chain_energy(seen[0])
        down = upper.chain_energy(drawn[1]) - lower.chain_energy(seen[1])
    swap = np.log(random.uniform((len(up), 1)))[:, 0] < up + down
    # In the joined states the chains of the neighbour follow the chains of the model.
    rows = np.arange(len(up)) + len(up) * swap
    replicas = [
        model.take(model.join([chains, neighbours]), rows)
        for model, chains, neighbours in zip(models, drawn, seen[::-1], strict=True)
    ]
    return replicas, swap, up, down


def anneal(energy, chains, betas, random, kernel, size=BLOCK_ROWS):
    """Anneal chains along ``betas``, with importance weights [1]_.

    Parameters
    ----------
    energy : Energy
    chains : state
        Draws from ``energy.interpolate(betas[0])``.
    betas : ndarray of shape (n_betas,)
        They rise in the forward direction, and fall in the reverse direction.
    random : Random
    kernel : sampler with ``move``
    size : int, default=64
        Largest number of chains of a block.

    Returns
    -------
    chains : state
        The chains at ``betas[-1]``.
    increments : ndarray of shape (n_betas - 1, n_chains)
        The terms that the stages add to the log importance weights.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    """
    stages = [energy.interpolate(beta) for beta in betas]
    return anneal_along(stages, chains, random, kernel, size)


def anneal_along(stages, chains, random, kernel, size=BLOCK_ROWS):
    """Anneal chains along a list of energies; see :func:`anneal`.

    Parameters
    ----------
    stages : list of energies
        All of them take the chains of the others.
    chains : state
        Draws from ``stages[0]``.
    """
    energy = stages[-1]
    require(stages[0], kernel, _STAGES_REMEDY)

    def anneal_block(block):
        state, draws = energy.take(chains, block), random.rows(block.start)
        increments = np.empty((len(stages) - 1, energy.n_chains(state)))
        for k, (stage, next_stage) in enumerate(itertools.pairwise(stages)):
            increments[k] = stage.energy_above(next_stage, state)
            state = kernel.move(next_stage, state, draws.fold(k))
        return state, increments

    blocks = map_blocks(anneal_block, energy.n_chains(chains), energy.work, size)
    states, increments = zip(*blocks, strict=True)
    return energy.join(list(states)), np.concatenate(increments, axis=1)
