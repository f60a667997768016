"""Groups of consecutive rows, such as the letters of a word.

The last column of grouped rows is 1 where a group begins, and else 0. So rows can be
taken and put together, as long as groups stay whole.
"""

import numpy as np

from skebm.utils._sparse import dense


def group_starts(rows):
    """Return the numbers of the rows with which groups begin, and the number of rows.

    Parameters
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_units)
        With the column of group starts.

    Returns
    -------
    ndarray of int of shape (n_groups + 1,)
    """
    first = dense(rows[:, -1:])[:, 0] > 0
    first[:1] = True
    return np.append(np.flatnonzero(first), rows.shape[0])


def rows_of_groups(starts, groups):
    """Return the numbers of the rows of these groups, one group after the other.

    Parameters
    ----------
    starts : ndarray of int of shape (n_groups + 1,)
        As from :func:`group_starts`.
    groups : ndarray of int of shape (n,)
    """
    lengths = np.diff(starts)[groups]
    ends = np.cumsum(lengths)
    shift = np.repeat(starts[groups] - (ends - lengths), lengths)
    return np.arange(ends[-1] if len(ends) else 0) + shift


def minibatches(order, starts, n_rows, n_batches):
    """Return the numbers of the rows of each minibatch, of about the same size.

    Parameters
    ----------
    order : ndarray of int
        An order of the rows; of the groups, if there are groups.
    starts : ndarray of int of shape (n_groups + 1,) or None
        As from :func:`group_starts`, for rows of which groups stay whole.
    n_rows, n_batches : int

    Returns
    -------
    list of ndarray of int
        None is empty. With long groups there may be fewer than ``n_batches``.
    """
    if starts is None:
        edges = np.arange(1, n_batches) * n_rows // n_batches
        return np.split(order, edges)
    ends = np.cumsum(np.diff(starts)[order])
    # A group belongs to the minibatch in which its middle row lies.
    middle = ends - np.diff(starts)[order] / 2
    batch = (middle * n_batches / n_rows).astype(int)
    edges = np.flatnonzero(np.diff(batch)) + 1
    return [rows_of_groups(starts, groups) for groups in np.split(order, edges)]


def subsample_groups(X, weight, random, n_rows, is_grouped):
    """Return about ``n_rows`` random rows of weight above 0, and their weights.

    Rows of one group stay together if rows are grouped. There is at least one group.
    """
    n = X.shape[0]
    starts = group_starts(X) if is_grouped else np.arange(n + 1)
    there = np.ones(n) if weight is None else weight
    candidates = np.flatnonzero(there[starts[:-1]] > 0)
    order = candidates[random.permutation(len(candidates))]
    ends = np.cumsum(np.diff(starts)[order])
    n_groups = max(int(np.searchsorted(ends, n_rows, "right")), 1)
    chosen = rows_of_groups(starts, np.sort(order[:n_groups]))
    return X[chosen], None if weight is None else weight[chosen]
