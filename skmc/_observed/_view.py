"""One orientation of the observed set: rows (CSR) or columns (CSC)."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skmc import _kernels
from skmc._parallel import for_each_block, for_each_column_part

# What moving an entry to another place costs, in floating-point operations.
SCATTER_WORK = 10.0
# Columns per entry from which positions are sorted by comparison.
SPREAD = 8
# Entries or cells handled at a time by a few operations each, whose results stay in the cache.
BLOCK = 1 << 15


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
    """

    indptr: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    weights: np.ndarray | None

    @property
    def n_lines(self):
        """Number of rows (row view) or columns (column view)."""
        return self.indptr.shape[0] - 1

    @property
    def counts(self):
        """Number of observed entries in each line."""
        return np.diff(self.indptr)

    def steps(self):
        """Sign of index less the one before, from the second entry on; 1 where a line starts."""
        signs = np.greater(self.indices[1:], self.indices[:-1]).view(np.int8)
        signs -= np.less(self.indices[1:], self.indices[:-1]).view(np.int8)
        starts = self.indptr[:-1][np.diff(self.indptr) > 0]
        signs[starts[starts > 0] - 1] = 1
        return signs

    def with_values(self, values, weights=None):
        """Return the same pattern with other values and weights."""
        return replace(self, values=values, weights=weights)


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


def transposed(view, pointers, *, indices=None, n_threads=1):
    """The column view of a row view, in O(nnz + n + m).

    Parameters
    ----------
    view : CompressedView
        Row view with sorted indices; in one thread they need not be.
    pointers : ndarray of int64, shape (m + 1,)
        Where each column starts.
    indices : ndarray of int32, shape (nnz,), or None
        Row numbers in the order of the column view, if they are known.
    n_threads : int, default=1
        Threads for the kernels.
    """
    nnz = view.values.shape[0]
    found = np.empty(nnz, dtype=np.int32) if indices is None else None
    values = np.empty_like(view.values)
    weights = None if view.weights is None else np.empty_like(view.weights)
    following = pointers[:-1].copy()

    def kernel(start, stop, first, last):
        _kernels.transpose_rows(
            start, stop, first, last, view.indptr, view.indices, view.values, view.weights,
            following, found, values, weights,
        )  # fmt: skip

    for_each_column_part(kernel, view.indptr, pointers, n_threads, work_per_entry=SCATTER_WORK)
    return CompressedView(pointers, found if indices is None else indices, values, weights)


def compressed(rows, columns, values, shape, weights=None):
    """Row view of entries in any order, in O(nnz + n + m).

    Entries of the same position follow each other in the order in which they come.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (nnz,)
        Positions within `shape`.
    values : ndarray, shape (nnz,)
        Values.
    shape : tuple of int
        (n, m).
    weights : ndarray, shape (nnz,), or None
        Entry weights.
    """
    pointers = row_pointers(count(rows, shape[0]))
    by_column = _in_lines(columns, rows, values, row_pointers(count(columns, shape[1])), weights)
    del rows, columns, values, weights
    return transposed(by_column, pointers)


def _in_lines(lines, indices, values, pointers, weights):
    """Entries grouped by line, in each in the order in which they come."""
    lines, indices = (np.ascontiguousarray(x, dtype=np.int32) for x in (lines, indices))
    values = np.ascontiguousarray(values)
    if weights is not None:
        weights = np.ascontiguousarray(weights, dtype=values.dtype)
    following = pointers[:-1].copy()
    view = CompressedView(
        pointers,
        np.empty_like(indices),
        np.empty_like(values),
        None if weights is None else np.empty_like(weights),
    )

    def kernel(start, stop):
        _kernels.bucket_entries(
            start, stop, lines, indices, values, weights,
            following, view.indices, view.values, view.weights,
        )  # fmt: skip

    # One thread: the next place in a line is known once all entries before are in theirs.
    for_each_block(kernel, values.shape[0], work_per_entry=SCATTER_WORK)
    return view


def where_observed(mask, *arrays):
    """Entries of full arrays where a mask is True, row by row.

    Parameters
    ----------
    mask : ndarray of bool, shape (n, m)
        True where observed.
    *arrays : ndarrays of shape (n, m), or None
        What to take from.

    Returns
    -------
    indices : ndarray of int32, shape (nnz,)
        Column of each entry.
    *taken : ndarrays of shape (nnz,), or None
        The entries of each array.
    """
    n, m = mask.shape
    step = max(1, BLOCK // m)
    numbers = np.tile(np.arange(m, dtype=np.int32), min(step, n)).reshape(-1, m)
    sources = (numbers, *(a for a in arrays if a is not None))
    nnz, stop = np.count_nonzero(mask), 0
    taken = [np.empty(nnz, dtype=source.dtype) for source in sources]
    for first in range(0, n, step):
        rows = slice(first, first + step)
        # Numbers of cells are ten times as quick as a mask to take by, and need little room here.
        cells = np.flatnonzero(mask[rows])
        start, stop = stop, stop + cells.size
        for source, out in zip(sources, taken, strict=True):
            block = source if source is numbers else source[rows]
            np.take(block, cells, out=out[start:stop], mode="clip")
    indices, *found = taken
    found = iter(found)
    return (indices, *(None if a is None else next(found) for a in arrays))


def row_blocks(indptr, indices, size):
    """Rows in blocks of about so many entries, in order and without a copy.

    Parameters
    ----------
    indptr : ndarray of int, shape (n + 1,)
        Where each row starts.
    indices : ndarray of int, shape (nnz,)
        Columns of the entries.
    size : int
        Entries of a block, at most, if no row has more.

    Yields
    ------
    rows : slice
        Some rows.
    counts : ndarray of int
        Number of entries of each.
    indices : ndarray of int
        Their columns.
    """
    start, n = 0, indptr.size - 1
    while start < n:
        stop = int(np.searchsorted(indptr, indptr[start] + size, side="right")) - 1
        stop = min(max(stop, start + 1), n)
        counts = np.diff(indptr[start : stop + 1])
        yield slice(start, stop), counts, indices[indptr[start] : indptr[stop]]
        start = stop


def entries_of(indptr, indices, lines):
    """What the entries of some lines are in on the other side, at a cost of these entries alone."""
    counts = indptr[lines + 1] - indptr[lines]
    ends = np.cumsum(counts)
    return indices[np.repeat(indptr[lines] + counts - ends, counts) + np.arange(counts.sum())]


def count(indices, size):
    """How often each of the numbers below `size` occurs, without a copy of the indices."""
    total = np.zeros(size, dtype=np.int64)
    block = max(1 << 16, size)
    for start in range(0, indices.shape[0], block):
        total += np.bincount(indices[start : start + block], minlength=size)
    return total
