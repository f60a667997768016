"""What an energy of ratings says of many users: their best items, and a likelihood."""

import numpy as np
from scipy.special import logsumexp

from skebm.utils._parallel import blocks, map_parts
from skebm.utils._top import fill_top

# Scores that one thread holds at a time: 16 MB in float64.
_BLOCK_SCORES = 2**21


def best_items(energy, people, rows, n, seen):
    """Return the items with the highest scores of each user, and the scores.

    Parameters
    ----------
    energy : energy of ratings
    people : state
        What ``energy.fold_in`` made of users.
    rows : ndarray of int of shape (n_users,)
        Which of the people are asked for.
    n : int
        Number of items for each user.
    seen : Ratings of shape (n_users, n_items) or None
        Items that are left out for each user.

    Returns
    -------
    items : ndarray of int64 of shape (n_users, n)
        The best first. -1 where no item is left.
    scores : ndarray of float64 of shape (n_users, n)
        -inf where no item is left.
    """
    n_users = len(rows)
    items, best = np.empty((n_users, n), np.int64), np.empty((n_users, n))
    nobody = np.zeros(n_users + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
    indptr, indices = nobody if seen is None else (seen.indptr, seen.items)

    def fill(block):
        scores = _dense(energy, people, rows[block])
        parts = indptr[block.start : block.stop + 1], indices
        fill_top(scores, *parts, items[block], best[block])

    map_parts(fill, _blocks(energy, people, n_users))
    return items, best


def rank_log_likelihood(energy, people, held_out, seen):
    """Return the mean log-probability of held-out items among items that are not seen.

    The probability of an item is proportional to the exponential of its score.

    Parameters
    ----------
    energy : energy of ratings
    people : state
        Of the users of ``held_out``.
    held_out : Ratings of shape (n_users, n_items)
        Entries weigh alike, whatever their count. Items that are seen too are left out.
    seen : Ratings of shape (n_users, n_items)

    Returns
    -------
    float
        Nats an entry; NaN if no entry is left.
    """

    def total(block):
        log_p = _dense(energy, people, block)
        here = slice(seen.indptr[block.start], seen.indptr[block.stop])
        log_p[seen.users[here] - block.start, seen.items[here]] = -np.inf
        with np.errstate(invalid="ignore"):  # of users who saw all items
            log_p -= logsumexp(log_p, axis=1, keepdims=True)
        here = slice(held_out.indptr[block.start], held_out.indptr[block.stop])
        found = log_p[held_out.users[here] - block.start, held_out.items[here]]
        found = found[found > -np.inf]
        return found.sum(), len(found)

    sums, counts = zip(
        *map_parts(total, _blocks(energy, people, held_out.shape[0])), strict=True
    )
    return float(sum(sums) / sum(counts)) if sum(counts) else np.nan


def _dense(energy, people, block):
    """Return the scores of a block of users that may be overwritten, float64."""
    return np.array(energy.scores(people, block), dtype=np.float64)


def _blocks(energy, people, n_users):
    """Return blocks of users whose scores fit a part of the memory."""
    n_items = energy.scores(people, slice(0, 1)).shape[1]
    return blocks(n_users, max(1, _BLOCK_SCORES // n_items))
