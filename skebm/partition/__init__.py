"""Methods that estimate the log partition function."""

from skebm.partition._base import Estimate
from skebm.partition._lazy import LengthPartitions, LogPartition
from skebm.partition.ais import AIS
from skebm.partition.auto import Auto
from skebm.partition.exact import ExactPartition
from skebm.partition.lengths import LengthPartition
from skebm.partition.trajectory import TrajectoryPartition
from skebm.utils._validation import resolve

# What the parameter `partition` of an estimator names.
PARTITIONS = {
    "auto": Auto,
    "exact": ExactPartition,
    "ais": AIS,
    "trajectory": TrajectoryPartition,
}

# The same for documents, where each length has its own partition function.
LENGTH_PARTITIONS = {"auto": LengthPartition}


def find_partition(part):
    """Return a new method for log Z, given its name or a method."""
    return resolve(part, PARTITIONS, "partition", tuple(LENGTH_PARTITIONS.values()))


def find_length_partition(part):
    """Return a new method for log Z of each length, given its name or a method."""
    return resolve(part, LENGTH_PARTITIONS, "partition", tuple(PARTITIONS.values()))


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
    "find_length_partition",
    "find_partition",
]
