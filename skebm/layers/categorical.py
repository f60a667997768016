"""One-hot units: one of several categories."""

import numpy as np
from numba import njit

from skebm.layers._base import Constructor, Layer
from skebm.utils._math import fill_exp


class Categorical(Layer):
    """Variables with categories, each a block of units of which exactly one is 1.

    ``energy(x) = -x @ bias``. A number that is added to all units of a block changes no
    probability; :meth:`gauge` keeps the sum over each block at zero [1]_.

    Parameters
    ----------
    bias : ndarray of shape (n_units,)
        Log of the unnormalised probability of each category without inputs.
    sizes : sequence of int, default=None
        Number of categories of each block; None is one block of all units.

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
                "units. Give each block at least one category, and one unit for each."
            )

    @Constructor
    def zeros(cls, n_units, dtype=np.float64, sizes=None):  # noqa: N805
        """Return a layer with equally likely categories."""
        return cls(np.zeros(n_units, dtype=dtype), sizes)

    @Constructor
    def from_moments(cls, mean, variance, n_rows, sizes=None):  # noqa: N805
        """Return the layer with these frequencies, one row smoothed in."""
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
        """Number of configurations; infinite also where a float cannot hold it."""
        with np.errstate(over="ignore"):
            return np.prod(self.sizes, dtype=np.float64)

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number, which = np.arange(start, stop), []
        for size in self.sizes:
            which.append(number % size)
            number //= size
        return self._one_hot(np.stack(which, axis=1), self.bias.dtype)

    def _one_hot(self, which, dtype):
        """Return rows from the number of the category of each variable."""
        out = np.zeros((len(which), self.n_units), dtype=dtype)
        np.put_along_axis(out, self.starts + which, 1, axis=1)
        return out

    def alternatives(self, feature, low, high):
        """Return the whole block and its one-hot rows."""
        start, size = self.starts[feature], self.sizes[feature]
        block = slice(int(start), int(start + size))
        return block, np.eye(size, dtype=self.bias.dtype), 0.0

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return -(x @ self.bias)

    def _exponentials(self, inputs):
        """Return exponentials, their sum and the largest exponent over each block."""
        inputs = np.ascontiguousarray(inputs)
        terms, shape = np.empty_like(inputs), (len(inputs), len(self.sizes))
        total, top = np.empty(shape), np.empty(shape)
        _fill_exponentials(inputs, self.bias, self.sizes, terms, total, top)
        return terms, total, top

    def cgfs(self, inputs):
        """Return the log of the sum over the categories of each variable, float64."""
        _, total, top = self._exponentials(inputs)
        return np.log(total) + top

    def mean(self, inputs):
        """Return the probabilities of the categories given the inputs."""
        terms, total, _ = self._exponentials(inputs)
        _divide(terms, total, self.sizes)
        return terms

    def mode(self, inputs):
        """Return the most probable categories given the inputs, as one-hot rows."""
        field = inputs + self.bias
        blocks = np.split(field, self.starts[1:], axis=1)
        which = np.stack([block.argmax(axis=1) for block in blocks], axis=1)
        return self._one_hot(which, inputs.dtype)

    def sample(self, inputs, random):
        """Draw one-hot rows given the inputs, from one uniform a block."""
        terms, total, _ = self._exponentials(inputs)
        total *= random.uniform(total.shape)
        _pick(terms, total, self.sizes)
        return terms

    def project(self):
        """Bring the bias into the zero-sum gauge."""
        self.gauge(self.bias)

    def gauge(self, rows):
        """Take each block's mean out of its rows; return the sum of those means."""
        mean = np.add.reduceat(rows, self.starts, axis=0)
        mean /= self.sizes.astype(rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))
        rows -= np.repeat(mean, self.sizes, axis=0)
        return mean.sum(axis=0)

    @staticmethod
    def outside(X):
        """Return which entries of ``X`` are no probability."""
        return (X < 0) | (X > 1)


# The compiler may reorder sums, and take it that there is no NaN: else it cannot
# vectorise sum and maximum of a block.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})
def _fill_exponentials(inputs, bias, sizes, terms, total, top):
    """Fill each row with exponentials that are 1 at the largest of each block."""
    line = np.empty_like(bias)
    for r in range(len(inputs)):
        own, out, start = inputs[r], terms[r], 0
        for b in range(len(sizes)):
            stop = start + sizes[b]
            best = own[start] + bias[start]
            for i in range(start, stop):
                line[i] = own[i] + bias[i]
                best = max(best, line[i])
            for i in range(start, stop):
                line[i] -= best
            top[r, b], start = best, stop
        fill_exp(line, out)
        start = 0
        for b in range(len(sizes)):
            stop, weight = start + sizes[b], 0.0
            for i in range(start, stop):
                weight += out[i]
            total[r, b], start = weight, stop


@njit(cache=True, nogil=True, error_model="numpy")
def _divide(terms, total, sizes):
    """Divide each block of a row by its total."""
    for r in range(len(terms)):
        line, start = terms[r], 0
        for b in range(len(sizes)):
            stop, factor = start + sizes[b], 1 / total[r, b]
            for i in range(start, stop):
                line[i] *= factor
            start = stop


@njit(cache=True, nogil=True, error_model="numpy")
def _pick(terms, height, sizes):
    """Turn the terms into one-hot rows: where their running sum reaches the height."""
    for r in range(len(terms)):
        line, start = terms[r], 0
        for b in range(len(sizes)):
            stop, which, reached = start + sizes[b], start, line[start]
            while reached < height[r, b] and which < stop - 1:
                which += 1
                reached += line[which]
            for i in range(start, stop):
                line[i] = 0
            line[which], start = 1, stop
