"""Where training starts: the visible layer at the rows, with or without couplings."""

import numpy as np
from scipy.sparse import issparse

from skebm.energies._recipe import marginals
from skebm.layers import Columns, Gaussian, Normals, Tree

# What the parameter `couplings` of a recipe takes.
COUPLINGS = ("auto", "none", "tree", "full")
# Limits of "auto". Training of independent binary units has kernels that are many times
# as fast. So rows times columns of a forest are limited: images keep independent units.
_MAX_CELLS = 5_000_000
# The covariance of more real columns than this costs too much at each update.
_MAX_REAL = 128
# Fewer rows say too little about pairs of columns.
_MIN_ROWS = 10


def start_layers(layer, summary, couplings, bounded_hidden, random):
    """Return the visible layer and the base of the reference, at the rows.

    Columns of finitely many values are coupled along a Chow-Liu forest. Real columns
    have a mixture of normal distributions.

    Parameters
    ----------
    layer : layer
        The visible layer; its parameters are not set yet.
    summary : Summary
    couplings : {"auto", "none", "tree", "full"}
    bounded_hidden : bool
        Whether the values of the hidden units are bounded. Else real columns are not
        coupled.
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
    if not bounded_hidden and couplings == "auto":
        couplings = "tree"
    base = _coupled(base, summary, couplings, random)
    return base.astype(summary.dtype), base


def _coupled(base, summary, couplings, random):
    """Return the layer with couplings inside its finite and its real columns."""
    blocks, start = [], 0
    for k, (group, kind) in enumerate(_groups(base)):
        stop = start + group.n_units
        rows = summary.rows[:, start:stop]
        blocks.append(
            _coupled_block(group, kind, rows, summary, couplings, random.fold(k))
        )
        start = stop
    return blocks[0] if len(blocks) == 1 else Columns(blocks)


def _coupled_block(group, kind, rows, summary, couplings, random):
    n_rows, n_variables = rows.shape[0], group.n_variables
    is_auto = couplings == "auto"
    if is_auto and n_rows < _MIN_ROWS:
        return group
    if kind == "finite" and n_variables > 1:
        if is_auto and not _worth_a_tree(group, rows):
            return group
        tree = Tree.from_rows(group, rows, summary.weight).astype(summary.dtype)
        # Without an edge nothing is coupled, and independent units are faster.
        return tree if len(tree.edges) else group
    if kind == "real" and couplings in ("auto", "full"):
        if issparse(rows) or (is_auto and n_variables > _MAX_REAL):
            return group
        return Normals.from_rows(rows, summary.weight, random).astype(summary.dtype)
    return group


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
    for leaf in _leaves(layer):
        kind = "finite" if leaf.finite else "other"
        if isinstance(leaf, Gaussian):
            kind = "real"
        if groups and groups[-1][1] == kind != "other":
            groups[-1][0].append(leaf)
        else:
            groups.append(([leaf], kind))
    return [(g[0] if len(g) == 1 else Columns(g), kind) for g, kind in groups]


def _leaves(layer):
    """Return the layers that a layer joins; ``Columns`` may hold other ``Columns``."""
    layers = getattr(layer, "layers", None)
    if layers is None:
        return [layer]
    return [leaf for inner in layers for leaf in _leaves(inner)]
