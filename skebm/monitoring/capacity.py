"""The choice of a size by held-out rows."""

import numpy as np

from skebm.utils._math import row_weights

_COLUMNS = ("size", "n_parameters", "train_score", "validation_score")
_COLUMNS += ("gain", "gain_error", "seconds")


class CapacityPath:
    """The sizes of a model that were tried, the smallest first, and the choice.

    A size is chosen in place of a smaller one if the scores of held-out rows gain more
    than the standard error of their mean gain [1]_. The differences are paired: the
    rows are the same for all sizes.

    Parameters
    ----------
    weight : ndarray of shape (n,), default=None
        Weights of the held-out rows.

    Attributes
    ----------
    best : int
        The number of the chosen size.
    n_stale : int
        How many sizes have been tried since.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone. "Classification and regression
       trees". Wadsworth, 1984.
    """

    def __init__(self, weight=None):
        self.weight, self.rows = weight, []
        self.best, self.n_stale, self.scores = 0, 0, None

    def __str__(self):
        size, _, _, score, gain, error, _ = self.rows[-1]
        line = f"size {size}, validation_score {score:.4g}"
        return line if np.isnan(gain) else f"{line}, gain {gain:.2g} ({error:.2g})"

    def add(self, size, n_parameters, train_score, scores, seconds):
        """Add a size, and return whether it is the choice so far.

        Parameters
        ----------
        size : int or tuple of int
        n_parameters : int
        train_score : float
            Mean score of training rows.
        scores : ndarray of shape (n,)
            Scores of the held-out rows.
        seconds : float
        """
        gain, error, is_chosen = np.nan, np.nan, self.scores is None
        if not is_chosen:
            gain, error = paired_gain(scores, self.scores, self.weight)
            is_chosen = gain > error
        score = float(np.average(scores, weights=self.weight))
        facts = size, n_parameters, train_score, score, gain, error, seconds
        self.rows.append(facts)
        self.n_stale += 1
        if is_chosen:
            self.best, self.scores, self.n_stale = len(self.rows) - 1, scores, 0
        return is_chosen

    @property
    def columns(self):
        """The columns of a table of the sizes, a dict of str to list."""
        columns = map(list, zip(*self.rows, strict=True))
        table = dict(zip(_COLUMNS, columns, strict=True))
        return {**table, "chosen": [k == self.best for k in range(len(self.rows))]}


def paired_gain(scores, before, weight=None):
    """Return the mean of paired differences, and its standard error.

    Parameters
    ----------
    scores, before : ndarray of shape (n,)
    weight : ndarray of shape (n,), default=None
    """
    share = row_weights(weight, len(scores)).astype(np.float64)
    share = share / share.sum()
    gain = share @ (scores - before)
    error = np.sqrt(share**2 @ (scores - before - gain) ** 2)
    return float(gain), float(error)
