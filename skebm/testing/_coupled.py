"""Check of layers whose variables are coupled."""

import numpy as np

from skebm.testing._base import (
    MAX_STATES,
    N_DRAWS,
    SIGMAS,
    check_gradient,
    require,
    require_close,
    require_like,
)

# Half the distance of central differences.
_STEP = 1e-5


def check_coupled(layer, inputs, x, random):
    """Check what a layer has instead of sums over single variables.

    Parameters
    ----------
    layer : layer
        With parameters in float64.
    inputs, x : ndarray of float64 of shape (n, n_units)
        The rows ``x`` are drawn given the inputs.
    random : Random
    """
    weight = random.fold(0).uniform((len(x),))
    gradient = layer.cgf_grad(inputs, weight)
    names = "layer.cgf", "layer.cgf_grad"
    check_gradient(layer.params, gradient, lambda: weight @ layer.cgf(inputs), *names)
    mode = layer.mode(inputs)
    require_like(mode, inputs.shape, inputs.dtype, "layer.mode(inputs)")
    _check_given(layer, inputs, x, random.fold(1))
    _check_log_ratios(layer, x)
    biases = [layer.params.get(name, np.zeros(0)) for name in layer.bias_names]
    is_whole = np.array_equal(np.concatenate(biases), layer.bias)
    require(is_whole, "layer.bias_names do not name the biases of all units in order.")
    if layer.finite and layer.n_states <= MAX_STATES:
        _check_states(layer, inputs, x, mode, random.fold(2))


def _some_holes(layer, n, random):
    """Return holes in about half of the variables, shape (n, n_units)."""
    holes = random.uniform((n, layer.n_variables)) < 0.5
    return holes[:, layer.variables]


def _check_given(layer, inputs, x, random):
    """Check the distribution of holes against the layer's own, and against itself."""
    none, every = np.zeros(x.shape, bool), np.ones(x.shape, bool)
    cgf = layer.given(x, none).cgf(inputs)
    require_like(cgf, (len(x),), np.float64, "layer.given(x, holes).cgf(inputs)")
    sentence = "Without holes, layer.given(x, holes).cgf is not minus the energy"
    require_close(cgf, -layer.energy(x), sentence, 1e-6, 1e-6)
    unknown = layer.given(np.full_like(x, np.nan), every)
    sentence = "Where all cells are holes, layer.given(x, holes).{} is not the layer's"
    for name in ("cgf", "mean"):
        actual, desired = (getattr(of, name)(inputs) for of in (unknown, layer))
        require_close(actual, desired, sentence.format(name), 1e-6, 1e-6)
    holes = _some_holes(layer, len(x), random.fold(0))
    part = layer.given(np.where(holes, np.nan, x), holes)
    whole = {
        "mean": part.mean(inputs),
        "mode": part.mode(inputs),
        "sample": part.sample(inputs, random.fold(1)),
    }
    for name, rows in whole.items():
        what = f"layer.given(x, holes).{name}"
        require_like(rows, x.shape, x.dtype, what)
        require(rows[~holes] == x[~holes], f"{what} changes observed cells.")
    last = layer.given(x[3:], holes[3:]).sample(inputs[3:], random.fold(1).rows(3))
    sentence = "layer.given(x, holes).sample draws other values for a block of rows"
    require(last == whole["sample"][3:], f"{sentence} than for all rows.")
    slope = np.empty_like(x)
    for i, unit in enumerate(_STEP * np.eye(x.shape[1])):
        ends = part.cgf(inputs + unit), part.cgf(inputs - unit)
        slope[:, i] = (ends[0] - ends[1]) / (2 * _STEP)
    sentence = "layer.given(x, holes).mean is not d cgf / d inputs of the holes"
    expected = np.where(holes, whole["mean"], 0)
    require_close(slope, expected, sentence, atol=1e-6)
    _check_given_draws(layer, inputs[0], x[0], holes[0], random.fold(2))


def _check_given_draws(layer, inputs, x, holes, random):
    """Compare mean and variance of many draws of a row's holes with the exact ones."""
    given, variance = layer.given(x[None], holes[None]), np.zeros(len(x))
    mean = given.mean(inputs[None])[0]
    for i, unit in enumerate(_STEP * np.eye(len(x))):
        ends = given.mean((inputs + unit)[None]), given.mean((inputs - unit)[None])
        variance[i] = (ends[0] - ends[1])[0, i] / (2 * _STEP)
    x, holes, inputs = (np.tile(row, (N_DRAWS, 1)) for row in (x, holes, inputs))
    drawn = layer.given(x, holes).sample(inputs, random)
    squares = (drawn - mean) ** 2
    for actual, desired, what in (
        (drawn, mean, "mean"),
        (squares, variance, "variance"),
    ):
        bound = SIGMAS * actual.std(axis=0) / np.sqrt(N_DRAWS) + 10 / N_DRAWS
        average = actual.mean(axis=0)
        sentence = f"The {what} of draws of layer.given(x, holes) is {average}, not "
        require(np.abs(average - desired) <= bound, f"{sentence}{desired}.")


def _check_log_ratios(layer, x):
    """Check them against differences of the energy and against their sum."""
    for variable in range(layer.n_variables):
        columns, values, log_weight = layer.log_ratios(variable, x)
        what = f"layer.log_ratios({variable}, x)"
        require_like(log_weight, (len(x), values.shape[-2]), None, f"{what}[2]")
        holes = np.zeros(x.shape, bool)
        holes[:, columns] = True
        total = layer.given(x, holes).cgf(np.zeros_like(x)) + layer.energy(x)
        actual = np.logaddexp.reduce(log_weight, axis=1)
        sentence = f"The sum of {what} is not that of layer.given(x, holes).cgf"
        require_close(actual, total, sentence, 1e-4, 1e-4)
        if not layer.finite:
            continue
        _, _, weight = layer.alternatives(variable, 0.0, 0.0)
        desired = np.empty_like(log_weight)
        for k in range(values.shape[-2]):
            changed = x.copy()
            changed[:, columns] = values[..., k, :]
            desired[:, k] = layer.energy(x) - layer.energy(changed)
        sentence = f"{what} is not what changes of the variable take off the energy"
        require_close(log_weight, desired + weight, sentence, 1e-6, 1e-6)


def _check_states(layer, inputs, x, mode, random):
    """Compare modes and the distribution of holes with sums over all states."""
    states = layer.states(0, int(layer.n_states))
    log_weight = inputs @ states.T - layer.energy(states)
    best = (inputs * mode).sum(axis=1) - layer.energy(mode)
    sentence = "layer.mode is not the most probable row"
    require_close(best, log_weight.max(axis=1), sentence, 1e-9, 1e-9)
    holes = _some_holes(layer, len(x), random)
    fits = (states == x[:, None]) | holes[:, None]
    received = np.where(holes, inputs, 0)
    log_weight = received @ states.T - layer.energy(states)
    log_weight = np.where(fits.all(axis=2), log_weight, -np.inf)
    part, total = layer.given(x, holes), np.logaddexp.reduce(log_weight, axis=1)
    mean = np.exp(log_weight - total[:, None]) @ states
    mode = part.mode(inputs)
    best = (received * mode).sum(axis=1) - layer.energy(mode)
    for name, actual, desired in (
        ("cgf", part.cgf(inputs), total),
        ("mean", part.mean(inputs), mean),
        ("mode", best, log_weight.max(axis=1)),
    ):
        sentence = f"layer.given(x, holes).{name} is not that of all states that fit"
        require_close(actual, desired, sentence, 1e-6, 1e-6)
