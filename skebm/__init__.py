"""Energy-based models as scikit-learn estimators."""

from skebm.estimators import RBMDensity

__version__ = "0.1.0"

__all__ = ["RBMDensity"]
