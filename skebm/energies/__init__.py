"""What is modelled: a number for every configuration, low where it looks right."""

from skebm.energies._clamped import Clamped, ClampedChains, missing
from skebm.energies._phases import Phase
from skebm.energies.class_rbm import ClassRBM
from skebm.energies.rbm import RBM, Chains

ENERGIES = {"rbm": RBM, "class_rbm": ClassRBM}

__all__ = [
    "ENERGIES",
    "RBM",
    "Chains",
    "Clamped",
    "ClampedChains",
    "ClassRBM",
    "Phase",
    "missing",
]
