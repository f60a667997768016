"""Restricted Boltzmann machines with units of any kind, and their fast kernels."""

from skebm.energies.rbm._clamped import Clamped, ClampedChains
from skebm.energies.rbm._fused import FusedRBM
from skebm.energies.rbm._phases import Phase
from skebm.energies.rbm.class_rbm import ClassRBM
from skebm.energies.rbm.label_rbm import LabelRBM
from skebm.energies.rbm.parameters import rbm_from_parameters
from skebm.energies.rbm.rbm import RBM
from skebm.energies.rbm.recipe import ClassRBMRecipe, RBMRecipe

__all__ = [
    "RBM",
    "Clamped",
    "ClampedChains",
    "ClassRBM",
    "ClassRBMRecipe",
    "FusedRBM",
    "LabelRBM",
    "Phase",
    "RBMRecipe",
    "rbm_from_parameters",
]
