"""The kernels of labels of an RBM whose hidden units are Bernoulli units.

A hidden unit receives ``z_j`` from the inputs and ``u_kj`` from the label ``k``. All
``exp(z_j + u_kj)`` are products of ``exp(z_j)`` and ``exp(u_kj)``, so there is one
exponential for each row and hidden unit, and not one for each class as well.
"""

import numpy as np
from numba import njit

from skebm.energies._couplings import leaves
from skebm.energies._label_updates import LabelUpdates
from skebm.layers import Categorical
from skebm.utils._addresses import BORROWS, INNER, KERNEL, call
from skebm.utils._math import fill_exp
from skebm.utils._parallel import map_blocks

# Products of so many numbers in [1/2, 1] are normal numbers in double precision.
_FACTORS = 960
# The largest exponent of a factor: products of two such exponentials are finite. Inputs
# beyond take an exponential for each class.
_LARGEST = 40.0


def label_cgf(inputs, per_class, bias):
    """Return the sum over hidden units of ``log(1 + exp(input))`` for every class.

    Parameters
    ----------
    inputs : ndarray of shape (n, n_hidden)
        What the hidden units receive from the inputs of the model.
    per_class : ndarray of shape (n_classes, n_hidden)
        What they receive from each label.
    bias : ndarray of shape (n_hidden,)

    Returns
    -------
    ndarray of shape (n, n_classes), float64
    """
    out = np.empty((len(inputs), len(per_class)))

    def fill(block):
        _fill_cgf(inputs[block], per_class, bias, out[block])

    map_blocks(fill, len(inputs), 4 * per_class.size)
    return out


def label_shares(inputs, per_class, bias, weight):
    """Return sums of weighted probabilities of the hidden units.

    Parameters
    ----------
    inputs, per_class, bias
        As for :func:`label_cgf`.
    weight : ndarray of shape (n, n_classes)
        In the dtype of the inputs.

    Returns
    -------
    hidden : ndarray of shape (n, n_hidden)
        Sums over the classes.
    labels : ndarray of shape (n_classes, n_hidden)
        Sums over the rows.
    """
    hidden, weight = np.empty_like(inputs), np.ascontiguousarray(weight)

    def fill(block):
        labels = np.zeros_like(per_class)
        given = inputs[block], per_class, bias, weight[block]
        _fill_shares(*given, hidden[block], labels)
        return labels

    # A sum that follows the blocks does not depend on the number of threads.
    return hidden, sum(map_blocks(fill, len(inputs), 8 * per_class.size))


def class_rbm_updates(energy):
    """Return the kernels of an RBM with a label and Bernoulli hidden units."""

    def layout(n, n_parts):
        dtype, (n_classes, n_hidden) = energy.dtype, (energy.n_classes, energy.n_hidden)
        inputs = np.empty((n, energy.n_inputs), dtype)
        slopes, ones = np.empty((n, n_hidden), dtype), np.ones((n, 1), dtype)
        # Each part of the rows sums up its gradient of the weights of the label.
        codes = np.tile(np.eye(n_classes, dtype=dtype), (n_parts, 1))
        sums = np.empty((len(codes), n_hidden), dtype)
        of_inputs, of_label = slice(energy.n_inputs), slice(energy.n_inputs, None)
        of_classes = np.empty((n, n_classes), dtype)
        return [
            ("weights", of_inputs, inputs, slopes, 0),
            ("hidden.bias", slice(None), ones, slopes, 0),
            ("weights", of_label, codes, sums, len(codes)),
            ("visible.1.bias", slice(None), ones, of_classes, 0),
        ]

    gauge, start = [], 0
    for layer in leaves(energy.visible):
        if isinstance(layer, Categorical):
            ends = zip(layer.starts, layer.starts + layer.sizes, strict=True)
            gauge += [(start + low, start + high) for low, high in ends]
        start += layer.n_units
    options = {"gauge": gauge, "fill_gauge": fill_gauge}
    return LabelUpdates(energy, fill_class_rbm, layout, **options)


@njit(**INNER)
def fill_class_rbm(work, place):
    """Fill the inputs and slopes of all parameters for some rows of a minibatch."""
    data, calls, (weights, hidden, label, prior) = work.data, work.calls, work.params
    lo = place.n * place.part // place.n_parts
    hi = place.n * (place.part + 1) // place.n_parts
    first, n_inputs = data.edges[place.batch], len(weights.value)
    n_classes, width = label.value.shape
    x, fields = weights.inputs[lo:hi], weights.slopes[lo:hi]
    for r in range(hi - lo):
        row, line = data.X[data.order[first + lo + r]], x[r]
        for i in range(n_inputs):
            line[i] = row[i]
    call(calls.product, (calls.row_sums, x, weights.value, fields))
    sums = label.slopes[n_classes * place.part : n_classes * (place.part + 1)]
    sums[:] = 0
    of_label = _label(label.value)
    scores, chances = np.empty(n_classes), np.empty((n_classes, width), x.dtype)
    numbers = np.empty((2, width), x.dtype)
    for r in range(hi - lo):
        line, row = fields[r], data.X[data.order[first + lo + r]]
        _add(line, hidden.value[0])
        _fill_classes(line, of_label, numbers, chances, scores)
        _add(scores, prior.value[0])
        _class_slopes(scores, row[n_inputs:], data.weight[first + lo + r])
        for j in range(width):
            line[j] = 0
        for k in range(n_classes):
            prior.slopes[lo + r, k] = scores[k]
            _add_share(prior.slopes[lo + r, k], chances[k], line, sums[k])


