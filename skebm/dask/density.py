"""Density estimation on a cluster of Dask."""

import numpy as np

from skebm.dask._base import TrainsOnCluster
from skebm.estimators import RBMDensity


def _one(self, **options):
    return None, np.dtype(np.float64)


def _of_columns(self, per_feature=False):
    return (self.n_features_in_ if per_feature else None), np.dtype(np.float64)


def _of_units(self, **options):
    return len(self.components_), self._energy.dtype


class DaskRBMDensity(TrainsOnCluster, RBMDensity, local=RBMDensity):
    """Density estimation with a restricted Boltzmann machine, on a cluster of Dask.

    Every worker keeps its rows and its own persistent chains. It does some updates,
    then the parameters of all workers are averaged, weighted by the numbers of their
    rows [1]_. The result depends on ``random_state`` and on the number of shards, and
    not on the time that workers take.

    Parameters
    ----------
    n_components, visible, hidden, couplings, ...
        As for :class:`skebm.RBMDensity`.
    client : distributed.Client, default=None
        The client of the cluster. None takes the default client. It is no parameter in
        the sense of scikit-learn: :func:`sklearn.base.clone` hands it on, but it is not
        stored.
    n_shards : int, default=None
        In how many shards the rows are divided. None takes the number of workers.
    updates_per_round : int, default=None
        Updates of a shard between two averages. None takes 100 over the number of
        shards and over the factor of their steps, which is at most 4. More updates a
        round take fewer messages, and may learn less.

    Attributes
    ----------
    components_, intercept_visible_, intercept_hidden_, ...
        As for :class:`skebm.RBMDensity`.

    References
    ----------
    .. [1] S. Stich. "Local SGD converges fast and communicates little". ICLR 2019.

    Examples
    --------
    >>> import dask.array as da
    >>> from dask.distributed import Client
    >>> from sklearn.datasets import load_digits
    >>> from skebm.dask import DaskRBMDensity
    >>> client = Client(n_workers=2, threads_per_worker=1, processes=False)
    >>> X = da.from_array((load_digits().data > 7).astype(float), chunks=(500, 64))
    >>> rbm = DaskRBMDensity(16, n_iter=5, random_state=0, client=client).fit(X)
    >>> rbm.score_samples(X)
    dask.array<concatenate, shape=(1797,), dtype=float64, chunksize=(500,), \
chunktype=numpy.ndarray>
    >>> type(rbm.to_local()).__name__
    'RBMDensity'
    >>> client.close()
    """

    _lazy = {
        "energy_samples": _one,
        "score_samples": _one,
        "pseudo_log_likelihood": _of_columns,
        "transform": _of_units,
    }

    def _ready(self, name):
        if name == "score_samples":
            self.log_partition_.value  # noqa: B018
