"""One orientation of the observed set: rows (CSR) or columns (CSC)."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

# Columns per entry from which positions are sorted by comparison.
SPREAD = 8


@dataclass(frozen=True, eq=False)
class CompressedView:
    """Observed entries grouped by line, a line being a row or a column.

    Parameters
    ----------
    indptr : ndarray of int64, shape (n_lines + 1,)
        Where each line starts.
    indices : ndarray of int32, shape (nnz,)
        Index of each entry within its line.
    values : ndarray, shape (nnz,)
        Observed values.
    weights : ndarray, shape (nnz,), or None
        Positive entry weights; None means one everywhere.
    order : ndarray of int64, shape (nnz,), or None
        Position in the row view of each entry of this view; None in the row view itself.
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    weights: np.ndarray | None
    order: np.ndarray | None = None

    @property
    def n_lines(self):
        """Number of rows (row view) or columns (column view)."""
        return self.indptr.shape[0] - 1

    @property
    def counts(self):
        """Number of observed entries in each line."""
        return np.diff(self.indptr)

    def arrange(self, entries):
        """Bring a vector over Omega in row order into the order of this view."""
        return entries if self.order is None else entries[self.order]

    def with_values(self, values, weights=None):
        """Return the same pattern with other values and weights, both in row order."""
        weights = None if weights is None else self.arrange(weights)
        return replace(self, values=self.arrange(values), weights=weights)


def row_pointers(counts):
    """Where each line starts, int64 and of shape (n_lines + 1,), from the numbers of entries."""
    indptr = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def row_major(rows, columns, shape):
    """Sort positions by row, and in each row by column, in O(nnz + n + m).

    Equal positions stay in the order in which they come.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (nnz,)
        Positions within `shape`.
    shape : tuple of int
        (n, m).

    Returns
    -------
    indptr : ndarray of int64, shape (n + 1,)
        Where each row starts.
    indices : ndarray of int, shape (nnz,)
        Sorted columns.
    order : ndarray of int, shape (nnz,)
        Which position comes at each place.
    """
    nnz = rows.size
    if shape[1] > SPREAD * nnz:
        # So few entries that a pointer for each column would cost more than a comparison sort.
        order = np.lexsort((columns, rows))
        return row_pointers(np.bincount(rows, minlength=shape[0])), columns[order], order
    # Two counting sorts, each a conversion between formats, which SciPy does stably and without
    # merging duplicates: first all positions as one row, then the columns that come out of it.
    index = _index_dtype(nnz, *shape)
    numbers, ends = np.arange(nnz, dtype=index), np.array([0, nnz], dtype=index)
    one_row = sparse.csr_array((numbers, columns, ends), shape=(1, shape[1]))
    by_column = one_row.tocsc()
    del numbers, one_row
    order, indptr = by_column.data, by_column.indptr
    del by_column
    by_row = sparse.csc_array((order, rows[order], indptr), shape=shape).tocsr()
    return by_row.indptr.astype(np.int64), by_row.indices, by_row.data


def _index_dtype(*largest):
    """Smallest type of SciPy's indices that holds these; it keeps the type that it is given."""
    return np.int32 if max(largest) <= np.iinfo(np.int32).max else np.int64


def transpose_pattern(view, n_columns):
    """Build the column view of a row view, in O(nnz + n + m)."""
    nnz, shape = view.indices.shape[0], (view.n_lines, n_columns)
    indptr = view.indptr.astype(_index_dtype(nnz, *shape), copy=False)
    positions = sparse.csr_array(
        (np.arange(nnz, dtype=np.int64), view.indices, indptr), shape=shape
    ).tocsc()
    return CompressedView(
        indptr=positions.indptr.astype(np.int64, copy=False),
        indices=positions.indices.astype(np.int32, copy=False),
        values=view.values[positions.data],
        weights=None if view.weights is None else view.weights[positions.data],
        order=positions.data,
    )
