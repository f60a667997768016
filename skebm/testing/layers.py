"""The contract of layers."""

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


def check_layer(layer, random_state=0):
    """Check that a layer keeps its contract.

    Parameters
    ----------
    layer : layer
        Any object with ``energy``, ``cgf``, ``mean``, ``sample``, ``grad`` and
        ``params``. Its ``states`` (where ``finite``), ``interpolate``, ``astype``,
        ``variables``, ``alternatives``, ``cgfs``, ``mode``, ``scaled`` and ``gauge``
        are checked where they exist.
    random_state : int, RandomState or None, default=0

    Raises
    ------
    AssertionError
        With a sentence that says what is wrong.
    """
    random = Random.from_state(random_state)
    for k, part in enumerate(getattr(layer, "layers", ())):
        check_layer(part, random.fold(9, k).seed())
    dtype = next(iter(layer.params.values())).dtype
    inputs = random.fold(0).normal((N_ROWS, layer.n_units), dtype)
    x = layer.sample(inputs, random.fold(1))
    require_like(x, inputs.shape, dtype, "layer.sample(inputs, random)")
    require_like(layer.mean(inputs), inputs.shape, dtype, "layer.mean(inputs)")
    require_like(layer.energy(x), (N_ROWS,), None, "layer.energy(x)")
    require_like(layer.cgf(inputs), (N_ROWS,), np.float64, "layer.cgf(inputs)")
    rest = layer.sample(inputs[3:], random.fold(1).rows(3))
    require(
        rest == x[3:],
        "layer.sample draws other values for a block of rows than for all rows: draw "
        "from the `random` it is given.",
    )
    if hasattr(layer, "interpolate"):
        other = layer.replace(**{name: v + 1 for name, v in layer.params.items()})
        for beta, end in ((0, layer), (1, other)):
            same = layer.interpolate(other, dtype.type(beta)).energy(x)
            sentence = "layer.interpolate(other, beta) is not layer at 0, other at 1"
            require_close(same, end.energy(x), sentence, 1e-4, 1e-4)
    layer, inputs, x = in_float64(layer), inputs.astype(float), x.astype(float)
    weight = random.fold(2).uniform((N_ROWS,))
    gradient = layer.grad(x, weight)
    check_gradient(layer.params, gradient, lambda: weight @ layer.energy(x), "layer")
    variance = _check_cgf(layer, inputs)
    _check_layer_draws(layer, inputs[0], variance[0], random.fold(3))
    if hasattr(layer, "variables"):
        _check_variables(layer, inputs, x)
    if hasattr(layer, "scaled"):
        scaled = layer.scaled(0.7)
        sentence = "layer.scaled(beta) has not beta times the energy"
        require_close(scaled.energy(x), 0.7 * layer.energy(x), sentence)
        _check_cgf(scaled, inputs)
    if hasattr(layer, "gauge"):
        _check_gauge(layer, x, random.fold(4))


def _check_cgf(layer, inputs):
    """Check ``cgf`` against ``mean`` and the sum over states; return the variances."""
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
    elif hasattr(layer, "alternatives"):
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
    """Return columns of a variable, log-densities of its values, and their weights."""
    own = layer.variables == feature
    ends = inputs[:, own].min(), inputs[:, own].max()
    columns, values, log_weight = layer.alternatives(feature, *ends)
    alone = np.zeros((len(values), layer.n_units))
    alone[:, columns] = values
    return columns, inputs[:, columns] @ values.T - layer.energy(alone), log_weight


def _check_variables(layer, inputs, x):
    """Check what a layer says of each variable: normaliser, mode and columns."""
    variables, n = np.asarray(layer.variables), layer.n_variables
    right = variables.shape == (layer.n_units,) and set(variables) == set(range(n))
    require(right, f"layer.variables is no number below {n} for each unit.")
    empty = layer.energy(np.zeros_like(x))
    require(empty == 0, "layer.energy of a row of zeros is not 0.")
    cgfs, mode = layer.cgfs(inputs), layer.mode(inputs)
    require_like(cgfs, (len(inputs), n), np.float64, "layer.cgfs(inputs)")
    require_like(mode, inputs.shape, inputs.dtype, "layer.mode(inputs)")
    sentence = "layer.cgf is not the sum of layer.cgfs over variables"
    require_close(layer.cgf(inputs), cgfs.sum(axis=1), sentence, 1e-6, 1e-6)
    for feature in range(n):
        columns, log_density, log_weight = _weighed(layer, feature, inputs)
        own = np.flatnonzero(variables == feature)
        named = np.arange(layer.n_units)[columns]
        sentence = f"layer.alternatives({feature}, ...) has columns {named}, not {own}."
        require(np.array_equal(named, own), sentence)
        total = np.logaddexp.reduce(log_density + log_weight, axis=1)
        sentence = "layer.cgfs is not the log of the sum over layer.alternatives"
        require_close(cgfs[:, feature], total, sentence, 1e-6, 1e-6)
        alone = np.where(variables == feature, mode, 0)
        reached = (inputs * alone).sum(axis=1) - layer.energy(alone)
        _check_mode(reached, alone.any(axis=1), log_density, log_weight)


def _check_mode(reached, on, log_density, log_weight):
    """Check that no value of a variable is more probable than its mode.

    ``reached`` is the log-density there. Where 0 is a point beside a density, which
    weights show that differ, it is compared with all numbers together.
    """
    sentence = "layer.mode is not the most probable value"
    if np.ndim(log_weight) and log_weight[0] == 0:
        numbers = np.logaddexp.reduce((log_density + log_weight)[:, 1:], axis=1)
        likely = numbers > log_density[:, 0]
        require(on == likely, f"{sentence}: it takes 0 for a number or the reverse.")
        reached, log_density = reached[on], log_density[on, 1:]
    best = log_density.max(axis=1, initial=-np.inf)
    require(reached >= best - 1e-9 * (1 + np.abs(best)), f"{sentence}.")


def _check_gauge(layer, x, random):
    """Check that a gauge moves all energies of a row of weights by one constant."""
    weights = random.normal((layer.n_units, 3))
    kept = weights.copy()
    taken = np.broadcast_to(layer.gauge(weights), (3,))
    sentence = "layer.gauge(rows) does not leave x @ rows, but for what it returns"
    require_close(x @ weights + taken, x @ kept, sentence)
    again = weights.copy()
    layer.gauge(again)
    require_close(again, weights, "layer.gauge(rows) of rows in the gauge moves them")


def _check_layer_draws(layer, inputs, variance, random):
    """Compare mean and variance of many draws with their exact values."""
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
