"""The hidden units of a replicated softmax, with the words summed out."""

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
from skebm.utils._parallel import map_blocks

# Rows whose log weights one thread computes at a time.
_BLOCK = 256


class Marginal:
    """The distribution of the hidden units of documents of a given length.

    The words are independent given the hidden units, so the sum over them has a closed
    form: ``p(h | D) = exp(D phi(h)) / Z(D)`` with ``phi(h) = h @ hidden_bias + log
    sum_k exp(bias_k + weights_k @ h)``. **The length is an inverse temperature**, and
    may be any real number from 0 on. At length 0 the hidden units are fair coins, and
    ``Z(0) = 2**n_hidden``. So one annealing from length 0 to the longest document
    passes all lengths, and it draws no words.

    Parameters
    ----------
    energy : ReplicatedSoftmax
    dtype : dtype, default=np.float64
        The dtype of all arrays.
    """

    def __init__(self, energy, dtype=np.float64):
        coupling, self.dtype = dtype(energy.coupling), dtype
        self._hidden = energy.hidden
        self.weights = coupling * energy.weights.astype(dtype, copy=False)
        self.bias = energy.visible.bias.astype(dtype, copy=False)
        self.hidden_bias = coupling * energy.hidden.bias.astype(dtype, copy=False)
        # A unit that turns on, or off, multiplies the weights of the words by these.
        rows = np.ascontiguousarray(self.weights.T)
        self._factors = np.exp(rows), np.exp(-rows)

    @property
    def n_units(self):
        """Number of hidden units."""
        return self.weights.shape[1]

    @property
    def work(self):
        """Multiply-adds of the log weight of a state of the hidden units."""
        return self.weights.size

    def states(self, start, stop):
        """Return the hidden states numbered ``start`` to ``stop - 1``, one a row."""
        return self._hidden.states(start, stop).astype(self.dtype)

    def phi(self, hidden):
        """Return the log weight of hidden units in a document of one word.

        Parameters
        ----------
        hidden : ndarray of shape (n, n_hidden)

        Returns
        -------
        ndarray of shape (n,), float64
        """

        def block_phi(block):
            units = hidden[block]
            weight, shift = self._word_weights(units)
            return units @ self.hidden_bias + shift + np.log(weight.sum(axis=1))

        return np.concatenate(
            map_blocks(block_phi, len(hidden), self.weights.size, size=_BLOCK)
        )

    def sweep(self, hidden, lengths, random):
        """Draw each unit in turn given the others, with the words summed out.

        Parameters
        ----------
        hidden : ndarray of shape (n, n_hidden), float64
            Zeros and ones.
        lengths : ndarray of shape (n,), float64
            Lengths of the documents, which need not be whole numbers.
        random : Random

        Returns
        -------
        hidden : ndarray of shape (n, n_hidden)
        phi : ndarray of shape (n,)
            Log weight of the drawn units in a document of one word.
        """
        hidden, phi = hidden.copy(), np.empty(len(hidden), dtype=self.dtype)

        def sweep_block(block):
            units = hidden[block]
            weight, shift = self._word_weights(units)
            uniform = random.rows(block.start).uniform(units.shape, self.dtype)
            tables = self.hidden_bias, *self._factors, uniform
            _sweep(units, lengths[block], weight, shift, *tables, phi[block])

        map_blocks(sweep_block, len(hidden), 4 * self.weights.size)
        return hidden, phi

    def words(self, hidden):
        """Return the probability of each word given hidden units."""
        weight, _ = self._word_weights(hidden)
        return weight / weight.sum(axis=1, keepdims=True)

    def _word_weights(self, hidden):
        """Return the weights of the words over the largest weight, and its log."""
        logit = hidden @ self.weights.T + self.bias
        shift = logit.max(axis=1)
        return np.exp(logit - shift[:, None]), shift


# The compiler may reorder sums, so that it can use vector instructions.
_REORDER = {"reassoc", "contract"}


@njit(fastmath=_REORDER, **KERNEL)
def _sweep(hidden, lengths, weight, shift, bias, up, down, uniform, phi):
    for r in range(len(hidden)):
        words, units, scale = weight[r], hidden[r], shift[r]
        total = _dot(words, np.ones_like(words))
        for j in range(len(units)):
            is_on = units[j] == 1
            factor = down[j] if is_on else up[j]
            flipped_total = _dot(words, factor)
            gain = np.log(flipped_total / total) + (-bias[j] if is_on else bias[j])
            gain *= lengths[r]
            odds = np.exp(-abs(gain))
            if uniform[r, j] * (1 + odds) < (odds if gain < 0 else 1):
                for k in range(len(words)):
                    words[k] *= factor[k]
                units[j], total = 1 - units[j], flipped_total
        for j in range(len(units)):
            scale += bias[j] * units[j]
        phi[r] = scale + np.log(total)


@njit(fastmath=_REORDER, **KERNEL)
def _dot(a, b):
    total = a[0] * b[0]
    for k in range(1, len(a)):
        total += a[k] * b[k]
    return total
