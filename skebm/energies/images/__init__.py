"""Energies of images, and their recipes by the names that `energy=` takes."""

from skebm.energies.images._base import Restoration
from skebm.energies.images._context import Context
from skebm.energies.images._levels import Levels
from skebm.energies.images.binary_recipe import BinaryRecipe
from skebm.energies.images.experts import Experts, ExpertsRecipe
from skebm.energies.images.ising import GridIsing
from skebm.energies.images.patch_rbm import PatchRBM, PatchRBMRecipe
from skebm.energies.images.pretrained import as_text, photographs
from skebm.energies.images.ridge import Ridge, RidgeRecipe

IMAGE_ENERGIES = {
    "ridge": RidgeRecipe,
    "experts": ExpertsRecipe,
    "rbm": PatchRBMRecipe,
    "binary": BinaryRecipe,
}

__all__ = [
    "IMAGE_ENERGIES",
    "BinaryRecipe",
    "Context",
    "Experts",
    "ExpertsRecipe",
    "GridIsing",
    "Levels",
    "PatchRBM",
    "PatchRBMRecipe",
    "Restoration",
    "Ridge",
    "RidgeRecipe",
    "as_text",
    "photographs",
]
