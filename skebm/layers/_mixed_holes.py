"""The holes of rows given their observed units, for finite and real columns."""

import numpy as np


class MixedGiven:
    """The holes of rows given their observed units, under a :class:`Mixed` layer.

    Parameters
    ----------
    layer : Mixed
    x : ndarray of shape (n, n_units)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_units)
    """

    def __init__(self, layer, x, holes):
        self.layer, self.x, self.holes = layer, x, holes
        finite, real = layer._split(x)
        holes_of_finite, holes_of_real = layer._split(holes)
        self._tree = layer._given_columns(finite, ~holes_of_finite)
        self._real = layer.real.given(real, holes_of_real)

    def _run(self, inputs, **options):
        """Return the inputs of the tree, and the rows of each component."""
        finite, real = self.layer._split(inputs)
        log_weight, rows = self._real.by_component(real, **options)
        return self.layer._beside(finite, log_weight), rows

    def cgf(self, inputs):
        """Return the log sum of ``exp(inputs @ x - energy(x))`` over the holes."""
        return self._tree.cgf(self._run(inputs)[0])

    def mean(self, inputs):
        """Return the rows with the expectations of their holes."""
        of_tree, rows = self._run(inputs)
        finite, share = self.layer._split(self._tree.mean(of_tree))
        return self._filled(finite, np.einsum("nk,nki->ni", share, rows), inputs)

    def mode(self, inputs):
        """Return the rows with their holes at the most probable component."""
        of_tree, rows = self._run(inputs, peaks=True)
        finite, one_hot = self.layer._split(self._tree.mode(of_tree))
        which = one_hot.argmax(axis=1)
        return self._filled(finite, rows[np.arange(len(rows)), which], inputs)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        n_rows, n_real = len(self.x), self.layer.real.n_units
        noise = random.fold(1).normal((n_rows, n_real))
        of_tree, rows = self._run(inputs, noise=noise)
        drawn = self._tree.sample(of_tree, random.fold(0))
        finite, one_hot = self.layer._split(drawn)
        which = one_hot.argmax(axis=1)
        return self._filled(finite, rows[np.arange(n_rows), which], inputs)

    def _filled(self, finite, real, inputs):
        rows = np.where(self.holes, np.hstack([finite, real]), self.x)
        return rows.astype(inputs.dtype, copy=False)
