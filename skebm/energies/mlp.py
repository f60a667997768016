"""A multilayer perceptron as an energy."""

import itertools
from functools import partial
from numbers import Integral

import numpy as np
from numba import njit
from scipy.sparse import issparse

from skebm.energies._base import Energy
from skebm.energies._ensemble import Ensemble
from skebm.energies._grown_layers import (
    SIZES,
    grown_layers,
    random_biases,
    random_weights,
)
from skebm.energies._recipe import Recipe
from skebm.utils._addresses import KERNEL
from skebm.utils._math import fill_exp, row_weights, sigmoid
from skebm.utils._validation import is_auto, layer_sizes, lookup

# What "auto" is where no rows can be held out.
_FIXED = (64, 64)
# What sizes must be, in words.
_SIZES = "'auto', or whole numbers above 0, one for each hidden layer, as (64, 64) are"


class Perceptron(Energy):
    """The energy is the output of a multilayer perceptron [1]_.

    ``energy(x) = h_L @ output`` with ``h_0 = x`` and ``h_l = f(h_{l-1} @ weights_l +
    bias_l)``. It grows at most in proportion to ``x``, so it needs a reference or
    another energy beside it that grows faster: else its partition function is infinite.

    Parameters
    ----------
    weights : list of ndarray of shape (n_inputs, n_outputs)
        One matrix for each hidden layer.
    biases : list of ndarray of shape (n_outputs,)
    output : ndarray of shape (n_last,)
    activation : {"silu", "softplus"}
        Smooth functions, since samplers follow the slope of the energy.

    References
    ----------
    .. [1] Y. Du, I. Mordatch. "Implicit generation and modeling with energy-based
       models". NeurIPS 2019.
    """

    def __init__(self, weights, biases, output, activation):
        self.weights, self.biases, self.output = weights, biases, output
        self.activation = activation

    @property
    def params(self):
        """The learned arrays by name, shared with the model."""
        hidden = {}
        pairs = zip(self.weights, self.biases, strict=True)
        for k, (weights, bias) in enumerate(pairs, 1):
            hidden |= {f"weights_{k}": weights, f"bias_{k}": bias}
        return {**hidden, "output": self.output}

    @property
    def weight_names(self):
        """Names of the parameters that penalties shrink."""
        return (*(f"weights_{k + 1}" for k in range(len(self.weights))), "output")

    def astype(self, dtype):
        """Return a copy with parameters of this dtype."""
        weights, biases = (
            [part.astype(dtype) for part in parts]
            for parts in (self.weights, self.biases)
        )
        return type(self)(weights, biases, self.output.astype(dtype), self.activation)

    def grown(self, size, random):
        """Return a perceptron with these ``hidden_layer_sizes`` and the same energies.

        See :func:`skebm.energies._grown_layers.grown_layers`.
        """
        parts = grown_layers(self.weights, self.biases, self.output, size, random)
        return type(self)(*parts, self.activation)

    def energy(self, x):
        """Return the energy of each row, in nats, float64, shape (n,)."""
        return self._output(self._forward(x)[-1][0])

    def grad(self, x, weight=None):
        """Return d energy / d params, summed over rows with ``weight``."""
        return self.pullback(x)[1](weight)

    def pullback(self, x):
        """Return the energies, and the function that turns weights into a gradient."""
        layers = self._forward(x)
        return self._output(layers[-1][0]), partial(self._backward, layers)

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        return self._slope(self._forward(x))

    def energy_and_slope(self, chains):
        """Return the energy of each row and d energy / d x, from one pass."""
        layers = self._forward(chains)
        return self._output(layers[-1][0]), self._slope(layers)

    def _slope(self, layers):
        """Return d energy / d x from the result of :meth:`_forward`."""
        slope = self.output
        for weights, (_, derivative) in zip(
            self.weights[::-1], layers[:0:-1], strict=True
        ):
            slope = (slope * derivative) @ weights.T
        return slope

    def grad_x_grad(self, x, direction):
        """Return the gradient of ``sum(direction * grad_x(x))`` by name.

        The sum is the derivative of the energies when rows move along ``direction``. It
        goes through the layers forward, and its gradient backward [1]_.

        References
        ----------
        .. [1] B. Pearlmutter. "Fast exact multiplication by the Hessian". Neural
           Computation 6 (1994).
        """
        layers, speeds, moves = self._forward(x), [direction], []
        for weights, (_, derivative) in zip(self.weights, layers[1:], strict=True):
            moves.append(speeds[-1] @ weights)
            speeds.append(moves[-1] * derivative)
        gradient = {"output": speeds[-1].sum(axis=0)}
        # Slopes of the sum by the values of a layer, and by their speeds.
        by_value = np.zeros_like(speeds[-1])
        by_speed = np.broadcast_to(self.output, by_value.shape)
        for k in range(len(self.weights), 0, -1):
            derivative = layers[k][1]
            bend = self._bend(layers[k - 1][0], k)
            by_value = by_value * derivative + by_speed * bend * moves[k - 1]
            by_speed = by_speed * derivative
            products = layers[k - 1][0].T @ by_value + speeds[k - 1].T @ by_speed
            gradient |= {f"weights_{k}": products, f"bias_{k}": by_value.sum(axis=0)}
            by_value = by_value @ self.weights[k - 1].T
            by_speed = by_speed @ self.weights[k - 1].T
        return gradient

    # -- layers ----------------------------------------------------------------------

    def _forward(self, x):
        """Return the values of each layer and their derivatives, the rows first."""
        x = x.toarray() if issparse(x) else x
        # `self.dtype` would ask all parameters, at every step of the chains.
        layers = [(x.astype(self.output.dtype, copy=False), None)]
        for weights, bias in zip(self.weights, self.biases, strict=True):
            inputs = layers[-1][0] @ weights
            layers.append(_ACTIVATIONS[self.activation](inputs, bias))
        return layers

    def _output(self, last):
        return (last @ self.output).astype(np.float64)

    def _backward(self, layers, weight):
        """Return the gradient by name, from the result of :meth:`_forward`."""
        last = layers[-1][0]
        weight = row_weights(weight, len(last), self.dtype)
        gradient = {"output": weight @ last}
        slope = weight[:, None] * self.output
        for k in range(len(self.weights), 0, -1):
            slope = slope * layers[k][1]
            products = layers[k - 1][0].T @ slope
            gradient |= {f"weights_{k}": products, f"bias_{k}": slope.sum(axis=0)}
            if k > 1:
                slope = slope @ self.weights[k - 1].T
        return gradient

    def _bend(self, below, k):
        """Return the second derivative of the activation of a layer."""
        inputs = below @ self.weights[k - 1] + self.biases[k - 1]
        share = sigmoid(inputs)
        curvature = share * (1 - share)
        if self.activation == "silu":
            curvature *= 2 + inputs * (1 - 2 * share)
        return curvature


