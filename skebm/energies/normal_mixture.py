"""The energy of a mixture of normal distributions, all of which is learned."""

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._real import as_rows, require_real
from skebm.energies._recipe import Recipe
from skebm.layers import Normals
from skebm.utils._math import row_weights


class Mixture(Energy):
    """Minus the log-density of a mixture of normal distributions, up to a constant.

    Parameters
    ----------
    layer : Normals
        The mixture. Its weights, means and precisions are learned.
    """

    def __init__(self, layer):
        self.layer = layer

    @property
    def params(self):
        """The learned arrays of the layer by name."""
        return self.layer.params

    @property
    def work(self):
        """Multiply-adds of a move, for each row."""
        return self.layer.factors.size

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(self.layer.astype(dtype))

    def project(self):
        """Keep the standard deviations within the bounds of the layer."""
        self.layer.project()

    @property
    def closed_log_partition(self):
        """The log partition function of the mixture, in nats."""
        nothing = np.zeros((1, self.layer.n_units))
        return float(self.layer.cgf(nothing)[0])

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.layer.energy(as_rows(x, self.dtype))

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        x = as_rows(x, self.dtype)
        return self.layer.grad(x, row_weights(weight, len(x), self.dtype))

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.layer.grad_x(as_rows(x, self.dtype))


class NormalMixture(Recipe):
    """A mixture of normal distributions of real columns; see :class:`Mixture`.

    It starts at the mixture that fits the rows best, found by maximum a posteriori. In
    a sum it confines the other energies.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of components besides a wide one that takes outliers. ``"auto"`` chooses
        the number by the density of held-out rows.
    """

    is_anchored, kernel = True, "mala"

    def __init__(self, n_components="auto"):
        self.n_components = n_components

    def build(self, layer, summary, random):
        """Return the mixture that was fitted to the rows."""
        require_real(layer, self)
        rows = as_rows(summary.rows, np.float64)
        fitted = Normals.from_rows(rows, summary.weight, random, self.n_components)
        mixture = Normals(*(getattr(fitted, name) for name in _ARRAYS), learned=True)
        return Mixture(mixture.astype(summary.dtype))


_ARRAYS = "bias", "log_weight", "shifts", "factors", "centers", "colors"
