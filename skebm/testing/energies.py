"""Checks of energies, samplers and objectives."""

import copy

import numpy as np

from skebm.testing._base import (
    MAX_STATES,
    N_DRAWS,
    N_ROWS,
    SIGMAS,
    check_gradient,
    in_float64,
    require,
    require_close,
    require_like,
)
from skebm.utils._random import Random

# The p-value of a correct sampler all but never falls below this.
_P_VALUE = 1e-6


def check_energy(energy, X=None, random_state=0):
    """Check that an energy keeps its contract.

    Parameters
    ----------
    energy : energy
        Any object with ``energy(x)``, ``grad(x, weight)`` and ``params``. The methods
        ``replace``, ``astype``, ``interpolate``, ``grad_x``, ``inputs``,
        ``gibbs_sweep`` and ``conditional_log_prob`` are checked if they exist.
    X : ndarray of shape (n, n_features), default=None
        Configurations to try. None draws some from ``energy.sample_reference``.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random = Random.from_state(random_state)
    X = _configurations(energy, X, random.fold(0))
    for name, value in energy.params.items():
        updatable = isinstance(value, np.ndarray) and value.flags.carray and value.ndim
        sentence = (
            f"energy.params[{name!r}] is not a C-contiguous array with at least one "
            "axis, so optimizers cannot update it in place."
        )
        require(updatable, sentence)
    before, values = X.copy(), energy.energy(X)
    require_like(values, (len(X),), None, "energy.energy(X)")
    for rows in (slice(None, None, -1), slice(1, 2)):
        sentence = "energy.energy of a row depends on the other rows"
        require_close(energy.energy(X[rows]), values[rows], sentence)
    double = in_float64(energy)
    x = X.astype(np.result_type(*double.params.values()))
    weight = random.fold(1).uniform((len(x),))
    total = lambda: float(weight @ double.energy(x))  # noqa: E731
    check_gradient(double.params, double.grad(x, weight), total, "energy")
    for name, value in energy.grad(X, weight).items():
        like = energy.params[name]
        require_like(value, like.shape, like.dtype, f"energy.grad(X)[{name!r}]")
    _check_capabilities(energy, X, values, random.fold(2))
    if hasattr(double, "grad_x"):
        gradient = double.grad_x(x)
        require_like(gradient, x.shape, x.dtype, "energy.grad_x(x)")
        for i, unit in enumerate(1e-5 * np.eye(x.shape[1])):
            slope = (double.energy(x + unit) - double.energy(x - unit)) / 2e-5
            sentence = "energy.grad_x is not the derivative of energy.energy"
            require_close(gradient[:, i], slope, sentence, 1e-4, 1e-5)
    require(before == X, "A method of the energy changes its argument X.")


def _configurations(energy, X, random):
    if X is not None:
        return np.asarray(X)
    if not hasattr(energy, "sample_reference"):
        raise ValueError("Pass X: this energy has no sample_reference.")
    return energy.sample_reference(N_ROWS, random)[0]


def _check_capabilities(energy, X, values, random):
    twins = {}
    if hasattr(energy, "replace"):
        params = {name: value.copy() for name, value in energy.params.items()}
        twins["energy.replace(params)"] = energy.replace(params).energy(X)
    if hasattr(energy, "astype"):
        single = energy.astype(np.float32)
        right = [value.dtype == np.float32 for value in single.params.values()]
        require(right, "energy.astype(float32) leaves a parameter in float64.")
        twins["energy.astype(float32)"] = single.energy(X.astype(np.float32))
    if hasattr(energy, "interpolate"):
        twins["energy.interpolate(1)"] = energy.interpolate(1.0).energy(X)
    if hasattr(energy, "inputs"):
        twins["energy.energy(x, energy.inputs(x))"] = energy.energy(X, energy.inputs(X))
    for what, same in twins.items():
        require_close(same, values, f"{what} is not the same energy", 1e-4, 1e-4)
    if hasattr(energy, "conditional_log_prob"):
        log_prob = energy.conditional_log_prob(X)
        shape = len(X), log_prob.shape[1]
        require_like(log_prob, shape, np.float64, "energy.conditional_log_prob(X)")
    if hasattr(energy, "gibbs_sweep"):
        start = energy.chains(X)
        for old, new in zip(start, energy.gibbs_sweep(start, random), strict=True):
            require_like(new, old.shape, old.dtype, "energy.gibbs_sweep(chains)")


def _enumerated(energy):
    """Return all configurations and their probabilities.

    None if the configurations are not finite in number, or more than ``MAX_STATES``.
    """
    layer = getattr(energy, "visible", None)
    if not getattr(layer, "finite", False) or layer.n_states > MAX_STATES:
        return None
    states = layer.states(0, int(layer.n_states))
    log_weight = -np.asarray(energy.energy(states), dtype=np.float64)
    return states, np.exp(log_weight - np.logaddexp.reduce(log_weight))


def check_sampler(sampler, energy, random_state=0):
    """Check that a sampler draws from the distribution of an energy.

    Parameters
    ----------
    sampler : sampler
        Any object with ``init(energy, n_chains, random)`` and ``step(energy, state,
        random)``. The states that both methods return have an attribute ``visible``.
    energy : energy
        An energy whose visible layer is finite and has at most 1024 configurations.
        Its weights must be so small that chains forget their start in 50 steps.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random = Random.from_state(random_state)
    if (enumerated := _enumerated(energy)) is None:
        raise ValueError(
            f"check_sampler needs few visible configurations: at most {MAX_STATES}."
        )
    states, probability = enumerated
    state = sampler.init(energy, N_DRAWS, random.fold(0))
    before, like = state.visible.copy(), ((N_DRAWS, states.shape[1]), states.dtype)
    require_like(state.visible, *like, "sampler.init(...).visible")
    moved, same = (sampler.step(energy, state, random.fold(1)) for _ in range(2))
    require_like(moved.visible, *like, "sampler.step(...).visible")
    sentence = (
        "sampler.step is not a function of energy, state and random: two calls with "
        "the same arguments return different states."
    )
    require(moved.visible == same.visible, sentence)
    require(state.visible == before, "sampler.step changes the state it was given.")
    for t in range(50):
        state = sampler.step(energy, state, random.fold(2, t))
    _check_frequencies(state.visible, states, probability, "After 50 steps from init")
    drawn = random.fold(3).categorical(np.tile(probability, (N_DRAWS, 1))) @ states
    drawn = drawn.astype(states.dtype)
    start = energy.chains(drawn) if hasattr(energy, "chains") else None
    # A state of another type holds more than configurations, such as replicas.
    if type(start) is type(state):
        for t in range(3):
            start = sampler.step(energy, start, random.fold(4, t))
        what = "After 3 steps from exact draws"
        _check_frequencies(start.visible, states, probability, what)


