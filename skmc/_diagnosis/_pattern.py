"""Where entries are observed, as a graph between rows and columns."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skmc._diagnosis._parts import parts_of
from skmc._observed import observed_from_csr, row_blocks, row_major, row_pointers
from skmc._parallel import effective_threads


@dataclass(frozen=True, eq=False)
class Pattern:
    """Positions of the observed entries of an n x m matrix, in row-major order.

    Parameters
    ----------
    rows, columns : ndarrays of int, shape (nnz,)
        The positions.
    shape : tuple of int
        (n, m).
    n_threads : int or None, default=None
        Threads for what is computed of it; None stands for as many as there are.
    """

    rows: np.ndarray
    columns: np.ndarray
    shape: tuple
    n_threads: int | None = None

    @classmethod
    def of(cls, observed):
        """Pattern of an observed set."""
        return cls(*observed.rows_and_columns(), observed.shape, observed.n_threads)

    @property
    def nnz(self):
        """Number of observed entries."""
        return self.rows.size

    @cached_property
    def counts(self):
        """Observed entries of each row, and of each column."""
        n, m = self.shape
        return np.bincount(self.rows, minlength=n), np.bincount(self.columns, minlength=m)

    @property
    def row_counts(self):
        """Observed entries of each row."""
        return self.counts[0]

    @property
    def column_counts(self):
        """Observed entries of each column."""
        return self.counts[1]

    @cached_property
    def components(self):
        """Number of the connected component of each row, and of each column."""
        return parts_of(self)

    def row_blocks(self, size):
        """Blocks of rows, as those of an observed set."""
        return row_blocks(*self.view(0), size)

    def view(self, axis):
        """Pointers and indices of the compressed rows for 0, of the compressed columns for 1."""
        return self._compressed_columns if axis else (row_pointers(self.counts[0]), self.columns)

    @cached_property
    def _compressed_columns(self):
        indptr, indices, _ = row_major(self.columns, self.rows, self.shape[::-1])
        return indptr, indices

    def observed(self, weights=None):
        """Observed set with zeros for values, in double precision."""
        return observed_from_csr(
            row_pointers(self.counts[0]),
            self.columns,
            np.zeros(self.nnz),
            self.shape,
            weights,
            effective_threads() if self.n_threads is None else self.n_threads,
        )

    def take(self, rows, columns):
        """Return the pattern of the lines where the boolean arrays are True."""
        inside = rows[self.rows] & columns[self.columns]
        number = [np.cumsum(kept) - 1 for kept in (rows, columns)]
        return Pattern(
            number[0][self.rows[inside]],
            number[1][self.columns[inside]],
            (np.count_nonzero(rows), np.count_nonzero(columns)),
            self.n_threads,
        )

    def is_observed(self, rows, columns):
        """Whether each of the given positions is observed."""
        keys = self.rows * self.shape[1] + self.columns
        wanted = np.asarray(rows, np.int64) * self.shape[1] + columns
        at = np.searchsorted(keys, wanted)
        return keys[np.minimum(at, keys.size - 1)] == wanted
