"""Conversion of the columns of a table to units of a layer, and back."""

from skebm.tables.arrays import plain_array, refuse_huge
from skebm.tables.documents import as_documents, check_lengths, read_documents
from skebm.tables.encoding import Encoding
from skebm.tables.first_rows import FirstRows
from skebm.tables.kinds import KINDS, Kind
from skebm.tables.kinds.auto import narrow_kinds
from skebm.tables.labels import (
    check_classes,
    class_factors,
    label_numbers,
    settled_classes,
    with_labels,
)
from skebm.tables.partial import column_positions, partial_rows
from skebm.tables.rows import Rows
from skebm.tables.table import Table, as_frame, by_columns, is_frame
from skebm.tables.weights import check_weight, positive

__all__ = [
    "KINDS",
    "Encoding",
    "FirstRows",
    "Kind",
    "Rows",
    "Table",
    "as_documents",
    "as_frame",
    "by_columns",
    "check_classes",
    "check_lengths",
    "check_weight",
    "class_factors",
    "column_positions",
    "is_frame",
    "label_numbers",
    "narrow_kinds",
    "partial_rows",
    "plain_array",
    "positive",
    "read_documents",
    "refuse_huge",
    "settled_classes",
    "with_labels",
]
