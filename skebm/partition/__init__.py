"""How probable it really is: the log partition function."""

from skebm.partition._base import Estimate
from skebm.partition._lazy import LengthPartitions, LogPartition
from skebm.partition.ais import AIS
from skebm.partition.auto import Auto
from skebm.partition.exact import ExactPartition
from skebm.partition.lengths import LengthPartition
from skebm.partition.trajectory import TrajectoryPartition

PARTITIONS = {
    "auto": Auto,
    "exact": ExactPartition,
    "ais": AIS,
    "trajectory": TrajectoryPartition,
}

# Methods for documents, whose lengths have a partition function each.
LENGTH_PARTITIONS = {"auto": LengthPartition}

__all__ = [
    "AIS",
    "LENGTH_PARTITIONS",
    "PARTITIONS",
    "Auto",
    "Estimate",
    "ExactPartition",
    "LengthPartition",
    "LengthPartitions",
    "LogPartition",
    "TrajectoryPartition",
]
