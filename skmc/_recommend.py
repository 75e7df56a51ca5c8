"""The columns with the largest predictions in each row, without all predictions at a time."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skmc._blas import single_threaded_blas
from skmc._memory import check_fits
from skmc._parallel import for_each_slice

# Bytes of the predictions that a thread holds at a time, so that they stay in the cache. Choosing
# among them takes a little more than as much again.
CHUNK = 2**22
# Rows that are worth more bytes than that, as the components are read once for all of them, and how
# many bytes at most.
ROWS, LARGEST_CHUNK = 16, 2**25
# What stands in the place of a column where there are no more.
NO_COLUMN = -1


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which columns rows have observed, as compressed rows.

    Parameters
    ----------
    indptr : ndarray of int64
        Where each line starts.
    indices : ndarray of int
        Columns.
    lines : ndarray of int, shape (n_rows,), or None
        The line of each row; None where row i is line i.
    """

    indptr: np.ndarray
    indices: np.ndarray
    lines: np.ndarray | None = None

    def entries(self, start, stop):
        """Row numbers, counted from `start`, and columns of the entries of rows [start, stop)."""
        lines = np.arange(start, stop) if self.lines is None else self.lines[start:stop]
        first = self.indptr[lines]
        counts = self.indptr[lines + 1] - first
        rows = np.repeat(np.arange(stop - start), counts)
        before = np.cumsum(counts) - counts
        return rows, self.indices[np.arange(rows.size) + (first - before)[rows]]


def check_number(n, n_rows, n_columns):
    """Number of columns to recommend, at most all of them.

    Raises ValueError if `n` is no such number, MemoryError if the result would not fit.
    """
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"n must be a whole number of columns, at least 1; got {n!r}.")
    n = min(int(n), n_columns)
    check_fits(
        n_rows * n * 2 * np.dtype(np.int64).itemsize,
        f"The result of {n_rows} rows and n={n} columns",
        "Lower n, or pass slices of the rows.",
    )
    return n


def best_columns(fold_in, U, rows, n, pattern=None):
    """Columns with the largest predictions in each row.

    Parameters
    ----------
    fold_in : FoldIn
        The model; columns that it has not learned are left out.
    U, rows : ndarrays, shapes (n_rows, r) and (n_rows,)
        Factors and offsets of the rows.
    n : int
        Number of columns for each row, at most m.
    pattern : Pattern, or None
        Entries to leave out.

    Returns
    -------
    columns : ndarray of int64, shape (n_rows, n)
        Best first, equal ones by number; `NO_COLUMN` where fewer are left.
    values : ndarray, shape (n_rows, n)
        Predictions in user units; NaN where there is no column.
    """
    n_rows, m = U.shape[0], fold_in.components.shape[1]
    columns = np.full((n_rows, n), NO_COLUMN, dtype=np.int64)
    values = np.full((n_rows, n), np.nan, dtype=U.dtype)
    row = m * U.dtype.itemsize
    step = max(1, CHUNK // row, min(ROWS, LARGEST_CHUNK // row))
    not_learned = np.flatnonzero(~fold_in.learned)

    def kernel(chunk):
        Z = fold_in.complete(U[chunk], rows[chunk])
        Z[:, not_learned] = -np.inf
        if pattern is not None:
            Z[pattern.entries(chunk.start, chunk.stop)] = -np.inf
        _largest(Z, columns[chunk], values[chunk])

    # A multiply-add for each component, and some twenty operations to choose.
    work = 2 * step * m * (U.shape[1] + 20)
    with single_threaded_blas():
        for_each_slice(kernel, n_rows, step, fold_in.n_threads, work=work)
    return columns, values


def _largest(Z, columns, values):
    """Write the largest entries of each row of Z that are above -inf, and where they are."""
    (n_rows, m), n = Z.shape, columns.shape[1]
    least = np.partition(Z, m - n, axis=1)[:, -n]
    least = np.maximum(least, np.finfo(Z.dtype).min)
    chosen = least[:, None] <= Z
    # As one row, which is much the faster way to look for what is true.
    at = np.flatnonzero(chosen)
    counts = np.bincount(at // m, minlength=n_rows)
    if (counts > n).any():
        for i in np.flatnonzero(counts > n):
            # Equal ones compete for the last places.
            equal = np.flatnonzero(Z[i] == least[i])
            chosen[i, equal[n - counts[i] :]] = False
        at, counts = np.flatnonzero(chosen), np.minimum(counts, n)
    i, j = np.divmod(at, m)
    z = Z[i, j]
    order = np.lexsort((j, -z, i))
    place = np.arange(i.size) - np.repeat(np.cumsum(counts) - counts, counts)
    columns[i, place] = j[order]
    values[i, place] = z[order]
