"""Restricted Boltzmann machines of any units, and what makes them fast."""

from skebm.energies.rbm._clamped import Clamped, ClampedChains, missing
from skebm.energies.rbm._phases import Phase
from skebm.energies.rbm.class_rbm import ClassRBM
from skebm.energies.rbm.rbm import RBM, Chains

__all__ = [
    "RBM",
    "Chains",
    "Clamped",
    "ClampedChains",
    "ClassRBM",
    "Phase",
    "missing",
]
