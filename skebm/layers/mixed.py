"""Columns of finitely many values and real columns, coupled by one more variable."""

import numpy as np
from scipy.special import log_softmax

from skebm.layers._base import Layer
from skebm.layers._chow_liu import state_shares
from skebm.layers._mixed_holes import MixedGiven
from skebm.layers._normals_fit import fit_normals
from skebm.layers.categorical import Categorical
from skebm.layers.columns import Columns
from skebm.layers.normals import Normals
from skebm.layers.tree import Tree


class Mixed(Layer):
    """A forest of finite variables, one of which is the component of real columns.

    The real columns are a mixture of normal distributions. The number of the component
    is a variable without a column. The edges of a forest join it to the finite columns,
    as they join finite columns to each other. So sums over all configurations are
    exact, also if any columns have holes. The means, the variances and the correlations
    of the real columns depend on the categories [1]_.

    The units are those of the finite columns, then those of the real columns.

    Parameters
    ----------
    tree : Tree
        The finite columns, then the component: a block of ``real.n_components`` units.
    real : Normals
        Components that are not learned, with weights of 1.

    References
    ----------
    .. [1] S. Lauritzen. "Propagation of probabilities, means, and variances in mixed
       graphical association models". JASA 87 (1992).
    """

    finite = False
    coupled = True
    coupling = "full"
    domain = "values in the domain of each column's layer"

    def __init__(self, tree, real):
        self.tree, self.real = tree, real
        # The units of finite columns; the other units of the tree tell the component.
        self.n_finite = tree.n_units - real.n_components

    @classmethod
    def from_rows(cls, base, X, weight, random, n_components="auto"):
        """Return the layer that is fitted to rows.

        Parameters
        ----------
        base : layer
            The finite columns, at the frequencies of the rows.
        X : ndarray of shape (n, n_units)
            NaN in the holes.
        weight : ndarray of shape (n,) or None
        random : Random
        n_components : int or "auto", default="auto"

        Returns
        -------
        layer
            Finite and real columns side by side if the real columns have only one
            component.
        """
        finite, numbers = X[:, : base.n_units], X[:, base.n_units :]
        states = state_shares(base, finite)
        mixture = fit_normals(
            numbers, weight, random, n_components, states, base.n_variables
        )
        real = Normals.from_fit(mixture)
        if real.learned:
            return Columns([Tree.from_rows(base, finite, weight), real])
        share = np.exp(mixture.log_shares(numbers, states / base.n_variables))
        n_rows = len(X) if weight is None else weight.sum()
        mean = np.average(share, axis=0, weights=weight)
        component = Categorical.from_moments(mean / mean.sum(), None, n_rows)
        # Rows without any number say nothing about the component.
        share[np.isnan(numbers).all(axis=1)] = np.nan
        rows = np.hstack([finite, share])
        tree = Tree.from_rows(Columns([base, component]), rows, weight)
        return cls(tree, real.unweighted())

    def __repr__(self):
        return f"Mixed({self.tree!r}, {self.real!r})"

    def moments(self):
        """Return mean and covariance of the real columns without inputs, float64."""
        no_inputs = np.zeros((1, self.tree.n_units))
        no_inputs[:, self.n_finite :] = self.real.log_sums(
            np.zeros((1, self.real.n_units))
        )
        share = self._split(self.tree.mean(no_inputs))[1][0]
        return self.real.moments(share / share.sum())

    # -- structure -------------------------------------------------------------------

    @property
    def bias(self):
        """A copy of the biases of all units."""
        return np.concatenate([self.tree.bias[: self.n_finite], self.real.bias])

    @property
    def bias_names(self):
        """Names of the parameters that are biases, in the order of the units."""
        # The last bias of the tree is that of the component.
        return (*(f"tree.{name}" for name in self.tree.bias_names[:-1]), "real.bias")

    @property
    def params(self):
        """The learned arrays: ``"tree.name"`` and ``"real.name"``."""
        tree = {f"tree.{name}": value for name, value in self.tree.params.items()}
        return {**tree, "real.bias": self.real.bias}

    def replace(self, **params):
        """Return the same layers with these parameters."""
        tree = {name: params[f"tree.{name}"] for name in self.tree.params}
        real = self.real.replace(bias=params["real.bias"])
        return Mixed(self.tree.replace(**tree), real)

    def zeros(self, n_units, dtype=np.float64):
        """Return the same layers without biases."""
        real = self.real.zeros(self.real.n_units, dtype)
        return Mixed(self.tree.zeros(self.tree.n_units, dtype), real)

    def interpolate(self, other, beta):
        """Return the layer between this layer (0) and ``other`` (1)."""
        tree = self.tree.interpolate(other.tree, beta)
        return Mixed(tree, self.real.interpolate(other.real, beta))

    def scaled(self, beta):
        """Return the layer whose joint energies are ``beta`` times these."""
        return Mixed(self.tree.scaled(beta), self.real.scaled(beta))

    def project(self):
        """Bring the parameters back into their domain, in place."""
        self.tree.project()

    @property
    def _finite_layer(self):
        """The layer of the finite columns, without their couplings."""
        return Columns(self.tree.base.layers[:-1])

    @property
    def variables(self):
        """The variable that each unit belongs to."""
        finite = self._finite_layer
        real = finite.n_variables + np.arange(self.real.n_units)
        return np.concatenate([finite.variables, real])

    @property
    def limits(self):
        """Smallest and largest value of each unit."""
        pairs = zip(self._finite_layer.limits, self.real.limits, strict=True)
        return tuple(map(np.concatenate, pairs))

    def outside(self, X):
        """Return which entries of ``X`` are not values of their units."""
        finite, real = self._split(X)
        blocks = self._finite_layer.outside(finite), self.real.outside(real)
        return np.concatenate(blocks, axis=1)

    def gauge(self, rows):
        """Apply the gauge of the finite columns to their rows."""
        return self._finite_layer.gauge(rows[: self.n_finite])

    def _metric(self, method, rows):
        # The shares of the components are those of the forest.
        if not hasattr(self.real, "_root"):
            self.real.set_metric(self.moments()[1])
        return self._with_real(rows, getattr(self.real, method))

    def decorrelate(self, weights):
        """Return weights for the units from weights for uncorrelated coordinates."""
        return self._metric("decorrelate", weights)

    def precondition(self, rows):
        """Return a gradient in the metric of the real columns."""
        return self._metric("precondition", rows)

    def _with_real(self, rows, change):
        finite, real = rows[: self.n_finite], rows[self.n_finite :]
        return np.concatenate([finite, change(real)])

    # -- the density -----------------------------------------------------------------

    def _split(self, x):
        return x[:, : self.n_finite], x[:, self.n_finite :]

    def _beside(self, finite, component):
        """Return units of the tree: those of finite columns and of the component."""
        return np.hstack([finite, component]).astype(np.float64, copy=False)

    def _given_columns(self, finite, known=True):
        """Return the tree given finite columns, with the component as a hole.

        ``known`` tells which units are observed.
        """
        shape = len(finite), self.real.n_components
        known = np.broadcast_to(known, finite.shape)
        holes = np.hstack([~known, np.ones(shape, bool)])
        rows = np.where(known, finite, 0)
        return self.tree.given(self._beside(rows, np.zeros(shape)), holes)

    def _joint(self, x):
        """Return the tree given the finite columns, and its inputs from real ones."""
        finite, real = self._split(x)
        log_density = self.real.log_densities(real)
        inputs = self._beside(np.zeros(finite.shape), log_density)
        return self._given_columns(finite), inputs

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,), float64."""
        given, inputs = self._joint(x)
        real = self._split(x)[1]
        return -given.cgf(inputs) - real.astype(np.float64) @ self.real.bias

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        given, inputs = self._joint(x)
        # The tree is linear in the indicators of the component.
        rows = given.mean(inputs)
        tree = self.tree.grad(rows, weight)
        gradient = {f"tree.{name}": value for name, value in tree.items()}
        gradient["real.bias"] = -(weight @ self._split(x)[1])
        dtype = self.real.bias.dtype
        return {name: g.astype(dtype, copy=False) for name, g in gradient.items()}

    # -- given inputs ----------------------------------------------------------------

    def _inputs(self, inputs):
        """Return the inputs of the tree, and those of the real columns."""
        finite, real = self._split(inputs)
        return self._beside(finite, self.real.log_sums(real)), real

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        return self.tree.cgf(self._inputs(inputs)[0])

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        of_tree, of_real = self._inputs(inputs)
        finite, share = self._split(self.tree.mean(of_tree))
        real = self.real.mean_of(share, of_real)
        return np.hstack([finite, real]).astype(inputs.dtype)

    def mode(self, inputs):
        """Return the most probable rows, with the component at its most probable."""
        return self.given(inputs, np.ones(inputs.shape, bool)).mode(inputs)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs."""
        of_tree, of_real = self._inputs(inputs)
        finite, one_hot = self._split(self.tree.sample(of_tree, random.fold(0)))
        which = one_hot.argmax(axis=1)
        real = self.real.sample_of(which, of_real, random.fold(1))
        return np.hstack([finite, real]).astype(inputs.dtype)

    def cgf_grad(self, inputs, weight):
        """Return d cgf / d params, summed over rows with ``weight``."""
        of_tree, _ = self._inputs(inputs)
        tree = self.tree.cgf_grad(of_tree, weight)
        gradient = {f"tree.{name}": value for name, value in tree.items()}
        gradient["real.bias"] = weight @ self._split(self.mean(inputs))[1]
        dtype = self.real.bias.dtype
        return {name: g.astype(dtype, copy=False) for name, g in gradient.items()}

    # -- given observed units --------------------------------------------------------

    def given(self, x, holes):
        """Return the distribution of the holes of rows given their observed units."""
        return MixedGiven(self, x, holes)

    def log_ratios(self, variable, x, low=0.0, high=0.0):
        """Return the values of a variable; see :meth:`Layer.log_ratios`."""
        n_variables = self._finite_layer.n_variables
        given, inputs = self._joint(x)
        if variable < n_variables:
            return self._log_ratios_of_finite(variable, x, given.cgf(inputs), inputs)
        real = self._split(x)[1]
        log_share = self._log_shares(given, inputs)
        columns, *rest = self.real.log_ratios(
            variable - n_variables, real, low, high, log_share
        )
        start = self.n_finite
        return slice(columns.start + start, columns.stop + start), *rest

    def _log_shares(self, given, inputs):
        """Return the log probability of each component given rows."""
        # From the finite columns first: with the real ones the shares would underflow.
        _, share = self._split(given.mean(np.zeros_like(inputs)))
        log_density = self._split(inputs)[1]
        return log_softmax(np.log(np.maximum(share, 1e-300)) + log_density, axis=1)

    def _log_ratios_of_finite(self, variable, x, at_x, inputs):
        columns, values, log_weight = self.tree.alternatives(variable, 0.0, 0.0)
        finite = self._split(x)[0]
        out = np.empty((len(x), len(values)))
        for k, value in enumerate(values):
            rows = finite.copy()
            rows[:, columns] = value
            out[:, k] = self._given_columns(rows).cgf(inputs)
        return columns, values, out - at_x[:, None] + log_weight
