"""The Boltzmann machine without hidden units: an Ising model of the columns."""

import numpy as np
from numba import njit
from scipy.sparse import issparse

from skebm.energies import _sites
from skebm.energies._base import Energy
from skebm.energies._clamped_sites import ClampedSites
from skebm.energies._recipe import Recipe, marginals
from skebm.utils._addresses import KERNEL
from skebm.utils._math import sigmoid

# Units whose inputs from the rest of the row are one matrix product. Within a block
# each draw is added to the inputs of those that follow.
_BLOCK = 64


class Pairwise(Energy):
    """Units of two values, each pair of which is coupled [1]_.

    ``energy(x) = visible.energy(x) - sum_{i<j} couplings_ij x_i x_j``. With units in
    {-1, +1} it is the Ising model, with units in {0, 1} the Boltzmann machine [2]_.

    The matrix is stored whole, since a unit receives a row of it. Its parameters are
    the entries above the diagonal: only they enter the energy, and the gradient is 0
    elsewhere. :meth:`project` copies them below, and sweeps rely on this copy.

    Parameters
    ----------
    visible : layer
        Units of two values, whose energy is ``-x @ bias``.
    couplings : ndarray of shape (n_units, n_units)
        Symmetric, with a diagonal of zeros.
    base : layer
        The reference, best at the marginals of the data.

    References
    ----------
    .. [1] E. Ising. "Beitrag zur Theorie des Ferromagnetismus". Zeitschrift fuer Physik
       31 (1925).
    .. [2] D. Ackley, G. Hinton, T. Sejnowski. "A learning algorithm for Boltzmann
       machines". Cognitive Science 9 (1985).
    """

    def __init__(self, visible, couplings, base):
        self.visible, self.couplings, self.base = visible, couplings, base

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        layer = {f"visible.{name}": p for name, p in self.visible.params.items()}
        return {"couplings": self.couplings, **layer}

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return ("couplings",)

    def project(self):
        """Copy the couplings above the diagonal below, in place; the diagonal is 0."""
        above = np.triu(self.couplings, 1)
        np.add(above, above.T, out=self.couplings)
        self.visible.project()

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        x = _dense(x)
        inputs = x @ np.triu(self.couplings, 1)
        pairs = np.einsum("ij,ij->i", inputs, x, dtype=np.float64)
        return np.asarray(self.visible.energy(x), dtype=np.float64) - pairs

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        x = _dense(x)
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        weight = weight.astype(self.dtype, copy=False)
        products = (weight[:, None] * x).T @ x
        return self._gradient(products, self.visible.grad(x, weight))

    def flip_energies(self, x):
        """Return ``energy(x with unit i flipped) - energy(x)`` for every unit."""
        x = _dense(x)
        above = np.triu(self.couplings, 1)
        fields = x @ (above + above.T) + self.visible.bias
        return -self._steps(x) * fields.astype(np.float64)

    def flip_grad(self, x, weight):
        """Return the gradient of ``sum(weight * flip_energies(x))`` by name."""
        x = _dense(x)
        steps = (weight * self._steps(x)).astype(self.dtype, copy=False)
        products = steps.T @ x
        # To the layer, a flip is a row that holds its step.
        one, total = np.ones(1, self.dtype), steps.sum(axis=0, keepdims=True)
        return self._gradient(products + products.T, self.visible.grad(total, one))

    def conditional_log_prob(self, x):
        """Return ``log p(x_i | all other x)`` for every unit, in nats, float64."""
        return -np.logaddexp(0, -self.flip_energies(x))

    def gibbs_sweep(self, chains, random):
        """Draw the units one after the other, each given all others."""
        return self.sweep(chains, self.thresholds(chains, random))[0]

    @property
    def clamped(self):
        """The model of holes in rows given the rest."""
        return ClampedPairwise(self)

    def interpolate(self, beta):
        """Return the energy on the way from the reference (0) to this one (1)."""
        beta = self.dtype.type(beta)
        visible = self.base.interpolate(self.visible, beta)
        return type(self)(visible, beta * self.couplings, self.base)

    def scaled(self, beta):
        """Return the energy times ``beta``, an inverse temperature above 0."""
        couplings = self.dtype.type(beta) * self.couplings
        return type(self)(self.visible.scaled(beta), couplings, self.base)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        parts = self.visible, self.couplings, self.base
        return type(self)(*(part.astype(dtype) for part in parts))

    # -- sweeps ----------------------------------------------------------------------

    def thresholds(self, x, random):
        """Return what the field of each unit has to exceed for its larger value.

        A unit takes it with the probability ``sigmoid(width * field)``, where ``width``
        is the distance of its values.
        """
        uniform = random.uniform(x.shape, self.dtype)
        low, high = self._limits()
        return (np.log(uniform) - np.log1p(-uniform)) / (high - low)

    def sweep(self, x, thresholds, holes=None):
        """Set the units one after the other, each by its field given all others.

        Parameters
        ----------
        x, thresholds : ndarray of shape (n, n_units)
        holes : ndarray of bool of shape (n, n_units), default=None
            The cells that may change; None is all of them.

        Returns
        -------
        x, fields : ndarray of shape (n, n_units)
            The rows afterwards, and the field of each unit when its turn came.
        """
        x, fields = np.array(x, order="C"), np.empty(x.shape, self.dtype)
        thresholds = np.ascontiguousarray(thresholds)
        fixed = np.zeros((0, 0), bool) if holes is None else ~holes
        low, high = self._limits()
        for start in range(0, x.shape[1], _BLOCK):
            block = slice(start, start + _BLOCK)
            # Rows instead of columns: the couplings are symmetric.
            fields[:, block] = x @ self.couplings[block].T + self.visible.bias[block]
            _sweep_block(x, fields, thresholds, fixed, self.couplings, low, high, start)
        return x, fields

    # -- pieces ----------------------------------------------------------------------

    def _limits(self):
        return [end.astype(self.dtype) for end in self.visible.limits]

    def _steps(self, x):
        """Return what a flip adds to each unit."""
        low, high = self.visible.limits
        return low + high - 2 * x

    def _gradient(self, products, layer):
        """Return slopes by name, from sums of ``x_i x_j`` and those of the layer."""
        slopes = {f"visible.{name}": value for name, value in layer.items()}
        return {"couplings": np.triu(-products, 1), **slopes}


