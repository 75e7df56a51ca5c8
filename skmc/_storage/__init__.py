"""Plain values and arrays in files that hold no code."""

from skmc._storage._archive import read_archive, write_archive
from skmc._storage._tree import decode, encode

__all__ = ["decode", "encode", "read_archive", "write_archive"]
