"""The end of the gain of a training."""

import numpy as np

from skebm.utils._math import row_weights

# Number of decisions in the longest training. Half of them are made: the learning rate
# falls in the second half.
_N_DECISIONS = 8
# A gain is small if it is below this share of the gain since the start. Hidden units
# that begin at small weights may gain nothing for a while: two clusters beside a tree
# gain 0.002 nats in the first tenth of a training, and 0.5 nats in all.
_SHARE = 0.1


class Plateau:
    """Notices that the score of the watched rows does not rise any more.

    The gain is the mean score over the looks of the last half of the epochs, less the
    mean score over the looks of the quarter before them. Learning curves rise with the
    logarithm of the number of epochs or more slowly. So this gain is about what another
    training of the same length gains.

    Parameters
    ----------
    look : Look
        The look at the start of the training.
    small : float
        A gain that is not worth going on for, in nats a row.
    n_iter : int
        Largest number of epochs.
    """

    def __init__(self, look, small, n_iter):
        self.small = small
        self.stride = -(-n_iter // _N_DECISIONS)
        self.n_iter = n_iter
        self.looks = [(0, look)]

    def decides(self, epoch):
        """Tell whether a decision is due at the end of an epoch."""
        return epoch % self.stride == 0 and 2 * epoch < self.n_iter

    def add(self, epoch, look):
        """Remember the look at the end of an epoch."""
        self.looks.append((epoch, look))

    def is_reached(self, epoch):
        """Tell whether the gain is small, or within its standard error of that.

        That needs a gain since the start which is not small.
        """
        last, before = (self._scores(epoch / k, epoch / (2 * k)) for k in (1, 2))
        gain, start = last - before, self.looks[0][1]
        share = row_weights(start.weight, len(gain))
        share = share / share.sum()
        average, total = share @ gain, share @ (last - start.scores)
        error = np.sqrt(share**2 @ (gain - average) ** 2)
        return total > self.small and average - error < min(_SHARE * total, self.small)

    def _scores(self, last, first):
        """Return the mean scores of the rows over the looks after one epoch to another.

        If there was none, the last look before counts.
        """
        chosen = [look.scores for epoch, look in self.looks if first < epoch <= last]
        if not chosen:
            chosen = [[look.scores for epoch, look in self.looks if epoch <= last][-1]]
        return np.mean(chosen, axis=0)
