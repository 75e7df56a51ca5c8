"""Compiled loops on raw arrays: serial, without the GIL, on a range of rows."""

from pathlib import Path

try:
    from skmc._kernels._core import (
        available_isas,
        bucket_entries,
        entries_pairs,
        entries_rows,
        isa,
        leave_one_out_rows,
        ridge_rows,
        spmm_columns,
        spmm_rows,
        transpose_rows,
        use_isa,
    )
except ModuleNotFoundError as error:
    if error.name != "skmc._kernels._core":
        raise
    raise ImportError(
        f"skmc was imported from {Path(__file__).parents[1]}, which lacks the compiled part: it is "
        "the source folder, not the installed package. Change to another folder, so that Python "
        "finds the package that `pip install .` has installed, or install with `pip install -e .` "
        "as CONTRIBUTING.md says."
    ) from error

__all__ = [
    "available_isas",
    "bucket_entries",
    "entries_pairs",
    "entries_rows",
    "isa",
    "leave_one_out_rows",
    "ridge_rows",
    "spmm_columns",
    "spmm_rows",
    "transpose_rows",
    "use_isa",
]
