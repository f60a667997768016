import numpy as np
import pytest
from scipy import integrate, special, stats

from skebm.energies import Independent
from skebm.layers import (
    Bernoulli,
    Categorical,
    Columns,
    Count,
    Gaussian,
    Poisson,
    ReLU,
    Spin,
    ZeroInflated,
)
from skebm.layers import relu as relu_file
from skebm.layers._discrete import draws, sums
from skebm.testing import check_layer
from tests.models import (
    KINDS,
    all_states,
    every_layer,
    mixed_layer,
    normal_layers,
    random_layer,
)


def make(kind, dtype=np.float64, seed=7):
    rng = np.random.default_rng(seed)
    if kind == "columns":
        return mixed_layer(rng, dtype)
    if kind == "every layer":
        return every_layer(rng, dtype)
    if kind == "finite columns":
        parts = ("spin", 2), ("categorical", 3), ("bernoulli", 1), ("count", 1)
        return Columns(random_layer(part, n, rng, dtype) for part, n in parts)
    if kind == "fixed gaussian":
        return random_layer("gaussian", 5, rng, dtype, visible=False)
    if kind == "scaled poisson":
        return random_layer("poisson", 5, rng, dtype).scaled(0.7)
    return random_layer(kind, 6 if kind == "zero_inflated" else 5, rng, dtype)


ALL = [*KINDS, "fixed gaussian", "scaled poisson", "columns", "finite columns"]
ALL += ["every layer"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ALL)
def test_contract(kind, dtype):
    check_layer(make(kind, dtype))


@pytest.mark.parametrize("kind", ALL)
def test_copies(kind):
    layer = make(kind)
    single = layer.astype(np.float32)
    assert type(single) is type(layer)
    for name, value in layer.params.items():
        assert single.params[name].dtype == np.float32
        np.testing.assert_allclose(single.params[name], value, rtol=1e-6)
    twin = layer.replace(**layer.params)
    assert all(twin.params[name] is value for name, value in layer.params.items())
    zeros = layer.zeros(layer.n_units, np.float32)
    assert zeros.n_units == layer.n_units
    assert all(value.dtype == np.float32 for value in zeros.params.values())
    np.testing.assert_array_equal(zeros.bias, 0)
    assert "n_units" in repr(layer)


@pytest.mark.parametrize(
    "kind", ["bernoulli", "spin", "categorical", "blocks", "count", "finite columns"]
)
def test_states_are_all_different_and_in_the_domain(kind):
    layer = make(kind)
    states = all_states(layer)
    assert len(np.unique(states, axis=0)) == len(states) == layer.n_states
    np.testing.assert_array_equal(
        np.concatenate([layer.states(0, 2), layer.states(2, int(layer.n_states))]),
        states,
    )
    if hasattr(layer, "outside"):
        assert not layer.outside(states).any()


@pytest.mark.parametrize("kind", ALL)
def test_alternatives_sum_a_variable_out(kind, rng):
    layer = make(kind)
    inputs = rng.normal(size=(1, layer.n_units))
    x = layer.sample(inputs, _random())
    total = 0.0
    for feature in range(layer.n_variables):
        columns, _, _ = layer.alternatives(feature, 0.0, 0.0)
        received = inputs[0, columns]
        columns, values, log_weight = layer.alternatives(
            feature, received.min(), received.max()
        )
        rest = np.tile(x, (len(values), 1))
        rest[:, columns] = values
        log_density = values @ received - layer.energy(rest) + log_weight
        base = x.copy()
        base[:, columns] = 0
        total += np.logaddexp.reduce(log_density) + layer.energy(base)[0]
    np.testing.assert_allclose(total, layer.cgf(inputs)[0], rtol=1e-9)


def _random():
    from skebm.utils._random import Random

    return Random(3)


@pytest.mark.parametrize("kind", ["bernoulli", "spin", "categorical", "gaussian"])
def test_from_moments_has_these_moments(kind):
    mean = np.array([0.2, 0.5, 0.3])
    variance = np.array([0.7, 1.1, 1.3])
    layer = type(make(kind)).from_moments(mean, variance, 10**9)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 3)))[0], mean, atol=1e-6)
    if kind == "gaussian":
        np.testing.assert_allclose(1 / layer.precision, variance)


