"""An energy that is a function of a user, without a gradient of its own."""

import warnings

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._real import as_rows
from skebm.utils._math import row_weights

# Steps of complex differences, which lose no digits, and of central differences,
# relative to the size of what moves.
_TINY, _STEP = 1e-30, 1e-5
# Both differences agree to this share if the function takes complex numbers.
_AGREE = 1e-4


class EnergyFunction(Energy):
    """The energy ``function(x, theta)``, whose gradients are made by differences.

    If the function takes complex numbers, as most formulas in NumPy do, its derivatives
    are the imaginary parts of its values next to ``theta`` or ``x`` [1]_. They are
    exact. The first gradient tries this out. Else central differences need two
    evaluations for each parameter, and a warning says so.

    Parameters
    ----------
    function : callable
        ``function(x, theta)`` takes rows of shape (n, n_features) and the parameters,
        and returns the energy of each row, in nats, of shape (n,).
    theta0 : array-like
        The parameters from which training starts.

    References
    ----------
    .. [1] W. Squire, G. Trapp. "Using complex variables to estimate derivatives of real
       functions". SIAM Review 40 (1998).

    Examples
    --------
    >>> import numpy as np
    >>> from skebm.energies import EnergyFunction
    >>> def well(x, t):
    ...     return t[0] * (x[:, 0] ** 2 - t[1]) ** 2
    >>> well = EnergyFunction(well, [1.0, 2.0])
    >>> well.grad(np.array([[1.0]]))["theta"]
    array([1., 2.])
    """

    def __init__(self, function, theta0):
        self.function = function
        self.theta = np.array(theta0, dtype=np.float64, ndmin=1)
        self._takes_complex = None

    def __repr__(self):
        return f"EnergyFunction({self._label}, theta0={self.theta.tolist()})"

    @property
    def _label(self):
        return getattr(self.function, "__name__", "function")

    @property
    def params(self):
        """The parameters under the name "theta"."""
        return {"theta": self.theta}

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.function(as_rows(x, np.float64), self.theta)

    def grad(self, x, weight=None):
        """Return d energy / d theta, summed over rows with ``weight``."""
        x = as_rows(x, np.float64)
        weight, gradient = row_weights(weight, len(x)), np.empty_like(self.theta)
        self._decide(x)
        for j in np.ndindex(self.theta.shape):
            move = np.zeros_like(self.theta)
            move[j] = max(abs(self.theta[j]), 1e-3)
            gradient[j] = weight @ self._slopes(x, 0.0, move) / move[j]
        return {"theta": gradient}

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        x = as_rows(x, np.float64)
        slope = np.empty_like(x)
        self._decide(x)
        for j in range(x.shape[1]):
            move = np.zeros(x.shape[1])
            move[j] = _size(x[:, j])
            slope[:, j] = self._slopes(x, move, 0.0) / move[j]
        return slope

    # -- differences -----------------------------------------------------------------

    def _slopes(self, x, dx, dtheta):
        """Return the derivative of the energies along a move of rows or parameters."""
        differences = self._complex if self._takes_complex else self._central
        return differences(x, dx, dtheta)

    def _complex(self, x, dx, dtheta):
        step = 1j * _TINY
        x = x + step * dx if np.any(dx) else x
        theta = self.theta + step * dtheta if np.any(dtheta) else self.theta
        return np.imag(self.function(x, theta)) / _TINY

    def _central(self, x, dx, dtheta):
        ends = [
            np.asarray(self.function(x + side * dx, self.theta + side * dtheta))
            for side in (_STEP, -_STEP)
        ]
        return (ends[0] - ends[1]) / (2 * _STEP)

    def _decide(self, x):
        """Find out once whether the function takes complex numbers."""
        if self._takes_complex is not None:
            return
        theta = np.maximum(np.abs(self.theta), 1e-3)
        theta *= np.cos(1.0 + np.arange(theta.size).reshape(theta.shape))
        of_x = np.array([_size(column) for column in x.T])
        moves = (0.0, theta), (of_x * np.cos(2.0 + np.arange(len(of_x))), 0.0)
        self._takes_complex = all(self._agrees(x, *move) for move in moves)
        if not self._takes_complex:
            warnings.warn(
                f"{self._label} does not take complex numbers, so its gradients are "
                f"central differences: {2 * self.theta.size} evaluations for each "
                f"gradient, and {2 * x.shape[1]} for each slope along the rows. Avoid "
                "abs, max and comparisons, or give an object with energy, grad and "
                "params.",
                UserWarning,
                stacklevel=4,
            )

    def _agrees(self, x, dx, dtheta):
        slopes = self._central(x, dx, dtheta)
        try:
            with warnings.catch_warnings(action="error"):
                exact = self._complex(x, dx, dtheta)
        except Exception:  # a user's function may raise anything
            return False
        scale = np.abs(slopes).max(initial=0) + 1e-9
        return np.shape(exact) == slopes.shape and bool(
            np.all(np.abs(exact - slopes) <= _AGREE * scale)
        )


def _size(column):
    """Return how far the numbers of a column are apart, or else how large they are."""
    return float(np.std(column) or np.abs(column).max(initial=0) or 1.0)
