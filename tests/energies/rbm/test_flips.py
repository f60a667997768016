import numpy as np
import pytest
from scipy import sparse

from skebm.energies import RBM
from skebm.energies.rbm._conditionals import _conditional
from skebm.energies.rbm._flips import _MAX_LOG, Flips
from skebm.layers import Bernoulli, Columns, Spin
from skebm.utils._parallel import use_threads
from skebm.utils._random import Random
from tests.models import PAIRS, all_states, mixed_layer, random_layer, random_rbm

FLIPPING = [pair for pair in PAIRS if pair[0] != "gaussian"]
DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: 5e-6, np.float64: 1e-12}


def rows(energy, n=17):
    return energy.reference.sample(n, Random(5))


def weights_of(x):
    return np.random.default_rng(3).normal(size=x.shape)


def flipped(energy, x, i):
    """Return the rows with unit i at its other value, by the layer's own states."""
    low, high = all_states(Columns([energy.visible]))[[0, -1]]
    out = x.copy()
    out[:, i] = (low + high - x)[:, i]
    return out


def naive_energies(energy, x):
    energy, x = energy.astype(np.float64), x.astype(np.float64)
    after = [energy.energy(flipped(energy, x, i)) for i in range(x.shape[1])]
    return np.stack(after, axis=1) - energy.energy(x)[:, None]


def naive_grad(energy, x, weight):
    energy, x = energy.astype(np.float64), x.astype(np.float64)
    total = {name: np.zeros_like(value) for name, value in energy.params.items()}
    for i in range(x.shape[1]):
        after = energy.grad(flipped(energy, x, i), weight[:, i])
        before = energy.grad(x, weight[:, i])
        for name in total:
            total[name] += after[name] - before[name]
    return total


def assert_flips(energy, x, tolerance):
    weight = weights_of(x)
    expected = naive_energies(energy, x)
    actual = energy.flip_energies(x)
    assert actual.dtype == np.float64
    close = {"rtol": tolerance, "atol": tolerance * max(1, np.abs(expected).max())}
    np.testing.assert_allclose(actual, expected, **close)
    gradient, expected = energy.flip_grad(x, weight), naive_grad(energy, x, weight)
    assert gradient.keys() == energy.params.keys()
    for name, value in gradient.items():
        assert value.dtype == energy.dtype
        close = {"rtol": tolerance, "atol": tolerance * np.abs(weight).sum()}
        np.testing.assert_allclose(value, expected[name], **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pair", FLIPPING)
def test_flips_are_those_of_brute_force(pair, dtype):
    energy = random_rbm(pair, 7, 5, dtype=dtype).interpolate(0.8)
    assert_flips(energy, rows(energy), TOLERANCE[dtype])


@pytest.mark.parametrize("n_hidden", [1, 31, 32, 67, 131])
def test_any_number_of_hidden_units(n_hidden):
    energy = random_rbm(("bernoulli", "spin"), 5, n_hidden)
    assert_flips(energy, rows(energy), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1, 3, 10, 30, 100])
def test_large_weights_are_taken_in_shorter_products(scale, dtype):
    energy = random_rbm(("bernoulli", "bernoulli"), 5, 131, scale=scale, dtype=dtype)
    assert_flips(energy, rows(energy), 10 * TOLERANCE[dtype])
    np.abs(energy.weights, out=energy.weights)  # nothing in a product cancels
    assert_flips(energy, rows(energy), 10 * TOLERANCE[dtype])


