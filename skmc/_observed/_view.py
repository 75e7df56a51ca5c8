"""One orientation of the observed set: rows (CSR) or columns (CSC)."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse


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


def transpose_pattern(view, n_columns):
    """Build the column view of a row view, in O(nnz + n + m)."""
    nnz = view.indices.shape[0]
    positions = sparse.csr_array(
        (np.arange(nnz, dtype=np.int64), view.indices, view.indptr),
        shape=(view.n_lines, n_columns),
    ).tocsc()
    return CompressedView(
        indptr=positions.indptr.astype(np.int64),
        indices=positions.indices.astype(np.int32),
        values=view.values[positions.data],
        weights=None if view.weights is None else view.weights[positions.data],
        order=positions.data,
    )
