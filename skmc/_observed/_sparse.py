"""Omega as compressed rows and columns: cost and memory in nnz, never in n m."""

from functools import cached_property

import numpy as np

from skmc import _kernels
from skmc._observed._base import ObservedMatrix
from skmc._observed._view import CompressedView, row_pointers
from skmc._parallel import for_each_block

# Entries handled at a time where temporary arrays of all would matter.
BLOCK = 1 << 16


class SparseObserved(ObservedMatrix):
    """Observed set held as compressed rows; entry arrays are vectors in row order.

    Parameters
    ----------
    shape : tuple of int
        (n, m).
    rows : CompressedView
        Row view.
    n_threads : int, default=1
        Threads for the kernels.
    """

    def __init__(self, shape, rows, n_threads=1):
        self.shape = shape
        self._rows = rows
        self.values = rows.values
        self.weights = rows.weights
        self.n_threads = n_threads

    @property
    def nnz(self):
        return self.values.shape[0]

    @property
    def rows(self):
        return self._rows

    @cached_property
    def row_counts(self):
        return self._rows.counts

    @cached_property
    def column_counts(self):
        return np.bincount(self._rows.indices, minlength=self.shape[1])

    def column_counts_in(self, rows):
        taken = np.repeat(rows, self.row_counts)
        return np.bincount(self._rows.indices[taken], minlength=self.shape[1])

    def residual(self, U, V):
        return self._entries(self.values, U, V)

    def subtract_outer(self, entries, a, b):
        a = np.ones(self.shape[0]) if a is None else a
        return self._entries(entries, a[:, None], b[:, None])

    def _entries(self, values, U, V):
        view = self._rows
        U = np.ascontiguousarray(U, dtype=self.dtype)
        V = np.ascontiguousarray(V, dtype=self.dtype)
        out = np.empty_like(values)

        def kernel(start, stop):
            _kernels.entries_rows(
                start, stop, view.indptr, view.indices, U, V, values, None, None, out
            )

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=2 * U.shape[1])
        return out

    def matmul(self, entries, B):
        return self._spmm(self._rows, entries, B)

    def rmatmul(self, entries, B):
        return self._spmm(self.columns, entries, B)

    def _spmm(self, view, entries, B):
        B = np.ascontiguousarray(B, dtype=self.dtype)
        data = view.arrange(entries)
        out = np.empty((view.n_lines, B.shape[1]), dtype=self.dtype)

        def kernel(start, stop):
            _kernels.spmm_rows(start, stop, view.indptr, view.indices, data, B, out)

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=2 * B.shape[1])
        return out

    def with_values(self, values, weights=None):
        rows = self._rows.with_values(values, weights)
        other = SparseObserved(self.shape, rows, self.n_threads)
        if "columns" in self.__dict__:
            other.columns = self.columns.with_values(values, weights)
        return other

    def standardized(self, center, scale, row_scale=None):
        view = self._rows
        values = np.empty_like(self.values)
        for start in range(0, self.nnz, BLOCK):
            block = slice(start, start + BLOCK)
            columns = view.indices[block]
            values[block] = (self.values[block] - center[columns]) / scale[columns]
        if row_scale is not None:
            values *= np.repeat(row_scale, view.counts)
        return self.with_values(values, self.weights)

    def take(self, rows, columns):
        i, j = self.rows_and_columns()
        entries = rows[i] & columns[j]
        counts = np.bincount(i[entries], minlength=self.shape[0])[rows]
        number = np.cumsum(columns, dtype=np.int32) - np.int32(1)
        shape = counts.shape[0], np.count_nonzero(columns)
        return self._part(entries, counts, number[j[entries]], shape)

    def keep(self, entries):
        i, j = self.rows_and_columns()
        counts = np.bincount(i[entries], minlength=self.shape[0])
        return self._part(entries, counts, j[entries], self.shape)

    def _part(self, entries, counts, indices, shape):
        view = self._rows
        weights = None if view.weights is None else view.weights[entries]
        rows = CompressedView(row_pointers(counts), indices, view.values[entries], weights)
        return SparseObserved(shape, rows, self.n_threads)

    def fill(self, out):
        view = self._rows
        out[np.repeat(np.arange(self.shape[0]), view.counts), view.indices] = view.values

    def column_dots(self, first, second):
        # Not by the column view, which would arrange a copy of the products.
        total = np.zeros(self.shape[1])
        for start in range(0, self.nnz, BLOCK):
            block = slice(start, start + BLOCK)
            columns, products = self._rows.indices[block], first[block] * second[block]
            total += np.bincount(columns, weights=products, minlength=self.shape[1])
        return total

    def column_moments(self, row_weight=None):
        view, m = self._rows, self.shape[1]
        repeats = None if row_weight is None else np.repeat(row_weight, view.counts)
        count = np.bincount(view.indices, weights=repeats, minlength=m).astype(np.float64)
        weights = np.ones(self.nnz) if repeats is None else repeats.astype(np.float64)
        if view.weights is not None:
            weights = weights * view.weights
        total = np.bincount(view.indices, weights=weights, minlength=m)
        total[total <= 0] = np.inf
        unit = self._unit()
        values = view.values.astype(np.float64) / unit
        mean = np.bincount(view.indices, weights=weights * values, minlength=m) / total
        values -= mean[view.indices]
        square = np.bincount(view.indices, weights=weights * values**2, minlength=m) / total
        largest = np.zeros(m)
        np.maximum.at(largest, view.indices, np.abs(values) * (weights > 0))
        return count, unit * mean, unit * np.sqrt(square), unit * largest

    @classmethod
    def from_arrays(cls, indptr, indices, values, shape, weights=None, n_threads=1):
        """Build from compressed rows whose indices are sorted, distinct and in range."""
        rows = CompressedView(
            indptr=np.ascontiguousarray(indptr, dtype=np.int64),
            indices=np.ascontiguousarray(indices, dtype=np.int32),
            values=np.ascontiguousarray(values),
            weights=None if weights is None else np.ascontiguousarray(weights, values.dtype),
        )
        return cls(shape, rows, n_threads)
