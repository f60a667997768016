"""Conversion of the columns of a table to units of a layer, and back."""

from skebm.tables.arrays import refuse_huge, validated
from skebm.tables.bit_images import reader_of
from skebm.tables.disk import (
    DiskLabels,
    as_floats,
    beside,
    by_blocks,
    identified,
    labelled,
    missing_columns,
    opened,
    refuse_out,
    refuse_structure,
    rows_on_disk,
    sampled_for,
    written,
)
from skebm.tables.documents import as_documents, check_lengths, read_documents
from skebm.tables.encoding import Encoding
from skebm.tables.first_rows import FirstRows
from skebm.tables.frames import (
    as_array,
    as_frame,
    backend_of,
    by_columns,
    compare_names,
    empty_column,
    in_kind,
    is_frame,
    is_missing,
    kinds_of_numbers,
    named_as,
    names_of,
    take_columns,
)
from skebm.tables.images import (
    patches_of,
    with_levels,
)
from skebm.tables.kinds import KINDS, Kind, with_dense_reals
from skebm.tables.labels import (
    check_classes,
    class_factors,
    label_numbers,
    settled_classes,
    with_labels,
)
from skebm.tables.observed import keep_observed
from skebm.tables.partial import column_positions, partial_rows
from skebm.tables.ratings import Ratings
from skebm.tables.rejected import checked_thresholds, with_rejections
from skebm.tables.reservoir import Reservoir
from skebm.tables.robust import RobustUnits
from skebm.tables.rows import Rows
from skebm.tables.straight import straight_if_as_good
from skebm.tables.structured import (
    Chains,
    Indicators,
    kind_of_labels,
    refuse_change,
    refuse_groups,
    with_columns,
)
from skebm.tables.table import Table
from skebm.tables.training_rows import TrainingRows
from skebm.tables.unlabelled import (
    MISSING,
    is_labelled,
    plain_labels,
    without_missing,
)
from skebm.tables.weights import (
    check_weight,
    positive,
    rows_by_weight,
    without_anomalies,
)

__all__ = [
    "KINDS",
    "MISSING",
    "Chains",
    "DiskLabels",
    "Encoding",
    "FirstRows",
    "Indicators",
    "Kind",
    "Ratings",
    "Reservoir",
    "RobustUnits",
    "Rows",
    "Table",
    "TrainingRows",
    "as_array",
    "as_documents",
    "as_floats",
    "as_frame",
    "backend_of",
    "beside",
    "by_blocks",
    "by_columns",
    "check_classes",
    "check_lengths",
    "check_weight",
    "checked_thresholds",
    "class_factors",
    "column_positions",
    "compare_names",
    "empty_column",
    "identified",
    "in_kind",
    "is_frame",
    "is_labelled",
    "is_missing",
    "keep_observed",
    "kind_of_labels",
    "kinds_of_numbers",
    "label_numbers",
    "labelled",
    "missing_columns",
    "named_as",
    "names_of",
    "opened",
    "partial_rows",
    "patches_of",
    "plain_labels",
    "positive",
    "read_documents",
    "reader_of",
    "refuse_change",
    "refuse_groups",
    "refuse_huge",
    "refuse_out",
    "refuse_structure",
    "rows_by_weight",
    "rows_on_disk",
    "sampled_for",
    "settled_classes",
    "straight_if_as_good",
    "take_columns",
    "validated",
    "with_columns",
    "with_dense_reals",
    "with_labels",
    "with_levels",
    "with_rejections",
    "without_anomalies",
    "without_missing",
    "written",
]
