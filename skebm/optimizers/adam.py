"""The Adam optimizer."""

from math import prod
from typing import NamedTuple

import numpy as np
from numba import njit
from sklearn.base import BaseEstimator

from skebm.utils._addresses import KERNEL
from skebm.utils._parallel import map_blocks, rows_of_numbers


class AdamSteps(NamedTuple):
    """Several steps of :class:`Adam`, as kernels do them.

    Attributes
    ----------
    rates : ndarray of shape (n_steps,)
        Learning rates with both bias corrections.
    first, second : dict of str to ndarray
        The moving averages, which the kernels change in place.
    share1, share2 : float
        Shares of a new gradient in them.
    epsilon : float
    """

    rates: np.ndarray
    first: dict
    second: dict
    share1: float
    share2: float
    epsilon: float


class Adam(BaseEstimator):
    """Gradient descent scaled by moving averages of the gradient and its square [1]_.

    Parameters
    ----------
    beta1 : float in [0, 1), default=0.9
        Decay of the moving average of the gradient.
    beta2 : float in [0, 1), default=0.999
        Decay of the moving average of the squared gradient.
    epsilon : float, default=1e-8
        Number that is added to the square root of the second average.

    References
    ----------
    .. [1] D. Kingma, J. Ba. "Adam: a method for stochastic optimization". ICLR 2015.
    """

    is_adaptive = True

    def __init__(self, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    @property
    def has_steps(self):
        """Whether :meth:`steps` does the same as :meth:`update`."""
        return type(self).update is Adam.update

    def init(self, params):
        """Return the state before the first update: both averages are zero.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters of the energy.

        Returns
        -------
        dict
        """
        zeros = {name: np.zeros_like(value) for name, value in params.items()}
        return {
            "count": 0,
            "first": zeros,
            "second": {name: value.copy() for name, value in zeros.items()},
        }

    def update(self, params, gradient, state, learning_rate):
        """Move the parameters down the gradient, in place, and return the next state.

        Parameters
        ----------
        params : dict of str to ndarray
            Parameters of the energy; changed in place.
        gradient : dict of str to ndarray
            Gradient with the keys and shapes of ``params``.
        state : dict
            State that ``init`` or the last ``update`` returned; its arrays are changed
            in place.
        learning_rate : float

        Returns
        -------
        dict
            The next state.
        """
        count = state["count"] + 1
        rate = self._corrected(learning_rate, count)
        for name, value in params.items():
            arrays = value, gradient[name], state["first"][name], state["second"][name]
            scalars = [
                value.dtype.type(s)
                for s in (rate, 1 - self.beta1, 1 - self.beta2, self.epsilon)
            ]

            def update_block(block, arrays=arrays, scalars=scalars):
                _adam(*(array[block].reshape(-1) for array in arrays), *scalars)

            width = prod(value.shape[1:])
            size = rows_of_numbers(width)
            map_blocks(update_block, len(value), 20 * width, size=size)
        return {**state, "count": count}

    def steps(self, state, learning_rates):
        """Return the next steps as kernels take them, and the state after them.

        Parameters
        ----------
        state : dict
            As for :meth:`update`.
        learning_rates : ndarray of shape (n_steps,)

        Returns
        -------
        steps : AdamSteps
        state : dict
        """
        n_steps, averages = len(learning_rates), (state["first"], state["second"])
        rates = self._corrected(learning_rates, state["count"] + 1 + np.arange(n_steps))
        shares = 1 - self.beta1, 1 - self.beta2
        steps = AdamSteps(rates, *averages, *shares, self.epsilon)
        return steps, {**state, "count": state["count"] + n_steps}

    def _corrected(self, rate, count):
        """Return the rate with both bias corrections, as in section 2 of the paper."""
        return rate * np.sqrt(1 - self.beta2**count) / (1 - self.beta1**count)


@njit(**KERNEL)
def _adam(value, gradient, first, second, rate, new_share1, new_share2, epsilon):
    for i in range(value.size):
        g = gradient[i]
        first[i] += (g - first[i]) * new_share1
        second[i] += (g * g - second[i]) * new_share2
        value[i] -= rate * first[i] / (np.sqrt(second[i]) + epsilon)
