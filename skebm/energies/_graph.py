"""What the couplings of a visible layer say of the columns of a table."""

import numpy as np

from skebm.layers import Columns, Mixed, Normals, Tree


def coupling_attributes(layer, order):
    """Return the fitted attributes that tell how columns are coupled.

    Parameters
    ----------
    layer : layer
    order : ndarray of int of shape (n_units,)
        The units in the order of the columns.

    Returns
    -------
    dict of str to object
        ``couplings_`` and ``graph_``, and ``precision_`` if real columns are coupled.
        :class:`skebm.RBMDensity` describes them.
    """
    order = np.arange(layer.n_units)[order]
    variables = layer.variables[order]
    columns = {int(v): k for k, v in enumerate(dict.fromkeys(variables.tolist()))}
    attributes = {"couplings_": layer.coupling, "graph_": []}
    first_variable = first_unit = 0
    for part in layer.layers if isinstance(layer, Columns) else [layer]:
        if isinstance(part, Tree | Mixed):
            attributes["graph_"] += _edges(part, first_variable, columns)
        if isinstance(part, Normals | Mixed):
            attributes["precision_"] = _precision(part, first_unit, order)
        first_variable += part.n_variables
        first_unit += part.n_units
    return attributes


def _edges(layer, first, columns):
    """Return edges between columns, with -1 for the component of a mixture."""
    tree = layer.tree if isinstance(layer, Mixed) else layer
    component = tree.n_variables - 1 if isinstance(layer, Mixed) else None

    def column(variable):
        return -1 if variable == component else columns[first + variable]

    return [(column(a), column(b), nats) for a, b, nats in tree.graph]


def _precision(layer, first, order):
    """Return the inverse covariance of real columns, in the order of the columns."""
    if isinstance(layer, Mixed):
        first += layer.n_finite
    covariance = layer.moments()[1]
    mine = order[(order >= first) & (order < first + len(covariance))] - first
    return np.linalg.inv(covariance)[np.ix_(mine, mine)]
