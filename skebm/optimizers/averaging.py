"""Exponential averaging of the parameters."""

import numpy as np

from skebm.utils._math import fill_average
from skebm.utils._parallel import map_blocks

# The average is moved every so many updates: a tenth of the memory traffic, and the
# same average to within a few parts in a thousand of its width.
STRIDE = 10


class Average:
    """Exponential moving average of parameters (Polyak averaging with a window).

    Noise of the sampled gradient keeps the parameters moving about their optimum; the
    average of the last thousand or so updates lies closer to it.

    Parameters
    ----------
    params : dict of str to ndarray
        Starting values, copied.
    decay : float in [0, 1)
        Share kept at each update; 0.999 averages over about 1000 updates. 0 disables.
    """

    def __init__(self, params, decay):
        self.decay = decay
        self.count = 0
        self.params = {name: value.copy() for name, value in params.items()}

    def moves(self, n_updates):
        """Return how far the average goes after each of the next updates.

        As a share of the way to the parameters, and mostly 0.
        """
        counts = self.count + 1 + np.arange(n_updates)
        # While the count is small the window is a tenth of it, so that the starting
        # values are forgotten.
        decay = np.minimum(self.decay, 1 - 10 / (counts + 10)) ** STRIDE
        return np.where((self.decay > 0) & (counts % STRIDE == 0), 1 - decay, 0)

    def update(self, params):
        """Take the parameters after one more update into it."""
        (move,) = self.moves(1)
        self.count += 1
        if move == 0:
            return
        for name, value in params.items():
            average, rate = self.params[name], value.dtype.type(move)

            def rows(part, average=average, value=value, rate=rate):
                fill_average(average[part].reshape(-1), value[part].reshape(-1), rate)

            # The price of a number, in the multiply-adds of a product.
            map_blocks(rows, len(value), 40 * value[0].size, size=256)

    def current(self, params):
        """Return the average, or copies of ``params`` where there is none yet."""
        if self.decay == 0 or self.count < STRIDE:
            return {name: value.copy() for name, value in params.items()}
        return {name: np.copy(value) for name, value in self.params.items()}
