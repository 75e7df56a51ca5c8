"""Where entries are observed, as a graph between rows and columns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from skmc._observed import observed_from_csr, row_pointers
from skmc._parallel import effective_threads

# Rounds in which the lines around one that are reached are searched, before others take over.
ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Pattern:
    """Positions of the observed entries of an n x m matrix, in row-major order.

    Parameters
    ----------
    rows, columns : ndarrays of int, shape (nnz,)
        The positions.
    shape : tuple of int
        (n, m).
    """

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple

    @classmethod
    def of(cls, observed):
        """Pattern of an observed set."""
        return cls(*observed.rows_and_columns(), observed.shape)

    @property
    def nnz(self):
        """Number of observed entries."""
        return self.rows.size

    @cached_property
    def counts(self):
        """Observed entries of each row, and of each column."""
        n, m = self.shape
        return np.bincount(self.rows, minlength=n), np.bincount(self.columns, minlength=m)

    @cached_property
    def components(self):
        """Number of the connected component of each row, and of each column.

        Rows and columns are the vertices of a bipartite graph, and observed entries its edges.
        """
        n, m = self.shape
        edges = sparse.coo_array(
            (np.ones(self.nnz, np.int8), (self.rows, n + self.columns)), shape=(n + m, n + m)
        )
        labels = connected_components(edges, directed=False)[1]
        return labels[:n], labels[n:]

    def observed(self, weights=None):
        """Observed set with zeros for values, in double precision."""
        return observed_from_csr(
            row_pointers(self.counts[0]),
            self.columns,
            np.zeros(self.nnz),
            self.shape,
            weights,
            effective_threads(),
        )

    def take(self, rows, columns):
        """Return the pattern of the lines where the boolean arrays are True."""
        inside = rows[self.rows] & columns[self.columns]
        number = [np.cumsum(kept) - 1 for kept in (rows, columns)]
        return Pattern(
            number[0][self.rows[inside]],
            number[1][self.columns[inside]],
            (np.count_nonzero(rows), np.count_nonzero(columns)),
        )

    def is_observed(self, rows, columns):
        """Whether each of the given positions is observed."""
        keys = self.rows * self.shape[1] + self.columns
        wanted = np.asarray(rows, np.int64) * self.shape[1] + columns
        at = np.searchsorted(keys, wanted)
        return keys[np.minimum(at, keys.size - 1)] == wanted


def is_connected(observed):
    """Whether entries lead from each line to each other one, for lines that all have entries.

    The lines around the fullest column are reached in a few rounds of nnz additions each, as a
    rule, and without the memory of a graph.
    """
    ones = observed.weights_or_ones
    reached = np.zeros((observed.shape[1], 1), observed.dtype)
    reached[observed.column_counts.argmax()] = 1.0
    for _ in range(ROUNDS):
        rows = (observed.matmul(ones, reached) > 0).astype(observed.dtype)
        columns = observed.rmatmul(ones, rows) > 0
        if columns.all():
            return True
        if np.count_nonzero(columns) == np.count_nonzero(reached):
            return False
        reached = columns.astype(observed.dtype)
    return max(part.max() for part in Pattern.of(observed).components) == 0
