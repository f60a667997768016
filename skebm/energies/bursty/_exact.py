"""Exact partition functions of short documents with few words and topics."""

import numpy as np
from numba import njit
from scipy.special import gammaln

from skebm.utils._addresses import KERNEL


def log_sums(layer, logit, top):
    """Return the log of the sum over all sequences of 0 to ``top`` words.

    Parameters
    ----------
    layer : Polya
        Its biases are not used.
    logit : ndarray of shape (n_states, n_words)
        What each fresh draw of a word adds to the log weight, for each state of the
        hidden units.
    top : int

    Returns
    -------
    ndarray of shape (n_states, top + 1), float64
    """
    words, counts = np.divmod(np.arange(layer.n_units * top), max(top, 1))
    log_urn, fresh, _ = layer.terms(words, counts + 1.0)
    shape = layer.n_units, top
    log_urn = log_urn - gammaln(counts + 2)
    out = np.full((len(logit), top + 1), -np.inf)
    out[:, 0] = 0
    _add_words(logit, log_urn.reshape(shape), fresh.reshape(shape), out)
    return out + gammaln(np.arange(top + 1) + 1)


@njit(**KERNEL)
def _add_words(logit, log_urn, fresh, out):
    """Multiply power series, one for each word, in logarithms."""
    n_words, top = log_urn.shape
    terms = np.empty(top + 1)
    for s in range(len(out)):
        series = out[s]
        for k in range(n_words):
            for length in range(top, 0, -1):
                terms[0] = largest = series[length]
                for x in range(1, length + 1):
                    word = log_urn[k, x - 1] + fresh[k, x - 1] * logit[s, k]
                    terms[x] = series[length - x] + word
                    largest = max(largest, terms[x])
                if largest > -np.inf:
                    total = 0.0
                    for x in range(length + 1):
                        total += np.exp(terms[x] - largest)
                    series[length] = largest + np.log(total)
