import numpy as np
import pytest

from skebm.optimizers import SGD


def quadratic(dtype=np.float64):
    return {"a": np.full((307, 5), 3, dtype=dtype), "b": np.full(7, -2, dtype=dtype)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_equals_naive_twin(momentum, dtype, rng):
    params = quadratic(dtype)
    expected = {name: value.copy() for name, value in params.items()}
    velocity = {name: 0 * value for name, value in params.items()}
    optimizer = SGD(momentum)
    state = optimizer.init(params)
    for t in range(5):
        gradient = {
            n: rng.normal(size=v.shape).astype(dtype) for n, v in params.items()
        }
        for name in params:
            velocity[name] = momentum * velocity[name] + (1 - momentum) * gradient[name]
            expected[name] -= 0.1 * (t + 1) * velocity[name]
        state = optimizer.update(params, gradient, state, 0.1 * (t + 1))
    for name, value in params.items():
        assert value.dtype == dtype
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_converges_on_a_quadratic(momentum):
    params = quadratic()
    optimizer = SGD(momentum)
    state = optimizer.init(params)
    for _ in range(200):
        gradient = {name: value.copy() for name, value in params.items()}
        state = optimizer.update(params, gradient, state, 0.1)
    assert all(np.abs(value).max() < 1e-6 for value in params.values())


def test_takes_arrays_without_entries():
    params = {"tables": np.zeros(0), "weights": np.ones((2, 3))}
    gradient = {"tables": np.zeros(0), "weights": np.ones((2, 3))}
    optimizer = SGD()
    optimizer.update(params, gradient, optimizer.init(params), 0.5)
    assert (params["weights"] == 0.5).all()
