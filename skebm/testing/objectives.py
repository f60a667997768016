"""Checks of objectives."""

import copy

import numpy as np

from skebm.energies import Energy
from skebm.testing._base import SIGMAS, require, require_close, require_like
from skebm.testing._enumeration import configurations, enumerated
from skebm.utils._random import Random


def check_objective(objective, energy, X=None, random_state=0):
    """Check that an objective estimates a gradient along which the data are learned.

    Parameters
    ----------
    objective : objective
        Any object with ``init(energy, random)`` and ``gradient(energy, X, weight,
        state, random)``.
    energy : energy
        The energy whose gradient is estimated. If it has at most 1024 visible
        configurations, the mean of the estimates is checked as well. The mean is zero
        for data that have the distribution of the energy. For other data a step along
        it raises the likelihood. If the state has persistent ``chains``, the mean is
        the exact gradient of the negative log-likelihood.
    X : ndarray of shape (n, n_features), default=None
        Data to try. None draws some from the reference of the energy.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random, energy = Random.from_state(random_state), Energy.of(energy)
    X = configurations(energy, X, random.fold(0))
    weight = np.full(len(X), 1 / len(X))
    before = {name: value.copy() for name, value in energy.params.items()}
    state = objective.init(energy, random.fold(1))
    gradient, after = objective.gradient(energy, X, weight, state, random.fold(2))
    again, _ = objective.gradient(energy, X, weight, state, random.fold(2))
    keys = sorted(gradient), sorted(before)
    sentence = f"objective.gradient has the keys {keys[0]}, energy.params {keys[1]}."
    require(keys[0] == keys[1], sentence)
    for name, value in before.items():
        what = f"objective.gradient(...)[{name!r}]"
        require_like(gradient[name], value.shape, value.dtype, what)
        sentence = (
            f"{what} is not a function of the arguments, or the call changes the state "
            "it was given"
        )
        require_close(again[name], gradient[name], sentence)
        same = energy.params[name] == value
        require(same, "objective.gradient changes energy.params.")
    objective.gradient(energy, X, weight, after, random.fold(3))
    if (distribution := enumerated(energy)) is not None:
        _check_expectation(objective, energy, X[:3], distribution, random.fold(4))


def _check_expectation(objective, energy, X, distribution, random):
    # Centering changes the length of the gradient but not where it is zero.
    if hasattr(objective, "centered"):
        objective = copy.deepcopy(objective)
        objective.centered = False
    states, probability = distribution
    # Each state occurs in 31 rows, so that the noise of chains that start at the data
    # averages out.
    rows = np.repeat(states, 31, axis=0), np.repeat(probability / 31, 31)
    mean, error = _mean_gradient(objective, energy, *rows, random.fold(0))
    require(
        np.abs(mean) <= SIGMAS * error + 1e-5,
        "The mean of objective.gradient is not zero for data that have the "
        f"distribution of the energy, but {np.abs(mean).max():.3g}.",
    )
    share = np.full(len(X), 1 / len(X))
    mean, error = _mean_gradient(objective, energy, X, share, random.fold(1))
    data, model = energy.grad(X, share), energy.grad(states, probability)
    exact = _flat({name: data[name] - model[name] for name in data})
    sentence = "A step along objective.gradient lowers the likelihood: a wrong sign?"
    require(mean @ exact > 0, sentence)
    if getattr(objective.init(energy, random), "chains", None) is not None:
        require(
            np.abs(mean - exact) <= SIGMAS * error + 1e-5,
            "The mean of objective.gradient, with persistent chains in equilibrium, is "
            "not the gradient of the negative log-likelihood.",
        )


def _mean_gradient(objective, energy, X, weight, random, n_runs=31, n_calls=17):
    """Return the mean of the gradient and its standard error, over independent runs.

    A run takes the last of its gradients, when its chains have forgotten their start.
    """
    last_gradients = []
    for run in range(n_runs):
        state = objective.init(energy, random.fold(run, 0))
        for t in range(n_calls):
            draws = random.fold(run, 1, t)
            gradient, state = objective.gradient(energy, X, weight, state, draws)
        last_gradients.append(_flat(gradient))
    stderr = np.std(last_gradients, axis=0, ddof=1) / np.sqrt(n_runs)
    return np.mean(last_gradients, axis=0), stderr


def _flat(gradient):
    return np.concatenate([gradient[name].ravel() for name in sorted(gradient)])
