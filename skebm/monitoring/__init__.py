"""Monitors of a training: its epochs, the figures of a task, the mixing of chains."""

from skebm.monitoring._base import subsample as subsample
from skebm.monitoring.capacity import CapacityPath
from skebm.monitoring.classes import ClassMonitor
from skebm.monitoring.complaints import complaint
from skebm.monitoring.density import DensityMonitor
from skebm.monitoring.documents import DocumentMonitor
from skebm.monitoring.epochs import Epochs
from skebm.monitoring.images import ImageMonitor
from skebm.monitoring.likelihood import FEWEST_ROWS as FEWEST_ROWS
from skebm.monitoring.likelihood import LikelihoodMonitor
from skebm.monitoring.misfit import Misfit
from skebm.monitoring.mixing import Mixing
from skebm.monitoring.structured import StructuredMonitor

# Monitors by the name that the `monitor` of a recipe gives.
MONITORS = {
    "density": DensityMonitor,
    "classes": ClassMonitor,
    "documents": DocumentMonitor,
    "images": ImageMonitor,
    "likelihood": LikelihoodMonitor,
    "structured": StructuredMonitor,
}

__all__ = [
    "MONITORS",
    "CapacityPath",
    "ClassMonitor",
    "DensityMonitor",
    "DocumentMonitor",
    "Epochs",
    "ImageMonitor",
    "LikelihoodMonitor",
    "Misfit",
    "Mixing",
    "StructuredMonitor",
    "complaint",
]
