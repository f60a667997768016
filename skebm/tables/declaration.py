"""What the parameter ``visible`` says of each column."""

import numpy as np
from scipy.sparse import issparse

from skebm.tables.kinds import CODECS
from skebm.utils._sklearn import get_column_indices
from skebm.utils._validation import lookup


def declared_kinds(visible, X):
    """Return the kind of each column of ``X`` that ``visible`` declares, or "auto".

    Raises
    ------
    ValueError
        If a kind is not known, or a column has none or two.
    """
    n_features = X.shape[1]
    known = {"auto": None, **CODECS}
    if isinstance(visible, str):
        lookup(visible, known, "visible")
        return [visible] * n_features
    if isinstance(visible, dict):
        # NumPy's own strings are none for scikit-learn.
        keys = [str(key) if isinstance(key, str) else key for key in visible]
        visible = [(None, *pair) for pair in zip(visible.values(), keys, strict=True)]
    elif all(isinstance(kind, str) for kind in visible):
        for kind in dict.fromkeys(visible):
            lookup(kind, known, "visible")
        if len(visible) != n_features:
            raise ValueError(
                f"visible names {len(visible)} layers, but X has {n_features} columns. "
                "Name one layer for all columns, or one for each."
            )
        return [str(kind) for kind in visible]
    kinds = ["auto"] * n_features
    for entry in visible:
        if not (isinstance(entry, tuple | list) and len(entry) == 3):
            raise ValueError(
                "visible must be a name, a list of names, a dict from columns to names "
                f"or a list of (name, layer, columns), but it holds {entry!r}."
            )
        _, kind, columns = entry
        if not isinstance(kind, str):
            raise ValueError(f"visible names layers by str, not by {kind!r}.")
        lookup(kind, known, "visible")
        columns = columns(X) if callable(columns) else columns
        for j in get_column_indices(X, columns):
            if kinds[j] != "auto":
                raise ValueError(f"visible declares column {j} twice.")
            kinds[j] = kind
    return kinds


def array_rule(X, kinds):
    """Settle "auto" columns of an array: Bernoulli if all of them lie in [0, 1]."""
    rest = [j for j, kind in enumerate(kinds) if kind == "auto"]
    if not rest:
        return kinds
    X = X if len(rest) == len(kinds) else X[:, rest]
    values = X.data if issparse(X) else X
    low, high = (f.reduce(values, axis=None, initial=0.0) for f in (np.fmin, np.fmax))
    kind = "bernoulli" if low >= 0 and high <= 1 else "gaussian"
    return [kind if own == "auto" else own for own in kinds]