@pytest.mark.parametrize("n_rows", [1, 13, 10**6])
@pytest.mark.parametrize(
    ("kind", "extreme"),
    [("bernoulli", (0, 1)), ("spin", (-1, 1)), ("categorical", (0, 1))],
)
def test_from_moments_of_a_constant_column_is_finite(kind, extreme, n_rows):
    layer = type(make(kind))
    layer = layer.from_moments(np.array(extreme, float), np.zeros(2), n_rows)
    assert np.isfinite(layer.bias).all()
    assert (np.abs(layer.mean(np.zeros((1, 2)))[0] - extreme) <= 1 / n_rows).all()


def test_gaussian_keeps_its_variance_within_bounds():
    layer = Gaussian.from_moments(np.zeros(3), np.array([0, 1, 1e9]), 7)
    np.testing.assert_allclose(layer.precision, [1000, 1, 0.1])
    layer.log_precision[:] = 99, 0, -99
    layer.project()
    np.testing.assert_allclose(layer.precision, [1000, 1, 0.1])


@pytest.mark.parametrize("fixed_first", [False, True])
def test_gaussians_meet_where_only_one_has_a_learned_variance(fixed_first):
    fixed, learned = make("fixed gaussian"), make("gaussian")
    layers = (fixed, learned) if fixed_first else (learned, fixed)
    x = np.linspace(-2, 2, 15).reshape(3, 5)
    for beta, end in zip((0, 1), layers, strict=True):
        between = layers[0].interpolate(layers[1], beta)
        np.testing.assert_allclose(between.energy(x), end.energy(x))
    half = layers[0].interpolate(layers[1], 0.5)
    np.testing.assert_allclose(2 * half.precision, fixed.precision + learned.precision)


@pytest.mark.parametrize("kind", ALL)
def test_energy_is_linear_on_the_way(kind):
    layer, other = make(kind), make(kind, seed=11)
    x = layer.sample(np.zeros((3, layer.n_units)), _random())
    between = layer.interpolate(other, 0.3).energy(x)
    expected = 0.7 * layer.energy(x) + 0.3 * other.energy(x)
    np.testing.assert_allclose(between, expected)


def test_gaussian_draws_are_normal():
    layer = make("gaussian")
    inputs = np.tile(np.arange(5.0), (1009, 1))
    x = layer.sample(inputs, _random())
    z = (x - layer.mean(inputs)) * np.sqrt(layer.precision)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-6


def test_columns_are_their_layers_side_by_side(rng):
    layer = make("columns")
    assert layer.n_units == 7
    assert layer.n_variables == 5
    assert not layer.finite
    assert layer.n_states == np.inf
    inputs = rng.normal(size=(3, 7))
    np.testing.assert_array_equal(layer.bias[3:5], layer.layers[1].bias)
    expected = sum(
        part.cgf(inputs[:, columns])
        for part, columns in zip(layer.layers, layer.slices, strict=True)
    )
    np.testing.assert_allclose(layer.cgf(inputs), expected)
    mean, variance = np.full(7, 1 / 3), np.full(7, 2.0)
    fitted = layer.from_moments(mean, variance, 10**9)
    np.testing.assert_allclose(fitted.mean(np.zeros((1, 7)))[0], mean, atol=1e-6)
    layer.params["1.log_precision"][:] = 99
    layer.project()
    np.testing.assert_allclose(layer.layers[1].precision, 1000)


def test_many_units_have_countless_states():
    wide = Bernoulli.zeros(2003)
    assert wide.n_states == np.inf
    assert Columns([wide, wide]).n_states == np.inf
    assert Columns([Bernoulli.zeros(1013)] * 2).n_states == np.inf


def test_outside():
    X = np.array([[-1.5, -1.0, 0.0, 0.5, 1.0, 1.5]])
    np.testing.assert_array_equal(Bernoulli.outside(X)[0], [1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(Categorical.outside(X)[0], [1, 1, 0, 0, 0, 1])
    np.testing.assert_array_equal(Spin.outside(X)[0], [1, 0, 1, 1, 0, 1])
    np.testing.assert_array_equal(Gaussian.outside(X)[0], 0)
    assert Gaussian.outside(np.array([np.inf, np.nan])).all()


# -- blocks of categories --------------------------------------------------------------


def softmaxes(layer, inputs):
    field = inputs + layer.bias
    blocks = np.split(field, np.cumsum(layer.sizes)[:-1], axis=1)
    return [special.softmax(block, axis=1) for block in blocks]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 100])
