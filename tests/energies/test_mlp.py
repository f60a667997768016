import numpy as np
import pytest
from scipy.special import expit

from skebm.energies import MLP, Hybrid, Independent, Summary
from skebm.energies._sum import Sum
from skebm.energies.hybrid import Anchored
from skebm.layers import Gaussian
from skebm.samplers._base import exchange
from skebm.testing import check_energy
from skebm.utils._random import Random

ACTIVATIONS = {
    "silu": lambda z: z * expit(z),
    "softplus": lambda z: np.logaddexp(0, z),
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
SIZES = (7, 3)


def random_mlp(activation="silu", dtype=np.float64, sizes=SIZES):
    X = np.random.default_rng(3).normal(size=(11, 5)).astype(dtype)
    recipe = MLP(sizes, activation, n_networks=1)
    energy = recipe.build(Gaussian.zeros(5, dtype), Summary.of(X, None), Random(3))
    for k, value in enumerate(energy.params.values()):
        value += Random(7, k).normal(value.shape, dtype) / 2
    return energy, X


def naive_energy(energy, x):
    h = x
    for weights, bias in zip(energy.weights, energy.biases, strict=True):
        h = ACTIVATIONS[energy.activation](h @ weights + bias)
    return h @ energy.output


@every_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_energy(activation, dtype):
    energy, X = random_mlp(activation, dtype)
    assert energy.energy(X).dtype == np.float64
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        energy.energy(X), naive_energy(energy, X), rtol=tolerance, atol=tolerance
    )


@every_activation
@pytest.mark.parametrize("sizes", [(7,), SIZES, (3, 2, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract(activation, sizes, dtype):
    """The gradients by parameters and by rows agree with differences."""
    energy, X = random_mlp(activation, dtype, sizes)
    layer = Gaussian.zeros(5, dtype)
    check_energy(Hybrid(Independent(layer), energy, layer), X)


@every_activation
def test_second_gradient(activation):
    energy, X = random_mlp(activation)
    direction = np.random.default_rng(5).normal(size=X.shape)
    gradient = energy.grad_x_grad(X, direction)
    assert gradient.keys() == energy.params.keys()
    for name, value in energy.params.items():
        slopes = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            sums = []
            for step in (1e-5, -1e-5):
                value[index] += step
                sums.append((direction * energy.grad_x(X)).sum())
                value[index] -= step
            slopes[index] = (sums[0] - sums[1]) / 2e-5
        np.testing.assert_allclose(gradient[name], slopes, rtol=1e-5, atol=1e-7)


@every_activation
def test_energy_and_slope_come_from_one_pass(activation, rng):
    perceptron, x = random_mlp(activation)
    layer = Gaussian(rng.normal(size=5), rng.normal(size=5))
    start = Independent(layer)
    hybrid = Hybrid(start, perceptron, layer, 0.7)
    both = Sum({"a": perceptron, "b": hybrid}, {"a": 2.0, "b": -0.5})
    for energy in (perceptron, hybrid, hybrid.with_strength(1.0), both):
        stages = [Anchored(start, energy, layer).interpolate(b) for b in (0.3, 0.7)]
        above = stages[0].energy(x) - stages[1].energy(x)
        np.testing.assert_allclose(stages[0].energy_above(stages[1], x), above)
        # Stages of one interpolation exchange chains as any two models do.
        pair = [x, x[::-1].copy()]
        quick, plain = (
            exchange(stages, pair, seen, Random(3)) for seen in (pair, list(pair))
        )
        for one, other in zip(quick[1:], plain[1:], strict=True):
            np.testing.assert_allclose(one, other)
        np.testing.assert_array_equal(quick[0], plain[0])
        for model in (energy, stages[0]):
            values, slope = model.energy_and_slope(x)
            np.testing.assert_allclose(values, model.energy(x), rtol=1e-12)
            np.testing.assert_allclose(slope, model.grad_x(x), rtol=1e-12)


def test_a_new_one_is_flat():
    X = np.random.default_rng(3).normal(size=(11, 5))
    energy = MLP().build(Gaussian.zeros(5), Summary.of(X, None), Random(3))
    assert not energy.energy(X).any()
    for k in range(4):
        assert energy.grad(X)[f"network_{k + 1}__output"].any()


def test_inputs_far_out_are_finite():
    for activation in ACTIVATIONS:
        energy, X = random_mlp(activation)
        assert np.isfinite(energy.energy(1e6 * X)).all()
        assert np.isfinite(energy.grad_x(1e6 * X)).all()


@pytest.mark.parametrize("sizes", [(), 0, (5, 0), (2.5,), "a"])
def test_sizes(sizes):
    with pytest.raises(ValueError, match="must be 'auto', or whole numbers"):
        random_mlp(sizes=sizes)
    assert [w.shape for w in random_mlp(sizes=3)[0].weights] == [(5, 3)]


def test_activations_have_names():
    with pytest.raises(ValueError, match="activation='relu'"):
        random_mlp("relu")


@pytest.mark.parametrize("n_networks", [0, 2.5, "a"])
def test_number_of_networks(n_networks):
    recipe, X = MLP(n_networks=n_networks), np.zeros((3, 5))
    with pytest.raises(ValueError, match="n_networks must be a whole number above 0"):
        recipe.build(Gaussian.zeros(5), Summary.of(X, None), Random(3))


@every_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(11, 3), (7, 5), (11, 5)])
def test_growth_keeps_the_energies(activation, dtype, sizes):
    energy, X = random_mlp(activation, dtype)
    grown = energy.grown(sizes, Random(5))
    assert [len(bias) for bias in grown.biases] == list(sizes)
    assert grown.dtype == dtype
    for name, value in grown.params.items():
        assert not np.shares_memory(value, energy.params[name])
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        grown.energy(X), energy.energy(X), rtol=tolerance, atol=tolerance
    )


def test_an_ensemble_grows_by_its_members():
    X = np.random.default_rng(3).normal(size=(11, 5))
    facts = Gaussian.zeros(5), Summary.of(X, None), Random(3)
    energy = MLP((7, 3), n_networks=2).build(*facts)
    for k, value in enumerate(energy.params.values()):
        value += Random(7, k).normal(value.shape) / 2
    grown = energy.grown((11, 5), Random(5))
    np.testing.assert_allclose(grown.energy(X), energy.energy(X), atol=1e-12)
    one, other = (part.weights[0][:, 7:] for part in grown.parts.values())
    assert not np.isclose(one, other).any()


def test_new_units_can_learn():
    energy, X = random_mlp()
    gradient = energy.grown((11, 5), Random(5)).grad(X)
    for new in (gradient["weights_2"][7:, :3], gradient["output"][3:]):
        assert np.abs(new).min() > 0
        assert len(np.unique(new)) == new.size


def test_auto_is_as_large_as_the_rows_allow():
    assert MLP().sizes(1000, 5) == ()
    assert MLP("auto").sizes(1000, 5)[-1] == (128, 128)
    assert MLP("auto").sizes(100, 5)[-1] == (16, 16)
    assert MLP("auto").sizes(20, 5) == [(16, 16)]
    sized = MLP("auto", "softplus", 2).sized((16, 16))
    assert sized.get_params() == MLP((16, 16), "softplus", 2).get_params()
    assert MLP((3,)).sized((16, 16)).hidden_layer_sizes == (3,)
