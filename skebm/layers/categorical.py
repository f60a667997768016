"""One-hot units of variables with categories."""

import numpy as np
from numba import njit

from skebm.layers._base import Constructor, Layer
from skebm.utils._addresses import KERNEL
from skebm.utils._math import fill_exp

# Number of rows that the kernels process side by side.
_ROWS = 16


class Categorical(Layer):
    """Variables with categories, each a block of units of which exactly one is 1.

    ``energy(x) = -x @ bias``. The probabilities do not change if a number is added to
    the biases of all units of a block. :meth:`gauge` keeps the sum of the biases of
    each block at zero [1]_.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log of the unnormalised probability of each category without inputs.
    sizes : sequence of int, default=None
        Number of categories of each block. None makes one block of all units.

    Raises
    ------
    ValueError
        If the sizes do not add up to the number of units.

    References
    ----------
    .. [1] J. Tubiana, S. Cocco, R. Monasson. "Learning protein constitutive motifs from
       sequence data". eLife 8 (2019).
    """

    domain = "one-hot rows"
    structure_names = ("sizes",)

    def __init__(self, bias, sizes=None):
        super().__init__(bias)
        sizes = [len(self.bias)] if sizes is None else sizes
        self.sizes = np.asarray(sizes, dtype=np.intp)
        if self.sizes.sum() != len(self.bias) or self.sizes.min(initial=1) < 1:
            raise ValueError(
                f"Blocks of sizes {self.sizes.tolist()} do not make {len(self.bias)} "
                "units. Give each block at least one category, and a unit for each "
                "category."
            )

    @Constructor
    def zeros(cls, n_units, dtype=np.float64, sizes=None):  # noqa: N805
        """Return a layer with equally likely categories."""
        return cls(np.zeros(n_units, dtype=dtype), sizes)

    @Constructor
    def from_moments(cls, mean, variance, n_rows, sizes=None):  # noqa: N805
        """Return the layer with these frequencies, smoothed.

        A row with equally likely categories is added to the ``n_rows`` rows, so that no
        frequency is 0.
        """
        layer = cls.zeros(len(mean), np.float64, sizes)
        share = 1 / layer.sizes[layer.variables]
        layer.bias[:] = np.log((mean * n_rows + share) / (n_rows + 1))
        layer.project()
        return layer

    @property
    def starts(self):
        """First unit of each block."""
        return np.cumsum(self.sizes) - self.sizes

    @property
    def variables(self):
        """The block that each unit belongs to."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def limits(self):
        """Zero and one."""
        return np.zeros(self.n_units), np.ones(self.n_units)

    @property
    def n_states(self):
        """Number of configurations. It is infinite if it is larger than any float."""
        with np.errstate(over="ignore"):
            return np.prod(self.sizes, dtype=np.float64)

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number, categories = np.arange(start, stop), []
        for size in self.sizes:
            categories.append(number % size)
            number //= size
        return self._one_hot(np.stack(categories, axis=1), self.bias.dtype)

    def _one_hot(self, categories, dtype):
        """Return rows from the number of the category of each variable."""
        out = np.zeros((len(categories), self.n_units), dtype=dtype)
        np.put_along_axis(out, self.starts + categories, 1, axis=1)
        return out

    def alternatives(self, variable, low, high):
        """Return the whole block and its one-hot rows."""
        start, size = self.starts[variable], self.sizes[variable]
        block = slice(int(start), int(start + size))
        return block, np.eye(size, dtype=self.bias.dtype), 0.0

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias)

    def _sums(self, inputs):
        """Return the log normalisers and the probabilities."""
        log_sum = np.empty((len(inputs), len(self.sizes)))
        mean = np.empty_like(inputs, order="C")
        _fill(np.ascontiguousarray(inputs), self.bias, self.sizes, log_sum, mean)
        return log_sum, mean

    def cgfs(self, inputs):
        """Return the log of the sum over the categories of each variable, float64."""
        return self._sums(inputs)[0]

    def mean(self, inputs):
        """Return the probabilities of the categories given the inputs."""
        return self._sums(inputs)[1]

    def mode(self, inputs):
        """Return the most probable categories given the inputs, as one-hot rows."""
        field = inputs + self.bias
        blocks = np.split(field, self.starts[1:], axis=1)
        categories = np.stack([block.argmax(axis=1) for block in blocks], axis=1)
        return self._one_hot(categories, inputs.dtype)

    def sample(self, inputs, random):
        """Draw one-hot rows given the inputs, from one uniform for each block."""
        uniform = random.uniform((len(inputs), len(self.sizes)))
        out = np.zeros_like(inputs, order="C")
        _pick(np.ascontiguousarray(inputs), self.bias, self.sizes, uniform, out)
        return out

    def project(self):
        """Bring the bias into the zero-sum gauge."""
        self.gauge(self.bias)

    def gauge(self, rows):
        """Remove the mean of each block from its rows; return the sum of the means."""
        mean = np.add.reduceat(rows, self.starts, axis=0)
        mean /= self.sizes.astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
        rows -= np.repeat(mean, self.sizes, axis=0)
        return mean.sum(axis=0)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are not numbers in [0, 1]."""
        return (X < 0) | (X > 1)