def _check_frequencies(x, states, probability, what):
    """Compare how often each configuration occurs, by a chi-square test."""
    from scipy.stats import chisquare

    hits = (x[:, None, :] == states).all(axis=2)
    require(hits.any(axis=1), f"{what}, the sampler left the domain of its energy.")
    order = np.argsort(probability)
    counts, expected = hits.sum(axis=0)[order], len(x) * probability[order]
    # The rarest configurations share a bin, so that its expected count is at least 5.
    bins = np.r_[0, np.arange(np.searchsorted(expected.cumsum(), 5) + 1, len(order))]
    counts, expected = (np.add.reduceat(n, bins) for n in (counts, expected))
    p_value = chisquare(counts, expected).pvalue
    sentence = f"{what}, the states do not have the distribution of the energy"
    require(p_value > _P_VALUE, f"{sentence} (chi-square test, p = {p_value:.1e}).")


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
        Data to try. None draws some from ``energy.sample_reference``.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random = Random.from_state(random_state)
    X = _configurations(energy, X, random.fold(0))
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
    if (enumerated := _enumerated(energy)) is not None:
        _check_expectation(objective, energy, X[:3], enumerated, random.fold(4))


def _check_expectation(objective, energy, X, enumerated, random):
    # Centering changes the length of the gradient but not where it is zero.
    if hasattr(objective, "centered"):
        objective = copy.deepcopy(objective)
        objective.centered = False
    states, probability = enumerated
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
