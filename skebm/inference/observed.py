"""The density of what was observed of a row: its holes summed out."""

import numpy as np
from scipy.special import logsumexp

from skebm.samplers import anneal, resolve_kernel

# Annealing, where nothing is exact: chains a row, stages, rows at a time.
_N_CHAINS, _N_STAGES, _ROWS = 20, 200, 100


def observed_energy(energy, x, holes, random, kernel="gibbs"):
    """Return ``-log sum(exp(-F(x)))`` over the values of the holes of each row.

    It is exact where the hidden side has at most 4096 configurations, where all units
    are Gaussian, and for rows whose holes have at most 8192 configurations, a real
    one counting as some hundred (the trapezoid rule, whose error is that of
    rounding). For other rows it is estimated by annealed importance sampling of the
    holes and the hidden units together [1]_, 20 chains a row and 200 stages: such
    scores err upwards, by less than 0.1 nats unless much of a strongly coupled row is
    missing.

    Parameters
    ----------
    energy : energy with ``clamped``
    x : ndarray of shape (n, n_visible)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_visible)
        All units of a variable or none.
    random : Random
    kernel : str or sampler, default="gibbs"
        Moves the holes.

    Returns
    -------
    ndarray of shape (n,), float64
        In nats.

    References
    ----------
    .. [1] R. Neal. "Annealed importance sampling". Statistics and Computing 11 (2001).
    """
    x = np.where(holes, 0, x).astype(energy.dtype, copy=False)
    out = energy.clamped.exact_energy(x, holes)
    rest = np.isnan(out)
    if rest.any():
        kernel = resolve_kernel(kernel, energy.clamped)
        out[rest] = _annealed(energy.clamped, x[rest], holes[rest], random, kernel)
    return out


def _annealed(clamped, x, holes, random, kernel):
    betas = np.linspace(0, 1, _N_STAGES)
    start, out = clamped.interpolate(0.0), np.empty(len(x))
    for first in range(0, len(x), _ROWS):
        rows = np.repeat(np.arange(first, min(first + _ROWS, len(x))), _N_CHAINS)
        draws = random.fold(first)
        chains = start.start(x[rows], holes[rows], draws.fold(0))
        log_z = start.log_partition_start(chains)
        _, steps = anneal(clamped, chains, betas, draws.fold(1), kernel)
        log_z = (log_z + steps.sum(axis=0)).reshape(-1, _N_CHAINS)
        out[first : first + _ROWS] = -logsumexp(log_z, axis=1) + np.log(_N_CHAINS)
    return out + clamped.observed_energy(x)
