"""The conditional probability of each variable given the others."""

import numpy as np
from scipy.sparse import issparse

from skebm.inference._precision import in_range
from skebm.inference.completion import completed
from skebm.utils._parallel import map_blocks
from skebm.utils._sparse import dense

# Moves of holes that start at draws from the marginals.
HOLE_STEPS = 10


def conditionals(energy, rows):
    """Return the log-probability of every variable given the others, in parallel.

    Holes are drawn first.

    Parameters
    ----------
    energy : energy with ``conditional_log_prob``
    rows : {ndarray, CSR matrix} of shape (n, n_units)
        NaN in the holes.

    Returns
    -------
    ndarray of shape (n, n_variables), float64
        In nats; 0 for holes.
    """
    holes = None if issparse(rows) else np.isnan(rows)
    complete = rows if holes is None else completed(energy, rows, HOLE_STEPS)
    if holes is not None:
        energy, complete = in_range(energy, complete)
    blocks = map_blocks(
        lambda block: energy.conditional_log_prob(dense(complete[block])),
        rows.shape[0],
        energy.n_hidden * 100,
        size=64,
    )
    return _without_holes(np.concatenate(blocks), energy, holes)


def conditional_bounds(energy, rows):
    """Return upper bounds of :func:`conditionals`, or None.

    None if the conditionals cost little, or if the energy has no
    ``conditional_bounds``.

    Parameters
    ----------
    energy : energy
    rows : ndarray of shape (n, n_units)
        NaN in the holes.
    """
    if not hasattr(energy, "conditional_bounds"):
        return None
    terms = energy.conditional_bounds(completed(energy, rows, HOLE_STEPS))
    return None if terms is None else _without_holes(terms, energy, np.isnan(rows))


def _without_holes(terms, energy, holes):
    """Return the terms of variables, with 0 for holes."""
    if holes is not None and holes.any():
        first_units = np.unique(energy.reference.variables, return_index=True)[1]
        terms[holes[:, first_units]] = 0.0
    return terms
