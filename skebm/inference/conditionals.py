"""The probability of each variable given the others."""

import numpy as np
from scipy.sparse import issparse

from skebm.inference.completion import completed
from skebm.utils._parallel import map_blocks
from skebm.utils._sparse import dense

# Moves that draw the holes of rows, from the marginals on.
HOLE_STEPS = 10


def conditionals(energy, rows):
    """Return the log-probability of every variable given the rest, in parallel.

    Holes are drawn first, and count for nothing themselves.

    Parameters
    ----------
    energy : energy with ``conditional_log_prob``
    rows : {ndarray, CSR matrix} of shape (n, n_units)

    Returns
    -------
    ndarray of shape (n, n_variables), float64
        In nats.
    """
    holes = None if issparse(rows) else np.isnan(rows)
    whole = rows if holes is None else completed(energy, rows, HOLE_STEPS)
    blocks = map_blocks(
        lambda block: energy.conditional_log_prob(dense(whole[block])),
        rows.shape[0],
        energy.n_hidden * 100,
        size=64,
    )
    terms = np.concatenate(blocks)
    if holes is not None and holes.any():
        first = np.unique(energy.reference.variables, return_index=True)[1]
        terms[holes[:, first]] = 0.0
    return terms
