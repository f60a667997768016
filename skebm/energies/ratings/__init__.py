"""Energies of the ratings of items by users."""

from skebm.energies.ratings.choices import Choices, ChoicesRecipe
from skebm.energies.ratings.neighbours import Neighbours, NeighboursRecipe

# By the names of the parameter `energy` of a recommender, for ratings and for counts.
RATING_ENERGIES: dict = {"neighbours": NeighboursRecipe}
IMPLICIT_ENERGIES: dict = {"neighbours": ChoicesRecipe}

__all__ = [
    "IMPLICIT_ENERGIES",
    "RATING_ENERGIES",
    "Choices",
    "ChoicesRecipe",
    "Neighbours",
    "NeighboursRecipe",
]
