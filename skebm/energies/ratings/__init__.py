"""Energies of the ratings of items by users."""

from skebm.energies.ratings._choice_factors import ChoiceFactors, Side
from skebm.energies.ratings._couplings import Couplings
from skebm.energies.ratings._exposure import Content, Exposure
from skebm.energies.ratings._gaussian import Factors
from skebm.energies.ratings._levels import Levels
from skebm.energies.ratings._rbm_learning import RatingParameters, RatingScale
from skebm.energies.ratings.both import Both, BothRecipe, RatingProduct
from skebm.energies.ratings.choices import Choices, ChoicesRecipe, Choosers
from skebm.energies.ratings.neighbours import Neighbours, NeighboursRecipe, People
from skebm.energies.ratings.rbm import Raters, RatingRBM, RatingRBMRecipe

# By the names of the parameter `energy` of a recommender, for ratings and for counts.
RATING_ENERGIES: dict = {
    "neighbours": NeighboursRecipe,
    "rbm": RatingRBMRecipe,
    "both": BothRecipe,
}
IMPLICIT_ENERGIES: dict = {"neighbours": ChoicesRecipe}

__all__ = [
    "IMPLICIT_ENERGIES",
    "RATING_ENERGIES",
    "Both",
    "BothRecipe",
    "ChoiceFactors",
    "Choices",
    "ChoicesRecipe",
    "Choosers",
    "Content",
    "Couplings",
    "Exposure",
    "Factors",
    "Levels",
    "Neighbours",
    "NeighboursRecipe",
    "People",
    "Raters",
    "RatingParameters",
    "RatingProduct",
    "RatingRBM",
    "RatingRBMRecipe",
    "RatingScale",
    "Side",
]
