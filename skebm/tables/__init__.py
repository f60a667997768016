"""Columns of a table as numbers and units of a layer, and back."""

from skebm.tables.encoding import Encoding
from skebm.tables.kinds import KINDS, Kind
from skebm.tables.table import Table, as_frame, by_columns, is_frame

__all__ = ["KINDS", "Encoding", "Kind", "Table", "as_frame", "by_columns", "is_frame"]