class ClampedPairwise(ClampedSites):
    """``p(holes | observed)`` of units of two values that are coupled in pairs.

    Parameters
    ----------
    whole : Pairwise
    """

    def gibbs_sweep(self, chains, random):
        """Draw each hole in turn, given all else."""
        return self.mean_sweep(chains, random)[0]

    def mean_sweep(self, chains, random):
        """Return the chains after a sweep, no hidden units, and the units' means."""
        low, high = self.visible.limits
        thresholds = self.whole.thresholds(chains.visible, random)
        x, fields = self.whole.sweep(chains.visible, thresholds, chains.holes)
        mean = low + (high - low) * sigmoid((high - low) * fields)
        return chains._replace(visible=x), np.empty((len(x), 0)), mean

    def climb(self, chains):
        """Return chains whose holes took their most probable value, each in turn."""
        thresholds = np.zeros(chains.visible.shape, self.dtype)
        x, _ = self.whole.sweep(chains.visible, thresholds, chains.holes)
        return chains._replace(visible=x)


class PairwiseRecipe(Recipe):
    """The Boltzmann machine without hidden units: all pairs of columns are coupled."""

    def build(self, layer, summary, random):
        """Return the energy of independent columns, at their marginals."""
        if not _sites.have_two_values(layer):
            raise ValueError(
                "The pairwise energy couples units of two values, but some columns "
                "take others. Use visible='bernoulli' or visible='spin', or "
                "energy='rbm'."
            )
        visible, base = marginals(layer, summary)
        n_units = layer.n_units
        return Pairwise(visible, np.zeros((n_units, n_units), summary.dtype), base)

    def attributes(self, energy, order):
        """Return the fitted attributes of an estimator with this energy.

        They are ``couplings_`` of shape (n_units, n_units) and
        ``intercept_visible_`` of shape (n_units,), in the order of the columns.
        """
        return {
            "couplings_": energy.couplings[np.ix_(order, order)],
            "intercept_visible_": energy.visible.bias[order],
        }


def _dense(x):
    # The inputs of units are dense for sparse rows, too.
    return x.toarray() if issparse(x) else x


@njit(**KERNEL)
def _sweep_block(x, fields, thresholds, fixed, couplings, low, high, start):
    """Set the units of a block in turn; ``fixed`` is empty where all may change."""
    stop = min(start + _BLOCK, x.shape[1])
    for r in range(len(x)):
        field = fields[r]
        for i in range(start, stop):
            if len(fixed) and fixed[r, i]:
                continue
            new = high[i] if field[i] > thresholds[r, i] else low[i]
            step = new - x[r, i]
            if step != 0:
                x[r, i] = new
                row = couplings[i]
                for j in range(i + 1, stop):
                    field[j] += step * row[j]
