"""What the samplers share: sweeps, exchanges and the way from the reference."""

import itertools

import numpy as np

from skebm.utils._parallel import map_blocks


def sweep(energy, chains, n_steps, random):
    """Return the chains after ``n_steps`` Gibbs sweeps, blocks of them in parallel."""

    def sweeps(part):
        state = type(chains)(*(a[part] for a in chains))
        for t in range(n_steps):
            state = energy.gibbs_sweep(state, random.rows(part.start).fold(t))
        return state

    parts = map_blocks(sweeps, chains[0].shape[0], energy.work)
    if len(parts) == 1:
        return parts[0]
    return type(chains)(*map(np.concatenate, zip(*parts, strict=True)))


def sweep_ladder(models, replicas, random):
    """Return every replica after a Gibbs sweep of its model, models in parallel."""

    def sweeps(part):
        return [
            models[k].gibbs_sweep(replicas[k], random.fold(0, k))
            for k in range(part.start, part.stop)
        ]

    work = models[-1].work * len(replicas[0].visible)
    parts = map_blocks(sweeps, len(models), work, size=1)
    return [replica for part in parts for replica in part]


def exchange(models, own, seen, random):
    """Exchange the rows of two replicas where Metropolis' rule accepts.

    Parameters
    ----------
    models : pair of energies
        The lower and the upper one of two neighbours.
    own : pair of states
        Draws of either model.
    seen : pair of states
        The same draws as the other model sees them: ``seen[0]`` holds ``own[0]`` with
        what the hidden units of ``models[1]`` receive.
    random : Random

    Returns
    -------
    replicas : list of states
    swap : ndarray of shape (n_chains,), bool
        Which rows were exchanged.
    up, down : ndarray of shape (n_chains,)
        Log of the ratio of the unnormalised densities, upper over lower at the draws of
        the lower model, and lower over upper at those of the upper one.
    """
    lower, upper = models
    up = lower.energy(*own[0]) - upper.energy(*seen[0])
    down = upper.energy(*own[1]) - lower.energy(*seen[1])
    swap = np.log(random.uniform((len(up), 1)))[:, 0] < up + down
    rows = swap[:, None]
    replicas = [
        type(stay)(*(np.where(rows, y, x) for x, y in zip(stay, come, strict=True)))
        for stay, come in zip(own, seen[::-1], strict=True)
    ]
    return replicas, swap, up, down


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
            increments[k] = here.energy(*state) - there.energy(*state)
            state = there.gibbs_sweep(state, own.fold(k))
        return state, increments

    n_chains = chains[0].shape[0]
    parts = map_blocks(block, n_chains, energy.work)
    states, increments = zip(*parts, strict=True)
    merged = map(np.concatenate, zip(*states, strict=True))
    return type(chains)(*merged), np.concatenate(increments, axis=1)
