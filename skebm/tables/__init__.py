"""Conversion of the columns of a table to units of a layer, and back."""

from skebm.tables.encoding import Encoding
from skebm.tables.kinds import KINDS, Kind
from skebm.tables.rows import Rows
from skebm.tables.table import Table, as_frame, by_columns, is_frame

__all__ = [
    "KINDS",
    "Encoding",
    "Kind",
    "Rows",
    "Table",
    "as_frame",
    "by_columns",
    "is_frame",
]
