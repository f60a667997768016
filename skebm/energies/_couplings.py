"""Where training starts: the visible layer at the rows, with or without couplings."""

import numpy as np
from scipy.sparse import issparse

from skebm.energies._recipe import marginals
from skebm.layers import Columns, Gaussian, Mixed, Normals, Tree
from skebm.utils._sparse import dense

# Limits of "auto". Training of independent binary units has kernels that are many times
# as fast. So rows times columns of a forest are limited: images keep independent units.
_MAX_CELLS = 2_000_000
# A forest counts all pairs of values, so "auto" couples no columns with more of them.
# More than the second limit do not fit the memory.
_MAX_VALUES, _MOST_VALUES = 2000, 10_000
# The covariance of more real columns than this costs too much at each update.
_MAX_REAL = 128
# Columns are standardised. A number beyond this is the rounding of a huge constant.
_LARGEST = 1e6
# Fewer rows say too little about pairs of columns.
_MIN_ROWS = 10


def start_layers(layer, summary, couplings, n_clusters, random):
    """Return the visible layer and the base of the reference, at the rows.

    Columns of finitely many values are coupled along a Chow-Liu forest. Real columns
    have a mixture of normal distributions.

    Parameters
    ----------
    layer : layer
        The visible layer; its parameters are not set yet.
    summary : Summary
    couplings : {"auto", "none", "tree", "full"}
    n_clusters : int or "auto"
        Number of components of the mixture.
    random : Random

    Returns
    -------
    visible, base : layer
        They are equal but two objects, since updates in place must not move the
        reference.
    """
    visible, base = marginals(layer, summary)
    if couplings == "none" or summary.rows is None:
        return visible, base
    base = _coupled(base, summary, couplings, n_clusters, random)
    return base.astype(summary.dtype), base


def _coupled(base, summary, couplings, n_clusters, random):
    """Return the layer with couplings inside its finite and its real columns."""
    blocks, start, weight = [], 0, summary.weight
    for group, kind in _groups(base):
        stop = start + group.n_units
        rows = summary.rows[:, start:stop]
        if kind == "real":
            rows = dense(rows)
        if kind == "real" and are_normal(group, rows, couplings, weight):
            before = blocks[-1] if blocks else None
            if before is not None and before.coupled and before.finite:
                both = dense(summary.rows[:, start - before.n_units : stop])
                fit = before.base, both, weight, random, n_clusters
                blocks[-1] = Mixed.from_rows(*fit)
            else:
                blocks.append(Normals.from_rows(rows, weight, random, n_clusters))
        elif kind == "finite" and _make_a_tree(group, rows, couplings, weight):
            blocks.append(Tree.from_rows(group, rows, weight))
        else:
            blocks.append(group)
        start = stop
    # A forest without edges only takes time.
    blocks = [b.base if isinstance(b, Tree) and not len(b.edges) else b for b in blocks]
    return blocks[0] if len(blocks) == 1 else Columns(blocks)


def _make_a_tree(group, rows, couplings, weight):
    """Tell whether to couple columns of finitely many values."""
    n_values = _n_values(group)
    if couplings != "auto":
        if n_values > _MOST_VALUES:
            raise ValueError(
                f"couplings={couplings!r} counts all pairs of values of columns, and "
                f"X has {n_values} different values or counts. At most {_MOST_VALUES} "
                "are possible. Use couplings='none', or group rare values."
            )
        return True
    if n_values > _MAX_VALUES:
        return False
    n_rows = rows.shape[0] if weight is None else max(rows.shape[0], weight.sum())
    return n_rows >= _MIN_ROWS and _worth_a_tree(group, rows)


def _n_values(group):
    """Return the number of values of all columns of finitely many values."""
    parts = [(leaf.structure.get("maximum", 0), leaf.n_units) for leaf in leaves(group)]
    return int(sum(np.sum(largest) + n_units for largest, n_units in parts))


def are_normal(group, rows, couplings, weight=None):
    """Tell whether to couple real columns."""
    if couplings == "tree" or np.nanmax(np.abs(rows), initial=0) > _LARGEST:
        return False
    is_number = ~np.isnan(rows)
    n_numbers = is_number.sum(axis=0)
    if weight is not None:
        # A weight is a repetition. Small weights do not make rows fewer.
        n_numbers = np.maximum(n_numbers, weight @ is_number)
    n_numbers = n_numbers.min()
    enough = n_numbers >= _MIN_ROWS and group.n_variables <= _MAX_REAL
    return couplings == "full" or enough


def _worth_a_tree(group, rows):
    """Tell whether "auto" couples columns of finitely many values."""
    if rows.shape[0] * group.n_variables > _MAX_CELLS:
        return False
    # Values between 0 and 1 are probabilities, which say nothing about pairs.
    values = rows.data if issparse(rows) else rows[~np.isnan(rows)]
    return bool((values == np.floor(values)).all())


def _groups(layer):
    """Return pairs of a layer and its kind: "finite", "real" or "other".

    Neighbours that are finite, and neighbours that are Gaussian, are one layer.
    """
    groups = []
    for leaf in leaves(layer):
        kind = "finite" if leaf.finite else "other"
        if isinstance(leaf, Gaussian):
            kind = "real"
        if groups and groups[-1][1] == kind != "other":
            groups[-1][0].append(leaf)
        else:
            groups.append(([leaf], kind))
    return [(g[0] if len(g) == 1 else Columns(g), kind) for g, kind in groups]


def leaves(layer):
    """Return the list of the layers that a layer is made of, or of the layer alone."""
    if isinstance(layer, Tree):
        return leaves(layer.base)
    if isinstance(layer, Mixed):
        return [*leaves(layer.tree), layer.real]
    layers = getattr(layer, "layers", None)
    return [leaf for part in layers for leaf in leaves(part)] if layers else [layer]
