"""The scikit-learn classes: each declares which parts it is made of."""

from skebm.estimators.density import RBMDensity

__all__ = ["RBMDensity"]
