import numpy as np
import pytest
from scipy.special import expit, logsumexp, ndtri

from skebm.utils._math import (
    fill_average,
    fill_step,
    log_sum_exp,
    normal_quantile,
    row_weights,
    sigmoid,
    softplus_sum,
)

# A few units in the last place.
TOLERANCE = {np.float32: 1e-6, np.float64: 2e-15}


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_sigmoid(dtype):
    x = np.linspace(-80, 80, 1009).astype(dtype)
    tolerance = TOLERANCE[dtype]
    y = sigmoid(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expit(x.astype(np.float64)), rtol=tolerance)
    assert (np.diff(y) >= 0).all()
    np.testing.assert_array_equal(sigmoid(x[::2]), y[::2])
    np.testing.assert_array_equal(sigmoid(x[:1007].reshape(19, 53)).ravel(), y[:1007])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_sigmoid_at_extremes(dtype):
    x = np.array([-np.inf, -1e4, -200, 0, 200, 1e4, np.inf], dtype=dtype)
    y = sigmoid(x)
    np.testing.assert_allclose(y, [0, 0, 0, 0.5, 1, 1, 1], atol=1e-37)
    assert y[3] == 0.5


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 131])
def test_softplus_sum(dtype, width, rng):
    x = (11 * rng.normal(size=(5, width))).astype(dtype)
    expected = np.logaddexp(0, x.astype(np.float64)).sum(axis=1)
    actual = softplus_sum(x)
    assert actual.dtype == np.float64
    close = {"rtol": 10 * TOLERANCE[dtype], "atol": 10 * width * TOLERANCE[dtype]}
    np.testing.assert_allclose(actual, expected, **close)
    np.testing.assert_allclose(softplus_sum(np.asfortranarray(x)), expected, **close)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_softplus_sum_at_extremes(dtype):
    x = np.array([[-1e4, 1e4, 3e4], [-1e4, -1e4, -1e4], [0, 0, 0]], dtype=dtype)
    expected = [4e4, 0, 3 * np.log(2)]
    np.testing.assert_allclose(softplus_sum(x), expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_fill_step(dtype, rng):
    value, step = rng.normal(size=(2, 11)).astype(dtype)
    expected = value - dtype(0.3) * step
    fill_step(value, step, dtype(0.3))
    np.testing.assert_allclose(value, expected, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_fill_average(dtype, rng):
    average, value = rng.normal(size=(2, 11)).astype(dtype)
    expected = 0.7 * average.astype(float) + 0.3 * value
    fill_average(average, value, dtype(0.3))
    np.testing.assert_allclose(average, expected, rtol=5 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_row_weights(dtype, rng):
    equal = row_weights(None, 7, dtype)
    np.testing.assert_array_equal(equal, np.full(7, 1 / 7).astype(dtype))
    assert equal.dtype == dtype
    given = rng.random(7)
    np.testing.assert_array_equal(row_weights(given, 7, dtype), given.astype(dtype))


def test_normal_quantile():
    # All that `Random.uniform` can return lies between these.
    ends = np.float32([2**-25, 2**-24, 1e-6, 0.5 - 2**-24, 0.5, 1 - 2**-24])
    uniform = np.r_[ends, np.arange(1, 20_011, dtype=np.float32) / 20_011]
    out = uniform.astype(np.float32)
    out = normal_quantile(out[::-1])[::-1]
    exact = ndtri(uniform.astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(out, exact, rtol=1e-6, atol=2e-7)


def test_log_sum_exp(rng):
    x = 300 * rng.normal(size=(17, 5))
    np.testing.assert_allclose(log_sum_exp(x), logsumexp(x, axis=1), rtol=1e-14)
    x[3], x[5, 1:] = -np.inf, -np.inf
    np.testing.assert_allclose(log_sum_exp(x), logsumexp(x, axis=1), rtol=1e-14)
