"""Lists of entries: their label columns, labels as numbers, and cells with several entries."""

from skmc._entries._cells import compress_entries, distinct_cells
from skmc._entries._columns import (
    COLUMN_KEY,
    is_frame,
    label_columns,
    labels_as_given,
    refuse_sparse,
    take_column,
    warn_of_others,
)
from skmc._entries._deal import deal_entries
from skmc._entries._labels import (
    check_no_missing,
    encode_labels,
    find_labels,
    is_missing,
    label_array,
)
from skmc._entries._unknown import warn_of_unknown

__all__ = [
    "COLUMN_KEY",
    "check_no_missing",
    "compress_entries",
    "deal_entries",
    "distinct_cells",
    "encode_labels",
    "find_labels",
    "is_frame",
    "is_missing",
    "label_array",
    "label_columns",
    "labels_as_given",
    "refuse_sparse",
    "take_column",
    "warn_of_others",
    "warn_of_unknown",
]
