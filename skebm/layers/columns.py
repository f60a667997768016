"""A layer that joins other layers side by side."""

import itertools

import numpy as np
from sklearn.utils.metaestimators import available_if

from skebm.layers._base import Layer
from skebm.layers._given import ColumnsGiven


def _have_slopes(columns):
    return all(hasattr(layer, "grad_x") for layer in columns.layers)


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
        edges = np.cumsum([0] + [layer.n_units for layer in self.layers]).tolist()
        self.slices = [slice(*pair) for pair in itertools.pairwise(edges)]

    def _blocks(self, x):
        """Return pairs of a layer and its columns of ``x``."""
        return [
            (layer, x[:, columns])
            for layer, columns in zip(self.layers, self.slices, strict=True)
        ]

    @property
    def finite(self):
        """Whether every unit takes finitely many values."""
        return all(layer.finite for layer in self.layers)

    @property
    def coupled(self):
        """Whether units of a layer depend on each other given their inputs."""
        return any(layer.coupled for layer in self.layers)

    @property
    def coupling(self):
        """The widest coupling inside a layer: "none", "tree" or "full"."""
        kinds = {layer.coupling for layer in self.layers}
        return next(kind for kind in ("full", "tree", "none") if kind in kinds)

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
        """Curvature of a parabola below the energy of each unit."""
        return np.concatenate([layer.curvature for layer in self.layers])

    @property
    def n_states(self):
        """Number of configurations of a finite layer."""
        with np.errstate(over="ignore"):
            return np.prod([float(layer.n_states) for layer in self.layers])

    @property
    def bias(self):
        """A copy of the biases of all columns."""
        return np.concatenate([layer.bias for layer in self.layers])

    @property
    def bias_names(self):
        """Names of the parameters that are biases, in the order of the units."""
        return tuple(
            f"{k}.{name}"
            for k, layer in enumerate(self.layers)
            for name in layer.bias_names
        )

    @property
    def params(self):
        """The learned arrays as ``"position.name"``."""
        return {
            f"{k}.{name}": value
            for k, layer in enumerate(self.layers)
            for name, value in layer.params.items()
        }

    def replace(self, **params):
        """Return the same layers with these parameters."""
        return Columns(
            layer.replace(**{name: params[f"{k}.{name}"] for name in layer.params})
            for k, layer in enumerate(self.layers)
        )

    def zeros(self, n_units, dtype=np.float64):
        """Return the same layers without biases."""
        return Columns(layer.zeros(layer.n_units, dtype) for layer in self.layers)

    def from_moments(self, mean, variance, n_rows):
        """Return the layers whose units have these moments."""
        return Columns(
            layer.from_moments(mean[columns], variance[columns], n_rows)
            for layer, columns in zip(self.layers, self.slices, strict=True)
        )

    def interpolate(self, other, beta):
        """Return the layers between these layers (0) and ``other`` (1)."""
        return Columns(
            start.interpolate(end, beta)
            for start, end in zip(self.layers, other.layers, strict=True)
        )

    def scaled(self, beta):
        """Return the layers whose energies are ``beta`` times the energies of these."""
        return Columns(layer.scaled(beta) for layer in self.layers)

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        number = np.arange(start, stop)
        blocks = []
        for layer in self.layers:
            n_states = int(layer.n_states)
            blocks.append(layer.states(0, n_states)[number % n_states])
            number //= n_states
        return np.concatenate(blocks, axis=1)

    def alternatives(self, variable, low, high):
        """Return the possible values of a variable, from its layer."""
        k, variable = self._place(variable)
        inner, *rest = self.layers[k].alternatives(variable, low, high)
        return self._shifted(inner, k), *rest

    def log_ratios(self, variable, x, low=0.0, high=0.0):
        """Return the values of a variable, and their probabilities over that of x."""
        k, variable = self._place(variable)
        block = x[:, self.slices[k]]
        inner, *rest = self.layers[k].log_ratios(variable, block, low, high)
        return self._shifted(inner, k), *rest

    def _place(self, variable):
        """Return the position of the layer of a variable, and its number there."""
        position = 0
        while variable >= self.layers[position].n_variables:
            variable -= self.layers[position].n_variables
            position += 1
        return position, variable

    def _shifted(self, columns, position):
        """Return columns of a layer as columns of all layers."""
        start = self.slices[position].start
        return slice(start + columns.start, start + columns.stop, columns.step)

    def given(self, x, holes):
        """Return the distribution of the holes of rows given their observed units."""
        parts = [
            layer.given(x[:, columns], holes[:, columns])
            for layer, columns in zip(self.layers, self.slices, strict=True)
        ]
        return ColumnsGiven(parts, self.slices)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        return sum(layer.energy(block) for layer, block in self._blocks(x))

    @available_if(_have_slopes)
    def grad_x(self, x):
        """Return d energy / d x, of the shape of ``x``, if all layers have it."""
        return self._joined("grad_x", x)

    def cgfs(self, inputs):
        """Return the log normaliser of each variable, (n, n_variables), float64."""
        return self._joined("cgfs", inputs)

    def cgf(self, inputs):
        """Return the log of the integral of ``exp(x @ inputs - energy(x))``."""
        return sum(layer.cgf(block) for layer, block in self._blocks(inputs))

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return self._joined("mean", inputs)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return self._joined("mode", inputs)

    def _joined(self, method, x):
        blocks = [getattr(layer, method)(block) for layer, block in self._blocks(x)]
        return np.concatenate(blocks, axis=1)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        return np.concatenate(
            [
                layer.sample(block, random.fold(k))
                for k, (layer, block) in enumerate(self._blocks(inputs))
            ],
            axis=1,
        )

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        return {
            f"{k}.{name}": value
            for k, (layer, block) in enumerate(self._blocks(x))
            for name, value in layer.grad(block, weight).items()
        }

    def cgf_grad(self, inputs, weight):
        """Return d cgf / d params, summed over rows with ``weight``."""
        return {
            f"{k}.{name}": value
            for k, (layer, columns) in enumerate(self._blocks(inputs))
            for name, value in layer.cgf_grad(columns, weight).items()
        }

    def project(self):
        """Bring the parameters back into their domain, in place."""
        for layer in self.layers:
            layer.project()

    def gauge(self, rows):
        """Apply the gauge of each layer to its rows; return the sum of the results."""
        pairs = zip(self.layers, self.slices, strict=True)
        return sum(layer.gauge(rows[units]) for layer, units in pairs)

    def outside(self, X):
        """Return which entries of ``X`` are outside the domain of their layer."""
        return self._joined("outside", X)

    def decorrelate(self, weights):
        """Return weights for the units from weights for uncorrelated coordinates."""
        return self._stacked("decorrelate", weights)

    def precondition(self, rows):
        """Return a gradient in the metric of each layer."""
        return self._stacked("precondition", rows)

    def _stacked(self, method, rows):
        pairs = zip(self.layers, self.slices, strict=True)
        return np.concatenate([getattr(layer, method)(rows[c]) for layer, c in pairs])
