"""The choice between curves and straight lines by the joint density of columns."""

import numpy as np

from skebm.layers import Normals
from skebm.utils._random import Random
from skebm.utils._sparse import dense

# Columns that are compared at most: in more of them curves are worth a lot.
_MAX_COLUMNS = 3
# Rows that compare them, and the share of these that is held out.
_MAX_ROWS, _HELD_OUT = 3000, 1 / 3
# Components of the mixture, and rows for each, at least.
_SIZE, _ROWS_PER_COMPONENT = 16, 10
# Curves are kept if they gain more than this number of standard errors.
_MARGIN = 2.0


def straight_if_as_good(encoding, X, weight):
    """Return the encoding of few real columns, without curves if these are no better.

    The curve of a column is the best one for a single normal distribution. Columns that
    have several modes, or are flat, get a curve, too, which bends what the columns have
    in common. A mixture of normal distributions needs no curve there. So one is fitted
    to rows with curves, and one to standardised rows, and held-out rows choose.

    Parameters
    ----------
    encoding : Encoding
        Of real columns.
    X : {ndarray, CSR matrix} of shape (n, n_features)
    weight : ndarray of shape (n,) or None

    Returns
    -------
    Encoding
    """
    X, is_curved = dense(X), encoding.is_curved
    if not is_curved or X.shape[1] > _MAX_COLUMNS or np.isnan(X).any():
        return encoding
    pairs = zip(encoding.kinds, encoding.columns, strict=True)
    kinds = (kind.straightened(X[:, columns], weight) for kind, columns in pairs)
    straight = encoding._replace(kinds=tuple(kinds))
    weight = np.ones(len(X)) if weight is None else weight
    rows = Random(0).permutation(len(X))[:_MAX_ROWS]
    n_held_out = int(_HELD_OUT * len(rows))
    size = min(_SIZE, (len(rows) - n_held_out) // _ROWS_PER_COMPONENT)
    if size < 1:
        return encoding
    X, weight = X[rows], weight[rows]

    def scores(encoding):
        held_out, rest = np.split(encoding.encode(X).astype(np.float64), [n_held_out])
        layer = Normals.from_rows(rest, weight[n_held_out:], Random(1), size)
        log_z = layer.cgf(np.zeros((1, layer.n_units)))[0]
        return -layer.energy(held_out) - log_z - encoding.log_volume(held_out)

    gains, share = scores(encoding) - scores(straight), weight[:n_held_out]
    gain = np.average(gains, weights=share)
    error = np.sqrt(np.average((gains - gain) ** 2, weights=share) / len(gains))
    return encoding if gain > _MARGIN * error else straight
