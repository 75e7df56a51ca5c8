"""What every form of the observed set offers to the layers above."""

from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np

from skmc import _kernels
from skmc._observed._view import BLOCK, row_pointers, transposed
from skmc._parallel import for_each_block


class ObservedMatrix(ABC):
    """Entries Omega of an n x m matrix with their values x and positive weights w.

    Solvers work on *entry arrays*: arrays over Omega in the layout of the form at hand (a vector
    of length nnz, or an n x m array that is zero outside Omega). They add, scale and dot them,
    and otherwise only use the methods below, so that another backend can stand behind these.

    Attributes
    ----------
    shape : tuple of int
        (n, m).
    values : ndarray
        Entry array of the observed values.
    weights : ndarray or None
        Entry array of the weights; None means one everywhere.
    n_threads : int
        Threads that the compiled kernels may use.
    """

    shape: tuple
    values: np.ndarray
    weights: np.ndarray | None
    n_threads: int

    @property
    def dtype(self):
        """Floating-point type of values, factors and results."""
        return self.values.dtype

    @property
    @abstractmethod
    def pattern_arrays(self):
        """Arrays that tell which entries are observed."""

    @property
    @abstractmethod
    def nnz(self):
        """Number of observed entries."""

    @property
    @abstractmethod
    def rows(self):
        """Row view of Omega."""

    @property
    @abstractmethod
    def compressed(self):
        """The same entries as compressed rows."""

    @cached_property
    @abstractmethod
    def row_counts(self):
        """Number of observed entries in each row."""

    @cached_property
    @abstractmethod
    def column_counts(self):
        """Number of observed entries in each column."""

    @abstractmethod
    def column_counts_in(self, rows):
        """Number of entries in each column in the rows where the boolean array is True."""

    @cached_property
    def columns(self):
        """Column view of Omega, built when first needed."""
        pointers = row_pointers(self.column_counts)
        return transposed(self.rows, pointers, n_threads=self.n_threads)

    def view(self, axis):
        """Pointers and indices of the compressed rows for 0, of the compressed columns for 1."""
        found = self.columns if axis else self.rows
        return found.indptr, found.indices

    @abstractmethod
    def row_blocks(self, size):
        """Yield slices of rows, their numbers of entries and the columns of these.

        Blocks have about `size` entries; nothing is kept.
        """

    @abstractmethod
    def residual(self, U, V, out=None):
        """Entry array of x_ij - u_i . v_j, written to `out` if it is given, in O(nnz r)."""

    @abstractmethod
    def subtract_outer(self, entries, a, b, out=None):
        """Entry array of e_ij - a_i b_j; a is one everywhere if None.

        It is written to the entry array `out`, which may be `entries`, if one is given.
        """

    @abstractmethod
    def matmul(self, entries, B):
        """Product of the sparse n x m matrix of `entries` with B (m x k), in O(nnz k)."""

    @abstractmethod
    def rmatmul(self, entries, B):
        """Product of the transposed matrix of `entries` with B (n x k), in O(nnz k)."""

    @abstractmethod
    def weight_matmul(self, B):
        """Product of the n x m matrix of weights, zero where missing, with B (m x k)."""

    @abstractmethod
    def weight_rmatmul(self, B):
        """Product of the transposed matrix of weights with B (n x k)."""

    @abstractmethod
    def with_values(self, values, weights=None):
        """Return the same pattern carrying other entry arrays."""

    def without_values(self):
        """Return the same pattern and weights carrying zeros, of which `residual` is minus U V'."""
        return self.with_values(np.zeros_like(self.values), self.weights)

    @abstractmethod
    def standardized(self, center, scale, row_scale=None):
        """Return the matrix of a_i (x_ij - center_j) / scale_j, a = `row_scale`."""

    @abstractmethod
    def take(self, rows, columns):
        """Return the submatrix where the boolean arrays `rows` and `columns` are True."""

    @abstractmethod
    def keep(self, entries):
        """Return the matrix with a part of the entries, a boolean array in row-view order."""

    @abstractmethod
    def fill(self, out):
        """Write the observed values into the n x m array `out`."""

    @abstractmethod
    def column_moments(self, row_weight=None):
        """Count, mean, standard deviation and largest deviation of each column, in float64.

        Zero where it is empty. Entries count with their weight times that of their row; the count
        itself is of rows.
        """

    def rows_and_columns(self):
        """Row and column numbers of the observed entries, in the order of the row view."""
        view = self.rows
        return np.repeat(np.arange(self.shape[0]), self.row_counts), view.indices

    def with_unit_weights(self, row_weight=None):
        """The same matrix with weights divided by their mean, and the mean; equal ones are none.

        Rows count with `row_weight` in the mean.
        """
        if self.weights is None:
            return self, 1.0
        weights = self.rows.weights
        if weights.size and weights.min() == weights.max():
            return self.with_values(self.values), float(weights[0])
        repeats = None if row_weight is None else np.repeat(row_weight, self.row_counts)
        mean = float(np.average(self.rows.weights.astype(np.float64), weights=repeats))
        return self.with_values(self.values, self.weights / self.dtype.type(mean)), mean

    def _unit(self):
        """A power of two near the largest value, so that squares neither over- nor underflow."""
        largest = max(float(self.values.max(initial=0.0)), -float(self.values.min(initial=0.0)))
        return 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0

    @cached_property
    def largest_weight(self):
        """Largest entry weight."""
        return 1.0 if self.weights is None else float(self.weights.max(initial=0.0))

    @cached_property
    def weights_or_ones(self):
        """Entry array of the weights, of ones where there are none."""
        if self.weights is not None:
            return self.weights
        n, m = self.shape
        zero = np.zeros_like(self.values)
        return self.subtract_outer(zero, np.full(n, -1, zero.dtype), np.ones(m, zero.dtype))

    def weighted(self, entries):
        """Entry array of w_ij e_ij."""
        return entries if self.weights is None else self.weights * entries

    def dot(self, first, second):
        """Sum over Omega of the product of two entry arrays, accumulated in float64."""
        return float(np.einsum("i,i->", first.ravel(), second.ravel(), dtype=np.float64))

    def square_distance(self, first, second):
        """Sum over Omega of w_ij times the squared difference of two entry arrays, in float64."""
        first, second = first.ravel(), second.ravel()
        weights, total = None if self.weights is None else self.weights.ravel(), 0.0
        for start in range(0, first.size, BLOCK):
            block = slice(start, start + BLOCK)
            difference = first[block] - second[block]
            weighted = difference if weights is None else weights[block] * difference
            total += self.dot(weighted, difference)
        return total

    @abstractmethod
    def column_dots(self, first, second):
        """For each column the sum over its entries of the product of two entry arrays, float64."""

    def column_sums(self, entries, a=None):
        """For each column j the sum over its entries of a_i e_ij."""
        a = np.ones(self.shape[0]) if a is None else a
        return self.rmatmul(entries, a.astype(self.dtype)[:, None])[:, 0]

    def row_sums(self, entries, a=None):
        """For each row i the sum over its entries of a_j e_ij."""
        a = np.ones(self.shape[1]) if a is None else a
        return self.matmul(entries, a.astype(self.dtype)[:, None])[:, 0]

    def ridge_rows(
        self, V, penalty, *, penalty_scale=None, offset_penalty=None, design=None, shift=None,
        shift_scale=None,
    ):  # fmt: skip
        """Ridge regression of every row on V, with an optional offset of its own.

        Returns
        -------
        U : ndarray, shape (n, r)
            Minimiser over u and b_i of 1/2 sum_j w_ij (x_ij - a_i s_j - b_i d_j - u . v_j)^2 +
            p_i/2 sum_k penalty_k u_k^2 + kappa/2 b_i^2, with s = `shift`, a = `shift_scale`,
            d = `design`, p = `penalty_scale` (both ones if None) and kappa = `offset_penalty`.
        b : ndarray, shape (n,)
            The offsets, zero if `offset_penalty` is None.
        """
        return self._ridge(
            self.rows, V, penalty, penalty_scale, offset_penalty,
            design=design, shift=shift, shift_scale=shift_scale,
        )  # fmt: skip

    def ridge_columns(
        self, U, penalty, *, penalty_scale=None, intercept=False, design=None, shift=None
    ):
        """Ridge regression of every column on U, with an optional free intercept.

        Returns
        -------
        V : ndarray, shape (m, r)
            Minimiser over v and c_j of 1/2 sum_i w_ij (x_ij - b_i - a_i c_j - u_i . v)^2 +
            p_j/2 sum_k penalty_k v_k^2, with b = `shift`, a = `design` and p = `penalty_scale`.
        c : ndarray, shape (m,)
            The intercepts, zero unless `intercept`.
        value : ndarray of float64, shape (m,)
            The minimum reached in each column.
        """
        value = np.zeros(self.shape[1])
        V, c = self._ridge(
            self.columns, U, penalty, penalty_scale, 0.0 if intercept else None,
            design=design, shift=shift, value=value,
        )  # fmt: skip
        return V, c, value

    def draw_rows(self, V, penalty, draw, *, shift=None):
        """Gaussian draws of the factors of every row given V.

        Parameters
        ----------
        V : ndarray, shape (m, r)
            Column factors.
        penalty : float
            Precision of the prior over that of the noise.
        draw : ndarray, shape (n, r)
            Standard normals over the root of the precision of the noise. They become the draws.
        shift : ndarray, shape (m,), or None
            Taken out of the columns.

        Returns
        -------
        U : ndarray, shape (n, r)
            Means of what is drawn from: the ridge regression of `ridge_rows`.
        """
        return self._ridge(self.rows, V, penalty, None, None, shift=shift, draw=draw)[0]

    def draw_columns(self, U, penalty, draw, *, shift=None, penalty_scale=None):
        """The same for columns given U, with multiples of the penalty if need be."""
        return self._ridge(self.columns, U, penalty, penalty_scale, None, shift=shift, draw=draw)[0]

    def _ridge(
        self, view, F, penalty, penalty_scale, intercept_penalty, *, design=None, shift=None,
        shift_scale=None, value=None, draw=None,
    ):  # fmt: skip
        r = F.shape[1]
        if r == 0:
            # One regressor of zeros leaves the intercept.
            F, penalty = np.zeros((F.shape[0], 1)), 1.0
        out = np.zeros((view.n_lines, F.shape[1]), dtype=self.dtype)
        c = np.zeros(view.n_lines, dtype=self.dtype)
        F = np.ascontiguousarray(F, dtype=self.dtype)
        penalty = np.ascontiguousarray(np.broadcast_to(penalty, F.shape[1:]), dtype=self.dtype)
        penalty_scale, design, shift, shift_scale = (
            self._vector(x) for x in (penalty_scale, design, shift, shift_scale)
        )

        def kernel(start, stop):
            _kernels.ridge_rows(
                start, stop, view.indptr, view.indices, view.values, view.weights, F, penalty,
                penalty_scale, intercept_penalty, design, shift, shift_scale, out, c, value, draw,
            )  # fmt: skip

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=r * (r + 4))
        return out[:, :r], c

    def leave_one_out(self, V, penalty, penalty_scale=None, n_scaled=0):
        """Residual of every entry against the ridge fit of its row without that entry.

        Returns a vector in the order of the row view.

        Parameters
        ----------
        V : ndarray, shape (m, r)
            Column factors.
        penalty : ndarray, shape (r,), or float
            Ridge of each component, positive.
        penalty_scale : ndarray, shape (n,), or None
            Multiple of the first `n_scaled` of them in each row.
        n_scaled : int, default=0
            Number of components whose ridge is multiplied.
        """
        view = self.rows
        out = np.empty(view.indices.shape[0], dtype=self.dtype)
        V = np.ascontiguousarray(V, dtype=self.dtype)
        r = V.shape[1]
        penalty = np.ascontiguousarray(np.broadcast_to(penalty, (r,)), dtype=self.dtype)
        penalty_scale = self._vector(penalty_scale)

        def kernel(start, stop):
            _kernels.leave_one_out_rows(
                start, stop, view.indptr, view.indices, view.values, view.weights, V, penalty,
                penalty_scale, n_scaled, None, None, out,
            )  # fmt: skip

        for_each_block(kernel, view.indptr, self.n_threads, work_per_entry=2 * r * (r + 4))
        return out

    def _vector(self, x):
        return None if x is None else np.ascontiguousarray(x, dtype=self.dtype)
