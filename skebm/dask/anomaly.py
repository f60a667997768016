"""Detection of anomalies on a cluster of Dask."""

import numpy as np

from skebm.dask._base import OnCluster
from skebm.dask._parts import Parts, is_collection
from skebm.dask.density import DaskRBMDensity
from skebm.estimators import EBMAnomalyDetector


def _score(self, **options):
    return np.empty(0)


def _side(self, **options):
    return np.empty(0, np.int64)


class DaskEBMAnomalyDetector(OnCluster, EBMAnomalyDetector, local=EBMAnomalyDetector):
    """Detection of anomalies as rows of high energy, on a cluster of Dask.

    With ``density="rbm"`` the density is a :class:`DaskRBMDensity`, which trains on all
    rows. The experts need few rows, and are fitted to a uniform sample: so is any other
    density, and so is the threshold. The sample has as many rows as fit into
    16 million cells, at least 1000 and at most 100,000.

    Parameters
    ----------
    density, contamination, ...
        As for :class:`skebm.EBMAnomalyDetector`.
    {cluster}

    Attributes
    ----------
    density_, offset_, ...
        As for :class:`skebm.EBMAnomalyDetector`.
    """

    _lazy = {
        "score_samples": _score,
        "decision_function": _score,
        "anomaly_proba": _score,
        "predict": _side,
    }

    def fit(self, X, y=None, sample_weight=None):
        """Fit the density and the threshold; see :meth:`EBMAnomalyDetector.fit`.

        Returns
        -------
        self : DaskEBMAnomalyDetector
            The fitted estimator.
        """
        if not is_collection(X):
            return super().fit(X, y, sample_weight)
        client, *_ = self._cluster()
        parts = Parts.of(client, X, y if self.use_labels else None, sample_weight)
        rows, numbers, weight = parts.sample()
        labels = parts.labels_of(numbers) if self.use_labels else None
        self._collections = None if self.use_labels else (X, sample_weight)
        try:
            return super().fit(rows, labels, weight)
        finally:
            del self._collections

    def _new_density(self):
        density = super()._new_density()
        if self._reads_tables and self.density == "rbm":
            params = density.get_params(deep=False)
            density = self._shared_with(DaskRBMDensity(**params))
            density._shows_draws = False
        return density

    def _fit_density(self, density, X, weight, **params):
        """Fit an RBM to all rows, and another density to the sample."""
        whole = getattr(self, "_collections", None)
        if whole is not None and hasattr(density, "n_shards"):
            X, weight = whole
        return super()._fit_density(density, X, weight, **params)

    def to_local(self):
        """Return the ordinary estimator with the same parameters and attributes."""
        local = super().to_local()
        if hasattr(getattr(local, "density_", None), "to_local"):
            local.density_ = local.density_.to_local()
        return local

    def _ready(self, name):
        if hasattr(self.density_, "to_local"):
            self.density_._ready("score_samples")
