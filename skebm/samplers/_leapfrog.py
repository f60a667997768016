"""The leapfrog rule, and how many of its steps a trajectory should have."""

import math

import numpy as np

from skebm.samplers._gradients import Point, acceptance_of

# The shortest trajectories, as a share of the longest.
_SHORTEST = 0.3
# Lengths up to which trajectories are watched. The next one follows if the best length
# is above this share of the last one.
_WATCHED, _NEAR_END = (16, 32, 64, 128), 0.8
# Steps of each chain that are watched, for each of these lengths.
_N_WATCHED = 320
# What a move costs beside its leapfrog steps, in such steps.
_COST_OF_MOVE = 3
# Products with the rows that find their main axis.
_N_PRODUCTS = 20
# Trajectories of which this is left of a correlation of -1 count like perfect ones.
_LEAST = 0.2


def kinetic(momentum):
    """Return the kinetic energy of each row, float64."""
    return np.vecdot(momentum, momentum, dtype=np.float64) / 2


def leapfrog(grad_x, x, momentum, slope, step_size, n_steps):
    """Return rows, momenta and slopes after steps of the leapfrog rule.

    The rule is reversible and preserves volumes.

    Parameters
    ----------
    grad_x : callable
        Returns the slope of the energy at rows.
    x, momentum, slope : ndarray of shape (n, n_features)
        They are not changed.
    step_size : float or ndarray that broadcasts to (n, n_features)
    n_steps : int
    """
    # Products with an array of the shape of the rows are three times as fast.
    step_size = np.ascontiguousarray(np.broadcast_to(step_size, x.shape), x.dtype)
    half = step_size / 2
    momentum = momentum - half * slope
    for t in range(n_steps):
        x = x + step_size * momentum
        slope = grad_x(x)
        # Half steps of neighbours make a whole one.
        momentum -= (step_size if t < n_steps - 1 else half) * slope
    return x, momentum, slope


def length_at(share, n_leapfrog):
    """Return the number of steps at a share between 0 and 1 of the way to the most."""
    return math.ceil(n_leapfrog * (_SHORTEST + (1 - _SHORTEST) * share))


def best_length(sampler, energy, chains, rows, step_size, random):
    """Return the ``n_leapfrog`` that gives the most effective draws for a gradient.

    Trajectories are watched at each of their steps. The mean squared jump of a feature,
    over twice its variance, is 1 minus its correlation with the start. If draws are an
    autoregression with correlation r, their effective size is the share
    ``(1 - r) / (1 + r)`` of their number. The features are the columns, the main axis
    of the rows, and the squares of both. The slowest feature counts.

    Parameters
    ----------
    sampler : HMC
    energy : energy
    chains : state
        They follow the distribution of the energy more or less.
    rows : ndarray of shape (n, n_features)
        Draws, which tell the means and variances of the columns.
    step_size : ndarray of shape (n_features,)
    random : Random
    """
    features = _Features(rows, random.fold(0))
    point = Point.at(energy, chains)
    for n_steps in _WATCHED:
        jumps, starts = np.zeros((n_steps, features.n_features)), []
        n_moves = _N_WATCHED // n_steps
        for t in range(n_moves):
            draws = random.fold(n_steps, t)
            seen, start = _jumps(energy, point, step_size, n_steps, features, draws)
            jumps += seen / n_moves
            starts.append(start)
            point, _ = sampler.transition(energy, point, step_size, draws.fold(1))
        variance = np.concatenate(starts).var(axis=0)
        varies = variance > 0
        if not varies.any():
            return sampler.n_leapfrog
        best = _best(jumps[:, varies] / (2 * variance[varies]))
        if best <= _NEAR_END * n_steps:
            break
    return best


class _Features:
    """Functions of rows whose correlations tell how well chains mix."""

    def __init__(self, rows, random):
        self.mean, self.scale = rows.mean(axis=0), rows.std(axis=0)
        self.scale = np.where(self.scale > 0, self.scale, 1.0)
        z = (rows - self.mean) / self.scale
        axis = random.normal((z.shape[1], 1))
        for _ in range(_N_PRODUCTS):
            axis = z.T @ (z @ axis)
            axis /= max(np.abs(axis).max(), np.finfo(float).tiny)
        self.axis = axis / max((z @ axis).std(), np.finfo(float).tiny)
        self.n_features = 2 * (z.shape[1] + 1)

    def __call__(self, x):
        z = (x - self.mean) / self.scale
        z = np.concatenate([z, z @ self.axis], axis=1)
        return np.concatenate([z, z * z], axis=1)


def _jumps(energy, point, step_size, n_steps, features, random):
    """Return mean squared jumps after each number of steps, and the features before.

    A jump counts as much as its probability to be accepted.
    """
    x = energy.configurations(point.chains)
    momentum, slope = random.normal(x.shape, x.dtype), point.slope
    before, start = point.energy + kinetic(momentum), features(x)
    out = np.empty((n_steps, features.n_features))
    with np.errstate(all="ignore"):
        for k in range(n_steps):
            path = leapfrog(energy.grad_x, x, momentum, slope, step_size, 1)
            x, momentum, slope = path
            after = energy.chain_energy(energy.put(point.chains, x))
            rate = acceptance_of(before, after + kinetic(momentum))[:, None]
            squares = (features(x) - start) ** 2
            out[k] = np.where(rate > 0, rate * squares, 0).mean(axis=0)
    return out, start


def _best(distances):
    """Return the best length, from 1 minus the correlations after each length."""
    shares = (np.arange(50) + 0.5) / 50
    gains = []
    for n_leapfrog in range(1, len(distances) + 1):
        lengths = np.array([length_at(share, n_leapfrog) for share in shares])
        slowest = distances[lengths - 1].mean(axis=0).min()
        size = slowest / max(2 - slowest, _LEAST)
        gains.append(size / (lengths.mean() + _COST_OF_MOVE))
    return 1 + int(np.argmax(gains))
