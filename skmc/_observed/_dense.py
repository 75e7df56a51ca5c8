"""Omega as a full array with a mask: BLAS products, for tables with few holes."""

from functools import cached_property

import numpy as np

from skmc._observed._base import ObservedMatrix
from skmc._observed._view import CompressedView, row_pointers
from skmc._parallel import for_each_slice

# Cells handled at a time, so that temporary arrays stay in the cache.
CELLS = 1 << 18
# Parts that the columns of larger arrays are cut into for products with the transpose.
PARTS = 4


class DenseObserved(ObservedMatrix):
    """Observed set held as an n x m array; entry arrays are n x m and zero outside Omega.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Observed values, zero where missing.
    mask : ndarray of bool, shape (n, m)
        True where observed.
    weights : ndarray, shape (n, m), or None
        Entry weights, zero where missing.
    n_threads : int, default=1
        Threads for the kernels.
    pattern : dict or None
        What is already known of the pattern, shared between matrices with the same mask.
    """

    def __init__(self, values, mask, weights=None, n_threads=1, pattern=None):
        self.shape = values.shape
        self.values = values
        self.mask = mask
        self.weights = weights
        self.n_threads = n_threads
        self._pattern = {} if pattern is None else pattern

    @property
    def pattern_arrays(self):
        return (self.mask,)

    @property
    def nnz(self):
        return int(self.row_counts.sum())

    @property
    def _complete(self):
        return self.nnz == self.mask.size

    @cached_property
    def row_counts(self):
        return self._of_pattern("row_counts", lambda: np.count_nonzero(self.mask, axis=1))

    @cached_property
    def column_counts(self):
        return self._of_pattern("column_counts", lambda: np.count_nonzero(self.mask, axis=0))

    def column_counts_in(self, rows):
        return np.count_nonzero(self.mask[rows], axis=0)

    def _of_pattern(self, key, compute):
        if key not in self._pattern:
            self._pattern[key] = compute()
        return self._pattern[key]

    def _column_indices(self):
        numbers = np.arange(self.shape[1], dtype=np.int32)
        return np.broadcast_to(numbers, self.shape)[self.mask]

    @cached_property
    def rows(self):
        return CompressedView(
            indptr=row_pointers(self.row_counts),
            indices=self._of_pattern("indices", self._column_indices),
            values=self.values[self.mask],
            weights=None if self.weights is None else self.weights[self.mask],
        )

    def residual(self, U, V, out=None):
        out = np.empty(self.shape, self.dtype) if out is None else out

        def kernel(block):
            np.matmul(U[block], V.T, out=out[block])
            np.subtract(self.values[block], out[block], out=out[block])
            self._mask(out, block)

        self._for_rows(kernel, 2 * U.shape[1])
        return out

    def subtract_outer(self, entries, a, b, out=None):
        out = np.empty(self.shape, self.dtype) if out is None else out
        a, b = (None if x is None else x.astype(self.dtype, copy=False) for x in (a, b))

        def kernel(block):
            c = b if a is None else np.multiply.outer(a[block], b)
            np.subtract(entries[block], c, out=out[block])
            self._mask(out, block)

        self._for_rows(kernel, 2)
        return out

    def _mask(self, entries, block=slice(None)):
        if not self._complete:
            entries[block] *= self.mask[block]

    def _for_rows(self, kernel, work_per_cell):
        """Call ``kernel(rows)`` with slices of the rows."""
        n, m = self.shape
        step = max(1, CELLS // m)
        for_each_slice(kernel, n, step, self.n_threads, work=work_per_cell * step * m)

    def matmul(self, entries, B):
        out = np.empty((self.shape[0], B.shape[1]), np.result_type(entries, B))

        def kernel(block):
            np.matmul(entries[block], B, out=out[block])

        self._for_rows(kernel, 2 * B.shape[1])
        return out

    def rmatmul(self, entries, B):
        (n, m), k = self.shape, B.shape[1]
        width = m if n * m <= CELLS else -(-m // PARTS)
        out = np.empty((m, k), np.result_type(entries, B))

        def kernel(block):
            np.matmul(entries[:, block].T, B, out=out[block])

        for_each_slice(kernel, m, width, self.n_threads, work=2 * n * width * k)
        return out

    def weight_matmul(self, B):
        return self.matmul(self.weights_or_ones, B)

    def weight_rmatmul(self, B):
        return self.rmatmul(self.weights_or_ones, B)

    def with_values(self, values, weights=None):
        return DenseObserved(values, self.mask, weights, self.n_threads, self._pattern)

    def standardized(self, center, scale, row_scale=None):
        values = (self.values - center) / scale
        if row_scale is not None:
            values *= row_scale[:, None]
        values = values.astype(self.dtype, copy=False)
        self._mask(values)
        return self.with_values(values, self.weights)

    def take(self, rows, columns):
        kept = np.ix_(rows, columns)
        weights = None if self.weights is None else self.weights[kept]
        return DenseObserved(self.values[kept], self.mask[kept], weights, self.n_threads)

    def keep(self, entries):
        mask = self.mask.copy()
        mask[self.mask] = entries
        weights = None if self.weights is None else self.weights * mask
        return DenseObserved(self.values * mask, mask, weights, self.n_threads)

    def fill(self, out):
        np.copyto(out, self.values, where=self.mask)

    def column_dots(self, first, second):
        return np.einsum("ij,ij->j", first, second, dtype=np.float64)

    def column_moments(self, row_weight=None):
        w = np.ones(self.shape[0]) if row_weight is None else np.asarray(row_weight, np.float64)
        count = w @ self.mask
        weights = w[:, None] * (self.mask if self.weights is None else self.weights)
        total = weights.sum(axis=0)
        total[total <= 0] = np.inf
        unit = self._unit()
        values = self.values.astype(np.float64) / unit
        mean = np.einsum("ij,ij->j", weights, values) / total
        values -= mean
        square = np.einsum("ij,ij,ij->j", weights, values, values) / total
        largest = np.abs(values, out=values).max(axis=0, initial=0.0, where=weights > 0)
        return count, unit * mean, unit * np.sqrt(square), unit * largest