def test_blocks_equal_the_naive_softmax(dtype, scale, rng):
    layer = Categorical(rng.normal(size=17).astype(dtype), [2, 11, 1, 3])
    inputs = (scale * rng.normal(size=(13, 17))).astype(dtype)
    shares = softmaxes(layer, inputs)
    tolerance = {"rtol": 1e-4, "atol": 1e-30} if dtype == np.float32 else {}
    np.testing.assert_allclose(layer.mean(inputs), np.hstack(shares), **tolerance)
    field = (inputs + layer.bias).astype(float)
    blocks = np.split(field, np.cumsum(layer.sizes)[:-1], axis=1)
    cgfs = np.stack([special.logsumexp(block, axis=1) for block in blocks], axis=1)
    np.testing.assert_allclose(layer.cgfs(inputs), cgfs, rtol=1e-6, atol=1e-6)
    uniform = _random().uniform((13, 4))
    drawn = layer.sample(inputs, _random())
    naive = [
        np.minimum((s.cumsum(axis=1) < u[:, None]).sum(axis=1), s.shape[1] - 1)
        for s, u in zip(shares, uniform.T, strict=True)
    ]
    which = np.stack(naive, axis=1) + np.cumsum(layer.sizes) - layer.sizes
    np.testing.assert_array_equal(np.flatnonzero(drawn) % 17, which.ravel())
    np.testing.assert_array_equal(drawn.sum(axis=1), 4)


@pytest.mark.parametrize("kind", ["blocks", "count", "every layer"])
def test_structure_is_kept(kind):
    layer = make(kind)
    zeros = layer.zeros(layer.n_units, np.float32)
    x = layer.sample(np.zeros((101, layer.n_units)), _random())
    fitted = layer.from_moments(x.mean(axis=0), x.var(axis=0), 101)
    for other in (zeros, fitted, layer.scaled(2.0), layer.astype(np.float32)):
        np.testing.assert_array_equal(other.variables, layer.variables)
        assert other.n_states == layer.n_states
        for low, high in zip(other.limits, layer.limits, strict=True):
            np.testing.assert_array_equal(low, high)


def test_wrong_structure_is_refused():
    with pytest.raises(ValueError, match="do not make 5 units"):
        Categorical.zeros(5, sizes=[2, 2])
    with pytest.raises(ValueError, match="at least one category"):
        Categorical.zeros(5, sizes=[5, 0])
    with pytest.raises(ValueError, match="always 0"):
        Count.zeros(3, maximum=[2, 0, 1])
    with pytest.raises(ValueError, match="one for each"):
        Count.zeros(3, maximum=[2, 1])
    with pytest.raises(ValueError, match="must be even"):
        ZeroInflated.zeros(3)


def test_gauge_is_the_mean_of_each_block(rng):
    layer = make("every layer")
    rows = rng.normal(size=(layer.n_units, 3))
    kept = rows.copy()
    taken = layer.gauge(rows)
    np.testing.assert_allclose(taken, kept[4:6].mean(axis=0) + kept[6:9].mean(axis=0))
    np.testing.assert_allclose(rows[4:6].sum(axis=0), 0, atol=1e-15)
    np.testing.assert_array_equal(rows[9:], kept[9:])
    np.testing.assert_array_equal(rows[:4], kept[:4])
    layer.project()
    np.testing.assert_allclose(layer.layers[1].bias[2:].sum(), 0, atol=1e-15)
    assert Bernoulli.zeros(3).gauge(rows) == 0.0


# -- counts ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_counts_equal_the_naive_ones(dtype, rng):
    layer = Count(np.zeros(3), 0.3 * np.arange(3.0), [1, 7, 23])
    table = layer._table
    field = (3 * rng.normal(size=(11, 3))).astype(dtype)
    log_sum, mean = sums(field, table)
    uniform = rng.uniform(size=(11, 3))
    drawn = draws(field, table, uniform)
    for r, i in np.ndindex(field.shape):
        x = np.arange(layer.maximum[i] + 1)
        log_weight = x * field[r, i] + np.exp(layer.log_shape[i]) * np.log(
            special.comb(layer.maximum[i], x)
        )
        share = special.softmax(log_weight)
        np.testing.assert_allclose(log_sum[r, i], special.logsumexp(log_weight))
        np.testing.assert_allclose(mean[r, i], share @ x, rtol=1e-6)
        assert drawn[r, i] == (share.cumsum()[:-1] < uniform[r, i]).sum()


