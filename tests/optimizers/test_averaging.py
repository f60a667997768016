import numpy as np

from skebm.optimizers import Average


def test_average_of_a_constant_is_that_constant():
    average = Average({"a": np.zeros(3)}, 0.999)
    params = {"a": np.full(3, 5.0)}
    for _ in range(10007):
        average.update(params)
    np.testing.assert_allclose(average.current(params)["a"], 5, rtol=1e-3)


def test_lag_behind_a_line_is_the_window():
    average = Average({"a": np.zeros(1)}, 0.99)
    for t in range(3001):
        average.update({"a": np.array([float(t)])})
    lag = 3000 - average.params["a"][0]
    assert 80 < lag < 120  # 1 / (1 - decay)


def test_noise_is_averaged_out(rng):
    average = Average({"a": np.zeros(101)}, 0.99)
    for _ in range(3001):
        average.update({"a": rng.normal(size=101)})
    # The variance of an exponential average of every tenth of white noise.
    keep = 0.99**10
    expected = (1 - keep) / (1 + keep)
    assert 0.5 * expected < average.params["a"].var() < 2 * expected


def test_without_average_and_before_the_first_one():
    params = {"a": np.ones(3, np.float32)}
    for average in (Average({"a": np.zeros(3)}, 0.0), Average({"a": np.zeros(3)}, 0.9)):
        average.update(params)
        current = average.current(params)["a"]
        np.testing.assert_array_equal(current, 1)
        assert not np.shares_memory(current, params["a"])
