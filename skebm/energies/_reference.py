"""The distribution from which annealing starts."""

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.utils._stored import public


def _has_slope(reference):
    return hasattr(reference.layer, "grad_x")


@public("skebm.energies")
class Independent:
    """The reference of most energies: the units of a layer, independent of each other.

    Parameters
    ----------
    layer : layer
    constant : float, default=0.0
        A number that is added to the energy of the layer.
    """

    def __init__(self, layer, constant=0.0):
        self.layer = layer
        self.constant = constant

    @property
    def variables(self):
        """The variable that each unit belongs to, int, shape (n_units,)."""
        return self.layer.variables

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return np.asarray(self.layer.energy(x), dtype=np.float64) + self.constant

    @available_if(_has_slope)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``, if all units are real."""
        return self.layer.grad_x(x)

    def sample(self, n_rows, random):
        """Draw rows, in the dtype of the layer."""
        return self.layer.sample(self._no_inputs(n_rows), random)

    @property
    def log_partition(self):
        """The log partition function, in nats."""
        return float(self.layer.cgf(self._no_inputs(1))[0]) - self.constant

    def _no_inputs(self, n_rows):
        return np.zeros((n_rows, self.layer.n_units), dtype=self.layer.bias.dtype)
