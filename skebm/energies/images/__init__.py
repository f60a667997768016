"""Energies of images: how natural an image is, and the image of lowest energy."""

from skebm.energies.images._base import Restoration
from skebm.energies.images._context import Context
from skebm.energies.images._levels import Levels
from skebm.energies.images.binary_recipe import BinaryRecipe
from skebm.energies.images.ising import GridIsing

__all__ = ["BinaryRecipe", "Context", "GridIsing", "Levels", "Restoration"]
