"""Estimators for rows on a cluster of Dask.

They have the parameters and the fitted attributes of the ordinary estimators. ``fit``
takes collections of Dask, and trains where their partitions are. As in
:mod:`xgboost.dask`, their names begin with ``Dask``: programs often hold one of them
beside the ordinary estimator that :meth:`to_local` gives, and a name in a message or in
a file says which of both it is.
"""

try:
    import dask.array
    import dask.dataframe  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise ImportError(
        "skebm.dask needs Dask with its arrays, data frames and scheduler: pip install "
        "'skebm[dask]'."
    ) from error

from skebm.dask.anomaly import DaskEBMAnomalyDetector
from skebm.dask.classifier import DaskEnergyClassifier
from skebm.dask.density import DaskRBMDensity

__all__ = ["DaskEBMAnomalyDetector", "DaskEnergyClassifier", "DaskRBMDensity"]
