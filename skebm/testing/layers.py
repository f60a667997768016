"""Check of layers."""

import numpy as np

from skebm.testing._base import (
    MAX_STATES,
    N_DRAWS,
    N_ROWS,
    SIGMAS,
    check_gradient,
    check_slope,
    in_float64,
    require,
    require_close,
    require_like,
)
from skebm.testing._coupled import check_coupled
from skebm.utils._random import Random


def check_layer(layer, random_state=0):
    """Check that a layer keeps its contract.

    Parameters
    ----------
    layer : layer
        Any object with ``energy``, ``cgf``, ``mean``, ``sample``, ``grad`` and
        ``params``. The methods ``states`` (of layers that are ``finite``),
        ``interpolate``, ``astype``, ``variables``, ``alternatives``, ``cgfs``,
        ``mode``, ``scaled``, ``gauge`` and ``grad_x`` are checked if they exist. A
        layer with the attribute ``coupled = True`` needs ``given``, ``log_ratios``,
        ``mode``, ``cgf_grad`` and ``bias_names``, and no ``cgfs``.
    random_state : int, RandomState or None, default=0
        Seed of the random numbers of the check.

    Raises
    ------
    AssertionError
        If the contract is broken. The message says what is wrong.
    """
    random = Random.from_state(random_state)
    for k, inner in enumerate(getattr(layer, "layers", ())):
        check_layer(inner, random.fold(9, k).seed())
    dtype = next(iter(layer.params.values())).dtype
    inputs = random.fold(0).normal((N_ROWS, layer.n_units), dtype)
    x = layer.sample(inputs, random.fold(1))
    require_like(x, inputs.shape, dtype, "layer.sample(inputs, random)")
    require_like(layer.mean(inputs), inputs.shape, dtype, "layer.mean(inputs)")
    require_like(layer.energy(x), (N_ROWS,), None, "layer.energy(x)")
    require_like(layer.cgf(inputs), (N_ROWS,), np.float64, "layer.cgf(inputs)")
    if hasattr(layer, "outside"):
        sentence = "layer.outside refuses values that layer.sample draws"
        require(~np.asarray(layer.outside(x)), f"{sentence}: tables would, too.")
        require(isinstance(layer.domain, str), "layer.domain is not a phrase.")
    last_rows = layer.sample(inputs[3:], random.fold(1).rows(3))
    # Matrix products of other shapes differ in the last digits.
    digits = 1e-4 if getattr(layer, "coupled", False) and not layer.finite else 0.0
    require(
        np.abs(last_rows - x[3:]) <= digits,
        "layer.sample draws other values for a block of rows than for all rows. Draw "
        "from its argument `random` only.",
    )
    if hasattr(layer, "interpolate"):
        _check_interpolate(layer, x)
    layer, inputs, x = in_float64(layer), inputs.astype(float), x.astype(float)
    _check_slopes(layer, x, random.fold(2).uniform((N_ROWS,)))
    variance = _check_cgf(layer, inputs)
    _check_layer_draws(layer, inputs[0], variance[0], random.fold(3))
    if hasattr(layer, "variables"):
        _check_variables(layer, inputs, x)
    if _is_coupled(layer):
        check_coupled(layer, inputs, x, random.fold(5))
    # The components of a mixture are scaled each, as hidden units are.
    is_mixture = getattr(layer, "coupled", False) and not layer.finite
    if hasattr(layer, "scaled") and not is_mixture:
        scaled = layer.scaled(0.7)
        sentence = "layer.scaled(beta) does not have beta times the energy"
        require_close(scaled.energy(x), 0.7 * layer.energy(x), sentence)
        _check_cgf(scaled, inputs)
    if hasattr(layer, "gauge"):
        _check_gauge(layer, x, random.fold(4))


