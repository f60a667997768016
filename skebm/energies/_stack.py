"""The reference of real columns: a stack of mixtures of several sizes and kernels."""

import numpy as np
from scipy.special import softmax
from sklearn.utils.metaestimators import available_if

from skebm.utils._math import log_sum_exp
from skebm.utils._parallel import map_blocks
from skebm.utils._resampling import positions
from skebm.utils._stored import public

# Rows that one thread takes at a time.
_BLOCK = 512


@public("skebm.energies")
class Kernels:
    """A normal distribution about each of some rows.

    Parameters
    ----------
    centers : ndarray of shape (n_centers, n_units)
    scale : ndarray of shape (n_units,)
        The standard deviations of the kernels.
    log_weight : ndarray of shape (n_centers,)
        Logs of weights that sum to 1.
    """

    log_partition = 0.0

    def __init__(self, centers, scale, log_weight):
        self.centers, self.scale, self.log_weight = centers, scale, log_weight

    def energy(self, x):
        """Return minus the log-density of each row, in nats, float64, shape (n,)."""
        seen = np.ones(x.shape, bool)
        return -log_sum_exp(self.log_joint(x, seen))

    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        share = softmax(self.log_joint(x, np.ones(x.shape, bool)), axis=1)
        return ((x - share @ self.centers) / self.scale**2).astype(x.dtype, copy=False)

    def log_joint(self, x, seen):
        """Return the log of weight times density of the seen cells, for each center."""
        z = np.where(seen, x, 0) / self.scale
        c = self.centers / self.scale
        squares = (z**2).sum(axis=1)[:, None] + seen @ (c**2).T - 2 * z @ c.T
        volume = seen @ (np.log(self.scale) + np.log(2 * np.pi) / 2)
        return self.log_weight - np.maximum(squares, 0) / 2 - volume[:, None]

    def sample(self, n_rows, random):
        """Draw rows, in float64."""
        uniform = random.fold(0).uniform((n_rows, 1))[:, 0]
        cumulative = np.exp(self.log_weight).cumsum()
        numbers = np.searchsorted(cumulative, uniform * cumulative[-1])
        noise = random.fold(1).normal((n_rows, len(self.scale)))
        return self.centers[numbers] + self.scale * noise

    def given(self, x, holes):
        """Return the distribution of holes given the observed cells."""
        return _KernelsGiven(self, x, holes)


class _KernelsGiven:
    """The holes of rows given their observed cells, under kernels."""

    def __init__(self, kernels, x, holes):
        self.kernels, self.x, self.holes = kernels, x, holes
        self.log_joint = kernels.log_joint(np.where(holes, 0, x), ~holes)

    def cgf(self, inputs):
        """Return the log-density of the observed cells."""
        return log_sum_exp(self.log_joint)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        cumulative = softmax(self.log_joint, axis=1).cumsum(axis=1)
        uniform = random.fold(0).uniform((len(self.x), 1))
        numbers = positions(cumulative, uniform * cumulative[:, -1:])[:, 0]
        noise = random.fold(1).normal(self.x.shape)
        drawn = self.kernels.centers[numbers] + self.kernels.scale * noise
        return np.where(self.holes, drawn, self.x)

    def mode(self, inputs):
        """Return the rows with their holes at the most probable center."""
        best = self.kernels.centers[self.log_joint.argmax(axis=1)]
        return np.where(self.holes, best, self.x)


@public("skebm.energies")
class Stack:
    """A mixture of densities, whose weights come from rows that none of them saw [1]_.

    Parameters
    ----------
    parts : list of densities
        With ``energy``, ``sample``, ``given`` and ``log_partition``.
    log_weight : ndarray of shape (n_parts,)
        Logs of weights that sum to 1.
    n_units : int
    dtype_name : str
        Name of the dtype of the rows that it draws.

    References
    ----------
    .. [1] P. Smyth, D. Wolpert. "Linearly combining density estimators via stacking".
       Machine Learning 36 (1999).
    """

    log_partition = 0.0

    def __init__(self, parts, log_weight, n_units, dtype_name):
        self.parts, self.log_weight = parts, log_weight
        self.n_units, self.dtype_name = n_units, dtype_name

    @property
    def variables(self):
        """The variable of each unit, which is a column of its own."""
        return np.arange(self.n_units)

    n_variables = property(lambda self: self.n_units)

    def energy(self, x):
        """Return minus the log-density of each row, in nats, float64, shape (n,)."""
        x = np.asarray(x, dtype=np.float64)

        def of_block(block):
            scores = log_densities(self.parts, x[block]) + self.log_weight
            return -log_sum_exp(scores)

        return np.concatenate(map_blocks(of_block, len(x), 10_000, size=_BLOCK))

    @available_if(lambda stack: all(hasattr(p, "grad_x") for p in stack.parts))
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``."""
        double = np.asarray(x, dtype=np.float64)
        share = softmax(log_densities(self.parts, double) + self.log_weight, axis=1)
        slopes = (part.grad_x(double) for part in self.parts)
        pairs = zip(share.T, slopes, strict=True)
        return sum(s[:, None] * slope for s, slope in pairs).astype(x.dtype, copy=False)

    def sample(self, n_rows, random):
        """Draw rows."""
        share = np.exp(self.log_weight).cumsum()
        uniform = random.fold(0).uniform((n_rows, 1))[:, 0]
        numbers = np.searchsorted(share, uniform * share[-1])
        out = np.empty((n_rows, self.n_units), self.dtype_name)
        for k, part in enumerate(self.parts):
            here = np.flatnonzero(numbers == k)
            if len(here):
                out[here] = part.sample(len(here), random.fold(1, k))
        return out

    def given(self, x, holes):
        """Return the distribution of holes given the observed cells."""
        return _StackGiven(self, x, holes)


class _StackGiven:
    """The holes of rows given their observed cells, under a stack."""

    def __init__(self, stack, x, holes):
        self.x = x
        self.parts = [_given(part, x, holes) for part in stack.parts]
        no_inputs = np.zeros(x.shape)
        seen = [
            given.cgf(no_inputs) - part.log_partition
            for given, part in zip(self.parts, stack.parts, strict=True)
        ]
        self.log_joint = np.column_stack(seen) + stack.log_weight

    def cgf(self, inputs):
        """Return the log-density of the observed cells."""
        return log_sum_exp(self.log_joint)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        cumulative = softmax(self.log_joint, axis=1).cumsum(axis=1)
        uniform = random.fold(0).uniform((len(self.x), 1))
        numbers = positions(cumulative, uniform * cumulative[:, -1:])[:, 0]
        no_inputs, streams = np.zeros(self.x.shape), range(len(self.parts))
        drawn = [
            part.sample(no_inputs, random.fold(1, k))
            for k, part in zip(streams, self.parts, strict=True)
        ]
        return np.stack(drawn)[numbers, np.arange(len(numbers))]

    def mode(self, inputs):
        """Return the rows with their holes where the most probable part has them."""
        no_inputs, best = np.zeros(self.x.shape), self.log_joint.argmax(axis=1)
        modes = np.stack([part.mode(no_inputs) for part in self.parts])
        return modes[best, np.arange(len(best))]


def log_densities(parts, x):
    """Return the log-density of each row under each part, shape (n, n_parts)."""
    return np.column_stack([-part.energy(x) - part.log_partition for part in parts])


def _given(part, x, holes):
    owner = part.layer if hasattr(part, "layer") else part
    return owner.given(x, holes)