@njit(**BORROWS)
def fill_gauge(work, place):
    """Remove the means of blocks of weights, for which the biases make up.

    It is the method ``project`` of the energy.
    """
    weights, hidden, label, prior = work.params
    bias, n_inputs = hidden.value[0], len(weights.value)
    for low, high in work.gauge:
        rows = weights.value[low:high]
        if low >= n_inputs:
            rows = label.value[low - n_inputs : high - n_inputs]
        _remove_mean(rows, bias)
    of_label, mean = prior.value[0], prior.value.dtype.type(0)
    for k in range(len(of_label)):
        mean += of_label[k] / len(of_label)
    for k in range(len(of_label)):
        of_label[k] -= mean


@njit(**BORROWS)
def _remove_mean(rows, bias):
    """Take the mean off some rows of weights, and add it to the bias."""
    share = rows.dtype.type(1 / len(rows))
    for j in range(len(bias)):
        mean = rows.dtype.type(0)
        for i in range(len(rows)):
            mean += share * rows[i, j]
        bias[j] += mean
        for i in range(len(rows)):
            rows[i, j] -= mean


@njit(**BORROWS)
def _add(line, bias):
    for j in range(len(line)):
        line[j] += bias[j]


@njit(**BORROWS)
def _add_share(slope, chance, total, of_class):
    for j in range(len(chance)):
        share = slope * chance[j]
        total[j] += share
        of_class[j] += share


@njit(**BORROWS)
def _class_slopes(scores, codes, weight):
    """Replace scores by the slopes of the weighted negative log-likelihood."""
    largest, total = scores[0], 0.0
    for k in range(len(scores)):
        largest = max(largest, scores[k])
    for k in range(len(scores)):
        scores[k] -= largest
    fill_exp(scores, scores)
    for k in range(len(scores)):
        total += scores[k]
    for k in range(len(scores)):
        scores[k] = weight * (scores[k] / total - codes[k])


@njit(**INNER)
def _label(values):
    """Return what a label gives, its exponentials, and whether all are in the limits.

    The exponentials of numbers beyond the limits are not used.
    """
    powers = np.empty_like(values)
    fill_exp(values.reshape(-1), powers.reshape(-1))
    is_small = True
    for k in range(len(values)):
        is_small &= _is_small(values[k])
    return values, powers, is_small


@njit(fastmath={"nnan", "nsz"}, **BORROWS)
def _is_small(line):
    largest = line.dtype.type(0)
    for j in range(len(line)):
        largest = max(largest, abs(line[j]))
    return largest <= line.dtype.type(_LARGEST)


@njit(**BORROWS)
def _fill_classes(line, label, numbers, chances, out):
    """Fill the sums of ``log(1 + exp(input))`` and the probabilities for each class."""
    values, powers, is_small = label
    width, one = len(line), line.dtype.type(1)
    ups, limit = numbers[0], line.dtype.type(2 * _LARGEST)
    is_safe = is_small and _is_small(line)
    fill_exp(line, ups)
    for k in range(len(out)):
        factors = powers[k]
        if not is_safe:
            factors = numbers[1]
            for j in range(width):
                ups[j] = one
                factors[j] = min(max(line[j] + values[k, j], -limit), limit)
            fill_exp(factors, factors)
        if width <= _FACTORS:  # slices take a third of the time of few units
            out[k] = _sum(line, values[k], ups, factors, chances[k])
            continue
        out[k] = 0
        for lo in range(0, width, _FACTORS):
            hi = min(lo + _FACTORS, width)
            of_class, chance = values[k, lo:hi], chances[k, lo:hi]
            out[k] += _sum(line[lo:hi], of_class, ups[lo:hi], factors[lo:hi], chance)


# The compiler may reorder sums and products, else it cannot vectorise them.
@njit(fastmath={"reassoc", "contract", "nsz"}, **BORROWS)
def _sum(line, values, ups, factors, chances):
    """Return the sum of ``log(1 + exp(a))``, and fill the probabilities.

    The sum is ``sum max(a, 0) - log prod max(chance, 1 - chance)`` with ``a = line +
    values``, whose exponential is ``ups * factors``.
    """
    zero, one = line.dtype.type(0), line.dtype.type(1)
    for j in range(len(line)):
        chances[j] = one - one / (one + ups[j] * factors[j])
    # A loop of its own: one that writes is vectorised only where the arrays are far
    # apart in memory, so that the order of the sum would depend on where they are.
    linear, product = zero, 1.0
    for j in range(len(line)):
        linear += max(line[j] + values[j], zero)
        product *= np.float64(max(chances[j], one - chances[j]))
    return linear - np.log(product)


@njit(**KERNEL)
def _fill_cgf(inputs, per_class, bias, out):
    """Fill ``out`` with what :func:`label_cgf` returns for some rows."""
    label, line = _label(per_class), np.empty_like(bias)
    numbers, chances = np.empty((2, len(bias)), bias.dtype), np.empty_like(per_class)
    for r in range(len(inputs)):
        for j in range(len(bias)):
            line[j] = inputs[r, j] + bias[j]
        _fill_classes(line, label, numbers, chances, out[r])


@njit(**KERNEL)
def _fill_shares(inputs, per_class, bias, weight, hidden, labels):
    """Fill what :func:`label_shares` returns for some rows; ``labels`` begin at 0."""
    label, scores = _label(per_class), np.empty(len(per_class))
    numbers, chances = np.empty((2, len(bias)), bias.dtype), np.empty_like(per_class)
    for r in range(len(inputs)):
        line = hidden[r]
        for j in range(len(bias)):
            line[j] = inputs[r, j] + bias[j]
        _fill_classes(line, label, numbers, chances, scores)
        for j in range(len(bias)):
            line[j] = 0
        for k in range(len(per_class)):
            _add_share(weight[r, k], chances[k], line, labels[k])