def test_the_length_of_products_is_the_longest_safe_one():
    energy = random_rbm(("bernoulli", "bernoulli"), 3, 67)
    lengths = []
    for size in (0.01, 1.1, 1.2, 2, 3, 30, 70, 90):
        energy.weights[...] = size
        flips = Flips(energy)
        lengths.append(flips.chunk)
        assert min(flips.chunk, 67) * size <= _MAX_LOG
    assert lengths == [96, 96, 64, 32, 16, 2, 1, 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("field", [-60, 60])
def test_saturated_hidden_units(field, dtype):
    weights = np.full((1, 67), 2.3, dtype=dtype)
    hidden = Bernoulli(np.full(67, field, dtype=dtype))
    energy = RBM(Bernoulli.zeros(1, dtype), hidden, weights)
    x = np.array([[0], [1]], dtype=dtype)
    gain = 67 * (np.logaddexp(0, field + 2.3) - np.logaddexp(0, field))
    atol = 200 * np.finfo(dtype).eps  # of a sum of about 154
    np.testing.assert_allclose(energy.flip_energies(x), [[-gain], [gain]], atol=atol)


def test_columns_of_two_kinds():
    rng = np.random.default_rng(3)
    parts = [random_layer(kind, n, rng) for kind, n in (("bernoulli", 3), ("spin", 2))]
    for hidden in (Bernoulli(rng.normal(size=5)), Columns([Spin(rng.normal(size=5))])):
        energy = RBM(Columns(parts), hidden, rng.normal(size=(5, 5)))
        x = all_states(energy.visible)
        naive = np.empty_like(x)
        for i, column in enumerate(x.T):
            other = x.copy()
            other[:, i] = column.min() + column.max() - column
            naive[:, i] = energy.energy(other) - energy.energy(x)
        np.testing.assert_allclose(energy.flip_energies(x), naive, atol=1e-12)
    assert "visible.1.bias" in energy.flip_grad(x, weights_of(x))


@pytest.mark.parametrize("pair", FLIPPING)
def test_sparse_rows(pair):
    energy = random_rbm(pair, 7, 5)
    x = rows(energy)
    weight, as_sparse = weights_of(x), sparse.csr_matrix(x)
    np.testing.assert_allclose(energy.flip_energies(as_sparse), energy.flip_energies(x))
    gradient = energy.flip_grad(as_sparse, weight)
    for name, value in energy.flip_grad(x, weight).items():
        np.testing.assert_allclose(gradient[name], value, atol=1e-12)


@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.parametrize(
    ("kind", "value"), [("bernoulli", 0.5), ("spin", 0.5), ("spin", 0)]
)
def test_values_without_a_flip_are_refused(kind, value, as_sparse):
    energy = random_rbm((kind, "bernoulli"), 5, 3)
    x = rows(energy)
    x[3, 2] = value
    x = sparse.csr_matrix(x) if as_sparse else x
    for call in (energy.flip_energies, lambda x: energy.flip_grad(x, np.ones((17, 5)))):
        with pytest.raises(ValueError, match="which have no flip"):
            call(x)


def test_other_units_have_no_flips():
    rng = np.random.default_rng(3)
    mixed = RBM(mixed_layer(rng), Bernoulli.zeros(3), rng.normal(size=(7, 3)))
    for energy in (mixed, random_rbm(("gaussian", "spin"), 5, 3)):
        assert not hasattr(energy, "flip_energies")
        assert not hasattr(energy, "flip_grad")


@pytest.mark.parametrize("hidden", ["bernoulli", "gaussian"])
def test_threads_do_not_change_a_bit(hidden):
    energy = random_rbm(("bernoulli", hidden), 101, 127, dtype=np.float32)
    x = rows(energy, 131)
    weight = weights_of(x).astype(np.float32)
    results = []
    for n_jobs in (1, 2, 2):
        with use_threads(n_jobs):
            results.append((energy.flip_energies(x), energy.flip_grad(x, weight)))
    for energies, gradient in results[1:]:
        np.testing.assert_array_equal(energies, results[0][0])
        for name, value in gradient.items():
            np.testing.assert_array_equal(value, results[0][1][name])


@pytest.mark.parametrize("pair", FLIPPING)
def test_conditionals_agree_with_the_sum_over_values(pair):
    energy = random_rbm(pair, 7, 5).interpolate(0.8)
    x = rows(energy)
    inputs = energy.inputs(x)
    own = energy.hidden.cgf(energy._coupled(inputs))
    slow = [own + _conditional(energy, x, inputs, i) for i in range(7)]
    fast = energy.conditional_log_prob(x)
    np.testing.assert_allclose(fast, np.stack(slow, axis=1), atol=1e-12)


def test_conditionals_of_probabilities_are_plugged_in():
    energy = random_rbm(("bernoulli", "spin"), 5, 3)
    x = np.random.default_rng(3).uniform(size=(7, 5))
    total = []
    for value in (0, 1):
        ends = x.copy()
        ends[:, 2] = value
        total.append(-energy.energy(ends))
    expected = -energy.energy(x) - np.logaddexp(*total)
    np.testing.assert_allclose(energy.conditional_log_prob(x)[:, 2], expected)
