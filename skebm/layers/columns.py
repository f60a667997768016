"""Layers of several kinds side by side."""

import itertools

import numpy as np

from skebm.layers._base import Layer


class Columns(Layer):
    """Layers joined over consecutive ranges of columns.

    Parameters
    ----------
    layers : list of layers
        ``layers[0]`` holds the first columns, and so on.
    """

    domain = "values in the domain of each column's layer"

    def __init__(self, layers):
        self.layers = list(layers)
        edges = np.cumsum([0] + [layer.n_units for layer in self.layers])
        self.slices = [slice(*pair) for pair in itertools.pairwise(edges)]

    def _parts(self, x):
        return [
            (layer, x[:, part])
            for layer, part in zip(self.layers, self.slices, strict=True)
        ]

    @property
    def finite(self):
        """Whether every unit takes finitely many values."""
        return all(layer.finite for layer in self.layers)

    @property
    def n_units(self):
        """Number of columns of ``x``."""
        return self.slices[-1].stop

    @property
    def variables(self):
        """The variable that each unit belongs to."""
        counts = [layer.n_variables for layer in self.layers]
        firsts = np.cumsum([0, *counts])
        pairs = zip(self.layers, firsts, strict=False)
        return np.concatenate([layer.variables + first for layer, first in pairs])

    @property
    def n_variables(self):
        """Number of variables: a block of categories counts as one."""
        return sum(layer.n_variables for layer in self.layers)

    @property
    def limits(self):
        """Smallest and largest value of each unit."""
        ends = zip(*(layer.limits for layer in self.layers), strict=True)
        return tuple(map(np.concatenate, ends))

    @property
    def curvature(self):
        """Of a parabola that the energy outgrows, for each unit."""
        return np.concatenate([layer.curvature for layer in self.layers])

    @property
    def n_states(self):
        """Number of configurations of a finite layer."""
        with np.errstate(over="ignore"):
            return np.prod([float(layer.n_states) for layer in self.layers])

    @property
    def bias(self):
        """The biases of all columns, a copy."""
        return np.concatenate([layer.bias for layer in self.layers])

    @property
    def params(self):
        """The learned arrays as ``"position.name"``."""
        return {
            f"{k}.{name}": value
            for k, layer in enumerate(self.layers)
            for name, value in layer.params.items()
        }

    def replace(self, **params):
        """Return layers of the same kinds with these parameters."""
        return Columns(
            layer.replace(**{name: params[f"{k}.{name}"] for name in layer.params})
            for k, layer in enumerate(self.layers)
        )

    def zeros(self, n_units, dtype=np.float64):
        """Return layers of the same kinds without biases."""
        return Columns(layer.zeros(layer.n_units, dtype) for layer in self.layers)

    def from_moments(self, mean, variance, n_rows):
        """Return the independent layers with these marginals."""
        return Columns(
            layer.from_moments(mean[part], variance[part], n_rows)
            for layer, part in zip(self.layers, self.slices, strict=True)
        )

    def interpolate(self, other, beta):
        """Return the layers on the way from these (0) to ``other`` (1)."""
        return Columns(
            mine.interpolate(its, beta)
            for mine, its in zip(self.layers, other.layers, strict=True)
        )

    def scaled(self, beta):
        """Return the layers whose energies are ``beta`` times these ones'."""
        return Columns(layer.scaled(beta) for layer in self.layers)

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number = np.arange(start, stop)
        parts = []
        for layer in self.layers:
            n_states = int(layer.n_states)
            parts.append(layer.states(0, n_states)[number % n_states])
            number //= n_states
        return np.concatenate(parts, axis=1)

    def alternatives(self, feature, low, high):
        """Return what else the variable numbered ``feature`` could be."""
        position = 0
        while feature >= self.layers[position].n_variables:
            feature -= self.layers[position].n_variables
            position += 1
        layer, start = self.layers[position], self.slices[position].start
        inner, values, log_weight = layer.alternatives(feature, low, high)
        columns = slice(start + inner.start, start + inner.stop, inner.step)
        return columns, values, log_weight

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return sum(layer.energy(part) for layer, part in self._parts(x))

    def cgfs(self, inputs):
        """Return the log normaliser of each variable, (n, n_variables), float64."""
        return self._joined("cgfs", inputs)

    def cgf(self, inputs):
        """Return the log of the integral of ``exp(x @ inputs - energy(x))``."""
        return sum(layer.cgf(part) for layer, part in self._parts(inputs))

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return self._joined("mean", inputs)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return self._joined("mode", inputs)

    def _joined(self, method, inputs):
        parts = [getattr(layer, method)(part) for layer, part in self._parts(inputs)]
        return np.concatenate(parts, axis=1)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        return np.concatenate(
            [
                layer.sample(part, random.fold(k))
                for k, (layer, part) in enumerate(self._parts(inputs))
            ],
            axis=1,
        )

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {
            f"{k}.{name}": value
            for k, (layer, part) in enumerate(self._parts(x))
            for name, value in layer.grad(part, weight).items()
        }

    def project(self):
        """Bring the parameters back into their domain, in place."""
        for layer in self.layers:
            layer.project()

    def gauge(self, rows):
        """Take out of ``rows`` what no distribution depends on, part by part."""
        parts = zip(self.layers, self.slices, strict=True)
        return sum(layer.gauge(rows[part]) for layer, part in parts)
