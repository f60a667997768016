"""Exact partition functions of short documents with few words and topics."""

import numpy as np
from numba import njit
from scipy.special import gammaln

from skebm.utils._addresses import KERNEL


def log_sums(concentration, fresh, top):
    """Return the log of the sum over all sequences of 0 to ``top`` words.

    Parameters
    ----------
    concentration : ndarray of shape (n_words,)
    fresh : ndarray of shape (n_states, n_words)
        Weight of the first occurrence of each word, for each state of the topics.
    top : int

    Returns
    -------
    ndarray of shape (n_states, top + 1), float64
    """
    counts = np.arange(1, top + 1)
    a = concentration[:, None]
    # Of a word that occurs x times, but for the weight of its first occurrence.
    log_repeats = gammaln(counts + a) - gammaln(1 + a) - gammaln(counts + 1)
    out = np.full((len(fresh), top + 1), -np.inf)
    out[:, 0] = 0
    _add_words(np.log(fresh), log_repeats, out)
    return out + gammaln(np.arange(top + 1) + 1)


@njit(**KERNEL)
def _add_words(log_fresh, log_repeats, out):
    """Multiply power series, one for each word, in logarithms."""
    n_words, top = log_repeats.shape
    terms = np.empty(top + 1)
    for s in range(len(out)):
        series = out[s]
        for k in range(n_words):
            for length in range(top, 0, -1):
                terms[0] = largest = series[length]
                for x in range(1, length + 1):
                    term = series[length - x] + log_fresh[s, k] + log_repeats[k, x - 1]
                    terms[x] = term
                    largest = max(largest, term)
                if largest > -np.inf:
                    total = 0.0
                    for x in range(length + 1):
                        total += np.exp(terms[x] - largest)
                    series[length] = largest + np.log(total)
