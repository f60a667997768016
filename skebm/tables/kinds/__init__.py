"""The kinds of columns: the layer that models a column, and the values of its cells.

This folder is the only place that knows kinds by name.
"""

import numpy as np

from skebm.layers import LAYERS
from skebm.tables.kinds._base import Facts, Kind, LayerKind
from skebm.tables.kinds.discrete import MOST_LEVELS, CategoricalKind, CountKind
from skebm.tables.kinds.real import (
    GaussianKind,
    RealKind,
    ScaledKind,
    UnscaledKind,
    YeoJohnsonKind,
    ZeroInflatedKind,
)
from skebm.tables.kinds.two_valued import BernoulliKind, SpinKind
from skebm.utils._sparse import dense
from skebm.utils._validation import lookup

# Kinds by the names that `visible` of an estimator takes. A layer of LAYERS without an
# entry here has the kind `LayerKind`. The units of a table have this order: columns of
# finitely many values lie side by side, and so do real columns, since each group is
# coupled inside.
KINDS = {
    "bernoulli": BernoulliKind,
    "spin": SpinKind,
    "count": CountKind,
    "categorical": CategoricalKind,
    "unscaled": UnscaledKind,
    "scaled": ScaledKind,
    "gaussian": GaussianKind,
    "real": RealKind,
    "yeo_johnson": YeoJohnsonKind,
    "zero_inflated": ZeroInflatedKind,
}
# The kind that takes any number as it is.
ANY_NUMBER = "gaussian"

__all__ = [
    "KINDS",
    "MOST_LEVELS",
    "Facts",
    "Kind",
    "LayerKind",
    "check_name",
    "columns_by_kind",
    "find_kind",
    "with_dense_reals",
]


def check_name(name):
    """Raise an error unless ``name`` is "auto", in KINDS or in LAYERS."""
    lookup(name, dict.fromkeys(["auto", *KINDS, *LAYERS]), "visible")


def with_dense_reals(X, names):
    """Return rows as an array if these are kinds that leave real numbers sparse."""
    stay_sparse = any(KINDS.get(k) in (ScaledKind, UnscaledKind) for k in set(names))
    return dense(X) if stay_sparse else X


def find_kind(name):
    """Return the kind of this name, before it has columns.

    Raises
    ------
    ValueError
        If neither KINDS nor LAYERS has the name.
    """
    check_name(name)
    kind = KINDS[name]() if name in KINDS else LayerKind(LAYERS[name])
    kind.name = name
    return kind


def columns_by_kind(names):
    """Return the columns of each kind. Kinds have the order of KINDS, after others.

    Parameters
    ----------
    names : sequence of str
        The name of the kind of each column.

    Returns
    -------
    dict of str to ndarray of int
    """
    rank = {name: k for k, name in enumerate(KINDS)}
    present = sorted(dict.fromkeys(names), key=lambda name: rank.get(name, -1))
    names = np.asarray(names)
    return {str(name): np.flatnonzero(names == name) for name in present}
