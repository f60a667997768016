"""A quadratic energy: one normal distribution, or a bowl that confines another term."""

from functools import partial

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._real import as_rows, normal_of, require_real
from skebm.energies._recipe import Recipe
from skebm.utils._math import row_weights

# The diagonal of the factor stays above this, in units of the columns: no standard
# deviation is larger than a thousand.
_SMALLEST = 1e-3


class Bowl(Energy):
    """The energy ``x @ A @ x / 2 - bias @ x`` with ``A = factor @ factor.T``.

    The lower triangle of ``factor`` is used, and its diagonal is positive. So ``A`` is
    positive definite, and the density is normal.

    Parameters
    ----------
    factor : ndarray of shape (n_units, n_units) or (n_units,)
        A vector is the diagonal of a diagonal matrix.
    bias : ndarray of shape (n_units,)
    """

    def __init__(self, factor, bias):
        self.factor, self.bias = factor, bias

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        return {"factor": self.factor, "bias": self.bias}

    @property
    def weight_names(self):
        """No names: the bowl is not shrunk."""
        return ()

    @property
    def precision(self):
        """The matrix ``A``."""
        if self.factor.ndim == 1:
            return np.diag(self.factor**2)
        return np.tril(self.factor) @ np.tril(self.factor).T

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(self.factor.astype(dtype), self.bias.astype(dtype))

    def project(self):
        """Keep the factor a lower triangle with a positive diagonal."""
        if self.factor.ndim == 1:
            np.maximum(self.factor, _SMALLEST, out=self.factor)
            return
        self.factor[...] = np.tril(self.factor)
        diagonal = np.einsum("ii->i", self.factor)
        np.maximum(diagonal, _SMALLEST, out=diagonal)

    @property
    def closed_log_partition(self):
        """The log partition function of a normal distribution, in nats."""
        precision, bias = (a.astype(np.float64) for a in (self.precision, self.bias))
        log_det = np.linalg.slogdet(precision)[1]
        square = bias @ np.linalg.solve(precision, bias)
        return float((len(bias) * np.log(2 * np.pi) - log_det + square) / 2)

    def _scaled(self, x):
        return x * self.factor if self.factor.ndim == 1 else x @ np.tril(self.factor)

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.pullback(x)[0]

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.pullback(x)[1](weight)

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        x = as_rows(x, self.bias.dtype)
        scaled = self._scaled(x)
        energies = np.einsum("ni,ni->n", scaled, scaled) / 2 - x @ self.bias
        return energies.astype(np.float64), partial(self._backward, x, scaled)

    def _backward(self, x, scaled, weight):
        weight = row_weights(weight, len(x), x.dtype)
        return {"factor": self._outer(x, weight[:, None] * scaled), "bias": -weight @ x}

    def _outer(self, x, y):
        """Return the slope of ``sum(y * scaled(x))`` by the factor."""
        return (x * y).sum(axis=0) if self.factor.ndim == 1 else np.tril(x.T @ y)

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return as_rows(x, self.bias.dtype) @ self.precision - self.bias

    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        x, direction = (as_rows(a, self.bias.dtype) for a in (x, direction))
        product = self._outer(x, self._scaled(direction))
        product += self._outer(direction, self._scaled(x))
        return {"factor": product, "bias": -direction.sum(axis=0)}


class Quadratic(Recipe):
    """A quadratic energy of real columns; see :class:`Bowl`.

    Alone it is a normal distribution. In a sum it confines the other energies, so that
    the partition function is finite. It starts at the mean and the covariance of the
    rows.

    Parameters
    ----------
    coupled : bool, default=True
        Whether pairs of columns have terms.
    """

    is_anchored, kernel = True, "mala"

    def __init__(self, coupled=True):
        self.coupled = coupled

    def build(self, layer, summary, random):
        """Return the energy of the normal distribution with the moments of the rows."""
        require_real(layer, self)
        mean, precision = normal_of(summary)
        if not self.coupled:
            precision = np.diag(1 / np.maximum(summary.variance, 1e-12))
        factor = np.linalg.cholesky(precision)
        if not self.coupled:
            factor = np.diagonal(factor).copy()
        dtype = summary.dtype
        bowl = Bowl(factor.astype(dtype), (precision @ mean).astype(dtype))
        bowl.project()
        return bowl
