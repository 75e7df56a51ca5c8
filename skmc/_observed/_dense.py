"""Omega as a full array with a mask: BLAS products, for tables with few holes."""

from functools import cached_property

import numpy as np

from skmc._observed._base import ObservedMatrix
from skmc._observed._sparse import SparseObserved
from skmc._observed._view import BLOCK, CompressedView, row_pointers, where_observed
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

    @cached_property
    def rows(self):
        indices, values, weights = where_observed(self.mask, self.values, self.weights)
        indices = self._of_pattern("indices", lambda: indices)
        return CompressedView(row_pointers(self.row_counts), indices, values, weights)

    @property
    def compressed(self):
        return SparseObserved(self.shape, self.rows, self.n_threads)

    def row_blocks(self, size):
        step = max(1, size // self.shape[1])
        for start in range(0, self.shape[0], step):
            part = slice(start, min(start + step, self.shape[0]))
            yield part, self.row_counts[part], where_observed(self.mask[part])[0]

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

    def _for_rows(self, kernel, work_per_cell, cells=CELLS):
        """Call ``kernel(rows)`` with slices of the rows."""
        n, m = self.shape
        step = max(1, cells // m)
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
        values = np.empty_like(self.values)

        def kernel(block):
            standard = (self.values[block] - center) / scale
            if row_scale is not None:
                standard *= row_scale[block, None]
            values[block] = standard
            self._mask(values, block)

        self._for_rows(kernel, 4, BLOCK)
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
        unit, (count, total, mean, square, largest) = self._unit(), np.zeros((5, self.shape[1]))
        if row_weight is None:
            count += self.column_counts
        for block, values, weights in self._blocks(unit):
            if row_weight is not None:
                count += w[block] @ self.mask[block]
            if weights is not None:
                total += w[block] @ weights
                values *= weights
            mean += w[block] @ values
        if self.weights is None:
            total += count
        total[total <= 0] = np.inf
        mean /= total
        for block, values, weights in self._blocks(unit):
            values -= mean
            values *= self.mask[block]
            counted = values if row_weight is None else values[w[block] > 0]
            np.maximum(largest, counted.max(axis=0, initial=0.0), out=largest)
            np.maximum(largest, -counted.min(axis=0, initial=0.0), out=largest)
            np.square(values, out=values)
            if weights is not None:
                values *= weights
            square += w[block] @ values
        return count, unit * mean, unit * np.sqrt(square / total), unit * largest

    def _blocks(self, unit):
        """Slices of the rows, with copies of their values over `unit` and their weights."""
        step = max(1, BLOCK // self.shape[1])
        for start in range(0, self.shape[0], step):
            block = slice(start, start + step)
            values = np.divide(self.values[block], unit, dtype=np.float64)
            yield block, values, None if self.weights is None else self.weights[block]
