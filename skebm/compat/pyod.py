"""The detector of anomalies with the signs and the attributes of PyOD."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skebm.estimators import EBMAnomalyDetector

try:
    from pyod.models.base import BaseDetector
except ImportError as error:
    raise ImportError(
        "skebm.compat.pyod needs PyOD. Install it with `python -m pip install pyod`."
    ) from error


class EBM(BaseDetector):
    """:class:`skebm.EBMAnomalyDetector` as a detector of PyOD [1]_.

    Scores have PyOD's sign: they are energies, and higher scores are more abnormal.
    ``predict`` returns 0 for inliers and 1 for outliers.

    Parameters
    ----------
    density : {"experts", "rbm"} or estimator with ``score_samples``, default="experts"
        The density; see :class:`skebm.EBMAnomalyDetector`.
    contamination : float in (0, 0.5] or thresholder of PyThresh, default=0.1
        Share of the training rows that are outliers, as for all detectors of PyOD.
    n_jobs : int, default=None
        Number of threads.
    random_state : int, RandomState instance or None, default=None
        Determines the random sets of rows, or the draws of the RBM.

    Attributes
    ----------
    detector_ : EBMAnomalyDetector
        The fitted detector.
    decision_scores_ : ndarray of shape (n_samples,), float64
        Energies of the training rows, in nats.
    threshold_ : float
        Rows of higher energies are outliers.
    labels_ : ndarray of shape (n_samples,), int
        0 for inliers and 1 for outliers among the training rows.

    References
    ----------
    .. [1] Y. Zhao, Z. Nasrullah, Z. Li. "PyOD: a Python toolbox for scalable outlier
       detection". JMLR 20 (2019).
    """

    def __init__(
        self,
        density="experts",
        *,
        contamination=0.1,
        n_jobs=None,
        random_state=None,
    ):
        super().__init__(contamination=contamination)
        self.density = density
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit the density to rows, and the threshold to their energies.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : Ignored

        Returns
        -------
        self : EBM
            The fitted detector.
        """
        self._set_n_classes(y)  # PyOD warns of labels
        # A thresholder tells no share of outliers.
        is_share = isinstance(self.contamination, Real)
        self.detector_ = EBMAnomalyDetector(
            self.density,
            contamination=self.contamination if is_share else "auto",
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        ).fit(X)
        self.decision_scores_ = self.decision_function(X)
        self._process_decision_scores()
        return self

    def decision_function(self, X):
        """Return the energy of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Energies in nats. Higher ones are more abnormal.
        """
        check_is_fitted(self, "detector_")
        return -self.detector_.score_samples(X)

    def predict_proba(self, X, method="ranks", return_confidence=False):
        """Return the probabilities that each row is an inlier and an outlier.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        method : {"ranks", "linear", "unify"}, default="ranks"
            ``"ranks"`` is :meth:`skebm.EBMAnomalyDetector.anomaly_proba`, which states
            its assumption; a number for ``contamination`` is the mean probability of
            the training rows. ``"linear"`` and ``"unify"`` are conversions of PyOD,
            which no labels were compared with.
        return_confidence : bool, default=False
            Whether to return PyOD's confidence of each label, too.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2), float64
        confidence : ndarray of shape (n_samples,), float64
            Only if ``return_confidence`` is True.
        """
        check_is_fitted(self, "detector_")
        if method != "ranks":
            return super().predict_proba(X, method, return_confidence)
        outlier = self.detector_.anomaly_proba(X)
        both = np.column_stack([1 - outlier, outlier])
        return (both, self.predict_confidence(X)) if return_confidence else both

    def explain(self, X):
        """Return what each column adds to the energy of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        DataFrame of shape (n_samples, n_features)
            In nats. The columns with the highest numbers make a row an anomaly.
        """
        check_is_fitted(self, "detector_")
        return -self.detector_.explain(X)
