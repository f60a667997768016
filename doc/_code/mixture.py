"""A mixture of independent columns."""

import numpy as np
from scipy.special import softmax

from skebm.energies._base import Energy
from skebm.energies._recipe import Recipe, marginals
from skebm.energies._reference import Independent


class Mixture(Energy):
    """Rows of several groups, in each of which columns are independent.

    ``energy(x) = visible.energy(x) - log sum_k exp(bias_k + x @ weights_k - c_k)``,
    where ``c_k`` is what makes each group a distribution. So the partition function is
    ``sum_k exp(bias_k)``.

    Parameters
    ----------
    visible : layer
        The units of the columns, with their values without a group.
    weights : ndarray of shape (n_units, n_groups)
        What a group adds to the inputs of the units.
    bias : ndarray of shape (n_groups,)
        Log of the unnormalised probability of each group.
    base : layer
        The reference, best at the marginals of the data.
    """

    def __init__(self, visible, weights, bias, base):
        self.visible, self.base = visible, base
        self.weights, self.bias = weights, bias

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        layer = {f"visible.{name}": p for name, p in self.visible.params.items()}
        return {"weights": self.weights, "bias": self.bias, **layer}

    def _log_weights(self, x):
        """Return the log weight of each group given each row, (n, n_groups)."""
        return self.bias + x @ self.weights - self.visible.cgf(self.weights.T)

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        log_sum = np.logaddexp.reduce(self._log_weights(x), axis=1)
        return np.asarray(self.visible.energy(x), dtype=np.float64) - log_sum

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        weight = np.full(len(x), 1 / len(x)) if weight is None else weight
        weight = weight.astype(self.bias.dtype, copy=False)
        group = weight[:, None] * softmax(self._log_weights(x), axis=1)
        group = group.astype(self.bias.dtype, copy=False)
        total, inputs = group.sum(axis=0), np.ascontiguousarray(self.weights.T)
        layer, norm = self.visible.grad(x, weight), self.visible.cgf_grad(inputs, total)
        return {
            "weights": self.visible.mean(inputs).T * total - x.T @ group,
            "bias": -total,
            **{f"visible.{name}": layer[name] + norm[name] for name in layer},
        }

    def gibbs_sweep(self, chains, random):
        """Draw the group of each chain, then all of its columns."""
        group = random.fold(0).categorical(softmax(self._log_weights(chains), axis=1))
        inputs = group.astype(self.weights.dtype) @ self.weights.T
        return self.visible.sample(inputs, random.fold(1))

    @property
    def reference(self):
        """The columns without groups, independent of each other."""
        inputs = np.zeros((1, self.base.n_units), dtype=self.dtype)
        constant = float(self.base.cgf(inputs)[0]) - np.log(len(self.bias))
        return Independent(self.base, constant)

    def interpolate(self, beta):
        """Return the mixture on the way from the reference (0) to this one (1)."""
        beta = self.dtype.type(beta)
        visible = self.base.interpolate(self.visible, beta)
        return type(self)(visible, beta * self.weights, beta * self.bias, self.base)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        parts = self.visible, self.weights, self.bias, self.base
        return type(self)(*(part.astype(dtype) for part in parts))


class MixtureRecipe(Recipe):
    """A mixture of independent columns.

    Parameters
    ----------
    n_groups : int, default=8
    """

    def __init__(self, n_groups=8):
        self.n_groups = n_groups

    def build(self, layer, summary, random):
        """Return a mixture at the marginals, whose groups differ at random."""
        visible, base = marginals(layer, summary)
        dtype, shape = summary.dtype.type, (layer.n_units, self.n_groups)
        weights = random.normal(shape, summary.dtype) * dtype(0.3)
        return Mixture(visible, weights, np.zeros(self.n_groups, dtype), base)

    def learning_rate(self, layer, summary, objective, optimizer):
        """Return the learning rate that ``"auto"`` stands for."""
        return 0.1

    def attributes(self, energy, order):
        """Return the fitted attributes of an estimator with this energy."""
        return {"group_probabilities_": softmax(energy.bias)}
