"""Compiled loops on raw arrays: serial, without the GIL, on a range of rows."""

from skmc._kernels._core import (
    available_isas,
    entries_pairs,
    entries_rows,
    isa,
    leave_one_out_rows,
    ridge_rows,
    spmm_rows,
    use_isa,
)

__all__ = [
    "available_isas",
    "entries_pairs",
    "entries_rows",
    "isa",
    "leave_one_out_rows",
    "ridge_rows",
    "spmm_rows",
    "use_isa",
]
