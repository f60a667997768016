"""Labels of outliers, in scikit-learn's convention."""

import warnings

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils import check_consistent_length, column_or_1d

from skebm.utils._odds import fit_odds, probabilities
from skebm.utils._threshold import FENCE, threshold
from skebm.utils._types import TableLike
from skebm.utils._validation import changed

OUTLIER = -1


class DetectorMixin(OutlierMixin):
    """Mixin of detectors of outliers: labels, threshold and probabilities.

    The detector must have ``contamination``, ``novelty`` and ``density_``.
    """

    def _settle(self, X, weight, known):
        """Set the threshold, and the odds of an anomaly at each score."""
        scores = self.density_.score_samples(X)
        if known is not None:  # both are for rows without a label
            weight = ~known * (1.0 if weight is None else np.asarray(weight))
        share = self.contamination
        self._odds = fit_odds(scores, weight, share, self.novelty)
        if self.novelty and share == "auto":
            share = 0
        fence = getattr(self.density_, "_fence", FENCE)
        self.offset_ = threshold(scores, weight, share, fence)

    def fit_predict(self, X, y=None, **kwargs):
        """Fit the detector, and return +1 for inliers and -1 for outliers among ``X``.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y, **kwargs
            Passed to ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,), int
        """
        return self.fit(X, y, **kwargs).predict(X)

    def anomaly_proba(self, X: TableLike) -> np.ndarray:
        """Return the probability that each row is an anomaly.

        A row gets its probability by the share of the training rows that are more
        normal than the row. **The assumption** is that the table is like the 22 tables
        of ADBench which the map from shares to probabilities was fitted to, in the
        share of anomalies (1 to 40 %, 12 % on average) and in how well scores tell
        them. Of ten rows with a probability of 0.2, two are then anomalies.

        If ``contamination`` is a number, the mean probability of the training rows is
        that number, and the probabilities are sharper. With ``novelty=True`` the rows
        are rows to come, with as many anomalies among them as in these tables, whatever
        ``contamination`` is. The map was fitted to the scores of the experts, so other
        densities need one more assumption: that they tell anomalies as well.

        Probabilities never rise with ``score_samples``, and do not depend on the rows
        that are passed along. The labels of ``predict`` come from ``offset_``, and not
        from a probability of a half. A scikit-learn user may look for
        ``predict_proba``, but this is a method of classifiers: its columns are classes
        of ``y``, and scikit-learn's checks refuse it for detectors.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,), float64
            In [0, 1].
        """
        return probabilities(self.score_samples(X), self._odds)


def known_outliers(y, X, detector):
    """Return which rows are labelled as outliers, ndarray of bool; None for no row.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        -1 for outliers, and 0 or 1 for all other rows.
    X : array or DataFrame of shape (n_samples, n_features)
    detector : estimator
        Has the parameters ``density`` and ``half_life``.
    """
    if not isinstance(detector.density, str) or detector.density != "experts":
        raise ValueError(
            "use_labels=True needs density='experts', since no other density learns "
            "from labels. Set use_labels=False, or leave density out."
        )
    if detector.half_life is not None:
        raise ValueError(
            "use_labels=True needs half_life=None, since labels have no half-life. Set "
            "use_labels=False, or leave half_life out."
        )
    if y is None:
        raise ValueError(
            "use_labels=True needs y with -1 for rows that are known to be anomalies, "
            "and 0 or 1 for all other rows. Pass y, or set use_labels=False."
        )
    y = column_or_1d(y)
    check_consistent_length(X, y)
    unknown = sorted({str(label) for label in np.unique(y[~np.isin(y, (-1, 0, 1))])})
    if unknown:
        raise ValueError(
            f"y has {', '.join(unknown[:5])} among its labels. With use_labels=True "
            "they must be -1 for rows that are known to be anomalies, and 0 or 1 for "
            "all other rows."
        )
    is_outlier = y == OUTLIER
    if not is_outlier.any():
        warnings.warn(
            "y has no -1, so no row is known to be an anomaly, and the fit is that of "
            "use_labels=False. Label anomalies with -1.",
            UserWarning,
            stacklevel=5,
        )
        return None
    if is_outlier.all():
        raise ValueError(
            "y labels all rows as anomalies (-1). Add rows with the label 0 or 1."
        )
    return is_outlier


def warn_of_the_rbm(detector, names):
    """Warn of parameters of a detector that its experts do not have."""
    if ours := changed(detector, names):
        warnings.warn(
            f"{', '.join(ours)} of EBMAnomalyDetector have no effect on "
            "density='experts'. Pass density='rbm' for an RBM, or leave them out.",
            UserWarning,
            stacklevel=6,
        )
