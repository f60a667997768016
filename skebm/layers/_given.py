"""The holes of rows given their observed units, for layers of independent units."""

import numpy as np


class Given:
    """The distribution of the holes of rows, if variables are independent.

    Parameters
    ----------
    layer : layer
        Its variables are independent of each other given their inputs.
    x : ndarray of shape (n, n_units)
        The values in the holes do not matter.
    holes : ndarray of bool of shape (n, n_units)
        All units of a variable are holes, or none of them.
    """

    def __init__(self, layer, x, holes):
        self.layer, self.x, self.holes = layer, x, holes

    def cgf(self, inputs):
        """Return the log sum of ``exp(inputs @ x - energy(x))`` over the holes.

        Inputs of observed units do not count, and the energy of the observed units is a
        part of the sum. So without inputs this is minus the energy of the observed
        units.
        """
        first_units = np.unique(self.layer.variables, return_index=True)[1]
        missing = self.holes[:, first_units]
        of_holes = np.where(missing, self.layer.cgfs(inputs), 0).sum(axis=1)
        return of_holes - self.layer.energy(np.where(self.holes, 0, self.x))

    def mean(self, inputs):
        """Return the rows with the expectations of their holes."""
        return np.where(self.holes, self.layer.mean(inputs), self.x)

    def mode(self, inputs):
        """Return the rows with the most probable values of their holes."""
        return np.where(self.holes, self.layer.mode(inputs), self.x)

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        return np.where(self.holes, self.layer.sample(inputs, random), self.x)


class ColumnsGiven:
    """The holes of rows of layers that are joined side by side.

    Parameters
    ----------
    parts : list of objects
        What ``given`` of each layer returns.
    slices : list of slice
        The columns of each layer.
    """

    def __init__(self, parts, slices):
        self.parts, self.slices = parts, slices

    def cgf(self, inputs):
        """Return the sum over the layers."""
        return sum(part.cgf(inputs[:, c]) for part, c in self._pairs())

    def mean(self, inputs):
        """Return the rows with the expectations of their holes."""
        return self._joined([part.mean(inputs[:, c]) for part, c in self._pairs()])

    def mode(self, inputs):
        """Return the rows with the most probable values of their holes."""
        return self._joined([part.mode(inputs[:, c]) for part, c in self._pairs()])

    def sample(self, inputs, random):
        """Return the rows with draws of their holes."""
        draws = [
            part.sample(inputs[:, c], random.fold(k))
            for k, (part, c) in enumerate(self._pairs())
        ]
        return self._joined(draws)

    def _pairs(self):
        return zip(self.parts, self.slices, strict=True)

    @staticmethod
    def _joined(blocks):
        return np.concatenate(blocks, axis=1)
