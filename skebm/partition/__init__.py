"""How probable it really is: the log partition function."""

from skebm.partition._base import Estimate
from skebm.partition._lazy import LogPartition
from skebm.partition.ais import AIS
from skebm.partition.auto import Auto
from skebm.partition.exact import ExactPartition
from skebm.partition.observed import hidden_log_weights, observed_energy
from skebm.partition.trajectory import TrajectoryPartition

PARTITIONS = {
    "auto": Auto,
    "exact": ExactPartition,
    "ais": AIS,
    "trajectory": TrajectoryPartition,
}

__all__ = [
    "AIS",
    "PARTITIONS",
    "Auto",
    "Estimate",
    "ExactPartition",
    "LogPartition",
    "TrajectoryPartition",
    "hidden_log_weights",
    "observed_energy",
]
