"""Contract checks for parts, ours and yours: each failure is a sentence.

They take any object with the methods, so that an energy written in plain NumPy can be
checked before it is trained.
"""

import copy

import numpy as np

from skebm.utils._random import Random

# Standard errors that chance all but never reaches; for chi-square, a probability.
_SIGMAS = 6
_P_VALUE = 1e-6
_N_ROWS = 11
_N_DRAWS = 4001
_MAX_STATES = 2**10


def _require(condition, sentence):
    if not np.all(condition):
        raise AssertionError(sentence)


def _require_close(actual, desired, sentence, rtol=1e-5, atol=1e-7):
    error = np.abs(actual - desired)
    close = error <= atol + rtol * np.abs(desired)
    _require(close, f"{sentence}: off by up to {np.max(error):.3g}.")


def _require_like(array, shape, dtype, what):
    actual, shape = np.shape(array), tuple(shape)
    _require(actual == shape, f"{what} has shape {actual}, not {shape}.")
    right = dtype is None or array.dtype == dtype
    _require(right, f"{what} has dtype {array.dtype}, not {dtype}.")
    _require(np.isfinite(array), f"{what} has entries that are not finite.")


def _in_float64(part):
    """Return a copy that may be changed, in float64 where the part allows that."""
    return part.astype(np.float64) if hasattr(part, "astype") else copy.deepcopy(part)


def _check_gradient(params, gradient, total, what):
    """Compare ``gradient`` with central differences of ``total()``.

    The arrays of ``params`` are moved in place, as optimizers do, in three random
    directions each, and then moved back.
    """
    keys = sorted(gradient), sorted(params)
    _require(
        keys[0] == keys[1], f"{what}.grad has the keys {keys[0]}, but params {keys[1]}."
    )
    for k, name in enumerate(keys[1]):
        value, own = params[name], gradient[name]
        _require_like(own, value.shape, value.dtype, f"{what}.grad[{name!r}]")
        # Differences lose half the digits.
        step = 1e-5 if value.dtype == np.float64 else 1e-2
        kept = value.copy()
        for trial in range(3):
            direction = Random(0, k).fold(trial).normal(value.shape)
            direction /= np.linalg.norm(direction)
            value[...] = kept + step * direction
            slope = total()
            value[...] = kept - step * direction
            slope = (slope - total()) / (2 * step)
            value[...] = kept
            sentence = (
                f"{what}.grad[{name!r}] is not the derivative of {what}.energy, or "
                f"{what}.params returns copies"
            )
            tolerance = step * max(1, abs(total()))
            _require_close(np.sum(own * direction), slope, sentence, step, tolerance)


