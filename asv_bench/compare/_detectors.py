"""Detectors of anomalies that `anomalies.py` compares, and how each of them scores.

Each has its defaults, on standardised columns where it needs them. Those of PyOD are
left out where PyOD is not installed.
"""

from importlib.util import find_spec

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import OneClassSVM

from skebm import EBMAnomalyDetector

# OneClassSVM is fitted to at most this many rows: its time grows with their square.
_MOST_ROWS_OF_SVM = 5000


class EmpiricalTails:
    """ECOD without its choice of a tail by the skewness."""

    def fit(self, X, y=None):
        """Do nothing: the scores are those of the training rows."""
        self.X = X
        return self

    def score_samples(self, X):
        """Return the sum of the logs of the smaller tail of each column."""
        both = X if X is self.X else np.concatenate([X, self.X])
        ranks = [np.minimum(rankdata(c, "max"), rankdata(-c, "max")) for c in both.T]
        return np.log(np.array(ranks) / len(both)).sum(axis=0)[: len(X)]


class Factor(LocalOutlierFactor):
    """Local outlier factor, of the training rows or of new ones."""

    def fit(self, X, y=None):
        """Fit the factor, with its own rows in reach."""
        self.novelty = True
        self.X = X
        return super().fit(X)

    def score_samples(self, X):
        """Return the factors. A training row is not a neighbour of its own."""
        same = X.shape == self.X.shape and np.array_equal(X, self.X)
        return self.negative_outlier_factor_ if same else super().score_samples(X)


class Subsample(OneClassSVM):
    """A support vector machine of at most 5000 rows."""

    def fit(self, X, y=None):
        """Fit it to rows that are drawn at random."""
        drawn = np.random.default_rng(0).permutation(len(X))[:_MOST_ROWS_OF_SVM]
        return super().fit(X[drawn])


class OfPyOD:
    """A detector of PyOD with scikit-learn's sign."""

    def __init__(self, detector, scaled=False):
        self.detector = detector
        self.scaler = StandardScaler() if scaled else FunctionTransformer()

    def fit(self, X, y=None):
        """Fit the detector."""
        self.X = X
        self.detector.fit(self.scaler.fit_transform(X))
        return self

    def score_samples(self, X):
        """Return minus the scores, those of PyOD's own for the training rows."""
        if X is self.X:
            return -self.detector.decision_scores_
        return -self.detector.decision_function(self.scaler.transform(X))


class LabelsAlone(LogisticRegression):
    """A classifier of the labelled anomalies and all other rows."""

    def fit(self, X, y):
        """Fit the classifier, for which both classes weigh the same."""
        self.class_weight = "balanced"
        return super().fit(X, y)

    def score_samples(self, X):
        """Return the log-odds of the class that is not labelled."""
        return self.decision_function(X)


def _scaled(detector):
    return make_pipeline(StandardScaler(), detector)


MODELS = {
    "isolation forest": lambda seed: IsolationForest(random_state=seed),
    "experts": lambda seed: EBMAnomalyDetector(random_state=seed),
    "experts, novelty=True": lambda seed: EBMAnomalyDetector(
        novelty=True, random_state=seed
    ),
    "RBM": lambda seed: EBMAnomalyDetector("rbm", random_state=seed),
    "LOF": lambda seed: Factor(),
    "LOF, standardised": lambda seed: _scaled(Factor()),
    "OneClassSVM": lambda seed: _scaled(Subsample()),
    "ECOD-like": lambda seed: EmpiricalTails(),
}
# What takes part if some anomalies are labelled. The others get the labels, too, but do
# not use them.
LEARN_LABELS = {
    "experts, use_labels": lambda seed: EBMAnomalyDetector(
        use_labels=True, random_state=seed
    ),
    "labels alone": lambda seed: _scaled(LabelsAlone()),
}
# Fits of these do not depend on the seed.
DETERMINISTIC = {"LOF", "LOF, standardised", "OneClassSVM", "ECOD-like"}

if find_spec("pyod"):
    from pyod.models.copod import COPOD
    from pyod.models.ecod import ECOD
    from pyod.models.hbos import HBOS
    from pyod.models.inne import INNE
    from pyod.models.knn import KNN
    from pyod.models.pca import PCA

    MODELS |= {
        "ECOD": lambda seed: OfPyOD(ECOD()),
        "COPOD": lambda seed: OfPyOD(COPOD()),
        "HBOS": lambda seed: OfPyOD(HBOS()),
        "INNE": lambda seed: OfPyOD(INNE(random_state=seed), scaled=True),
        # By default it divides by the variances of components that have none.
        "PCA": lambda seed: OfPyOD(PCA(0.9999, random_state=seed)),
        "KNN": lambda seed: OfPyOD(KNN(), scaled=True),
    }
    DETERMINISTIC |= {"ECOD", "COPOD", "HBOS", "PCA", "KNN"}
