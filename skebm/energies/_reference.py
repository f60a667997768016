"""The distributions from which annealing starts."""

import copy
import inspect

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


@public("skebm.energies")
class InUnits:
    """A reference of standardised columns, in the units of the user.

    Parameters
    ----------
    density : reference
    location, scale : ndarray of shape (n_units,), float64
    """

    def __init__(self, density, location, scale):
        self.density, self.location, self.scale = density, location, scale

    def _standard(self, x):
        return (x - self.location) / self.scale

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.density.energy(self._standard(x))

    def sample(self, n_rows, random):
        """Draw rows, in double precision."""
        drawn = self.density.sample(n_rows, random).astype(np.float64)
        return drawn * self.scale + self.location

    @property
    def log_partition(self):
        """The log partition function, in nats."""
        return self.density.log_partition + float(np.log(self.scale).sum())

    @available_if(lambda reference: hasattr(reference.density, "grad_x"))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self.density.grad_x(self._standard(x)) / self.scale


@public("skebm.energies")
class Fitted:
    """A fitted density of scikit-learn as a reference.

    Parameters
    ----------
    density : estimator
        With ``score_samples`` and ``sample``.
    dtype_name : str
        Name of the dtype of the rows that it draws.
    """

    log_partition = 0.0

    def __init__(self, density, dtype_name):
        missing = [n for n in ("score_samples", "sample") if not hasattr(density, n)]
        if missing:
            raise TypeError(
                f"A reference needs {' and '.join(missing)}, which "
                f"{type(density).__name__} does not have. GaussianMixture, "
                "KernelDensity and RBMDensity have both."
            )
        self.density, self.dtype_name = density, dtype_name
        # What takes a seed: the density, or each call. To look it up takes longer than
        # a few draws.
        self._has_seed = "random_state" in density.get_params(deep=False)
        self._takes_seed = (
            "random_state" in inspect.signature(density.sample).parameters
        )

    def energy(self, x):
        """Return minus the log-density of each row, in nats, float64, shape (n,)."""
        return -np.asarray(self.density.score_samples(x), dtype=np.float64)

    def sample(self, n_rows, random):
        """Draw rows. They come in random order, whatever the order of the density."""
        seed, density = random.fold(0).seed(), self.density
        if self._has_seed:
            # A copy, since two threads may draw at once.
            density = copy.copy(density)
            density.random_state = seed
        given = {"random_state": seed} if self._takes_seed else {}
        drawn = density.sample(n_rows, **given)
        # A mixture of scikit-learn also returns the component of each row.
        rows = drawn[0] if isinstance(drawn, tuple) else drawn
        order = random.fold(1).permutation(n_rows)
        return np.asarray(rows, dtype=self.dtype_name)[order]
