"""Products with rows that are mostly zero, against NumPy's dense ones."""

import numpy as np
import pytest
from numba import njit
from scipy.sparse import csr_array

from skebm.utils import _products
from skebm.utils._products import (
    fill_product,
    fill_product_of_columns,
    product,
    product_of_columns,
    row_sums,
)


@njit(nogil=True)
def product_of_columns_in_kernel(sums, x, columns, shares, step, out):
    """Python may not call what only kernels call."""
    fill_product_of_columns(sums, x, columns, shares, step, out)


# From hardly any non-zeros to none but those; around the share that is the limit.
DENSITIES = [0.0, 0.05, 0.2, 0.3, 1.0]


def rows(rng, shape, density, dtype):
    return ((rng.random(shape) < density) * rng.normal(size=shape)).astype(dtype)


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request):
    return request.param


def close(actual, expected):
    tolerance = 1e-5 if actual.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("width", [3, 37])
def test_product_is_that_of_numpy(rng, density, width, dtype):
    x = rows(rng, (13, 101), density, dtype)
    matrix = rng.normal(size=(101, width)).astype(dtype)
    expected = x.astype(np.float64) @ matrix.astype(np.float64)
    out = np.full((13, width), np.nan, dtype=dtype)
    fill_product(row_sums(out.dtype.char), x, matrix, out)
    close(out, expected)
    for same in (x, np.asfortranarray(x), csr_array(x)):
        close(product(same, matrix), expected)
        close(product(same, np.asfortranarray(matrix)), expected)


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("width", [3, 37])
def test_product_of_columns_is_that_of_numpy(rng, density, width, dtype):
    x, y = (rows(rng, (n, 101), density, dtype) for n in (13, 7))
    mu = rows(rng, (1, 101), 1.0, dtype)
    shares = rng.normal(size=(21, width)).astype(dtype)
    stacked = np.concatenate([x, y, mu])
    expected = stacked[:, 17:59].T.astype(np.float64) @ shares.astype(np.float64)
    out = np.full((42, width), np.nan, dtype=dtype)
    one, factor, sums = dtype(1), dtype(-0.3), row_sums(out.dtype.char)
    product_of_columns_in_kernel(sums, stacked, (17, 59), shares, (one, 0 * one), out)
    close(out, expected)
    product_of_columns_in_kernel(sums, stacked, (17, 59), shares, (factor, one), out)
    close(out, 0.7 * expected)
    half = dtype(0.5)
    product_of_columns_in_kernel(sums, stacked, (17, 59), shares, (factor, half), out)
    close(out, 0.05 * expected)
    for first in (x, csr_array(x)):
        out[:] = np.nan
        product_of_columns([first, y, mu], shares, slice(17, 59), out)
        close(out, expected)


def test_a_dense_row_among_sparse_ones_changes_little(rng, monkeypatch):
    # The offsets of a centered gradient are one dense row beside those of a minibatch.
    x, mu = rows(rng, (29, 101), 0.1, np.float64), rng.normal(size=(1, 101))
    shares, out = rng.normal(size=(30, 37)), np.empty((101, 37))
    calls, sums = [], _products._sum_columns
    monkeypatch.setattr(
        _products, "_sum_columns", lambda *a: (calls.append(1), sums(*a))
    )
    product_of_columns([x, mu], shares, slice(0, 101), out)
    np.testing.assert_allclose(out, np.concatenate([x, mu]).T @ shares)
    assert calls
    product_of_columns([mu, x], shares[:, :31], slice(0, 101), out[:, :31].copy())
    assert len(calls) == 1  # so few columns do not pay for lists


def test_lists_that_end_in_a_full_row_find_room(rng):
    # Twenty rows without a non-zero, then one of non-zeros only.
    x = np.zeros((20, 41))
    mu, shares = rng.normal(size=(1, 41)), rng.normal(size=(21, 37))
    out = np.empty((41, 37))
    product_of_columns_in_kernel(
        row_sums(out.dtype.char),
        np.concatenate([x, mu]),
        (0, 41),
        shares,
        (1.0, 0.0),
        out,
    )
    np.testing.assert_allclose(out, np.outer(mu[0], shares[20]))
