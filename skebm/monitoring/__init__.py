"""What is noted of a training: epochs, figures of each task, and how chains mix."""

from skebm.monitoring.epochs import Epochs
from skebm.monitoring.mixing import Mixing
from skebm.monitoring.monitors import ClassMonitor, DensityMonitor, DocumentMonitor

__all__ = ["ClassMonitor", "DensityMonitor", "DocumentMonitor", "Epochs", "Mixing"]
