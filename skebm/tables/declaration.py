"""Read the parameter ``visible``, which declares the kinds of columns."""

from skebm.tables.kinds import check_name
from skebm.utils._sklearn import get_column_indices


def declared_kinds(visible, X):
    """Return the name of the kind of each column of ``X``, or "auto".

    Parameters
    ----------
    visible : str, dict or list
        See :class:`skebm.RBMDensity`.
    X : {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)

    Raises
    ------
    ValueError
        If a kind is not known, if the number of kinds is wrong, or if a column is
        declared twice.
    """
    n_features = X.shape[1]
    if isinstance(visible, str):
        check_name(visible)
        return [visible] * n_features
    if isinstance(visible, dict):
        # scikit-learn does not take NumPy's strings for names of columns.
        keys = [str(key) if isinstance(key, str) else key for key in visible]
        visible = [(None, *pair) for pair in zip(visible.values(), keys, strict=True)]
    elif all(isinstance(kind, str) for kind in visible):
        return _one_each(visible, n_features)
    kinds = ["auto"] * n_features
    for entry in visible:
        kind, columns = _checked_entry(entry)
        columns = columns(X) if callable(columns) else columns
        for j in get_column_indices(X, columns):
            if kinds[j] != "auto":
                raise ValueError(f"visible declares column {j} twice.")
            kinds[j] = kind
    return kinds


def _one_each(visible, n_features):
    """Check a list with one name for each column, and return it."""
    for kind in dict.fromkeys(visible):
        check_name(kind)
    if len(visible) != n_features:
        raise ValueError(
            f"visible names {len(visible)} layers, but X has {n_features} columns. "
            "Name one layer for all columns, or one for each."
        )
    return [str(kind) for kind in visible]


def _checked_entry(entry):
    """Check an entry of ``visible``, and return its kind and its columns."""
    if not (isinstance(entry, tuple | list) and len(entry) == 3):
        raise ValueError(
            "visible must be a name, a list of names, a dict from columns to names "
            f"or a list of (name, layer, columns), but it holds {entry!r}."
        )
    _, kind, columns = entry
    if not isinstance(kind, str):
        raise ValueError(f"visible takes names of layers, not {kind!r}.")
    check_name(kind)
    return kind, columns
