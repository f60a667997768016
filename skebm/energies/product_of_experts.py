"""A product of experts, each of which looks along one direction."""

from functools import partial
from numbers import Integral

import numpy as np

from skebm.energies._base import Energy
from skebm.energies._real import as_rows
from skebm.energies._recipe import Recipe
from skebm.utils._math import row_weights, sigmoid
from skebm.utils._validation import lookup

# Biases start between these ends, in standard deviations of the columns.
_WIDEST_BIAS = 2.0


class Experts(Energy):
    """The energy ``sum_k strengths[k] f(x @ weights[:, k] + bias[k])`` [1]_, [2]_.

    ``f(z)`` is ``log(1 + z^2 / 2)`` for ``"student"``: the product of Student-t
    densities of projections of the row. It is ``log(1 + exp(z))`` for ``"softplus"``.
    The strengths are not negative. Such an energy may be flat along some direction, so
    it needs a reference, or another energy beside it.

    Parameters
    ----------
    weights : ndarray of shape (n_units, n_experts)
    bias, strengths : ndarray of shape (n_experts,)
    shape : {"student", "softplus"}

    References
    ----------
    .. [1] G. Hinton. "Training products of experts by minimizing contrastive
       divergence". Neural Computation 14 (2002).
    .. [2] M. Welling, G. Hinton, S. Osindero. "Learning sparse topographic
       representations with products of Student-t distributions". NIPS 2002.
    """

    def __init__(self, weights, bias, strengths, shape):
        self.weights, self.bias, self.strengths = weights, bias, strengths
        self.shape = shape

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        own = {"weights": self.weights, "bias": self.bias}
        return {**own, "strengths": self.strengths}

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        params = (value.astype(dtype) for value in self.params.values())
        return type(self)(*params, self.shape)

    def project(self):
        """Keep the strengths from becoming negative."""
        np.maximum(self.strengths, 0, out=self.strengths)

    def _forward(self, x):
        """Return the rows, and the value and two derivatives of each expert."""
        x = as_rows(x, self.weights.dtype)
        return x, *_SHAPES[self.shape](x @ self.weights + self.bias)

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return (self._forward(x)[1] @ self.strengths).astype(np.float64)

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.pullback(x)[1](weight)

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        x, value, slope, _ = self._forward(x)
        energies = (value @ self.strengths).astype(np.float64)
        return energies, partial(self._backward, x, value, slope)

    def _backward(self, x, value, slope, weight):
        weight = row_weights(weight, len(x), x.dtype)
        by_input = weight[:, None] * slope * self.strengths
        own = {"weights": x.T @ by_input, "bias": by_input.sum(axis=0)}
        return {**own, "strengths": weight @ value}

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return (self._forward(x)[2] * self.strengths) @ self.weights.T

    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name."""
        x, _, slope, bend = self._forward(x)
        direction = as_rows(direction, x.dtype)
        speed = direction @ self.weights
        by_input = bend * speed * self.strengths
        weights = x.T @ by_input + direction.T @ (slope * self.strengths)
        own = {"weights": weights, "bias": by_input.sum(axis=0)}
        return {**own, "strengths": (slope * speed).sum(axis=0)}


class ProductOfExperts(Recipe):
    """A product of experts; see :class:`Experts`.

    Parameters
    ----------
    n_experts : int, default=64
    shape : {"student", "softplus"}, default="student"
        The energy of an expert.
    """

    is_tilt, kernel = True, "mala"

    def __init__(self, n_experts=64, shape="student"):
        self.n_experts = n_experts
        self.shape = shape

    def build(self, layer, summary, random):
        """Return experts of random directions, with strengths of 0."""
        lookup(self.shape, _SHAPES, "shape")
        if not isinstance(self.n_experts, Integral) or self.n_experts < 1:
            raise ValueError(
                f"n_experts must be a whole number above 0; got {self.n_experts!r}."
            )
        size, dtype = (layer.n_units, self.n_experts), summary.dtype
        weights = random.fold(0).normal(size, dtype) * dtype.type(size[0] ** -0.5)
        bias = _WIDEST_BIAS * (2 * random.fold(1).uniform(size[1:], dtype) - 1)
        strengths = np.zeros(size[1:], dtype)
        return Experts(weights, bias.astype(dtype), strengths, self.shape)


# -- experts: the value, the slope and the second derivative at inputs -----------------


def _student(inputs):
    width = 1 + inputs**2 / 2
    slope = inputs / width
    return np.log(width), slope, 1 / width - slope**2


def _softplus(inputs):
    share = sigmoid(inputs)
    return np.logaddexp(0, inputs), share, share * (1 - share)


_SHAPES = {"student": _student, "softplus": _softplus}
