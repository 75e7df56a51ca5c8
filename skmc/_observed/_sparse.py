"""Omega as compressed rows and columns: cost and memory in nnz, never in n m."""

from functools import cached_property

import numpy as np

from skmc import _kernels
from skmc._observed._base import ObservedMatrix
from skmc._observed._view import (
    SCATTER_WORK,
    CompressedView,
    count,
    row_blocks,
    row_pointers,
    transposed,
)
from skmc._parallel import for_each_block, for_each_column_part

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
    pattern : dict or None
        What is already known of the columns, shared between matrices with the same pattern.
    """

    def __init__(self, shape, rows, n_threads=1, pattern=None):
        # Python's own: a quotient by an integer of NumPy would turn float32 into float64.
        self.shape = tuple(int(size) for size in shape)
        self._rows = rows
        self.values = rows.values
        self.weights = rows.weights
        self.n_threads = n_threads
        self._pattern = {} if pattern is None else pattern

    @property
    def pattern_arrays(self):
        return self._rows.indptr, self._rows.indices

    @property
    def nnz(self):
        return self.values.shape[0]

    @property
    def rows(self):
        return self._rows

    @property
    def compressed(self):
        return self

    @cached_property
    def row_counts(self):
        return self._rows.counts

    @cached_property
    def column_counts(self):
        return np.diff(self._column_pointers)

    @property
    def _column_pointers(self):
        if "pointers" not in self._pattern:
            counts = count(self._rows.indices, self.shape[1])
            self._pattern["pointers"] = row_pointers(counts)
        return self._pattern["pointers"]

    @cached_property
    def columns(self):
        known, pointers = self._pattern.get("indices"), self._column_pointers
        view = transposed(self._rows, pointers, indices=known, n_threads=self.n_threads)
        self._pattern["indices"] = view.indices
        return view

    def column_counts_in(self, rows):
        taken = np.repeat(rows, self.row_counts)
        return np.bincount(self._rows.indices[taken], minlength=self.shape[1])

    def row_blocks(self, size):
        return row_blocks(self._rows.indptr, self._rows.indices, size)

    def residual(self, U, V, out=None):
        return self._entries(self.values, U, V, out)

    def subtract_outer(self, entries, a, b, out=None):
        a = np.ones(self.shape[0]) if a is None else a
        return self._entries(entries, a[:, None], b[:, None], out)

    def _entries(self, values, U, V, out=None):
        view = self._rows
        U = np.ascontiguousarray(U, dtype=self.dtype)
        V = np.ascontiguousarray(V, dtype=self.dtype)
        out = np.empty_like(values) if out is None else out

        def kernel(start, stop):
            _kernels.entries_rows(
                start, stop, view.indptr, view.indices, U, V, values, None, None, out
            )

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=2 * U.shape[1])
        return out

    def matmul(self, entries, B):
        view = self._rows
        B = np.ascontiguousarray(B, dtype=self.dtype)
        out = np.empty((self.shape[0], B.shape[1]), dtype=self.dtype)
        if B.shape[1] == 0:
            return out

        def kernel(start, stop):
            _kernels.spmm_rows(start, stop, view.indptr, view.indices, B, entries, out)

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=2 * B.shape[1])
        return out

    def rmatmul(self, entries, B):
        # From the row view: the column view would need the entries in another order.
        view = self._rows
        B = np.ascontiguousarray(B, dtype=self.dtype)
        out = np.zeros((self.shape[1], B.shape[1]), dtype=self.dtype)
        if B.shape[1] == 0:
            return out

        def kernel(start, stop, first, last):
            _kernels.spmm_columns(
                start, stop, first, last, view.indptr, view.indices, B, entries, out
            )

        work = SCATTER_WORK + 2 * B.shape[1]
        pointers = self._column_pointers
        for_each_column_part(kernel, view.indptr, pointers, self.n_threads, work_per_entry=work)
        return out

    def weight_matmul(self, B):
        return self.matmul(self.weights, B)

    def weight_rmatmul(self, B):
        return self.rmatmul(self.weights, B)

    def with_values(self, values, weights=None):
        rows = self._rows.with_values(values, weights)
        return SparseObserved(self.shape, rows, self.n_threads, self._pattern)

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
        number = np.cumsum(columns, dtype=np.int32) - np.int32(1)
        shape = np.count_nonzero(rows), np.count_nonzero(columns)
        if not (self.row_counts[~rows].any() or self.column_counts[~columns].any()):
            # Nothing but empty lines goes: the entries are the same.
            view = self._rows
            pointers, indices = row_pointers(self.row_counts[rows]), number[view.indices]
            taken = CompressedView(pointers, indices, view.values, view.weights)
            return SparseObserved(shape, taken, self.n_threads)
        i, j = self.rows_and_columns()
        entries = rows[i] & columns[j]
        counts = np.bincount(i[entries], minlength=self.shape[0])[rows]
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
        unit, (count, total, mean, square, largest) = self._unit(), np.zeros((5, m))

        def blocks():
            # Wide enough that sums over all columns cost no more than the entries of a block.
            for start in range(0, self.nnz, max(BLOCK, m)):
                block = slice(start, start + max(BLOCK, m))
                multiplicity = 1.0 if repeats is None else repeats[block]
                weights = multiplicity
                if view.weights is not None:
                    weights = weights * view.weights[block]
                values = np.divide(view.values[block], unit, dtype=np.float64)
                yield view.indices[block], values, multiplicity, weights

        def add(sums, columns, amounts):
            sums += np.bincount(columns, weights=amounts, minlength=m)

        if repeats is None:
            count += self.column_counts
        for columns, values, multiplicity, weights in blocks():
            if repeats is not None:
                add(count, columns, multiplicity)
            if view.weights is not None:
                add(total, columns, weights)
            add(mean, columns, weights * values)
        total = total if view.weights is not None else count.copy()
        total[total <= 0] = np.inf
        mean /= total
        for columns, values, _, weights in blocks():
            values -= mean[columns]
            add(square, columns, weights * values**2)
            np.maximum.at(largest, columns, np.abs(values) * (weights > 0))
        return count, unit * mean, unit * np.sqrt(square / total), unit * largest

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