def _check_slopes(layer, x, weight):
    gradient = layer.grad(x, weight)
    check_gradient(layer.params, gradient, lambda: weight @ layer.energy(x), "layer")
    if hasattr(layer, "grad_x"):
        check_slope(layer, x, "layer")


def _check_interpolate_to_scaled(layer, x):
    """Check that a layer whose energies are scaled can be the end of annealing."""
    scaled = layer.scaled(0.7)
    for beta, end in ((0, layer), (1, scaled)):
        between = layer.interpolate(scaled, x.dtype.type(beta))
        sentence = "layer.interpolate(layer.scaled(0.7), beta) is not its end"
        require_close(between.energy(x), end.energy(x), sentence)


def _check_interpolate(layer, x):
    """Check that both ends of the way to another layer are these layers."""
    other = layer.replace(**{name: v + 1 for name, v in layer.params.items()})
    for beta, end in ((0, layer), (1, other)):
        same = layer.interpolate(other, x.dtype.type(beta)).energy(x)
        sentence = (
            "layer.interpolate(other, beta) is not the layer itself at beta=0, or not "
            "the other layer at beta=1"
        )
        require_close(same, end.energy(x), sentence, 1e-4, 1e-4)
    if hasattr(layer, "scaled"):
        _check_interpolate_to_scaled(layer, x)


def _is_coupled(layer):
    return getattr(layer, "coupled", False)


def _check_cgf(layer, inputs):
    """Check ``cgf`` against ``mean`` and against the sum over states.

    Returns
    -------
    ndarray of shape (n, n_units)
        Variances of the units, which are the derivatives of the means.
    """
    slope, variance = np.empty_like(inputs), np.empty_like(inputs)
    for i, unit in enumerate(1e-5 * np.eye(inputs.shape[1])):
        slope[:, i] = (layer.cgf(inputs + unit) - layer.cgf(inputs - unit)) / 2e-5
        means = layer.mean(inputs + unit)[:, i] - layer.mean(inputs - unit)[:, i]
        variance[:, i] = means / 2e-5
    mean, cgf = layer.mean(inputs), layer.cgf(inputs)
    require_close(mean, slope, "layer.mean is not d layer.cgf / d inputs", atol=1e-6)
    if getattr(layer, "finite", False) and layer.n_states <= MAX_STATES:
        states = layer.states(0, int(layer.n_states))
        log_weight = inputs @ states.T - layer.energy(states)
        total = np.logaddexp.reduce(log_weight, axis=1)
    elif hasattr(layer, "alternatives") and not _is_coupled(layer):
        terms = (
            _weighed(layer, feature, inputs) for feature in range(layer.n_variables)
        )
        total = sum(np.logaddexp.reduce(a + b, axis=1) for _, a, b in terms)
    else:
        return variance
    sentence = "layer.cgf is not the log of the sum of exp(x @ inputs - energy(x))"
    require_close(cgf, total, sentence, 1e-4, 1e-4)
    return variance


def _weighed(layer, feature, inputs):
    """Return columns, log-densities and log-weights of the values of a variable."""
    in_variable = layer.variables == feature
    ends = inputs[:, in_variable].min(), inputs[:, in_variable].max()
    columns, values, log_weight = layer.alternatives(feature, *ends)
    alone = np.zeros((len(values), layer.n_units))
    alone[:, columns] = values
    return columns, inputs[:, columns] @ values.T - layer.energy(alone), log_weight


