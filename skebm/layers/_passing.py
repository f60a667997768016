"""Message passing along a forest, in blocks of rows on several threads."""

import numpy as np

from skebm.layers._beliefs import average_all, draw_all
from skebm.layers._maxima import maximise_all
from skebm.layers._messages import sum_all
from skebm.utils._parallel import map_blocks


class Messages:
    """Sums, draws and modes of all rows, from messages along the edges of a forest.

    Parameters
    ----------
    forest : Forest
    tables : ndarray of shape (n_entries,)
        The tables in the order of the edges.
    entries : Entries
    unary : ndarray of shape (n_states,)
        Log weight of each state without inputs.
    known : ndarray of int32 of shape (n, n_variables), default=None
        The observed states; -1 for others.
    """

    def __init__(self, forest, tables, entries, unary, known=None):
        self.forest, self.unary, self.known = forest, unary, known
        self.log_tables = tables[entries.places].astype(np.float64)
        self.tables, self.top = self.log_tables, 0.0
        if len(tables):
            top = np.maximum.reduceat(self.log_tables, entries.firsts)
            self.tables = np.exp(self.log_tables - top[entries.edges])
            self.top = top.sum()

    def _map(self, function, inputs):
        """Return the results of a function of blocks of rows.

        The function takes the arguments that all kernels begin with, the rows' number
        of the block and an array of zeros like the inputs.
        """
        # Messages take about as long as these multiply-adds of a matrix product.
        work = 100 * len(self.unary) + 10 * len(self.tables)

        def part(rows):
            block = np.ascontiguousarray(inputs[rows])
            known = np.empty((0, 0), np.int32)
            if self.known is not None:
                known = self.known[rows]
            start = self.forest, self.tables, self.unary, block, known
            return function(start, rows, np.zeros_like(block))

        return map_blocks(part, len(inputs), work)

    def cgf(self, inputs):
        """Return the log of the sum over all configurations, float64."""

        def part(arguments, rows, zeros):
            out = np.empty(len(zeros))
            sum_all(*arguments, out)
            return out + self.top

        return np.concatenate(self._map(part, inputs))

    def sample(self, inputs, random):
        """Return draws."""

        def part(arguments, rows, out):
            shape = len(out), len(self.forest.order)
            uniform = random.rows(rows.start).uniform(shape, inputs.dtype)
            draw_all(*arguments, uniform, out)
            return out

        return np.concatenate(self._map(part, inputs))

    def mode(self, inputs):
        """Return the most probable rows."""

        def part(arguments, rows, out):
            forest, _, *others = arguments
            maximise_all(forest, self.log_tables, *others, out)
            return out

        return np.concatenate(self._map(part, inputs))

    def mean(self, inputs):
        """Return the expectations."""
        return self.expect(inputs)[0]

    def expect(self, inputs, weight=None):
        """Return expectations, and weighted sums of the shares of states and pairs."""
        n_pairs = 0 if weight is None else len(self.tables)
        weight = np.zeros(0) if weight is None else weight

        def part(arguments, rows, out):
            shares, pairs = np.zeros(len(self.unary)), np.zeros(n_pairs)
            weights = weight[rows].astype(np.float64)
            average_all(*arguments, weights, out, shares, pairs)
            return out, shares, pairs

        means, shares, pairs = zip(*self._map(part, inputs), strict=True)
        return np.concatenate(means), sum(shares), sum(pairs)


class GivenRows:
    """The distribution of the holes of rows given the observed cells.

    Parameters
    ----------
    messages : Messages
        With the states of the observed cells.
    x : ndarray of shape (n, n_units)
    holes : ndarray of bool of shape (n, n_units)
    """

    def __init__(self, messages, x, holes):
        self._messages, self.x, self.holes = messages, x, holes

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over holes.

        Observed cells have no inputs.
        """
        return self._messages.cgf(inputs)

    def mean(self, inputs):
        """Return the rows with the expectations of their holes."""
        return self._complete(self._messages.mean(inputs))

    def sample(self, inputs, random):
        """Return the rows with draws in their holes."""
        return self._complete(self._messages.sample(inputs, random))

    def mode(self, inputs):
        """Return the rows with the most probable values together in their holes."""
        return self._complete(self._messages.mode(inputs))

    def _complete(self, rows):
        return np.where(self.holes, rows, self.x).astype(rows.dtype, copy=False)
