import numpy as np
import pytest

from skebm.optimizers import Adam


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_paper(dtype, rng):
    params = {"a": rng.normal(size=(307, 5)).astype(dtype), "b": np.ones(7, dtype)}
    expected = {name: value.astype(np.float64) for name, value in params.items()}
    first = {name: 0 * value for name, value in expected.items()}
    second = {name: 0 * value for name, value in expected.items()}
    optimizer = Adam(beta1=0.8, beta2=0.95, epsilon=0)
    state = optimizer.init(params)
    for t in range(1, 6):
        gradient = {
            n: rng.normal(size=v.shape).astype(dtype) for n, v in params.items()
        }
        for name, g in gradient.items():
            first[name] = 0.8 * first[name] + 0.2 * g
            second[name] = 0.95 * second[name] + 0.05 * g**2
            corrected = first[name] / (1 - 0.8**t), second[name] / (1 - 0.95**t)
            expected[name] -= 0.01 * corrected[0] / np.sqrt(corrected[1])
        state = optimizer.update(params, gradient, state, 0.01)
    assert state["count"] == 5
    for name, value in params.items():
        assert value.dtype == dtype
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-6)


def test_the_first_step_has_the_length_of_the_learning_rate(rng):
    params = {"a": np.zeros(11)}
    gradient = {"a": 10.0 ** rng.integers(-3, 4, size=11)}
    Adam(epsilon=0).update(params, gradient, Adam().init(params), 0.1)
    np.testing.assert_allclose(params["a"], -0.1)


def test_many_numbers_are_updated_in_blocks(rng):
    gradient = {"a": rng.normal(size=(4099, 101)) + 3}  # that is work for threads
    params = {"a": np.zeros((4099, 101))}
    Adam(epsilon=0).update(params, gradient, Adam().init(params), 0.1)
    np.testing.assert_allclose(params["a"], -0.1 * np.sign(gradient["a"]))


def test_no_gradient_no_step():
    params = {"a": np.ones(3)}
    Adam().update(params, {"a": np.zeros(3)}, Adam().init(params), 0.1)
    np.testing.assert_array_equal(params["a"], 1)


def test_steps_of_kernels_are_those_of_updates():
    optimizer, params = Adam(beta1=0.8, beta2=0.95), {"a": np.zeros(1)}
    state, rates = optimizer.init(params), np.array([0.3, 0.2, 0.1])
    steps, after = optimizer.steps(state, rates)
    first = second = value = 0.0
    for t, g in enumerate((3.0, -1.0, 2.0)):
        state = optimizer.update(params, {"a": np.array([g])}, state, rates[t])
        first += (g - first) * steps.share1
        second += (g * g - second) * steps.share2
        value -= steps.rates[t] * first / (np.sqrt(second) + steps.epsilon)
    np.testing.assert_allclose(params["a"], value)
    assert after["count"] == state["count"] == 3


def test_an_own_update_has_no_steps():
    class Own(Adam):
        def update(self, params, gradient, state, learning_rate):
            return state

    assert Adam().has_steps
    assert not Own().has_steps
