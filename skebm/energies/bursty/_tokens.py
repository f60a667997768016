"""Kernels that draw the words of documents one after the other, as from an urn."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
from skebm.utils._math import fill_exp
from skebm.utils._random import fill_uniform

# Words whose weights have one sum, so that a draw looks at few of the words.
_BLOCK = 32


def swept(counts, concentration, logit, random):
    """Return the counts after every word was drawn anew given all others.

    The words of a document are taken out in random order, and each is put back by a
    draw from the distribution of the next word.

    Parameters
    ----------
    counts : ndarray of shape (n, n_words)
        Whole numbers.
    concentration : ndarray of shape (n_words,), float64
    logit : ndarray of shape (n, n_words)
        What a fresh draw of each word adds to the log weight of the document.
    random : Random

    Returns
    -------
    ndarray of shape (n, n_words)
    """
    counts, keys = counts.copy(), random.words()
    lengths = counts.sum(axis=1, dtype=np.int64)
    for r, length in enumerate(lengths):
        uniform = np.empty((1, 2 * length))
        fill_uniform(*keys, random.row + r, uniform)
        _sweep(counts[r], concentration, logit[r], uniform.reshape(length, 2))
    return counts


def grown(counts, concentration, logit, uniform):
    """Add words to documents, each drawn given the words so far.

    Parameters
    ----------
    counts : ndarray of shape (n, n_words)
        Changed in place.
    concentration, logit
        As for :func:`swept`.
    uniform : ndarray of shape (n, n_new)

    Returns
    -------
    ndarray of shape (n, n_new), float64
        Log of the sum of the weights from which each word was drawn, summed up.
    """
    log_weight = np.empty(uniform.shape)
    _grow(counts, concentration, logit, uniform, log_weight)
    return log_weight.cumsum(axis=1)


def shrunk(counts, concentration, logit, uniform):
    """Take random words out of documents, in place; the reverse of :func:`grown`.

    Returns
    -------
    ndarray of shape (n, n_out), float64
        Minus the logs that :func:`grown` would return on the way back.
    """
    log_weight = np.empty(uniform.shape)
    _shrink(counts, concentration, logit, uniform, log_weight)
    return -log_weight.cumsum(axis=1)


@njit(**KERNEL)
def _word_weight(count, concentration, logit):
    """Return the weight of a word as the next word, given how often it occurs."""
    total = count + concentration
    return total * np.exp(logit * concentration / total)


@njit(**KERNEL)
def _fill_weights(x, concentration, logit, weight, sums):
    """Fill in the weights of all words and the sums of blocks; return the total."""
    fill_exp(logit, weight)
    sums[:] = 0
    for k in range(len(x)):
        weight[k] *= concentration[k]
        if x[k] > 0:
            weight[k] = _word_weight(x[k], concentration[k], logit[k])
        sums[k // _BLOCK] += weight[k]
    return sums.sum()


@njit(**KERNEL)
def _set_weight(k, value, weight, sums):
    """Change the weight of a word, and return by how much."""
    change = value - weight[k]
    weight[k] = value
    sums[k // _BLOCK] += change
    return change


@njit(**KERNEL)
def _word_at(ticket, weight, sums):
    """Return the word at this place of the cumulative weights."""
    block = 0
    while block < len(sums) - 1 and ticket >= sums[block]:
        ticket -= sums[block]
        block += 1
    k = block * _BLOCK
    last = min(k + _BLOCK, len(weight)) - 1
    while k < last and ticket >= weight[k]:
        ticket -= weight[k]
        k += 1
    return k


@njit(**KERNEL)
def _fill_tokens(x, tokens):
    """Fill in the words of a document, and return their number."""
    n = 0
    for k in range(len(x)):
        for _ in range(int(x[k])):
            tokens[n] = k
            n += 1
    return n


@njit(**KERNEL)
def _sweep(x, concentration, logit, uniform):
    weight = np.empty(len(x))
    sums = np.empty((len(x) + _BLOCK - 1) // _BLOCK)
    tokens = np.empty(len(uniform), np.int64)
    length = _fill_tokens(x, tokens)
    total = _fill_weights(x, concentration, logit, weight, sums)
    for i in range(length):
        # The words before i were drawn already.
        j = min(i + int(uniform[i, 0] * (length - i)), length - 1)
        k = tokens[j]
        tokens[j] = tokens[i]
        x[k] -= 1
        value = _word_weight(x[k], concentration[k], logit[k])
        total += _set_weight(k, value, weight, sums)
        k = _word_at(uniform[i, 1] * total, weight, sums)
        x[k] += 1
        value = _word_weight(x[k], concentration[k], logit[k])
        total += _set_weight(k, value, weight, sums)


@njit(**KERNEL)
def _grow(counts, concentration, logit, uniform, log_weight):
    weight = np.empty(len(concentration))
    sums = np.empty((len(weight) + _BLOCK - 1) // _BLOCK)
    for r in range(len(counts)):
        x, f = counts[r], logit[r]
        total = _fill_weights(x, concentration, f, weight, sums)
        for t in range(uniform.shape[1]):
            log_weight[r, t] = np.log(total)
            k = _word_at(uniform[r, t] * total, weight, sums)
            x[k] += 1
            value = _word_weight(x[k], concentration[k], f[k])
            total += _set_weight(k, value, weight, sums)


@njit(**KERNEL)
def _shrink(counts, concentration, logit, uniform, log_weight):
    weight = np.empty(len(concentration))
    sums = np.empty((len(weight) + _BLOCK - 1) // _BLOCK)
    for r in range(len(counts)):
        x, f, length = counts[r], logit[r], 0
        for k in range(len(x)):
            length += int(x[k])
        tokens = np.empty(length, np.int64)
        _fill_tokens(x, tokens)
        total = _fill_weights(x, concentration, f, weight, sums)
        for t in range(uniform.shape[1]):
            j = min(int(uniform[r, t] * length), length - 1)
            k = tokens[j]
            length -= 1
            tokens[j] = tokens[length]
            x[k] -= 1
            value = _word_weight(x[k], concentration[k], f[k])
            total += _set_weight(k, value, weight, sums)
            log_weight[r, t] = np.log(total)
