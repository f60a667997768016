"""Energy-based models as scikit-learn estimators."""

from skebm.estimators import (
    DocumentDensity,
    EBMAnomalyDetector,
    EnergyClassifier,
    EnergyDenoiser,
    EnergyDensity,
    EnergyImputer,
    EnergyRecommender,
    RBMDensity,
)

__version__ = "0.1.0"

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
