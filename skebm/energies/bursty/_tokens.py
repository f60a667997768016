"""Kernels that draw the words of documents one after the other, as from an urn."""

import itertools

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
from skebm.utils._random import fill_uniform


def swept(counts, concentration, fresh, random):
    """Return the counts after every word was drawn anew given all others.

    The words of a document are taken out in random order. A word is put back by a
    proposal: a copy of one of the other words, or a word in proportion to its
    concentration, which is accepted if it occurs already, or in proportion to
    ``fresh``, which is accepted if it does not occur yet. If the proposal is refused,
    the word stays. The chance of that does not depend on the word, so the distribution
    is kept.

    Parameters
    ----------
    counts : ndarray of shape (n, n_words)
        Whole numbers.
    concentration : ndarray of shape (n_words,), float64
    fresh : ndarray of shape (n, n_words)
        Weight of the first occurrence of each word.
    random : Random

    Returns
    -------
    ndarray of shape (n, n_words)
    """
    counts = counts.copy()
    edges = np.r_[0, np.cumsum(counts.sum(axis=1, dtype=np.int64))]
    uniform, words = np.empty(2 * edges[-1]), random.words()
    for r, (start, end) in enumerate(itertools.pairwise(edges)):
        numbers = uniform[2 * start : 2 * end].reshape(1, -1)
        fill_uniform(*words, random.row + r, numbers)
    _sweep(counts, concentration, fresh, uniform)
    return counts


def grown(counts, concentration, fresh, uniform):
    """Add words to documents, each drawn given the words so far.

    Parameters
    ----------
    counts : ndarray of shape (n, n_words)
        Changed in place.
    concentration, fresh
        As for :func:`swept`.
    uniform : ndarray of shape (n, n_new)

    Returns
    -------
    ndarray of shape (n, n_new), float64
        Log of the sum of the weights from which each word was drawn, summed up.
    """
    log_weight = np.empty(uniform.shape)
    _grow(counts, concentration, fresh, uniform, log_weight)
    return log_weight.cumsum(axis=1)


def shrunk(counts, concentration, fresh, uniform):
    """Take random words out of documents, in place; the reverse of :func:`grown`.

    Returns
    -------
    ndarray of shape (n, n_out), float64
        Minus the logs that :func:`grown` would return on the way back.
    """
    log_weight = np.empty(uniform.shape)
    _shrink(counts, concentration, fresh, uniform, log_weight)
    return -log_weight.cumsum(axis=1)


@njit(**KERNEL)
def _fill_tokens(counts, tokens):
    """Fill the first elements with the words of a document; return their number."""
    n = 0
    for k in range(len(counts)):
        for _ in range(int(counts[k])):
            tokens[n] = k
            n += 1
    return n


@njit(**KERNEL)
def _cumulate(weight, out):
    total = 0.0
    for k in range(len(weight)):
        total += weight[k]
        out[k] = total
    return total


@njit(**KERNEL)
def _first_beyond(cumulative, value):
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > value:
            high = middle
        else:
            low = middle + 1
    return low


@njit(**KERNEL)
def _sweep(counts, concentration, fresh, uniform):
    n_words, u = len(concentration), 0
    old, new = np.empty(n_words), np.empty(n_words)
    n_old = _cumulate(concentration, old)
    for r in range(len(counts)):
        x = counts[r]
        length = 0
        for k in range(n_words):
            length += int(x[k])
        tokens = np.empty(length, np.int64)
        _fill_tokens(x, tokens)
        n_new = _cumulate(fresh[r], new)
        for i in range(length):
            # Those before i were drawn already, in the order of a random permutation.
            j = min(i + int(uniform[u] * (length - i)), length - 1)
            tokens[i], tokens[j] = tokens[j], tokens[i]
            word = tokens[i]
            x[word] -= 1
            ticket = uniform[u + 1] * (length - 1 + n_old + n_new)
            u += 2
            if ticket < length - 1:
                other = int(ticket)
                word = tokens[other + 1 if other >= i else other]
            elif ticket < length - 1 + n_old:
                k = _first_beyond(old, ticket - (length - 1))
                word = k if x[k] > 0 else word
            else:
                k = _first_beyond(new, ticket - (length - 1) - n_old)
                word = k if x[k] == 0 else word
            x[word] += 1
            tokens[i] = word


@njit(**KERNEL)
def _first_weights(x, concentration, fresh, out):
    """Fill in the weights of words that are not copies, and return their sum."""
    total = 0.0
    for k in range(len(x)):
        out[k] = concentration[k] if x[k] > 0 else fresh[k]
        total += out[k]
    return total


@njit(**KERNEL)
def _grow(counts, concentration, fresh, uniform, log_weight):
    n_new = uniform.shape[1]
    weight = np.empty(len(concentration))
    for r in range(len(counts)):
        x, length = counts[r], 0
        for k in range(len(x)):
            length += int(x[k])
        tokens = np.empty(length + n_new, np.int64)
        _fill_tokens(x, tokens)
        total = _first_weights(x, concentration, fresh[r], weight)
        for t in range(n_new):
            log_weight[r, t] = np.log(length + total)
            ticket = uniform[r, t] * (length + total)
            if ticket < length:
                word = tokens[int(ticket)]
            else:
                ticket -= length
                word, below = 0, weight[0]
                while below <= ticket and word < len(weight) - 1:
                    word += 1
                    below += weight[word]
            if x[word] == 0:
                weight[word] = concentration[word]
                total += concentration[word] - fresh[r, word]
            x[word] += 1
            tokens[length] = word
            length += 1


@njit(**KERNEL)
def _shrink(counts, concentration, fresh, uniform, log_weight):
    weight = np.empty(len(concentration))
    for r in range(len(counts)):
        x, length = counts[r], 0
        for k in range(len(x)):
            length += int(x[k])
        tokens = np.empty(length, np.int64)
        _fill_tokens(x, tokens)
        total = _first_weights(x, concentration, fresh[r], weight)
        for t in range(uniform.shape[1]):
            j = min(int(uniform[r, t] * length), length - 1)
            word = tokens[j]
            length -= 1
            tokens[j] = tokens[length]
            x[word] -= 1
            if x[word] == 0:
                total += fresh[r, word] - concentration[word]
            log_weight[r, t] = np.log(length + total)
