"""The highest scores of each row, without columns that are left out."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL


@njit(**KERNEL)
def fill_top(scores, indptr, indices, items, best):
    """Write the columns with the highest scores of each row, in decreasing order.

    The scores of columns that are left out become -inf. Of equal scores, the column
    with the lower number comes first. Where fewer columns are left, -1 and -inf stand.
    ``np.argpartition`` and a sort took 15 times as long for 10 of 27,000 columns, 3
    times for 100 of them, and half as long for 100 of 1,682.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
        Changed in place.
    indptr, indices : ndarray of int
        Columns that are left out of each row, as in a CSR matrix.
    items : ndarray of int64 of shape (n_rows, n)
        Receives the columns.
    best : ndarray of shape (n_rows, n)
        Receives their scores.
    """
    n = items.shape[1]
    for row in range(scores.shape[0]):
        for place in range(indptr[row], indptr[row + 1]):
            scores[row, indices[place]] = -np.inf
        items[row] = -1
        best[row] = -np.inf
        least = -np.inf
        for column in range(scores.shape[1]):
            score = scores[row, column]
            if not score > least:
                continue
            place = n - 1
            for _ in range(n - 1):
                if not score > best[row, place - 1]:
                    break
                best[row, place] = best[row, place - 1]
                items[row, place] = items[row, place - 1]
                place -= 1
            best[row, place] = score
            items[row, place] = column
            least = best[row, n - 1]