def test_counts_of_shape_one_are_binomial():
    layer = Count.zeros(2, maximum=[5, 13])
    layer.bias[:] = 0.4, -1.3
    p = special.expit(layer.bias)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 2)))[0], p * [5, 13])
    for i, (n, own) in enumerate(zip([5, 13], p, strict=True)):
        _, values, _ = layer.alternatives(i, 0.0, 0.0)
        x = np.zeros((n + 1, 2))
        x[:, [i]] = values
        log_share = -layer.energy(x) - layer.cgfs(np.zeros((1, 2)))[0, i]
        expected = stats.binom(n, own).logpmf(values[:, 0])
        np.testing.assert_allclose(log_share, expected, atol=1e-12)


def test_from_moments_of_counts():
    mean, variance = np.array([2.5, 1.0, 0.7, 0.25]), np.array([4.0, 0.3, 0.6, 3 / 16])
    maximum = [7, 3, 11, 1]
    layer = Count.from_moments(mean, variance, 10**9, maximum)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 4)))[0], mean, rtol=1e-6)
    x = layer.sample(np.zeros((40009, 4)), _random())
    np.testing.assert_allclose(x.var(axis=0), variance, rtol=0.1)
    for extreme in (0.0, 1.0):
        ends = extreme * np.array([7.0, 3.0, 11.0, 1.0])
        constant = Count.from_moments(ends, np.zeros(4), 10**6, maximum)
        assert all(np.isfinite(value).all() for value in constant.params.values())
        near = constant.mean(np.zeros((1, 4)))[0]
        np.testing.assert_allclose(near, ends, atol=1e-4)


@pytest.mark.parametrize("shape", [None, 0.0, 0.4])
def test_poisson_counts(shape):
    log_shape = None if shape is None else np.full(3, shape)
    layer = Poisson(np.array([-1.2, 0.7, 3.1]), log_shape)
    inputs = np.array([[0.1, -0.2, 0.3]])
    x = np.arange(400.0)[:, None] * np.ones(3)
    log_weight = x * (inputs + layer.bias) - np.exp(shape or 0) * special.gammaln(x + 1)
    log_sum = special.logsumexp(log_weight, axis=0)
    np.testing.assert_allclose(layer.cgfs(inputs)[0], log_sum)
    mean = (np.exp(log_weight - log_sum) * x).sum(axis=0)
    np.testing.assert_allclose(layer.mean(inputs)[0], mean)
    np.testing.assert_array_equal(layer.mode(inputs)[0], log_weight.argmax(axis=0))
    drawn = layer.sample(np.repeat(inputs, 4001, axis=0), _random())
    for i in range(3):
        share = np.exp(log_weight[:, i] - log_sum[i])
        counts = np.bincount(drawn[:, i].astype(int), minlength=400)
        likely = share * 4001 > 5
        parts = np.append(counts[likely], counts[~likely].sum())
        expected = np.append(share[likely], share[~likely].sum()) * 4001
        assert stats.chisquare(parts, expected).pvalue > 1e-6


# -- rectified units -------------------------------------------------------------------


def test_quantiles_of_the_normal_distribution():
    p = np.concatenate([np.logspace(-190, -1, 307), np.linspace(0.11, 0.999, 211)])
    actual = [relu_file._quantile(value) for value in p]
    np.testing.assert_allclose(actual, special.ndtri(p), rtol=1e-13)


def test_rectified_units_far_from_their_cut():
    layer, t = ReLU(np.zeros(1)), np.array([[-1e4], [-200.0], [-31.0], [-29.0], [1e4]])
    # The integral of exp(t x - x**2 / 2): exponentially decaying, or a whole normal.
    scaled = np.sqrt(np.pi / 2) * special.erfcx(-t[:4, 0] / np.sqrt(2))
    cgf = layer.cgfs(t)[:, 0]
    np.testing.assert_allclose(cgf[:4], np.log(scaled), rtol=1e-11)
    np.testing.assert_allclose(cgf[4], 5e7 + np.log(2 * np.pi) / 2, rtol=1e-15)
    mean = layer.mean(t)[:, 0]
    np.testing.assert_allclose(mean[[0, 4]], [1e-4, 1e4], rtol=1e-7)
    # Between the formula and the series there is no step.
    ends = layer.mean(np.array([[-30 + 1e-9], [-30 - 1e-9]]))[:, 0]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)
    for dtype in (np.float32, np.float64):
        wide = np.repeat(t, 101, axis=1).astype(dtype)
        x = ReLU(np.zeros(101, dtype)).sample(wide, _random())
        assert np.isfinite(x).all()
        assert (x >= 0).all()
        assert x.dtype == dtype


