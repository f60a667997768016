"""Moments of columns, against NumPy's over all rows at once."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skebm.utils._moments import moments


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(1, 3), (13, 7), (1009, 211)])
def test_moments_are_those_of_numpy(rng, dtype, weighted, shape):
    X = rng.normal(2.0, 3.0, shape).astype(dtype)
    weight = rng.random(shape[0]).astype(dtype) if weighted else None
    mean = np.average(X.astype(np.float64), axis=0, weights=weight)
    expected = np.average(np.square(X - mean), axis=0, weights=weight)
    actual = moments(X, weight)
    np.testing.assert_allclose(actual[0], mean, rtol=1e-14 if weight is None else 1e-6)
    np.testing.assert_allclose(
        actual[1], expected, rtol=1e-12 if weight is None else 1e-6
    )
    np.testing.assert_allclose(moments(csr_array(X), weight), actual, rtol=1e-4)


def test_holes_do_not_count(rng):
    X, weight = rng.normal(size=(101, 3)), rng.random(101)
    X[5:9, 1], X[:, 2] = np.nan, np.nan
    mean, variance = moments(X, weight)
    seen = ~np.isnan(X[:, 1])
    expected = moments(X[seen, 1:2], weight[seen])
    np.testing.assert_allclose([mean[1], variance[1]], np.ravel(expected))
    assert mean[2] == variance[2] == 0
