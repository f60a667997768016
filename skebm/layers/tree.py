"""Variables that are coupled in pairs along a forest."""

import copy

import numpy as np
from scipy.special import rel_entr

from skebm.layers._base import Layer
from skebm.layers._chow_liu import count_rows, learn_forest, spread_remainder
from skebm.layers._forest import States, constants, express, leaves, order_forest
from skebm.layers._pairs import locate, pair_energy, pair_grad
from skebm.layers._passing import GivenRows, Messages


class Tree(Layer):
    """Variables of finitely many values, coupled in pairs along a forest.

    ``energy(x) = base.energy(x) - sum of tables[e][state of a, state of b]`` over the
    edges ``e = (a, b)`` [1]_. There is no cycle, so sums over all configurations, draws
    and most probable rows are exact. Between the two values of a unit, and in one-hot
    blocks, the energy is linear in each variable.

    Parameters
    ----------
    base : layer
        A finite layer: the variables without their coupling.
    edges : array-like of int of shape (n_edges, 2)
        Pairs of variables that make a forest. They are not learned.
    tables : ndarray of shape (n_entries,)
        The tables of the edges, one after the other. A row of the table of ``(a, b)``
        belongs to a state of ``a``, and a column to a state of ``b``. The states have
        the order of ``base.alternatives``.

    Raises
    ------
    ValueError
        If the base is not finite, if the edges do not make a forest, or if the tables
        have another number of entries.

    References
    ----------
    .. [1] C. Chow, C. Liu. "Approximating discrete probability distributions with
       dependence trees". IEEE Transactions on Information Theory 14 (1968).
    """

    coupled = True
    coupling = "tree"
    finite = True
    structure_names = ("edges",)

    def __init__(self, base, edges, tables):
        self.base, self.tables = base, np.asarray(tables)
        self.edges = np.array(edges, dtype=np.intp)
        if not self.edges.size:
            self.edges = self.edges.reshape(0, 2)
        self._states = States(base)
        self._forest, self._entries = order_forest(self._states, self.edges)
        self._neighbours = [[] for _ in self._states.sizes]
        for (a, b), first in zip(self.edges, self._entries.firsts, strict=True):
            self._neighbours[a].append((first, a, b))
            self._neighbours[b].append((first, a, b))
        # Most layers learn only a bias, and their states have no other log weights.
        self._plain = [
            len(layer.params) == 1 and not constants(layer, self._states, units).any()
            for layer, units in leaves(base)
        ]
        if self.tables.shape != self._entries.places.shape:
            raise ValueError(
                f"The tables have the shape {self.tables.shape}, but the edges need "
                f"{self._entries.places.shape}: one entry for each pair of states."
            )

    @classmethod
    def from_rows(cls, base, X, weight=None, smoothing=None):
        """Learn the forest and its tables from rows.

        The forest has the largest gain of log probability, where the table of a pair is
        learned from all rows but the one that it is tried on. Pairs without a gain are
        not joined. The distribution of the tree is the smoothed one of the rows. A
        variable with no edge keeps the distribution of the base if its bias cannot
        express its probabilities.

        Parameters
        ----------
        base : layer
            A finite layer whose units have about the frequencies of the rows.
        X : ndarray or CSR matrix of shape (n, n_units)
            All units of a variable that is missing are NaN.
        weight : ndarray of shape (n,), default=None
            How often each row counts; once by default.
        smoothing : float, default=None
            Number of rows of independent variables that are added to the counts of each
            pair. None takes the number with the largest gain.

        Returns
        -------
        Tree
        """
        states = States(base)
        counts = count_rows(states, X, weight)
        edges, entries, log_p, log_pairs = learn_forest(states, counts, smoothing)
        base = express(base, states, log_p)
        tables = log_pairs - log_p[entries.row] - log_p[entries.column]
        tree = cls(base, edges, np.zeros(len(tables), base.bias.dtype))
        remainder = log_p - states.log_softmax(tree._unary())
        tree.tables[:] = tables + spread_remainder(entries, remainder)
        return tree

    def __repr__(self):
        return f"Tree({self.base!r}, n_edges={len(self.edges)})"

    def _with(self, base, tables):
        """Return a tree of the same edges."""
        # A copy shares what was made of the edges.
        other = copy.copy(self)
        other.base, other.tables = base, tables
        return other

    @property
    def graph(self):
        """Edges ``(a, b, nats)`` with their mutual information, the largest first.

        It is the information without inputs.
        """
        zeros = np.zeros((1, self.n_units), self.tables.dtype)
        _, shares, pairs = self._messages().expect(zeros, np.ones(1))
        edges, pairs, firsts = [], self._in_order(pairs), self._entries.firsts
        for (a, b), first in zip(self.edges.tolist(), firsts, strict=True):
            apart = np.outer(*(shares[self._states.of(v)] for v in (a, b))).ravel()
            nats = rel_entr(pairs[first : first + len(apart)], apart).sum()
            edges.append((a, b, float(nats)))
        return sorted(edges, key=lambda edge: -edge[2])

    @property
    def bias(self):
        """The biases of all units."""
        return self.base.bias

    @property
    def bias_names(self):
        """Names of the parameters that are biases, in the order of the units."""
        return tuple(f"base.{name}" for name in self.base.bias_names)

    @property
    def n_units(self):
        """Number of columns of ``x``."""
        return self.base.n_units

    @property
    def domain(self):
        """The values of rows of the layer, in the words of an error message."""
        return self.base.domain

    @property
    def variables(self):
        """The variable that each unit belongs to."""
        return self.base.variables

    @property
    def n_variables(self):
        """Number of variables: a block of categories counts as one."""
        return self.base.n_variables

    @property
    def limits(self):
        """Smallest and largest value of each unit."""
        return self.base.limits

    @property
    def curvature(self):
        """Curvature of a parabola below the energy of each unit."""
        return self.base.curvature

    @property
    def n_states(self):
        """Number of configurations. It is infinite if it is larger than any float."""
        return self.base.n_states

    def states(self, start, stop):
        """Return the configurations numbered ``start`` to ``stop - 1``, one a row."""
        return self.base.states(start, stop)

    def alternatives(self, variable, low, high):
        """Return the possible values of a variable."""
        return self.base.alternatives(variable, low, high)

    def outside(self, X):
        """Return which entries of ``X`` are not values of their units."""
        return self.base.outside(X)

    @property
    def params(self):
        """The learned arrays: ``"base.name"`` and ``"tables"``."""
        params = {f"base.{name}": value for name, value in self.base.params.items()}
        return {**params, "tables": self.tables}

    def replace(self, **params):
        """Return a tree of the same edges with these parameters."""
        base = {name: params[f"base.{name}"] for name in self.base.params}
        return self._with(self.base.replace(**base), params["tables"])

    def zeros(self, n_units, dtype=np.float64):
        """Return a tree of the same edges without biases and with tables of 0."""
        base = self.base.zeros(self.n_units, dtype)
        return self._with(base, np.zeros(len(self.tables), dtype))

    def from_moments(self, mean, variance, n_rows):
        """Return a tree with tables of 0 whose units have these moments."""
        base = self.base.from_moments(mean, variance, n_rows)
        return self._with(base, np.zeros(len(self.tables), base.bias.dtype))

    def interpolate(self, other, beta):
        """Return the tree between this tree (0) and ``other`` (1), of equal edges."""
        tables = (1 - beta) * self.tables + beta * other.tables
        return self._with(self.base.interpolate(other.base, beta), tables)

    def scaled(self, beta):
        """Return the tree whose energy is ``beta`` times the energy of this one."""
        tables = self.tables.dtype.type(beta) * self.tables
        return self._with(self.base.scaled(beta), tables)

    def project(self):
        """Bring the parameters of the base back into their domain, in place."""
        self.base.project()

    def gauge(self, rows):
        """Apply the gauge of the base to rows of weights."""
        return self.base.gauge(rows)

    def energy(self, x):
        """Return the energy of each row of ``x``, shape (n,)."""
        energy = self.base.energy(x)
        coupling = pair_energy(self._states, self.edges, self.tables, x)
        return energy + coupling.astype(energy.dtype)

    def grad(self, x, weight):
        """Return d energy / d params, summed over rows with ``weight``."""
        base = self.base.grad(x, weight)
        tables = pair_grad(self._states, self.edges, self.tables, x, weight)
        return self._gradient(base, tables)

    def _gradient(self, base, tables):
        gradient = {f"base.{name}": value for name, value in base.items()}
        return {**gradient, "tables": tables.astype(self.tables.dtype)}

    def cgfs(self, inputs):
        """Raise an error: coupled variables have no normalisers of their own."""
        raise TypeError("The variables of a tree are coupled. Use cgf, not cgfs.")

    def cgf(self, inputs):
        """Return the log of the sum of ``exp(x @ inputs - energy(x))`` over ``x``."""
        return self._messages().cgf(inputs)

    def mean(self, inputs):
        """Return the expectation of ``x`` given its inputs."""
        return self._messages().mean(inputs)

    def sample(self, inputs, random):
        """Draw ``x`` given its inputs, from one uniform for each variable."""
        return self._messages().sample(inputs, random)

    def mode(self, inputs):
        """Return the most probable ``x`` given its inputs."""
        return self._messages().mode(inputs)

    def cgf_grad(self, inputs, weight):
        """Return d cgf / d params, summed over rows with ``weight``."""
        mean, shares, pairs = self._messages().expect(inputs, weight)
        base, total = {}, (weight @ mean).astype(self.bias.dtype, copy=False)
        start = 0
        for name in self.base.bias_names:
            stop = start + len(self.base.params[name])
            base[name], start = total[start:stop], stop
        if len(base) < len(self.base.params):
            alone = self._states.alone(dtype=self.bias.dtype)
            slopes = self.base.grad(alone, shares.astype(self.bias.dtype))
            base = {name: base.get(name, -slope) for name, slope in slopes.items()}
        return self._gradient(base, self._in_order(pairs))

    def given(self, x, holes):
        """Return the distribution of the holes of each row given its observed cells.

        Parameters
        ----------
        x : ndarray of shape (n, n_units)
            The values in the holes do not matter.
        holes : ndarray of bool of shape (n, n_units)
            All units of a variable are holes, or none of them.

        Returns
        -------
        GivenRows
            With the methods ``cgf``, ``mean``, ``sample`` and ``mode`` of a layer.
        """
        known, _ = locate(self._states, x, holes)
        return GivenRows(self._messages(known), x, holes)

    def log_ratios(self, variable, x, low=0.0, high=0.0):
        """Return by how much each value of a variable changes minus the energy.

        Parameters
        ----------
        variable : int
        x : ndarray of shape (n, n_units)
        low, high : float
            As for ``alternatives``.

        Returns
        -------
        columns : slice
        values : ndarray of shape (n_values, n_columns)
        log_weight : ndarray of float64 of shape (n, n_values)
            The energy of ``x`` minus its energy with the value, plus the log of the
            weight of the value.
        """
        columns, values, log_weight = self.alternatives(variable, low, high)
        alone = self.base.energy_of_variable(columns, values)
        score = np.tile(-alone, (len(x), 1))
        sizes = self._states.sizes
        for first, a, b in self._neighbours[variable]:
            table = self.tables[first : first + sizes[a] * sizes[b]]
            table, other = table.reshape(sizes[a], sizes[b]), b
            if variable == b:
                table, other = table.T, a
            score += self._states.shares(x, self._states.of(other)) @ table.T
        now = self._states.shares(x, self._states.of(variable)) * score
        return columns, values, score - now.sum(axis=1, keepdims=True) + log_weight

    def _in_order(self, tables):
        """Return tables in the order of the edges, from the order of the forest."""
        out = np.empty(len(tables))
        out[self._entries.places] = tables
        return out

    def _messages(self, known=None):
        unary = self._unary()
        return Messages(self._forest, self.tables, self._entries, unary, known)

    def _unary(self):
        """Return the log weight of each state without inputs, float64."""
        total = self._states.values * self.bias[self._states.units]
        if all(self._plain):
            return total
        stop = 0
        for plain, (layer, units) in zip(self._plain, leaves(self.base), strict=True):
            start, stop = stop, stop + self._states.count(units)
            if not plain:
                total[start:stop] += constants(layer, self._states, units)
        return total
