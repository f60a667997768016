"""The states of variables of finite layers, and the order of variables in a forest."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from skebm.utils._stored import public


@public("skebm.layers")
class Forest(NamedTuple):
    """The variables of a forest, their states and their edges, as arrays.

    Parameters
    ----------
    order : ndarray of int of shape (n_variables,)
        The variables, each after its parent.
    parents : ndarray of int of shape (n_variables,)
        The parent of each variable; -1 for roots.
    starts : ndarray of int of shape (n_variables + 1,)
        First state of each variable.
    offsets : ndarray of int of shape (n_variables,)
        Where the table of a variable and its parent starts among all tables. A row of a
        table belongs to a state of the parent.
    units : ndarray of int of shape (n_states,)
        The unit that tells a state.
    values : ndarray of float64 of shape (n_states,)
        Its value in that state.
    """

    order: np.ndarray
    parents: np.ndarray
    starts: np.ndarray
    offsets: np.ndarray
    units: np.ndarray
    values: np.ndarray


@public("skebm.layers")
class Entries(NamedTuple):
    """The entries of the tables of all edges, in the order of the forest.

    Parameters
    ----------
    places : ndarray of int of shape (n_entries,)
        Where an entry lies among the tables in the order of the edges.
    edges : ndarray of int of shape (n_entries,)
        The edge that an entry belongs to.
    firsts : ndarray of int of shape (n_edges,)
        Where the table of each edge starts.
    """

    places: np.ndarray
    edges: np.ndarray
    firsts: np.ndarray


@public("skebm.layers")
class States:
    """The states of all variables of a finite layer, one after the other.

    A variable either has one unit, or one unit for each of its states, which is 1 in
    that state and else 0.

    Parameters
    ----------
    layer : layer
        A finite layer.

    Raises
    ------
    ValueError
        If a variable has other values.
    """

    def __init__(self, layer):
        if not layer.finite:
            raise ValueError(
                f"The base of a tree must have finitely many values, but {layer!r} has "
                "infinitely many."
            )
        self.n_units = layer.n_units
        columns, units, values, sizes = [], [], [], []
        for variable in range(layer.n_variables):
            where, table, _ = layer.alternatives(variable, 0.0, 0.0)
            where = np.arange(layer.n_units)[where]
            is_block = len(where) > 1
            if is_block and not np.array_equal(table, np.eye(len(where))):
                raise ValueError(
                    f"Variable {variable} of {layer!r} has several units, but not one "
                    "for each of its values. A tree takes one-hot blocks and single "
                    "units."
                )
            columns.append(where)
            units.append(np.resize(where, len(table)))
            values.append(np.ones(len(table)) if is_block else table[:, 0])
            sizes.append(len(table))
        self.columns = columns
        self.units = np.concatenate(units)
        self.values = np.concatenate(values).astype(np.float64)
        self.sizes = np.array(sizes)
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self.is_block = np.array([len(where) > 1 for where in columns])

    @property
    def n_states(self):
        """Number of states of all variables together."""
        return len(self.units)

    @cached_property
    def firsts(self):
        """The first unit of each variable."""
        return self.units[self.starts[:-1]]

    def count(self, units):
        """Return the number of states of a range of units, a slice."""
        return np.sum((self.units >= units.start) & (self.units < units.stop))

    def alone(self, units=slice(None), dtype=np.float64):
        """Return a row for each state of these units, with zeros in all other units."""
        numbers = np.arange(self.n_units)[units]
        inside = np.isin(self.units, numbers)
        out = np.zeros((inside.sum(), len(numbers)), dtype)
        where = self.units[inside] - numbers[0]
        out[np.arange(len(out)), where] = self.values[inside]
        return out

    def shares(self, x, states=slice(None)):
        """Return the share of each of these states, shape (n, n_states).

        A share is 1 or 0 in rows of the states themselves. Between the two values of a
        unit, and in blocks, it is linear in ``x``.
        """
        slope, intercept, is_linear = (part[states] for part in self._lines)
        out = x[:, self.units[states]]
        equal = out[:, ~is_linear] == self.values[states][~is_linear]
        out = out * slope.astype(x.dtype) + intercept.astype(x.dtype)
        out[:, ~is_linear] = equal
        return out

    @cached_property
    def _lines(self):
        """Slope and intercept of the share of each state, and whether it has them."""
        slope, intercept = np.ones(self.n_states), np.zeros(self.n_states)
        is_linear = np.repeat(self.is_block | (self.sizes == 2), self.sizes)
        for variable in np.flatnonzero(~self.is_block & (self.sizes == 2)):
            a, b = self.starts[variable], self.starts[variable] + 1
            low, high = self.values[[a, b]]
            slope[[a, b]] = np.array([-1, 1]) / (high - low)
            intercept[[a, b]] = np.array([high, -low]) / (high - low)
        return slope, intercept, is_linear

    def log_softmax(self, log_weights):
        """Return the log probabilities of states of which one a variable is drawn."""
        top = np.maximum.reduceat(log_weights, self.starts[:-1])
        terms = np.exp(log_weights - np.repeat(top, self.sizes))
        total = np.add.reduceat(terms, self.starts[:-1])
        return log_weights - np.repeat(top + np.log(total), self.sizes)

    def of(self, variable):
        """Return the states of a variable, a slice."""
        return slice(*self.starts[variable : variable + 2])


def leaves(layer, start=0):
    """Return pairs of a layer that is not made of others, and its units."""
    if not hasattr(layer, "layers"):
        return [(layer, slice(start, start + layer.n_units))]
    return [
        pair
        for inner, units in zip(layer.layers, layer.slices, strict=True)
        for pair in leaves(inner, start + units.start)
    ]


def constants(layer, states, units):
    """Return the log weights of the states of a layer, less those of its bias."""
    alone = states.alone(units)
    return -layer.energy(alone) - alone @ layer.bias.astype(np.float64)


def express(layer, states, log_p):
    """Return a layer whose units have these log probabilities, as far as biases allow.

    The bias of a unit of more than two values stays as it is.
    """
    parts = [constants(leaf, states, units) for leaf, units in leaves(layer)]
    log_weight, bias = log_p - np.concatenate(parts), np.array(layer.bias)
    blocks = np.repeat(states.is_block, states.sizes)
    bias[states.units[blocks]] = log_weight[blocks]
    two = np.flatnonzero(~states.is_block & (states.sizes == 2))
    low, high = states.starts[two], states.starts[two] + 1
    slope = (log_weight[high] - log_weight[low]) / (
        states.values[high] - states.values[low]
    )
    bias[states.units[low]] = slope
    params = {name: np.array(value) for name, value in layer.params.items()}
    for name in layer.bias_names:
        params[name][:], bias = np.split(bias, [len(params[name])])
    layer = layer.replace(**params)
    layer.project()
    return layer


def order_forest(states, edges):
    """Return the forest of these edges, and where its tables lie among the edges'.

    Parameters
    ----------
    states : States
    edges : ndarray of int of shape (n_edges, 2)

    Returns
    -------
    forest : Forest
    entries : Entries
        ``tables[entries.places]`` are the tables in the order of the forest.

    Raises
    ------
    ValueError
        If the edges do not make a forest of the variables.
    """
    n, sizes = len(states.sizes), states.sizes
    _check_edges(edges, n)
    order, parents = _walk(edges, n)
    starts = np.concatenate([[0], np.cumsum(np.prod(sizes[edges], axis=1))])
    offsets, places = np.zeros(n, np.intp), []
    for e, (a, b) in enumerate(edges):
        place = np.arange(starts[e], starts[e + 1]).reshape(sizes[a], sizes[b])
        child = b if parents[b] == a else a
        offsets[child] = starts[e]
        places.append((place if child == b else place.T).ravel())
    places = np.concatenate([np.zeros(0, np.intp), *places])
    forest = Forest(order, parents, states.starts, offsets, states.units, states.values)
    owners = np.repeat(np.arange(len(edges)), np.diff(starts))
    return forest, Entries(places, owners, starts[:-1])


def _check_edges(edges, n_variables):
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(f"Edges must have the shape (n_edges, 2), not {edges.shape}.")
    if edges.size and (edges.min() < 0 or edges.max() >= n_variables):
        raise ValueError(
            f"Edges must join variables from 0 to {n_variables - 1}, but they hold the "
            f"numbers {edges.min()} to {edges.max()}."
        )
    n_parts = connected_components(_graph(edges, n_variables))[0]
    if n_parts != n_variables - len(edges):
        raise ValueError(
            f"The {len(edges)} edges have a cycle, since they leave {n_parts} parts of "
            f"{n_variables} variables. The edges of a tree must make a forest."
        )


def _graph(edges, n_variables):
    ones = np.ones(len(edges))
    return coo_array((ones, edges.T), shape=(n_variables, n_variables)).tocsr()


def _walk(edges, n_variables):
    """Return the variables, each after its parent, and their parents; -1 for roots."""
    graph = _graph(edges, n_variables)
    order, parents = [], np.full(n_variables, -1, np.intp)
    seen = np.zeros(n_variables, bool)
    for root in range(n_variables):
        if not seen[root]:
            part, before = breadth_first_order(graph, root, directed=False)
            order.append(part)
            seen[part] = True
            parents[part[1:]] = before[part[1:]]
    return np.concatenate(order).astype(np.intp), parents
