"""Density estimation on a cluster of Dask."""

import numpy as np
import pandas as pd

from skebm.dask._base import TrainsOnCluster
from skebm.estimators import RBMDensity


def _one(self, **options):
    return np.empty(0)


def _of_columns(self, per_feature=False):
    return np.empty((0, self.n_features_in_) if per_feature else 0)


def _like_rows(self):
    """Return no rows in the form of the rows of ``fit``."""
    return self._as_input(self._a_row)[:0]


def _of_units(self):
    """Return no rows of hidden units, as an array or as ``set_output`` has it."""
    found = self.to_local().transform(self._as_input(self._a_row))[:0]
    if not isinstance(found, np.ndarray | pd.DataFrame):
        raise ValueError(
            "Dask has no frames of this library. Call set_output(transform='pandas') "
            "or set_output(transform='default')."
        )
    return found


class DaskRBMDensity(TrainsOnCluster, RBMDensity, local=RBMDensity):
    """Density estimation with a restricted Boltzmann machine, on a cluster of Dask.

    Every worker keeps its rows and its own persistent chains. It does some updates,
    then the parameters of all workers are averaged, weighted by the numbers of their
    rows [1]_. It corrects its next updates by how far it was off from that average
    [2]_. The result depends on ``random_state`` and on the number of shards, and not on
    the time that workers take.

    Parameters
    ----------
    n_components, visible, hidden, couplings, ...
        As for :class:`skebm.RBMDensity`.
    {cluster}

    Attributes
    ----------
    components_, intercept_visible_, intercept_hidden_, ...
        As for :class:`skebm.RBMDensity`.

    References
    ----------
    .. [1] S. Stich. "Local SGD converges fast and communicates little". ICLR 2019.
    .. [2] S. Karimireddy, S. Kale, M. Mohri, S. Reddi, S. Stich, A. Suresh. "SCAFFOLD:
       stochastic controlled averaging for federated learning". ICML 2020.

    Examples
    --------
    >>> import dask.array as da
    >>> from dask.distributed import Client
    >>> from sklearn.datasets import load_digits
    >>> from skebm.dask import DaskRBMDensity
    >>> client = Client(n_workers=2, threads_per_worker=1, processes=False)
    >>> X = da.from_array((load_digits().data > 7).astype(float), chunks=(500, 64))
    >>> rbm = DaskRBMDensity(16, n_iter=5, random_state=0, client=client).fit(X)
    >>> rbm.score_samples(X).chunks
    ((500, 500, 500, 297),)
    >>> type(rbm.to_local()).__name__
    'RBMDensity'
    >>> client.close()
    """

    _lazy = {
        "energy_samples": _one,
        "score_samples": _one,
        "pseudo_log_likelihood": _of_columns,
        "reconstruct": _like_rows,
        "transform": _of_units,
    }

    def get_feature_names_out(self, input_features=None):
        """Return the names of the hidden units, as the ordinary estimator has them."""
        return self.to_local().get_feature_names_out(input_features)

    @property
    def _a_row(self):
        return np.zeros((1, len(self.unit_names_)), self._energy.dtype)

    def _ready(self, name):
        if name == "score_samples":
            self.log_partition_.value  # noqa: B018
