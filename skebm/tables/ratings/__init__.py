"""Ratings of items by users: as a matrix that energies read, and as a table of rows."""

from skebm.tables.ratings._people import Ids, read_features
from skebm.tables.ratings._read import is_table, read_ratings
from skebm.tables.ratings._table import RatingTable
from skebm.tables.ratings._value import Ratings

__all__ = ["Ids", "RatingTable", "Ratings", "is_table", "read_features", "read_ratings"]
