"""The kernel of updates of linear and of multilayer perceptron energies of classes.

The formulas are the formulas of :class:`skebm.energies.class_mlp.PerceptronClasses`.
"""

import numpy as np
from numba import njit

from skebm.energies._label_updates import LabelUpdates
from skebm.utils._addresses import BORROWS, INNER, call
from skebm.utils._math import fill_exp

ACTIVATIONS = {"relu": 0, "tanh": 1, "logistic": 2}


def perceptron_updates(energy, names, activation="relu"):
    """Return the kernels of an energy of dense layers.

    Parameters
    ----------
    energy : ClassEnergy
    names : list of (str, str)
        The weights and the bias of each layer, from the rows to the classes.
    activation : {"relu", "tanh", "logistic"}
    """

    def layout(n, n_parts):
        dtype, params, out = energy.dtype, energy.params, []
        ones = np.ones((n, 1), dtype)
        for weights, bias in names:
            n_inputs, width = params[weights].shape
            inputs, slopes = np.empty((n, n_inputs), dtype), np.empty((n, width), dtype)
            out.append((weights, slice(None), inputs, slopes, 0))
            out.append((bias, slice(None), ones, slopes, 0))
        return out

    return LabelUpdates(energy, fill_perceptron, layout, ACTIVATIONS[activation])


@njit(**INNER)
def fill_perceptron(work, place):
    """Fill the inputs and slopes of all layers for some rows of a minibatch."""
    params, data, calls = work.params, work.data, work.calls
    lo = place.n * place.part // place.n_parts
    hi = place.n * (place.part + 1) // place.n_parts
    first = data.edges[place.batch]
    _take(data, first, lo, hi, params[0].inputs)
    n_layers = len(params) // 2
    for k in range(n_layers):
        layer, out = params[2 * k], params[2 * k].slopes[lo:hi]
        inputs = layer.inputs[lo:hi]
        if k == 0:
            call(calls.product, (calls.row_sums, inputs, layer.value, out))
        else:
            np.dot(inputs, layer.value, out)
        bias = params[2 * k + 1].value[0]
        for r in range(hi - lo):
            for j in range(len(bias)):
                out[r, j] += bias[j]
        if k + 1 < n_layers:
            hidden = params[2 * k + 2].inputs[lo:hi]
            _activate(work.kind, calls, out, hidden)
    scores = params[2 * n_layers - 2].slopes[lo:hi]
    fill_slopes(scores, data.labels[lo:hi], data.weight[first + lo : first + hi])
    for k in range(n_layers - 1, 0, -1):
        above, below = params[2 * k], params[2 * k - 2].slopes[lo:hi]
        np.dot(above.slopes[lo:hi], above.value.T, below)
        _pull_back(work.kind, above.inputs[lo:hi], below)


@njit(**BORROWS)
def _take(data, first, lo, hi, out):
    """Take the inputs and the labels of rows."""
    n_inputs = out.shape[1]
    for r in range(lo, hi):
        row, line = data.X[data.order[first + r]], out[r]
        for i in range(n_inputs):
            line[i] = row[i]
        label = 0
        for k in range(n_inputs, len(row)):
            if row[k] > row[n_inputs + label]:
                label = k - n_inputs
        data.labels[r] = label


@njit(**BORROWS)
def _activate(kind, calls, inputs, out):
    """Fill ``out`` with the activation of ``inputs``, which it may overwrite."""
    zero, one = inputs.dtype.type(0), inputs.dtype.type(1)
    if kind == 0:
        for r in range(len(out)):
            for j in range(out.shape[1]):
                out[r, j] = max(inputs[r, j], zero)
        return
    # tanh(z) = 2 sigmoid(2 z) - 1
    factor = one + one if kind == 1 else one
    for r in range(len(out)):
        line = inputs[r]
        for j in range(out.shape[1]):
            line[j] *= factor
        call(calls.sigmoid, (line, out[r]))
        for j in range(out.shape[1]):
            out[r, j] = factor * out[r, j] - (factor - one)


@njit(**BORROWS)
def _pull_back(kind, values, slopes):
    """Multiply slopes by the derivative of the activation, given its values."""
    zero, one = slopes.dtype.type(0), slopes.dtype.type(1)
    for r in range(len(slopes)):
        h, line = values[r], slopes[r]
        for j in range(len(line)):
            if kind == 0:
                derivative = one if h[j] > zero else zero
            elif kind == 1:
                derivative = one - h[j] * h[j]
            else:
                derivative = h[j] * (one - h[j])
            line[j] *= derivative


@njit(**BORROWS)
def fill_slopes(scores, labels, weight):
    """Replace scores by the slopes of the weighted negative log-likelihood.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
        Negative energies, in nats.
    labels : ndarray of int of shape (n,)
    weight : ndarray of shape (n,)
    """
    n_classes = scores.shape[1]
    for r in range(len(scores)):
        largest = scores[r, 0]
        for k in range(n_classes):
            largest = max(largest, scores[r, k])
        for k in range(n_classes):
            scores[r, k] -= largest
    flat = scores.reshape(-1)
    fill_exp(flat, flat)
    for r in range(len(scores)):
        total = scores.dtype.type(0)
        for k in range(n_classes):
            total += scores[r, k]
        factor = weight[r] / total
        for k in range(n_classes):
            scores[r, k] *= factor
        scores[r, labels[r]] -= weight[r]