@pytest.mark.parametrize("t", [-1e4, -50.0, -31.0, -29.0, -2.0, 0.0, 3.0])
def test_rectified_draws_have_the_truncated_normal_distribution(t):
    layer = ReLU(np.zeros(7), np.full(7, 0.8))
    scale = np.exp(-0.4)
    x = layer.sample(np.full((503, 7), t / scale), _random()) / scale
    # Beyond x lies the share exp(-t**2 / 2) erfc-ratio, by the scaled function.
    ratio = special.erfcx((x - t) / np.sqrt(2)) / special.erfcx(-t / np.sqrt(2))
    share = ratio * np.exp(t * x - x * x / 2)
    assert stats.kstest(share.ravel(), "uniform").pvalue > 1e-6


# -- real units by quadrature, independently of `alternatives` -------------------------


@pytest.mark.parametrize("kind", ["gaussian", "relu", "zero_inflated"])
def test_cgfs_of_real_units_are_integrals(kind):
    layer = make(kind)
    n = layer.n_variables
    inputs = np.random.default_rng(3).normal(size=(1, layer.n_units))
    for k in range(n):
        unit = np.flatnonzero(layer.variables == k)

        def density(value, unit=unit):
            x = np.zeros((1, layer.n_units))
            x[0, unit] = (1, value) if len(unit) == 2 else value
            return np.exp(x @ inputs[0] - layer.energy(x))[0]

        low = 0 if kind == "relu" else -30
        total = integrate.quad(density, low, 30, epsabs=1e-13, points=[0, 1])[0]
        total += kind == "zero_inflated"
        np.testing.assert_allclose(layer.cgfs(inputs)[0, k], np.log(total), rtol=1e-9)


def test_zero_inflated_numbers():
    mean, on, spread = np.array([1.3, -0.4]), np.array([0.3, 0.9]), np.array([0.5, 2.0])
    rng = np.random.default_rng(3)
    z = (rng.random((10**5, 2)) < on).astype(float)
    y = mean + np.sqrt(spread) * rng.normal(size=z.shape)
    x = np.hstack([z, z * y])
    layer = ZeroInflated.from_moments(x.mean(axis=0), x.var(axis=0), len(x))
    np.testing.assert_allclose(1 / layer.precision, spread, rtol=0.05)
    nothing = np.zeros((10007, 4))
    np.testing.assert_allclose(layer.mean(nothing)[0], x.mean(axis=0), atol=1e-4)
    drawn = layer.sample(nothing, _random())
    assert not layer.outside(drawn).any()
    for i in range(2):
        own = drawn[drawn[:, i] == 1, 2 + i]
        assert stats.kstest((own - mean[i]) / np.sqrt(spread[i]), "norm").pvalue > 1e-6
        assert abs(drawn[:, i].mean() - on[i]) < 6 * np.sqrt(0.25 / len(drawn))
    np.testing.assert_array_equal(layer.mode(nothing)[0, :2], [0, 1])
    constant = ZeroInflated.from_moments(np.zeros(2), np.zeros(2), 7)
    assert all(np.isfinite(value).all() for value in constant.params.values())


