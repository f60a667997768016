"""An energy that is a polynomial of each column."""

from functools import partial
from numbers import Integral

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._real import as_rows, require_real
from skebm.energies._recipe import Recipe
from skebm.utils._math import row_weights

# The leading coefficients stay above this, so that the density falls on all sides.
_SMALLEST = 1e-4


class Powers(Energy):
    """The energy ``sum_jk coefficients[k, j] x_j^(k+1) + sum_ij pairs[i, j] x_i x_j``.

    The largest power is even, and its coefficients are positive.

    Parameters
    ----------
    coefficients : ndarray of shape (degree, n_units)
    pairs : ndarray of shape (n_units, n_units) or None
        Is used above the diagonal.
    """

    def __init__(self, coefficients, pairs=None):
        self.coefficients, self.pairs = coefficients, pairs

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        pairs = {} if self.pairs is None else {"pairs": self.pairs}
        return {"coefficients": self.coefficients, **pairs}

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return () if self.pairs is None else ("pairs",)

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        return type(self)(*(value.astype(dtype) for value in self.params.values()))

    def project(self):
        """Keep the leading coefficients positive, and ``pairs`` above its diagonal."""
        np.maximum(self.coefficients[-1], _SMALLEST, out=self.coefficients[-1])
        if self.pairs is not None:
            self.pairs[...] = np.triu(self.pairs, 1)

    def _powers(self, x, order=0):
        """Return derivatives of this order of the powers from 1 on, (degree, n, d)."""
        out = np.empty((len(self.coefficients), *x.shape), x.dtype)
        for k in range(1, len(out) + 1):
            factor = np.prod([k - i for i in range(order)], initial=1.0)
            out[k - 1] = factor * x ** max(k - order, 0)
        return out

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self.pullback(x)[0]

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.pullback(x)[1](weight)

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        x = as_rows(x, self.coefficients.dtype)
        powers = self._powers(x)
        energies = np.einsum("kni,ki->n", powers, self.coefficients, dtype=np.float64)
        if self.pairs is not None:
            energies += np.einsum("ni,ni->n", x @ np.triu(self.pairs, 1), x)
        return energies, partial(self._backward, x, powers)

    def _backward(self, x, powers, weight):
        weight = row_weights(weight, len(x), x.dtype)
        gradient = {"coefficients": np.einsum("kni,n->ki", powers, weight)}
        if self.pairs is not None:
            gradient["pairs"] = np.triu((x.T * weight) @ x, 1)
        return gradient

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        x = as_rows(x, self.coefficients.dtype)
        slope = np.einsum("kni,ki->ni", self._powers(x, 1), self.coefficients)
        if self.pairs is not None:
            upper = np.triu(self.pairs, 1)
            slope += x @ (upper + upper.T)
        return slope

    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        x, direction = (as_rows(a, self.coefficients.dtype) for a in (x, direction))
        slopes = np.einsum("kni,ni->ki", self._powers(x, 1), direction)
        if self.pairs is None:
            return {"coefficients": slopes}
        outer = x.T @ direction
        return {"coefficients": slopes, "pairs": np.triu(outer + outer.T, 1)}


class Polynomial(Recipe):
    """A polynomial of each real column; see :class:`Powers`.

    A column may have as many modes as half of the degree. The energy starts near the
    normal distribution of independent columns.

    Parameters
    ----------
    degree : int, default=4
        An even number from 2 on.
    pairs : bool, default=False
        Whether the products of pairs of columns have terms. The degree must be above 2:
        only then do the powers outgrow the products.
    """

    is_anchored, kernel = True, "mala"

    def __init__(self, degree=4, pairs=False):
        self.degree = degree
        self.pairs = pairs

    def build(self, layer, summary, random):
        """Return the energy of nearly normal columns."""
        require_real(layer, self)
        degree, n_units = self._checked_degree(), layer.n_units
        coefficients = np.zeros((degree, n_units))
        variance = np.maximum(summary.variance, 1e-12)
        coefficients[0] = -summary.mean / variance
        coefficients[1] = 1 / (2 * variance)
        pairs = np.zeros((n_units, n_units), summary.dtype) if self.pairs else None
        energy = Powers(coefficients.astype(summary.dtype), pairs)
        energy.project()
        return energy

    def _checked_degree(self):
        degree = self.degree
        if not isinstance(degree, Integral) or degree < 2 or degree % 2:
            raise ValueError(f"degree must be an even number from 2 on; got {degree}.")
        if self.pairs and degree == 2:
            raise ValueError(
                "pairs=True needs a degree above 2. Quadratic() is the polynomial of "
                "degree 2 with pairs."
            )
        return int(degree)