def check_layer(layer, random_state=0):
    """Check that a layer keeps its contract.

    Parameters
    ----------
    layer : layer
        Any object with ``energy``, ``cgf``, ``mean``, ``sample``, ``grad`` and
        ``params``. Its ``states`` (where ``finite``), ``interpolate`` and ``astype``
        are checked too.
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
    inputs = random.fold(0).normal((_N_ROWS, layer.n_units), dtype)
    x = layer.sample(inputs, random.fold(1))
    _require_like(x, inputs.shape, dtype, "layer.sample(inputs, random)")
    _require_like(layer.mean(inputs), inputs.shape, dtype, "layer.mean(inputs)")
    _require_like(layer.energy(x), (_N_ROWS,), None, "layer.energy(x)")
    _require_like(layer.cgf(inputs), (_N_ROWS,), np.float64, "layer.cgf(inputs)")
    rest = layer.sample(inputs[3:], random.fold(1).rows(3))
    _require(
        rest == x[3:],
        "layer.sample draws other values for a block of rows than for all rows: draw "
        "from the `random` it is given.",
    )
    if hasattr(layer, "interpolate"):
        other = layer.replace(**{name: v + 1 for name, v in layer.params.items()})
        for beta, end in ((0, layer), (1, other)):
            same = layer.interpolate(other, dtype.type(beta)).energy(x)
            sentence = "layer.interpolate(other, beta) is not layer at 0, other at 1"
            _require_close(same, end.energy(x), sentence, 1e-4, 1e-4)
    layer, inputs, x = _in_float64(layer), inputs.astype(float), x.astype(float)
    weight = random.fold(2).uniform((_N_ROWS,))
    gradient = layer.grad(x, weight)
    _check_gradient(layer.params, gradient, lambda: weight @ layer.energy(x), "layer")
    variance = _check_cgf(layer, inputs)
    _check_layer_draws(layer, inputs[0], variance[0], random.fold(3))


def _check_cgf(layer, inputs):
    """Check ``cgf`` against ``mean`` and the sum over states; return the variances."""
    slope, variance = np.empty_like(inputs), np.empty_like(inputs)
    for i, unit in enumerate(1e-5 * np.eye(inputs.shape[1])):
        slope[:, i] = (layer.cgf(inputs + unit) - layer.cgf(inputs - unit)) / 2e-5
        means = layer.mean(inputs + unit)[:, i] - layer.mean(inputs - unit)[:, i]
        variance[:, i] = means / 2e-5
    mean, cgf = layer.mean(inputs), layer.cgf(inputs)
    _require_close(mean, slope, "layer.mean is not d layer.cgf / d inputs", atol=1e-6)
    if getattr(layer, "finite", False) and layer.n_states <= _MAX_STATES:
        states = layer.states(0, int(layer.n_states))
        log_weight = inputs @ states.T - layer.energy(states)
        total = np.logaddexp.reduce(log_weight, axis=1)
    elif getattr(layer, "finite", False) or hasattr(layer, "layers"):
        return variance
    else:
        total = _quadrature(layer, inputs, mean, np.sqrt(variance))
    sentence = "layer.cgf is not the log of the sum of exp(x @ inputs - energy(x))"
    _require_close(cgf, total, sentence, 1e-4, 1e-4)
    return variance


def _quadrature(layer, inputs, mean, scale):
    """Return the log integral by the trapezoid rule, unit by unit."""
    origin = layer.energy(np.zeros((1, layer.n_units)))
    total = np.full(len(inputs), -origin)
    grid = np.linspace(-15, 15, 1001)
    for row, i in np.ndindex(inputs.shape):
        x = np.zeros((len(grid), layer.n_units))
        x[:, i] = mean[row, i] + scale[row, i] * grid
        log_density = x[:, i] * inputs[row, i] - layer.energy(x) + origin
        total[row] += np.logaddexp.reduce(log_density) + np.log(0.03 * scale[row, i])
    return total


def _check_layer_draws(layer, inputs, variance, random):
    """Compare mean and variance of many draws with their exact values."""
    mean = layer.mean(inputs[None])[0]
    x = layer.sample(np.tile(inputs, (_N_DRAWS, 1)), random)
    squares = (x - mean) ** 2
    for actual, desired, spread, what in (
        (x.mean(axis=0), mean, np.sqrt(variance), "mean"),
        (squares.mean(axis=0), variance, squares.std(axis=0), "variance"),
    ):
        bound = _SIGMAS * spread / np.sqrt(_N_DRAWS) + 10 / _N_DRAWS
        sentence = f"The {what} of draws of layer.sample is {actual}, not {desired}."
        _require(np.abs(actual - desired) <= bound, sentence)


def check_energy(energy, X=None, random_state=0):
    """Check that an energy keeps its contract.

    Parameters
    ----------
    energy : energy
        Any object with ``energy(x)``, ``grad(x, weight)`` and ``params``. Its
        ``replace``, ``astype``, ``interpolate``, ``grad_x``, ``inputs``,
        ``gibbs_sweep`` and ``conditional_log_prob`` are checked where they exist.
    X : ndarray of shape (n, n_features), default=None
        Configurations to try; None draws some from ``energy.sample_reference``.
    random_state : int, RandomState or None, default=0

    Raises
    ------
    AssertionError
        With a sentence that says what is wrong.
    """
    random = Random.from_state(random_state)
    X = _configurations(energy, X, random.fold(0))
    for name, value in energy.params.items():
        updatable = isinstance(value, np.ndarray) and value.flags.carray and value.ndim
        sentence = "is no C-contiguous array of an axis or more: updates would miss it"
        _require(updatable, f"energy.params[{name!r}] {sentence}.")
    before, values = X.copy(), energy.energy(X)
    _require_like(values, (len(X),), None, "energy.energy(X)")
    for rows in (slice(None, None, -1), slice(1, 2)):
        sentence = "energy.energy of a row depends on the other rows"
        _require_close(energy.energy(X[rows]), values[rows], sentence)
    double = _in_float64(energy)
    x = X.astype(np.result_type(*double.params.values()))
    weight = random.fold(1).uniform((len(x),))
    total = lambda: float(weight @ double.energy(x))  # noqa: E731
    _check_gradient(double.params, double.grad(x, weight), total, "energy")
    for name, value in energy.grad(X, weight).items():
        like = energy.params[name]
        _require_like(value, like.shape, like.dtype, f"energy.grad(X)[{name!r}]")
    _check_capabilities(energy, X, values, random.fold(2))
    if hasattr(double, "grad_x"):
        gradient = double.grad_x(x)
        _require_like(gradient, x.shape, x.dtype, "energy.grad_x(x)")
        for i, unit in enumerate(1e-5 * np.eye(x.shape[1])):
            slope = (double.energy(x + unit) - double.energy(x - unit)) / 2e-5
            sentence = "energy.grad_x is not the derivative of energy.energy"
            _require_close(gradient[:, i], slope, sentence, 1e-4, 1e-5)
    _require(before == X, "A method of the energy changes its argument X.")


def _configurations(energy, X, random):
    if X is not None:
        return np.asarray(X)
    if not hasattr(energy, "sample_reference"):
        raise ValueError("Pass X: this energy has no sample_reference.")
    return energy.sample_reference(_N_ROWS, random)[0]


def _check_capabilities(energy, X, values, random):
    twins = {}
    if hasattr(energy, "replace"):
        params = {name: value.copy() for name, value in energy.params.items()}
        twins["energy.replace(params)"] = energy.replace(params).energy(X)
    if hasattr(energy, "astype"):
        single = energy.astype(np.float32)
        right = [value.dtype == np.float32 for value in single.params.values()]
        _require(right, "energy.astype(float32) leaves a parameter in float64.")
        twins["energy.astype(float32)"] = single.energy(X.astype(np.float32))
    if hasattr(energy, "interpolate"):
        twins["energy.interpolate(1)"] = energy.interpolate(1.0).energy(X)
    if hasattr(energy, "inputs"):
        twins["energy.energy(x, energy.inputs(x))"] = energy.energy(X, energy.inputs(X))
    for what, same in twins.items():
        _require_close(same, values, f"{what} is not the same energy", 1e-4, 1e-4)
    if hasattr(energy, "conditional_log_prob"):
        log_prob = energy.conditional_log_prob(X)
        shape = len(X), log_prob.shape[1]
        _require_like(log_prob, shape, np.float64, "energy.conditional_log_prob(X)")
    if hasattr(energy, "gibbs_sweep"):
        start = energy.chains(X)
        for old, new in zip(start, energy.gibbs_sweep(start, random), strict=True):
            _require_like(new, old.shape, old.dtype, "energy.gibbs_sweep(chains)")


def _enumerated(energy):
    """Return all configurations and their probabilities, or None if there are many."""
    layer = getattr(energy, "visible", None)
    if not getattr(layer, "finite", False) or layer.n_states > _MAX_STATES:
        return None
    states = layer.states(0, int(layer.n_states))
    log_weight = -np.asarray(energy.energy(states), dtype=np.float64)
    return states, np.exp(log_weight - np.logaddexp.reduce(log_weight))


def check_sampler(sampler, energy, random_state=0):
    """Check that a sampler draws from the distribution of a small energy.

    Parameters
    ----------
    sampler : sampler
        Any object with ``init(energy, n_chains, random)`` and ``step(energy, state,
        random)``, whose states have ``visible``.
    energy : energy
        With a finite visible layer of at most 1024 configurations, and weights so
        small that 50 steps forget the start.
    random_state : int, RandomState or None, default=0

    Raises
    ------
    AssertionError
        With a sentence that says what is wrong.
    """
    random = Random.from_state(random_state)
    if (enumerated := _enumerated(energy)) is None:
        raise ValueError("check_sampler needs few visible configurations.")
    states, probability = enumerated
    state = sampler.init(energy, _N_DRAWS, random.fold(0))
    kept, like = state.visible.copy(), ((_N_DRAWS, states.shape[1]), states.dtype)
    _require_like(state.visible, *like, "sampler.init(...).visible")
    moved, same = (sampler.step(energy, state, random.fold(1)) for _ in range(2))
    _require_like(moved.visible, *like, "sampler.step(...).visible")
    sentence = "sampler.step is no function of energy, state and random."
    _require(moved.visible == same.visible, sentence)
    _require(state.visible == kept, "sampler.step changes the state it was given.")
    for t in range(50):
        state = sampler.step(energy, state, random.fold(2, t))
    _check_frequencies(state.visible, states, probability, "After 50 steps from init")
    drawn = random.fold(3).categorical(np.tile(probability, (_N_DRAWS, 1))) @ states
    drawn = drawn.astype(states.dtype)
    start = energy.chains(drawn) if hasattr(energy, "chains") else None
    if type(start) is type(state):  # else it is made of more than configurations
        for t in range(3):
            start = sampler.step(energy, start, random.fold(4, t))
        what = "After 3 steps from exact draws"
        _check_frequencies(start.visible, states, probability, what)


def _check_frequencies(x, states, probability, what):
    """Compare how often each configuration occurs, by a chi-square test."""
    from scipy.stats import chisquare

    hits = (x[:, None, :] == states).all(axis=2)
    _require(hits.any(axis=1), f"{what}, the sampler left the domain of its energy.")
    order = np.argsort(probability)
    counts, expected = hits.sum(axis=0)[order], len(x) * probability[order]
    # The rarest configurations share a bin of which at least 5 are expected.
    bins = np.r_[0, np.arange(np.searchsorted(expected.cumsum(), 5) + 1, len(order))]
    counts, expected = (np.add.reduceat(part, bins) for part in (counts, expected))
    p_value = chisquare(counts, expected).pvalue
    sentence = f"{what}, the states have not the distribution of the energy"
    _require(p_value > _P_VALUE, f"{sentence} (chi-square test, p = {p_value:.1e}).")


def check_objective(objective, energy, X=None, random_state=0):
    """Check that an objective estimates a gradient that learns the data.

    Parameters
    ----------
    objective : objective
        Any object with ``init(energy, random)`` and ``gradient(energy, X, weight,
        state, random)``.
    energy : energy
        Where it has at most 1024 visible configurations, expectations are checked:
        the gradient vanishes for data that have the energy's own distribution, points
        uphill for others, and is the exact one if the state has persistent ``chains``.
    X : ndarray of shape (n, n_features), default=None
        Data to try; None draws some from ``energy.sample_reference``.
    random_state : int, RandomState or None, default=0

    Raises
    ------
    AssertionError
        With a sentence that says what is wrong.
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
    _require(keys[0] == keys[1], sentence)
    for name, value in before.items():
        what = f"objective.gradient(...)[{name!r}]"
        _require_like(gradient[name], value.shape, value.dtype, what)
        sentence = f"{what} is no function of its arguments, or changes its state"
        _require_close(again[name], gradient[name], sentence)
        same = energy.params[name] == value
        _require(same, "objective.gradient changes energy.params.")
    objective.gradient(energy, X, weight, after, random.fold(3))
    if (enumerated := _enumerated(energy)) is not None:
        _check_expectation(objective, energy, X[:3], enumerated, random.fold(4))


