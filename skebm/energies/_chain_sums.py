"""Sums and minima over all ways to label chains, by dynamic programming."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL


def sums(single, transitions, first, last, starts):
    """Return log Z of each chain, and the probabilities of labels, and of pairs.

    Parameters
    ----------
    single : ndarray of shape (n, n_classes), float64
        Energies of each label of each row, in nats.
    transitions : ndarray of shape (n_classes, n_classes), float64
        Scores of a label (rows) before another (columns).
    first, last : ndarray of shape (n_classes,), float64
        Scores of the first and of the last label of a chain.
    starts : ndarray of int of shape (n_chains + 1,)
        Chain c has the rows from ``starts[c]`` to ``starts[c + 1]``.

    Returns
    -------
    log_z : ndarray of shape (n_chains,)
        In nats.
    marginals : ndarray of shape (n, n_classes)
    pairs : callable
        ``pairs(weight)`` returns the sum over all pairs of rows that follow each other
        of their joint probabilities, times the weight of the first row, of shape
        (n_classes, n_classes).
    """
    top = transitions.max()
    factors = np.exp(transitions - top)
    log_z, before = np.empty(len(starts) - 1), np.empty(single.shape)
    _forward(single, factors, top, first, last, starts, log_z, before)
    after = np.empty(single.shape)
    _backward(single, np.ascontiguousarray(factors.T), last, starts, before, after)
    marginals = before + after
    marginals = np.exp(marginals - marginals.max(axis=1, keepdims=True))
    marginals /= marginals.sum(axis=1, keepdims=True)

    def pairs(weight):
        out = np.zeros(factors.shape)
        _pair_sums(single, factors, before, after, starts, weight, out)
        return out

    return log_z, marginals, pairs


def minima(single, transitions, first, last, starts):
    """Return the labels of lowest energy of each chain, by the algorithm of Viterbi.

    The parameters are those of :func:`sums`. The result is an ndarray of int of shape
    (n,).
    """
    labels = np.empty(len(single), np.int64)
    origin = np.empty(single.shape, np.int64)
    across = np.ascontiguousarray(transitions.T)
    _viterbi(single, across, first, last, starts, origin, labels)
    return labels


# The log of the sum over all labels before a row is taken apart: what the sum is for
# the label that is most probable so far, plus a factor of at most 1. So no number
# overflows, and a row costs as many logarithms as there are labels.
@njit(**KERNEL)
def _forward(single, factors, top, first, last, starts, log_z, before):
    """Fill the log-sums over the labels of earlier rows, and log Z of each chain.

    A row of ``before`` has the largest entry 0.
    """
    n_classes = single.shape[1]
    weights = np.empty(n_classes)
    for c in range(starts.size - 1):
        total = 0.0
        for t in range(starts[c], starts[c + 1]):
            if t == starts[c]:
                for k in range(n_classes):
                    before[t, k] = first[k] - single[t, k]
            else:
                weights[:] = 0.0
                for j in range(n_classes):
                    p = np.exp(before[t - 1, j])
                    for k in range(n_classes):
                        weights[k] += p * factors[j, k]
                for k in range(n_classes):
                    before[t, k] = np.log(weights[k]) - single[t, k]
                total += top
            largest = before[t].max()
            for k in range(n_classes):
                before[t, k] -= largest
            total += largest
        end, rest = starts[c + 1] - 1, 0.0
        largest = (before[end] + last).max()
        for k in range(n_classes):
            rest += np.exp(before[end, k] + last[k] - largest)
        log_z[c] = total + largest + np.log(rest)


@njit(**KERNEL)
def _backward(single, across, last, starts, before, after):
    """Fill the log-sums over the labels of later rows, up to a constant each."""
    n_classes = single.shape[1]
    scores, weights = np.empty(n_classes), np.empty(n_classes)
    for c in range(starts.size - 1):
        end = starts[c + 1] - 1
        after[end] = last
        for t in range(end - 1, starts[c] - 1, -1):
            for k in range(n_classes):
                scores[k] = after[t + 1, k] - single[t + 1, k]
            largest = scores.max()
            weights[:] = 0.0
            for k in range(n_classes):
                p = np.exp(scores[k] - largest)
                for j in range(n_classes):
                    weights[j] += p * across[k, j]
            for j in range(n_classes):
                after[t, j] = np.log(weights[j])


@njit(**KERNEL)
def _pair_sums(single, factors, before, after, starts, weight, out):
    """Add up the joint probabilities of the labels of rows that follow each other."""
    n_classes = single.shape[1]
    left, right = np.empty(n_classes), np.empty(n_classes)
    for c in range(starts.size - 1):
        for t in range(starts[c], starts[c + 1] - 1):
            for k in range(n_classes):
                left[k] = np.exp(before[t, k])
                right[k] = after[t + 1, k] - single[t + 1, k]
            largest, total = right.max(), 0.0
            for k in range(n_classes):
                right[k] = np.exp(right[k] - largest)
            for j in range(n_classes):
                inner = 0.0
                for k in range(n_classes):
                    inner += factors[j, k] * right[k]
                total += left[j] * inner
            share = weight[t] / total
            for j in range(n_classes):
                for k in range(n_classes):
                    out[j, k] += share * left[j] * factors[j, k] * right[k]


@njit(**KERNEL)
def _viterbi(single, across, first, last, starts, origin, labels):
    """Fill the labels of lowest energy; ``origin`` is from where each is reached."""
    n_classes = single.shape[1]
    best, new = np.empty(n_classes), np.empty(n_classes)
    for c in range(starts.size - 1):
        begin, end = starts[c], starts[c + 1] - 1
        for k in range(n_classes):
            best[k] = first[k] - single[begin, k]
        for t in range(begin + 1, end + 1):
            for k in range(n_classes):
                at, highest = 0, best[0] + across[k, 0]
                for j in range(1, n_classes):
                    score = best[j] + across[k, j]
                    if score > highest:
                        at, highest = j, score
                origin[t, k], new[k] = at, highest - single[t, k]
            best[:] = new
        at, highest = 0, best[0] + last[0]
        for k in range(1, n_classes):
            if best[k] + last[k] > highest:
                at, highest = k, best[k] + last[k]
        for t in range(end, begin - 1, -1):
            labels[t] = at
            if t > begin:
                at = origin[t, at]
