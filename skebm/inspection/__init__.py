"""Displays of fitted estimators; matplotlib is imported when one is plotted."""

from skebm.inspection.chains import ChainDisplay
from skebm.inspection.explanation import ExplanationDisplay
from skebm.inspection.exposure import audit_recommendations
from skebm.inspection.filters import FilterDisplay
from skebm.inspection.gap import EnergyGapDisplay
from skebm.inspection.landscape import EnergyLandscapeDisplay
from skebm.inspection.samples import SampleDisplay
from skebm.inspection.tensorboard import write_tensorboard
from skebm.inspection.training_curve import TrainingCurveDisplay

__all__ = [
    "ChainDisplay",
    "EnergyGapDisplay",
    "EnergyLandscapeDisplay",
    "ExplanationDisplay",
    "FilterDisplay",
    "SampleDisplay",
    "TrainingCurveDisplay",
    "audit_recommendations",
    "write_tensorboard",
]
