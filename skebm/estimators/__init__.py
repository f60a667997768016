"""The scikit-learn classes: each declares which parts it is made of."""

from skebm.estimators.anomaly import EBMAnomalyDetector
from skebm.estimators.classifier import EnergyClassifier
from skebm.estimators.denoiser import EnergyDenoiser
from skebm.estimators.density import RBMDensity
from skebm.estimators.documents import DocumentDensity
from skebm.estimators.energy_density import EnergyDensity
from skebm.estimators.imputer import EnergyImputer
from skebm.estimators.recommender import EnergyRecommender

__all__ = [
    "DocumentDensity",
    "EBMAnomalyDetector",
    "EnergyClassifier",
    "EnergyDenoiser",
    "EnergyDensity",
    "EnergyImputer",
    "EnergyRecommender",
    "RBMDensity",
]
