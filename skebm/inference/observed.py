"""The density of the observed cells of a row, with its holes summed out."""

import numpy as np
from scipy.special import logsumexp

from skebm.inference._precision import in_range
from skebm.samplers import anneal, resolve_kernel

# Chains of each row where the sum is estimated.
_N_CHAINS = 20
# Stages of their annealing.
_N_STAGES = 200
# Rows that are annealed at a time, which limits the memory.
_ROWS = 100


def observed_energy(energy, x, holes, random, kernel="gibbs"):
    """Return ``-log sum(exp(-F(x)))`` over the values of the holes of each row.

    For an RBM the sum is exact in three cases: the hidden side has at most 4096
    configurations; all units are Gaussian; or the holes of the row have at most 8192
    configurations. There a real hole counts as about a hundred values, since it is
    integrated out by the trapezoid rule, up to rounding. Else the sum is estimated by
    annealed importance sampling of the holes and the hidden units together [1]_, with
    20 chains for each row and 200 stages. Such energies err upwards, by less than 0.1
    nats unless much of a strongly coupled row is missing.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
        All units of a variable or none.
    random : Random
    kernel : str or sampler, default="gibbs"
        The sampler that moves the holes.

    Returns
    -------
    ndarray of shape (n,), float64
        In nats.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    """
    energy, x = in_range(energy, np.where(holes, 0, x))
    out = energy.clamped.exact_energy(x, holes)
    todo = np.isnan(out)
    if todo.any():
        kernel = resolve_kernel(kernel, energy.clamped)
        out[todo] = _annealed(energy.clamped, x[todo], holes[todo], random, kernel)
    return out


def _annealed(clamped, x, holes, random, kernel):
    """Return the estimates by annealed importance sampling."""
    betas = np.linspace(0, 1, _N_STAGES)
    start, out = clamped.interpolate(0.0), np.empty(len(x))
    for first in range(0, len(x), _ROWS):
        rows = np.repeat(np.arange(first, min(first + _ROWS, len(x))), _N_CHAINS)
        draws = random.fold(first)
        chains = start.start(x[rows], holes[rows], draws.fold(0))
        log_z = start.log_partition_start(chains)
        _, increments = anneal(clamped, chains, betas, draws.fold(1), kernel)
        log_z = (log_z + increments.sum(axis=0)).reshape(-1, _N_CHAINS)
        out[first : first + _ROWS] = -logsumexp(log_z, axis=1) + np.log(_N_CHAINS)
    return out
