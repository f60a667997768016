"""Summaries of parts of a table, which merge: from them its columns settle.

A part is an array or a frame of some rows. ``Summary.of(part, first)`` is what has to
be known of it, ``one.merged(other)`` is the summary of the rows of both, and does not
depend on the order or the size of the parts, and the summary of all rows settles the
table and its encoding.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from skebm.tables.summaries._array import ArraySummary
from skebm.tables.summaries._frame import FrameSummary
from skebm.tables.summaries._sample import RowSample, sample_size

__all__ = ["RowSample", "Summary", "sample_size"]


class Summary(NamedTuple):
    """What is known of all rows of a table, and a uniform sample of the rows.

    Attributes
    ----------
    facts : ArraySummary or FrameSummary
    sample : RowSample
    n_rows : int
        Number of rows, also of those of weight 0.
    mass : float
        Number or total weight of the rows.
    """

    facts: object
    sample: RowSample
    n_rows: int
    mass: float

    @classmethod
    def of(cls, X, weight, first, random, numbered=(), bound=np.inf):
        """Return the summary of a part.

        Parameters
        ----------
        X : {ndarray, DataFrame} of shape (n, n_features)
        weight : ndarray of shape (n,) or None
        first : int
            The number of the first row in the whole table.
        random : Random
            The source of the sample, the same for all parts.
        numbered : sequence of int
            Columns of an array whose values are numbered.
        bound : float, default=inf
            ``sample.bound`` of the summary with which this one is to be merged. It
            saves time, and does not change the result.
        """
        if isinstance(X, pd.DataFrame):
            facts = FrameSummary.of(X, weight)
        else:
            facts = ArraySummary.of(X, weight, numbered)
        size = sample_size(X.shape[1])
        sample = RowSample.of(X, weight, first, size, random, bound)
        mass = float(len(X) if weight is None else weight.sum())
        return cls(facts, sample, len(X), mass)

    def merged(self, other):
        """Return the summary of the rows of both."""
        return Summary(
            self.facts.merged(other.facts),
            self.sample.merged(other.sample),
            self.n_rows + other.n_rows,
            self.mass + other.mass,
        )

    def compact(self):
        """Return the same summary with its sample in one piece."""
        return self._replace(sample=self.sample.compact())

    def stand_in(self, table, numbers):
        """Return rows and weights by which an encoding is fitted.

        These are the rows of the sample and, unless these are all rows, the ends of all
        rows once each.

        Parameters
        ----------
        table : Table
        numbers : ndarray of shape (n, n_features)
            The numbers of the rows of the sample.
        """
        weight = self.sample.weight
        if self.is_whole:
            return numbers, weight
        facts = self.facts.facts(table)
        ends = np.array([facts.low, facts.high]).astype(numbers.dtype)
        weight = np.ones(len(numbers)) if weight is None else weight
        weight = np.r_[weight * (self.mass / weight.sum()), 1.0, 1.0]
        return np.concatenate([numbers, ends]), weight

    def refined(self, encoding, table):
        """Return the encoding of some rows with what is known of all rows."""
        return encoding if self.is_whole else encoding.refined(self.facts.facts(table))

    @property
    def is_whole(self):
        """Whether the sample has all rows of weights above 0."""
        return len(self.sample.numbers) == self.facts.n_rows
