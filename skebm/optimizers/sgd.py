"""Stochastic gradient descent."""

from math import prod

import numpy as np
from sklearn.base import BaseEstimator

from skebm.utils._math import fill_step
from skebm.utils._parallel import map_blocks


class SGD(BaseEstimator):
    """Stochastic gradient descent with classical momentum.

    Parameters
    ----------
    momentum : float in [0, 1), default=0.0
        Share of the last step that the next step keeps. The gradient is multiplied by
        ``1 - momentum``, so that a learning rate means the same with and without
        momentum.
    """

    is_adaptive = False

    def __init__(self, momentum=0.0):
        self.momentum = momentum

    @property
    def is_plain_descent(self):
        """Whether an update is a step along the gradient and nothing else."""
        return type(self).update is SGD.update and self.momentum == 0

    def init(self, params):
        """Return the state before the first update: the velocity is zero.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters of the energy.

        Returns
        -------
        dict of str to ndarray
            The velocity of each parameter; empty without momentum.
        """
        if self.momentum == 0:
            return {}
        return {name: np.zeros_like(value) for name, value in params.items()}

    def update(self, params, gradient, state, learning_rate):
        """Move the parameters down the gradient, in place, and return the next state.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters of the energy; changed in place.
        gradient : dict of str to ndarray
            Gradient with the keys and shapes of ``params``.
        state : dict of str to ndarray
            Velocities that ``init`` or the last ``update`` returned; changed in place.
        learning_rate : float

        Returns
        -------
        dict of str to ndarray
            The next state.
        """
        for name, value in params.items():
            step = gradient[name]
            if state:
                velocity = state[name]
                velocity *= velocity.dtype.type(self.momentum)
                velocity += step * step.dtype.type(1 - self.momentum)
                step = velocity
            rate = value.dtype.type(learning_rate)
            if not value.size:
                continue

            def update_block(block, value=value, step=step, rate=rate):
                fill_step(value[block].reshape(-1), step[block].reshape(-1), rate)

            # A number costs about as much as 40 multiply-adds of a matrix product.
            map_blocks(update_block, len(value), 40 * prod(value.shape[1:]), size=256)
        return state
