"""Double precision for rows whose squares overflow in single precision."""

import numpy as np

from skebm.utils._math import with_finite_squares


def in_range(energy, x):
    """Return an energy and rows in one dtype, in which the squares of rows are finite.

    Parameters
    ----------
    energy : energy
    x : ndarray of shape (n, n_units)

    Returns
    -------
    energy : energy
        The same object unless the rows need more than its precision.
    x : ndarray of shape (n, n_units)
        In the dtype of the energy.
    """
    # A number beyond single precision becomes infinite here, and is found below.
    with np.errstate(over="ignore"):
        same = x.astype(energy.dtype, copy=False)
    dtype = with_finite_squares(same).dtype
    if dtype == same.dtype:
        return energy, same
    return energy.astype(dtype), x.astype(dtype, copy=False)
