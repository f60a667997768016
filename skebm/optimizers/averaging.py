"""Exponential averaging of the parameters."""

from math import prod

import numpy as np

from skebm.utils._math import fill_average
from skebm.utils._parallel import map_blocks, rows_of_numbers

# The average takes in every tenth update only. That is a tenth of the memory traffic,
# and gives the same average to within a few thousandths of its width.
STRIDE = 10


class Average:
    """Exponential moving average of the parameters (Polyak averaging with a window).

    The noise of the sampled gradient keeps the parameters moving about their optimum.
    The average of about the last thousand updates lies closer to the optimum than the
    last parameters do.

    Parameters
    ----------
    params : dict of str to ndarray
        Starting values; they are copied.
    decay : float in [0, 1)
        Share of the average that an update keeps. The value 0.999 averages over about
        1000 updates, and 0 disables averaging.
    """

    def __init__(self, params, decay):
        self.decay = decay
        self.count = 0
        self.params = {name: value.copy() for name, value in params.items()}

    def moves(self, n_updates):
        """Return how far the average moves after each of the next updates.

        Parameters
        ----------
        n_updates : int

        Returns
        -------
        ndarray of shape (n_updates,)
            Shares of the way from the average to the parameters. Most of them are 0,
            since only every tenth update moves the average.
        """
        counts = self.count + 1 + np.arange(n_updates)
        # While the count is small, the window is a tenth of the count, so that the
        # average forgets the starting values.
        decay = np.minimum(self.decay, 1 - 10 / (counts + 10)) ** STRIDE
        return np.where((self.decay > 0) & (counts % STRIDE == 0), 1 - decay, 0)

    def update(self, params):
        """Take the parameters after one more update into the average."""
        # Most updates do not move the average, and should not cost anything.
        (move,) = self.moves(1) if (self.count + 1) % STRIDE == 0 else (0,)
        self.count += 1
        if move == 0:
            return
        for name, value in params.items():
            average, rate = self.params[name], value.dtype.type(move)

            def update_block(block, average=average, value=value, rate=rate):
                fill_average(average[block].reshape(-1), value[block].reshape(-1), rate)

            # A number costs about as much as 40 multiply-adds of a matrix product.
            width = prod(value.shape[1:])
            size = rows_of_numbers(width)
            map_blocks(update_block, len(value), 40 * width, size=size)

    def current(self, params):
        """Return the average, or copies of ``params`` if there is no average yet."""
        if self.decay == 0 or self.count < STRIDE:
            return {name: value.copy() for name, value in params.items()}
        return {name: np.copy(value) for name, value in self.params.items()}
