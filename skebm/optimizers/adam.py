"""Adam."""

import numpy as np
from numba import njit
from sklearn.base import BaseEstimator

from skebm.utils._parallel import map_blocks


class Adam(BaseEstimator):
    """Adam: steps scaled by moving averages of the gradient and its square [1]_.

    Parameters
    ----------
    beta1, beta2 : float in [0, 1), default=0.9 and 0.999
        Decay of the averages.
    epsilon : float, default=1e-8
        Added to the root of the second average.

    References
    ----------
    .. [1] D. Kingma, J. Ba. "Adam: a method for stochastic optimization". ICLR 2015.
    """

    is_adaptive = True

    def __init__(self, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def init(self, params):
        """Return the state before the first update."""
        zeros = {name: np.zeros_like(value) for name, value in params.items()}
        return {
            "count": 0,
            "first": zeros,
            "second": {name: value.copy() for name, value in zeros.items()},
        }

    def update(self, params, gradient, state, learning_rate):
        """Move the parameters down the gradient, in place; return the next state."""
        count = state["count"] + 1
        # Both bias corrections in one factor, as in section 2 of the paper.
        rate = learning_rate * np.sqrt(1 - self.beta2**count) / (1 - self.beta1**count)
        for name, value in params.items():
            arrays = value, gradient[name], state["first"][name], state["second"][name]
            scalars = [
                value.dtype.type(s)
                for s in (rate, 1 - self.beta1, 1 - self.beta2, self.epsilon)
            ]

            def rows(part, arrays=arrays, scalars=scalars):
                _adam(*(array[part].reshape(-1) for array in arrays), *scalars)

            map_blocks(rows, len(value), 20 * value[0].size, size=256)
        return {**state, "count": count}


@njit(cache=True, nogil=True, error_model="numpy")
def _adam(value, gradient, first, second, rate, rest1, rest2, epsilon):
    for i in range(value.size):
        g = gradient[i]
        first[i] += (g - first[i]) * rest1
        second[i] += (g * g - second[i]) * rest2
        value[i] -= rate * first[i] / (np.sqrt(second[i]) + epsilon)
