"""Kernels that are called by their address do what they do when they are called."""

import numpy as np
from numba import njit

from skebm.utils._addresses import INNER, address_of, call


@njit(**INNER | {"cache": False})
def add(values, pair, out):
    for i in range(len(out)):
        out[i] = values[i] + pair[0] * pair[1]


@njit(nogil=True)
def add_by_address(address, values, out):
    call(address, (values, (3, 2.5), out))


def test_a_call_by_address_does_what_a_call_does():
    values, out = np.arange(5.0), np.empty(5)
    address = address_of(add, values, (3, 2.5), out)
    add_by_address(address, values, out)
    np.testing.assert_array_equal(out, values + 7.5)


def test_an_array_may_be_one_that_nobody_writes_to():
    values, out = np.arange(5.0), np.empty(5)
    address = address_of(add, values, (3, 2.5), out)
    values.flags.writeable = False
    add_by_address(address, values, out)
    np.testing.assert_array_equal(out, values + 7.5)
