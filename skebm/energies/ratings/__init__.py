"""Energies of the ratings of items by users."""

# By the names of the parameter `energy` of a recommender, for ratings and for counts.
RATING_ENERGIES: dict = {}
IMPLICIT_ENERGIES: dict = {}
