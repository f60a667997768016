"""Stochastic gradient descent."""

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._math import fill_step
from skebm.utils._parallel import map_blocks


class SGD(BaseEstimator):
    """Stochastic gradient descent with classical momentum.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.0
        Share of the last step that the next one keeps. The learning rate is divided
        by ``1 / (1 - momentum)``, so that a rate means the same with and without.
    """

    is_adaptive = False

    def __init__(self, momentum=0.0):
        self.momentum = momentum

    @property
    def is_plain_descent(self):
        """Whether an update is a step along the gradient and nothing else."""
        return type(self).update is SGD.update and self.momentum == 0

    def init(self, params):
        """Return the state before the first update: no velocity."""
        if self.momentum == 0:
            return {}
        return {name: np.zeros_like(value) for name, value in params.items()}

    def update(self, params, gradient, state, learning_rate):
        """Move the parameters down the gradient, in place; return the next state."""
        for name, value in params.items():
            step = gradient[name]
            if state:
                velocity = state[name]
                velocity *= velocity.dtype.type(self.momentum)
                velocity += step * step.dtype.type(1 - self.momentum)
                step = velocity
            rate = value.dtype.type(learning_rate)

            def rows(part, value=value, step=step, rate=rate):
                fill_step(value[part].reshape(-1), step[part].reshape(-1), rate)

            # The price of a number, in the multiply-adds of a product.
            map_blocks(rows, len(value), 40 * value[0].size, size=256)
        return state
