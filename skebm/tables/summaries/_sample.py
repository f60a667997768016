"""A uniform sample of rows that does not depend on the parts in which they came."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from skebm.tables.frames import is_frame

# A sample has at most so many cells and rows, but at least so many rows. Of 784 columns
# there are 21,399 rows, which take 67 MB in float32.
_MOST_CELLS, _MOST_ROWS, _FEWEST_ROWS = 2**24, 100_000, 1_000


def sample_size(n_features):
    """Return the number of rows of a sample of a table with so many columns."""
    return min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_CELLS // max(n_features, 1)))


class RowSample(NamedTuple):
    """Rows of the smallest priorities, which are random numbers of the rows.

    Every row has a number, which is its position in the whole table. Its priority
    depends on this number alone. So the sample of two parts together is the same as the
    sample of all their rows.

    Attributes
    ----------
    size : int
        Largest number of rows.
    parts : tuple of (rows, weight, numbers, priority)
        Rows that may belong to the sample, in arrays or frames.
    bound : float
        Rows of a higher priority do not belong to the sample.
    """

    size: int
    parts: tuple = ()
    bound: float = np.inf

    @classmethod
    def of(cls, X, weight, first, size, random, bound=np.inf):
        """Return the sample of a part.

        Parameters
        ----------
        X : {ndarray, DataFrame} of shape (n, n_features)
        weight : ndarray of shape (n,) or None
            Rows of weight 0 are left out.
        first : int
            The number of the first row.
        size : int
        random : Random
            The same for all parts.
        bound : float, default=inf
            The ``bound`` of a sample with which this one is to be merged.
        """
        priority = random.rows(first).uniform((X.shape[0], 1))[:, 0]
        chosen = priority < bound
        if weight is not None:
            chosen &= weight > 0
        chosen = np.flatnonzero(chosen)
        if len(chosen) > size:
            order = np.argsort(priority[chosen], kind="stable")
            chosen = np.sort(chosen[order[:size]])
        rows = X.take(chosen) if is_frame(X) else X[chosen]
        weight = None if weight is None else weight[chosen]
        part = rows, weight, first + chosen, priority[chosen]
        return cls(size, (part,) if len(chosen) else (), bound)

    def merged(self, other):
        """Return the sample of the rows of both."""
        bound = min(self.bound, other.bound)
        both = RowSample(self.size, self.parts + other.parts, bound)
        # Few copies are made: the rows are put together when they are twice as many.
        is_long = sum(len(part[2]) for part in both.parts) > 2 * self.size
        return both.compact() if is_long else both

    def compact(self):
        """Return the same sample in one part, in the order of the numbers."""
        if not self.parts:
            return self
        rows, weights, numbers, priority = zip(*self.parts, strict=True)
        numbers, priority = np.concatenate(numbers), np.concatenate(priority)
        order = np.lexsort((numbers, priority))[: self.size]
        is_full, bound = len(order) == self.size, self.bound
        if is_full:
            bound = min(bound, np.nextafter(priority[order[-1]], np.inf))
        kept = order[np.argsort(numbers[order])]
        if is_frame(rows[0]):
            rows = pd.concat(rows, ignore_index=True).take(kept)
            rows = rows.reset_index(drop=True)
        else:
            rows = np.concatenate(rows)[kept]
        weight = None if weights[0] is None else np.concatenate(weights)[kept]
        part = rows, weight, numbers[kept], priority[kept]
        return RowSample(self.size, (part,), bound)

    @property
    def rows(self):
        """The rows of a compact sample."""
        return self.parts[0][0]

    @property
    def weight(self):
        """The weights of the rows of a compact sample, or None."""
        return self.parts[0][1]

    @property
    def numbers(self):
        """The numbers of the rows of a compact sample, in ascending order."""
        return self.parts[0][2]