def _check_variables(layer, inputs, x):
    """Check the columns, the normaliser and the mode of each variable."""
    variables, n = np.asarray(layer.variables), layer.n_variables
    right = variables.shape == (layer.n_units,) and set(variables) == set(range(n))
    sentence = f"layer.variables does not hold a number from 0 to {n - 1} for each unit"
    require(right, f"{sentence}, with every number in use.")
    if _is_coupled(layer):
        return
    empty = layer.energy(np.zeros_like(x))
    require(empty == 0, "layer.energy of a row of zeros is not 0.")
    cgfs, mode = layer.cgfs(inputs), layer.mode(inputs)
    require_like(cgfs, (len(inputs), n), np.float64, "layer.cgfs(inputs)")
    require_like(mode, inputs.shape, inputs.dtype, "layer.mode(inputs)")
    sentence = "layer.cgf is not the sum of layer.cgfs over variables"
    require_close(layer.cgf(inputs), cgfs.sum(axis=1), sentence, 1e-6, 1e-6)
    for feature in range(n):
        columns, log_density, log_weight = _weighed(layer, feature, inputs)
        expected = np.flatnonzero(variables == feature)
        actual = np.arange(layer.n_units)[columns]
        sentence = f"layer.alternatives({feature}, ...) has columns {actual}"
        require(np.array_equal(actual, expected), f"{sentence}, not {expected}.")
        total = np.logaddexp.reduce(log_density + log_weight, axis=1)
        sentence = "layer.cgfs is not the log of the sum over layer.alternatives"
        require_close(cgfs[:, feature], total, sentence, 1e-6, 1e-6)
        alone = np.where(variables == feature, mode, 0)
        at_mode = (inputs * alone).sum(axis=1) - layer.energy(alone)
        _check_mode(at_mode, alone.any(axis=1), log_density, log_weight)


def _check_mode(at_mode, is_on, log_density, log_weight):
    """Check that no value of a variable is more probable than its mode.

    A zero-inflated variable has a probability at 0 and a density elsewhere. Its value 0
    has another weight than its other values, and the probability of 0 is compared with
    the probability of all other values together.

    Parameters
    ----------
    at_mode : ndarray of shape (n,)
        Log-densities at the modes.
    is_on : ndarray of bool of shape (n,)
        Whether the mode is not 0.
    log_density, log_weight : ndarray
        What ``_weighed`` returns.
    """
    sentence = "layer.mode is not the most probable value"
    if np.ndim(log_weight) and log_weight[0] == 0:
        numbers = np.logaddexp.reduce((log_density + log_weight)[:, 1:], axis=1)
        should_be_on = numbers > log_density[:, 0]
        mixed_up = f"{sentence}: it is 0 instead of a number, or a number instead of 0."
        require(is_on == should_be_on, mixed_up)
        at_mode, log_density = at_mode[is_on], log_density[is_on, 1:]
    best = log_density.max(axis=1, initial=-np.inf)
    require(at_mode >= best - 1e-9 * (1 + np.abs(best)), f"{sentence}.")


def _check_gauge(layer, x, random):
    """Check that a gauge changes the inputs of hidden units by the constant it returns.

    A second call must not move the weights any more.
    """
    weights = random.normal((layer.n_units, 3))
    before = weights.copy()
    constant = np.broadcast_to(layer.gauge(weights), (3,))
    sentence = (
        "layer.gauge(weights) does not leave x @ weights as it was, up to the constant "
        "that it returns"
    )
    require_close(x @ weights + constant, x @ before, sentence)
    again = weights.copy()
    layer.gauge(again)
    sentence = "layer.gauge(weights) moves weights that are in the gauge already"
    require_close(again, weights, sentence)


def _check_layer_draws(layer, inputs, variance, random):
    """Compare the mean and the variance of many draws with the exact values."""
    mean = layer.mean(inputs[None])[0]
    x = layer.sample(np.tile(inputs, (N_DRAWS, 1)), random)
    squares = (x - mean) ** 2
    for actual, desired, spread, what in (
        (x.mean(axis=0), mean, np.sqrt(variance), "mean"),
        (squares.mean(axis=0), variance, squares.std(axis=0), "variance"),
    ):
        bound = SIGMAS * spread / np.sqrt(N_DRAWS) + 10 / N_DRAWS
        sentence = f"The {what} of draws of layer.sample is {actual}, not {desired}."
        require(np.abs(actual - desired) <= bound, sentence)