class MLP(Recipe):
    """A multilayer perceptron; see :class:`Perceptron`.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int or "auto", default=(64, 64)
        Number of units in each hidden layer. ``"auto"`` begins with (16, 16), and
        ``fit`` doubles the numbers while held-out rows gain. It is (64, 64) where no
        rows can be held out: in ``partial_fit``, and as a part of a sum.
    activation : {"silu", "softplus"}, default="silu"
        ``"silu"`` is ``z * sigmoid(z)`` and ``"softplus"`` is ``log(1 + exp(z))``.
    n_networks : int, default=4
        Number of networks, whose mean is the energy. Their errors differ, and the mean
        has smaller ones.
    """

    is_tilt, kernel = True, "mala"

    def __init__(self, hidden_layer_sizes=(64, 64), activation="silu", n_networks=4):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.n_networks = n_networks

    def build(self, layer, summary, random):
        """Return networks with random features and the output 0."""
        n_networks = self.n_networks
        if not isinstance(n_networks, Integral) or n_networks < 1:
            raise ValueError(
                f"n_networks must be a whole number above 0; got {n_networks!r}."
            )
        if n_networks == 1:
            return self._network(layer, summary, random)
        members = {
            f"network_{k + 1}": self._network(layer, summary, random.fold(2, k))
            for k in range(n_networks)
        }
        return Ensemble(members)

    def _network(self, layer, summary, random):
        lookup(self.activation, _ACTIVATIONS, "activation")
        sizes = self.hidden_layer_sizes
        sizes = _FIXED if is_auto(sizes) else sizes
        sizes = [layer.n_units, *layer_sizes(sizes, _SIZES)]
        dtype, weights, biases = summary.dtype, [], []
        for k, shape in enumerate(itertools.pairwise(sizes)):
            weights.append(random_weights(k, shape, dtype, random.fold(0, k)))
            biases.append(np.zeros(shape[1], dtype))
        biases[0][:] = random_biases(len(biases[0]), dtype, random.fold(1))
        output = np.zeros(sizes[-1], dtype)
        return Perceptron(weights, biases, output, self.activation)

    def sizes(self, n_rows, n_units):
        """Return the sizes that ``"auto"`` tries; see the base."""
        if not is_auto(self.hidden_layer_sizes):
            return ()
        return [size for size in SIZES if size[0] <= max(SIZES[0][0], n_rows // 4)]

    def sized(self, size):
        """Return the recipe of this size, if its size is ``"auto"``."""
        is_open = is_auto(self.hidden_layer_sizes)
        facts = size, self.activation, self.n_networks
        return type(self)(*facts) if is_open else self


# -- activations: values and derivatives at inputs + bias; they overwrite the inputs ---


def _silu(inputs, bias):
    derivative = np.empty_like(inputs)
    _fill_silu(inputs, bias, derivative)
    return inputs, derivative


def _softplus(inputs, bias):
    inputs += bias
    share = sigmoid(inputs)
    _fill_softplus(inputs.reshape(-1), share.reshape(-1))
    return inputs, share


_ACTIVATIONS = {"silu": _silu, "softplus": _softplus}


@njit(**KERNEL)
def _fill_silu(inputs, bias, derivative):
    """Replace inputs by values at inputs plus bias, and fill in the derivatives."""
    minus, power = np.empty_like(bias), np.empty_like(bias)
    one = power.dtype.type(1)
    for r in range(len(inputs)):
        values, slopes = inputs[r], derivative[r]
        for j in range(bias.size):
            minus[j] = -(values[j] + bias[j])
        fill_exp(minus, power)
        for j in range(bias.size):
            s = one / (one + power[j])
            value = -minus[j] * s
            slopes[j] = s + value * (one - s)
            values[j] = value


@njit(**KERNEL)
def _fill_softplus(inputs, share):
    """Replace inputs by values; their sigmoids are the derivatives."""
    for i in range(inputs.size):
        z = inputs[i]
        inputs[i] = max(z, 0) + np.log1p(np.exp(-abs(z)))
