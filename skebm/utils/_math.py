"""Elementwise functions at memory speed, and the weights of rows.

NumPy's ``exp`` and SciPy's ``expit`` cost several nanoseconds a number and are a fifth
of a training step; a polynomial that the compiler can vectorise costs about one.
"""

import numpy as np
from numba import njit, types
from numba.extending import overload
from scipy.sparse import issparse
from scipy.special import ndtri

from skebm.utils._addresses import INNER, KERNEL

# exp(x) = 2**n * exp(r) with |r| <= log(2) / 2; log(2) is split in two so that
# r = x - n log(2) loses no digits. Polynomials: S. Moshier's Cephes (float32) and the
# Taylor series to the 13th power (float64), both within 2 units in the last place.
_LIMIT32, _LIMIT64 = np.float32(87.0), 708.0
# A product and a sum may be one instruction, of one rounding.
_CONTRACT = {"contract"}
# The sum of many squares of larger numbers is infinite in single precision.
_LARGEST_SINGLE = 1e15


def row_weights(weight, n_rows, dtype=np.float64):
    """Return the weights of rows in this dtype; equal ones with sum 1 for None."""
    if weight is None:
        return np.full(n_rows, 1 / n_rows, dtype=dtype)
    return weight.astype(dtype, copy=False)


def sigmoid(x):
    """Return ``1 / (1 + exp(-x))`` as a new array of the dtype of ``x``."""
    x = np.ascontiguousarray(x)
    out = np.empty_like(x)
    sigmoid_kernel(x.dtype)(x.reshape(-1), out.reshape(-1))
    return out


def sigmoid_kernel(dtype):
    """Return the kernel that fills a flat array with the sigmoid of another one."""
    return _sigmoid32 if dtype == np.float32 else _sigmoid64


def softplus_sum(x):
    """Return the sum of ``log(1 + exp(x))`` over each row of ``x``, in float64."""
    x = np.ascontiguousarray(x)
    out = np.empty(len(x))
    _kernel(_softplus_sum32, _softplus_sum64, x)(x, out)
    return out


def log_sum_exp(x):
    """Return the log of the sum of the exponentials of each row of ``x``, float64.

    It is a third of the time of SciPy's function, which takes any axes and weights.
    """
    largest = x.max(axis=1)
    # A row of minus infinities stays minus infinity.
    largest = np.where(np.isfinite(largest), largest, 0.0)
    with np.errstate(divide="ignore"):
        return largest + np.log(np.exp(x - largest[:, None]).sum(axis=1))


def normal_quantile(uniform):
    """Return the quantiles of the standard normal distribution, in the same dtype.

    In single precision a kernel is ten times as fast as SciPy's function.
    """
    if uniform.dtype != np.float32:
        return ndtri(uniform)
    out = np.array(uniform, order="C")
    fill_normal(out.reshape(-1))
    return out


def fill_exp(x, out):
    """Fill ``out`` with the exponential of ``x``, both flat; kernels may call it, too.

    Below the smallest normal number and above the largest it stays at those.
    """
    _kernel(_exponential32, _exponential64, x)(x, out)


@overload(fill_exp, inline="always")
def _fill_exp(x, out):
    kernel = _exponential32 if x.dtype == types.float32 else _exponential64
    return lambda x, out: kernel(x, out)


@njit(**KERNEL)
def fill_step(value, step, rate):
    """Take ``rate * step`` off ``value``, in place, both flat."""
    for i in range(value.size):
        value[i] -= rate * step[i]


@njit(**KERNEL)
def fill_average(average, value, rate):
    """Move an average this share of the way to ``value``, in place, both flat."""
    for i in range(average.size):
        average[i] += rate * (value[i] - average[i])


def _kernel(single, double, x):
    return single if x.dtype == np.float32 else double


@njit(fastmath=_CONTRACT, **INNER)
def _exp32(x):
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(fastmath=_CONTRACT, **INNER)
def _exp64(x):
    n = np.floor(x * 1.4426950408889634 + 0.5)
    r = x - n * 0.693145751953125 - n * 1.42860682030941723212e-6
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    return p * np.int64((np.int64(n) + np.int64(1023)) << np.int64(52)).view(np.float64)


# The logarithm of a number m 2**e, with m between the roots of 1/2 and 2 (Cephes).
@njit(fastmath=_CONTRACT, **INNER)
def _log32(x):
    bits = np.float32(x).view(np.int32)
    half = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F000000)).view(np.float32)
    is_low = half < np.float32(0.70710678)
    n = np.float32(np.int32((bits >> np.int32(23)) - np.int32(126)))
    n -= np.float32(1) if is_low else np.float32(0)
    m = (half + half if is_low else half) - np.float32(1)
    p = np.float32(7.0376836292e-2)
    p = p * m - np.float32(1.1514610310e-1)
    p = p * m + np.float32(1.1676998740e-1)
    p = p * m - np.float32(1.2420140846e-1)
    p = p * m + np.float32(1.4249322787e-1)
    p = p * m - np.float32(1.6668057665e-1)
    p = p * m + np.float32(2.0000714765e-1)
    p = p * m - np.float32(2.4999993993e-1)
    p = p * m + np.float32(3.3333331174e-1)
    rest = p * m * m * m - np.float32(2.12194440e-4) * n - np.float32(0.5) * m * m
    return m + rest + np.float32(0.693359375) * n