def test_outside_of_counts_and_pairs():
    X = np.array([[-1.0, 0.5, 2.0, 3.0, np.nan]])
    counts = Count.zeros(5, maximum=2)
    np.testing.assert_array_equal(counts.outside(X)[0], [1, 1, 0, 1, 1])
    np.testing.assert_array_equal(Poisson.outside(X)[0], [1, 1, 0, 0, 1])
    np.testing.assert_array_equal(ReLU.outside(X)[0], [1, 0, 0, 0, 1])
    pairs = np.array([[0, 1, 0.5, 0, 3.0, np.inf], [0, 0, 1, 0, 0, -2.0]])
    expected = [[0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(ZeroInflated.outside(pairs), expected)


def test_rectified_units_from_moments():
    mean = np.array([0.03, 0.8, 7.0])
    layer = ReLU.from_moments(mean, np.ones(3), 10**9)
    np.testing.assert_allclose(layer.mean(np.zeros((1, 3)))[0], mean, rtol=1e-6)
    assert np.isfinite(ReLU.from_moments(np.zeros(2), np.zeros(2), 7).bias).all()


# -- gradients of the normaliser -------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_cgf_grad_is_the_slope_of_the_cgf(kind, rng):
    layer = make(kind)
    inputs = rng.normal(size=(5, layer.n_units))
    # Of any sign: labels and flips take differences.
    weight = rng.normal(size=5)
    gradient = layer.cgf_grad(inputs, weight)
    assert gradient.keys() == layer.params.keys()
    for name, value in layer.params.items():
        assert gradient[name].shape == value.shape
        for index in np.ndindex(value.shape):
            kept, ends = value[index], []
            for step in (1e-5, -1e-5):
                value[index] = kept + step
                ends.append(weight @ layer.cgf(inputs))
            value[index] = kept
            slope = (ends[0] - ends[1]) / 2e-5
            np.testing.assert_allclose(
                gradient[name][index], slope, rtol=1e-6, atol=1e-7, err_msg=name
            )


@pytest.mark.parametrize("kind", ALL)
def test_cgf_grad_in_single_precision(kind, rng):
    layer = make(kind)
    inputs, weight = rng.normal(size=(5, layer.n_units)), rng.normal(size=5)
    expected = layer.cgf_grad(inputs, weight)
    single = layer.astype(np.float32)
    actual = single.cgf_grad(inputs.astype(np.float32), weight.astype(np.float32))
    for name, value in expected.items():
        assert actual[name].dtype == np.float32
        scale = np.abs(value).max() + 1
        np.testing.assert_allclose(actual[name], value, rtol=1e-4, atol=1e-4 * scale)


@pytest.mark.parametrize("kind", [kind for kind in ALL if make(kind).finite])
def test_cgf_grad_is_minus_the_mean_gradient_of_the_energy(kind, rng):
    layer = make(kind)
    states = all_states(layer)
    inputs = rng.normal(size=(1, layer.n_units))
    log_weight = states @ inputs[0] - layer.energy(states)
    probability = np.exp(log_weight - np.logaddexp.reduce(log_weight))
    expected = layer.grad(states, probability)
    for name, value in layer.cgf_grad(inputs, np.ones(1)).items():
        np.testing.assert_allclose(value, -expected[name], atol=1e-10)


@pytest.mark.parametrize("kind", ALL)
def test_cgf_grad_of_no_rows_is_zero(kind):
    layer = make(kind)
    for name, value in layer.cgf_grad(np.zeros((0, layer.n_units)), np.ones(0)).items():
        np.testing.assert_array_equal(value, np.zeros_like(layer.params[name]))


@pytest.mark.parametrize("kind", ["gaussian", "relu", "poisson", "zero_inflated"])
@pytest.mark.parametrize("field", [1e9, 1e300, np.inf, np.nan])
def test_alternatives_of_exploded_weights_are_refused(kind, field):
    layer = type(make(kind)).zeros(2)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="weights"):
        layer.alternatives(0, -field, field)


# -- slopes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_of_real_layers_by_differences(rng, dtype):
    """A mixture of normals, a learned one, and normal units, also side by side."""
    normals = normal_layers(rng, dtype)[:2]
    layer = Columns([random_layer("gaussian", 3, rng, dtype), *normals])
    x = (2 * rng.normal(size=(7, layer.n_units))).astype(dtype)
    slope = layer.grad_x(x)
    assert slope.shape == x.shape
    assert slope.dtype == dtype
    double, x = layer.astype(np.float64), x.astype(np.float64)
    for i, unit in enumerate(1e-6 * np.eye(layer.n_units)):
        expected = (double.energy(x + unit) - double.energy(x - unit)) / 2e-6
        np.testing.assert_allclose(slope[:, i], expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(Independent(double, 0.3).grad_x(x), double.grad_x(x))


def test_layers_with_values_that_are_not_real_have_no_slope(rng):
    real = random_layer("gaussian", 3, rng)
    for kind in set(KINDS) - {"gaussian"}:
        layer = random_layer(kind, 5, rng)
        assert not hasattr(layer, "grad_x")
        assert not hasattr(Columns([real, layer]), "grad_x")
        assert not hasattr(Independent(layer), "grad_x")