# Blocks are too short for vector instructions. So the kernels process several rows of a
# block side by side. The inner loops are over rows, whose number the compiler knows.
@njit(fastmath={"nnan"}, **KERNEL)
def _load(inputs, bias, row, start, lines, terms, top, total):
    """Fill ``terms``, (size, n_rows), with exponentials that are 1 at the largest.

    ``top`` and ``total`` are the largest exponents and the sums of the exponentials.
    """
    size = len(lines) // _ROWS
    for t in range(min(_ROWS, len(inputs) - row)):
        for k in range(size):
            lines[k * _ROWS + t] = inputs[row + t, start + k] + bias[start + k]
    for t in range(_ROWS):
        top[t], total[t] = lines[t], 0
    for k in range(1, size):
        for t in range(_ROWS):
            top[t] = max(top[t], lines[k * _ROWS + t])
    for k in range(size):
        for t in range(_ROWS):
            lines[k * _ROWS + t] -= top[t]
    fill_exp(lines, terms)
    for k in range(size):
        for t in range(_ROWS):
            total[t] += terms[k * _ROWS + t]


@njit(**KERNEL)
def _pick(inputs, bias, sizes, uniform, out):
    """Set to 1 where the running sum of a block's weights reaches its uniform."""
    lines = np.zeros(sizes.max() * _ROWS, dtype=inputs.dtype)
    terms, top = np.empty_like(lines), np.empty(_ROWS, dtype=inputs.dtype)
    total, reached = np.empty_like(top), np.empty_like(top)
    which = np.empty(_ROWS, dtype=np.int32)
    for row in range(0, len(inputs), _ROWS):
        n, start = min(_ROWS, len(inputs) - row), 0
        for b in range(len(sizes)):
            end = sizes[b] * _ROWS
            _load(inputs, bias, row, start, lines[:end], terms[:end], top, total)
            for t in range(n):
                total[t] *= uniform[row + t, b]
            for t in range(_ROWS):
                reached[t], which[t] = 0, start
            for k in range(sizes[b] - 1):
                for t in range(_ROWS):
                    reached[t] += terms[k * _ROWS + t]
                    which[t] += reached[t] < total[t]
            for t in range(n):
                out[row + t, which[t]] = 1
            start += sizes[b]


@njit(**KERNEL)
def _fill(inputs, bias, sizes, log_sum, mean):
    """Fill in the log of the sum over each block, and the probabilities."""
    lines = np.zeros(sizes.max() * _ROWS, dtype=inputs.dtype)
    terms, top = np.empty_like(lines), np.empty(_ROWS, dtype=inputs.dtype)
    total = np.empty_like(top)
    for row in range(0, len(inputs), _ROWS):
        n, start = min(_ROWS, len(inputs) - row), 0
        for b in range(len(sizes)):
            end = sizes[b] * _ROWS
            _load(inputs, bias, row, start, lines[:end], terms[:end], top, total)
            for t in range(n):
                log_sum[row + t, b] = np.log(np.float64(total[t])) + top[t]
                for k in range(sizes[b]):
                    mean[row + t, start + k] = terms[k * _ROWS + t] / total[t]
            start += sizes[b]