# M. Giles: Approximating the erfinv function. GPU Computing Gems 2 (2011). Both of its
# polynomials are computed, so that the loop has no branches.
@njit(fastmath=_CONTRACT, **KERNEL)
def fill_normal(uniform):
    """Replace uniform by normal numbers, float32 and flat, by inversion."""
    one, low, root2 = np.float32(1), np.float32(5), np.float32(1.41421356)
    for i in range(uniform.size):
        u = uniform[i]
        w = -_log32(np.float32(4) * u * (one - u))
        a, b = w - np.float32(2.5), np.sqrt(max(w, np.float32(0))) - np.float32(3)
        p, q = np.float32(2.81022636e-08), np.float32(-0.000200214257)
        p, q = p * a + np.float32(3.43273939e-07), q * b + np.float32(0.000100950558)
        p, q = p * a + np.float32(-3.5233877e-06), q * b + np.float32(0.00134934322)
        p, q = p * a + np.float32(-4.39150654e-06), q * b + np.float32(-0.00367342844)
        p, q = p * a + np.float32(0.00021858087), q * b + np.float32(0.00573950773)
        p, q = p * a + np.float32(-0.00125372503), q * b + np.float32(-0.0076224613)
        p, q = p * a + np.float32(-0.00417768164), q * b + np.float32(0.00943887047)
        p, q = p * a + np.float32(0.246640727), q * b + np.float32(1.00167406)
        p, q = p * a + np.float32(1.50140941), q * b + np.float32(2.83297682)
        uniform[i] = root2 * (p if w < low else q) * (u + u - one)


# A clamp written as min(max()) keeps NaN out of the vector code and lets it through in
# neither direction; NaN never reaches these kernels, since training checks parameters.
@njit(fastmath=_CONTRACT, **KERNEL)
def _sigmoid32(x, out):
    one = np.float32(1)
    for i in range(x.size):
        out[i] = one / (one + _exp32(-min(max(x[i], -_LIMIT32), _LIMIT32)))


@njit(fastmath=_CONTRACT, **KERNEL)
def _sigmoid64(x, out):
    for i in range(x.size):
        out[i] = 1.0 / (1.0 + _exp64(-min(max(x[i], -_LIMIT64), _LIMIT64)))


@njit(fastmath=_CONTRACT, **KERNEL)
def _exponential32(x, out):
    for i in range(x.size):
        out[i] = _exp32(min(max(x[i], -_LIMIT32), _LIMIT32))


@njit(fastmath=_CONTRACT, **KERNEL)
def _exponential64(x, out):
    for i in range(x.size):
        out[i] = _exp64(min(max(x[i], -_LIMIT64), _LIMIT64))


# log prod (1 + exp(-|x|)) instead of sum log (1 + exp(-|x|)): a factor lies in [1, 2],
# so 64 of them stay far below overflow and one logarithm serves them all. The compiler
# may reorder these sums and products, else it cannot vectorise them.
_REORDER = {"reassoc", "contract"}


@njit(fastmath=_REORDER, **KERNEL)
def _softplus_sum32(x, out):
    zero, one = np.float32(0), np.float32(1)
    for r in range(x.shape[0]):
        total = 0.0
        for start in range(0, x.shape[1], 64):
            chunk = x[r, start : start + 64]
            linear, product = zero, one
            for i in range(chunk.size):
                linear += max(chunk[i], zero)
                product *= one + _exp32(max(-abs(chunk[i]), -_LIMIT32))
            total += linear + np.log(np.float64(product))
        out[r] = total


@njit(fastmath=_REORDER, **KERNEL)
def _softplus_sum64(x, out):
    for r in range(x.shape[0]):
        total = 0.0
        for start in range(0, x.shape[1], 64):
            chunk = x[r, start : start + 64]
            linear, product = 0.0, 1.0
            for i in range(chunk.size):
                linear += max(chunk[i], 0.0)
                product *= 1.0 + _exp64(max(-abs(chunk[i]), -_LIMIT64))
            total += linear + np.log(product)
        out[r] = total


def with_finite_squares(X):
    """Return rows in double precision if squares in single precision would overflow.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n, n_units)
    """
    values = X.data if issparse(X) else X
    if values.dtype != np.float32 or not values.size:
        return X
    low, high = np.nanmin(values, initial=0), np.nanmax(values, initial=0)
    return X.astype(np.float64) if max(-low, high) > _LARGEST_SINGLE else X