def _check_expectation(objective, energy, X, enumerated, random):
    if hasattr(objective, "centered"):  # the same fixed points, other lengths
        objective = copy.deepcopy(objective)
        objective.centered = False
    states, probability = enumerated
    # Many rows of each, so that chains that start at the data average their noise out.
    rows = np.repeat(states, 31, axis=0), np.repeat(probability / 31, 31)
    own, error = _mean_gradient(objective, energy, *rows, random.fold(0))
    _require(
        np.abs(own) <= _SIGMAS * error + 1e-5,
        "The mean of objective.gradient is not zero for data that have the energy's "
        f"own distribution, but {np.abs(own).max():.3g}.",
    )
    share = np.full(len(X), 1 / len(X))
    mean, error = _mean_gradient(objective, energy, X, share, random.fold(1))
    data, model = energy.grad(X, share), energy.grad(states, probability)
    exact = _flat({name: data[name] - model[name] for name in data})
    sentence = "A step along objective.gradient lowers the likelihood: a wrong sign?"
    _require(mean @ exact > 0, sentence)
    if getattr(objective.init(energy, random), "chains", None) is not None:
        _require(
            np.abs(mean - exact) <= _SIGMAS * error + 1e-5,
            "The mean of objective.gradient, with persistent chains in equilibrium, is "
            "not the gradient of the negative log-likelihood.",
        )


def _mean_gradient(objective, energy, X, weight, random, n_runs=31, n_calls=17):
    """Return the mean and its standard error over runs that forgot their start."""
    last = []
    for run in range(n_runs):
        state = objective.init(energy, random.fold(run, 0))
        for t in range(n_calls):
            draws = random.fold(run, 1, t)
            gradient, state = objective.gradient(energy, X, weight, state, draws)
        last.append(_flat(gradient))
    return np.mean(last, axis=0), np.std(last, axis=0, ddof=1) / np.sqrt(n_runs)


def _flat(gradient):
    return np.concatenate([gradient[name].ravel() for name in sorted(gradient)])
