"""What is modelled: a number for every configuration, low where it looks right."""

from skebm.energies.rbm import (
    RBM,
    Chains,
    Clamped,
    ClampedChains,
    ClassRBM,
    Phase,
    missing,
)
from skebm.energies.replicated_softmax import ReplicatedSoftmax

ENERGIES = {
    "rbm": RBM,
    "class_rbm": ClassRBM,
    "replicated_softmax": ReplicatedSoftmax,
}

__all__ = [
    "ENERGIES",
    "RBM",
    "Chains",
    "Clamped",
    "ClampedChains",
    "ClassRBM",
    "Phase",
    "ReplicatedSoftmax",
    "missing",
]
