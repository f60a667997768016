"""The scikit-learn classes: each declares which parts it is made of."""

from skebm.estimators.anomaly import EBMAnomalyDetector
from skebm.estimators.classifier import EnergyClassifier
from skebm.estimators.density import RBMDensity

__all__ = ["EBMAnomalyDetector", "EnergyClassifier", "RBMDensity"]
