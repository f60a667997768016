"""The gradient of an RBM with units of any kind, in separate steps."""

from typing import NamedTuple

import numpy as np
from numba import njit

from skebm.utils._addresses import KERNEL
from skebm.utils._math import row_weights
from skebm.utils._parallel import map_blocks, start_blocks
from skebm.utils._products import GRADIENT_ROWS, product_of_columns


class Phase(NamedTuple):
    """A block of rows of data or of chains, as the gradient needs them.

    Attributes
    ----------
    rows : {ndarray, CSR matrix} of shape (n, n_visible)
    hidden : ndarray of shape (n, n_hidden)
        Expectations of the hidden units given the rows.
    weight : ndarray of shape (n,)
        Share of each row; negative in the negative phase.
    local : dict of str to ndarray
        d F / d params summed over the rows, for all parameters except the weights.
    biases : tuple of str
        Names of the biases of the visible units, in the order of the units.
    """

    rows: np.ndarray
    hidden: np.ndarray
    weight: np.ndarray
    local: dict
    biases: tuple

    def negative(self):
        """Return the same rows with the opposite sign."""
        local = {name: -value for name, value in self.local.items()}
        return self._replace(weight=-self.weight, local=local)

    def means(self):
        """Return the weighted sums of the visible and of the hidden units."""
        # Every layer couples by its value, so minus the value is the gradient of the
        # energy with respect to the bias.
        visible = np.concatenate([self.local[name] for name in self.biases])
        return -visible, -self.local["hidden.bias"]


def start_phases(energy, x, weight, inputs):
    """Begin to make a :class:`Phase` of each block of rows; see ``RBM.start_phase``.

    Parameters
    ----------
    energy : RBM
    x : {ndarray, CSR matrix} of shape (n, n_visible)
    weight : ndarray of shape (n,) or None
    inputs : ndarray of shape (n, n_hidden) or None
        ``energy.inputs(x)`` if it is known.
    """
    weight = row_weights(weight, x.shape[0], energy.dtype)

    biases = _bias_names(energy.visible)

    def phase(block):
        # The slice is taken once, since a slice of a sparse matrix is a copy.
        rows, share = x[block], weight[block]
        received = None if inputs is None else inputs[block]
        hidden = energy.hidden_mean(rows, received)
        local = {
            f"visible.{name}": value
            for name, value in energy.visible.grad(rows, share).items()
        }
        local["hidden.bias"] = -(share @ hidden)
        if len(energy.hidden.params) > 1:
            local |= _other_hidden(energy, rows, received, share)
        return Phase(rows, hidden, share, local, biases)

    # Without the product only the sigmoids are left.
    work = energy.weights.size if inputs is None else energy.weights.shape[1]
    return start_blocks(phase, x.shape[0], work)


def _other_hidden(energy, rows, received, share):
    """Return d F / d params of the hidden layer, without the bias."""
    received = energy.inputs(rows) if received is None else received
    gradient = energy.hidden.cgf_grad(energy._coupled(received), share)
    del gradient["bias"]
    return {f"hidden.{name}": -value for name, value in gradient.items()}


def gradient(energy, phases, offsets):
    """Return d F / d params, centered, summed over phases with signed weights."""
    mu, lam = offsets
    total = {
        name: sum(phase.local[name] for phase in phases) for name in phases[0].local
    }
    # sum (v - mu) share = sum v share - mu sum share, so mu is one more row.
    shares = np.empty((1 + sum(len(p.hidden) for p in phases), len(lam)), energy.dtype)
    shares[-1], start = 0, 0
    factor = energy.dtype.type(-energy.coupling)
    for phase in phases:
        stop = start + len(phase.hidden)
        _fill_shares(
            phase.hidden, lam, factor * phase.weight, shares[start:stop], shares[-1]
        )
        start = stop
    rows = [phase.rows for phase in phases] + [mu[None]]
    weights = np.empty_like(energy.weights)
    along_lam = np.empty(len(mu), energy.dtype)

    def fill_columns(columns):
        product_of_columns(rows, shares, columns, weights[columns])
        np.dot(weights[columns], lam, out=along_lam[columns])
        return mu[columns] @ weights[columns]

    along_mu = map_blocks(fill_columns, len(mu), shares.size, size=GRADIENT_ROWS)
    # In the centered energy the weights contribute to the biases. The gradient of the
    # biases makes up for it.
    total["hidden.bias"] -= sum(along_mu)
    start = 0
    for name in phases[0].biases:
        bias = total[name]
        bias -= along_lam[start : start + len(bias)]
        start += len(bias)
    return {"weights": weights, **total}


def fix_gauge(visible, gradient):
    """Project the gradient onto the gauge of the visible layer, in place."""
    if np.ndim(visible.gauge(gradient["weights"])):
        _change_biases(visible, gradient, visible.gauge)


def preconditioned(visible, gradient):
    """Return the gradient in the metric of the visible layer."""
    weights = visible.precondition(gradient["weights"])
    if weights is gradient["weights"]:
        return gradient
    changed = {name: value.copy() for name, value in gradient.items()}
    changed["weights"] = weights

    def change(bias):
        bias[:] = visible.precondition(bias)

    _change_biases(visible, changed, change)
    return changed


def _change_biases(visible, gradient, change):
    """Apply a function, which works in place, to all visible biases side by side."""
    biases = [gradient[name] for name in _bias_names(visible)]
    joined = np.concatenate(biases)
    change(joined)
    ends = np.cumsum([len(bias) for bias in biases])
    for bias, part in zip(biases, np.split(joined, ends[:-1]), strict=True):
        bias[...] = part


def _bias_names(visible):
    return tuple(f"visible.{name}" for name in visible.bias_names)


@njit(**KERNEL)
def _fill_shares(hidden, lam, weight, out, minus_sum):
    """Fill ``out`` with weighted, centered rows; subtract them from ``minus_sum``."""
    for r in range(len(hidden)):
        shares, means = out[r], hidden[r]
        for j in range(len(lam)):
            shares[j] = weight[r] * (means[j] - lam[j])
        for j in range(len(lam)):
            minus_sum[j] -= shares[j]
