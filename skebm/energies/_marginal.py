"""The hidden units of a replicated softmax, with its words summed out."""

import numpy as np
from numba import njit

from skebm.utils._parallel import map_blocks

_BLOCK = 256


class Marginal:
    """The distribution of the hidden units of documents of a given length.

    Given the hidden units words are independent, so their sum has a closed form:
    ``p(h | D) = exp(D phi(h)) / Z(D)`` with ``phi(h) = h @ hidden_bias + log sum_k
    exp(bias_k + weights_k @ h)``. **The length is an inverse temperature**: any real
    number from 0 on, where the hidden units are fair coins and ``Z(0) = 2**n_hidden``.
    So everything about all lengths comes from one way from 0 to the longest, on which
    no word is drawn.

    Parameters
    ----------
    energy : ReplicatedSoftmax
    """

    def __init__(self, energy):
        coupling = energy.coupling
        self.weights = coupling * energy.weights.astype(np.float64)
        self.bias = energy.visible.bias.astype(np.float64)
        self.hidden_bias = coupling * energy.hidden.bias.astype(np.float64)
        # What a unit that comes on, or goes off, multiplies the words' weights by.
        rows = np.ascontiguousarray(self.weights.T)
        self._factors = np.stack([np.exp(rows), np.exp(-rows)])

    @property
    def n_units(self):
        """Number of hidden units."""
        return self.weights.shape[1]

    def phi(self, hidden):
        """Return the log weight of hidden units in a document of one word.

        Parameters
        ----------
        hidden : ndarray of shape (n, n_hidden)

        Returns
        -------
        ndarray of shape (n,), float64
        """

        def rows(part):
            weight, shift = self._word_weights(hidden[part])
            return hidden[part] @ self.hidden_bias + shift + np.log(weight.sum(axis=1))

        return np.concatenate(
            map_blocks(rows, len(hidden), self.weights.size, size=_BLOCK)
        )

    def sweep(self, hidden, lengths, random):
        """Draw each unit in turn given the others, the words summed out.

        Parameters
        ----------
        hidden : ndarray of shape (n, n_hidden), float64
            Zeros and ones.
        lengths : ndarray of shape (n,), float64
            Need not be whole numbers.
        random : Random

        Returns
        -------
        hidden : ndarray of shape (n, n_hidden)
        phi : ndarray of shape (n,)
            Of the units after the sweep.
        """
        hidden, phi = hidden.copy(), np.empty(len(hidden))

        def rows(part):
            weight, shift = self._word_weights(hidden[part])
            uniform = random.rows(part.start).uniform(hidden[part].shape)
            tables = self.hidden_bias, *self._factors, uniform
            _sweep(hidden[part], lengths[part], weight, shift, *tables, phi[part])

        map_blocks(rows, len(hidden), 4 * self.weights.size)
        return hidden, phi

    def words(self, hidden):
        """Return the probability of each word given hidden units."""
        weight, _ = self._word_weights(hidden)
        return weight / weight.sum(axis=1, keepdims=True)

    def _word_weights(self, hidden):
        """Return the words' weights over the largest one, and the log of that."""
        logit = hidden @ self.weights.T + self.bias
        shift = logit.max(axis=1)
        return np.exp(logit - shift[:, None]), shift


_REORDER = {"reassoc", "contract"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _sweep(hidden, lengths, weight, shift, bias, up, down, uniform, phi):
    for r in range(len(hidden)):
        own, units, scale = weight[r], hidden[r], shift[r]
        total = 0.0
        for k in range(len(own)):
            total += own[k]
        for j in range(len(units)):
            factor = down[j] if units[j] == 1 else up[j]
            other = 0.0
            for k in range(len(own)):
                other += own[k] * factor[k]
            sign = -1.0 if units[j] == 1 else 1.0
            gain = lengths[r] * (sign * bias[j] + np.log(other / total))
            if uniform[r, j] * (1 + np.exp(-abs(gain))) < (
                np.exp(gain) if gain < 0 else 1.0
            ):
                for k in range(len(own)):
                    own[k] *= factor[k]
                units[j], total = 1 - units[j], other
        for j in range(len(units)):
            scale += bias[j] * units[j]
        phi[r] = scale + np.log(total)
