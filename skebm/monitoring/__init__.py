"""What is noted of a training: epochs, figures of each task, and how chains mix."""

from skebm.monitoring.classes import ClassMonitor
from skebm.monitoring.complaints import complaint
from skebm.monitoring.density import DensityMonitor
from skebm.monitoring.documents import DocumentMonitor
from skebm.monitoring.epochs import Epochs
from skebm.monitoring.mixing import Mixing

# What the `monitor` of a recipe names.
MONITORS = {
    "density": DensityMonitor,
    "classes": ClassMonitor,
    "documents": DocumentMonitor,
}

__all__ = [
    "MONITORS",
    "ClassMonitor",
    "DensityMonitor",
    "DocumentMonitor",
    "Epochs",
    "Mixing",
    "complaint",
]
