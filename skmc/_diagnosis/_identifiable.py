"""Which entries the observed ones determine."""

from dataclasses import dataclass

import numpy as np

from skmc._diagnosis._motions import Motions
from skmc._diagnosis._pattern import Pattern
from skmc._memory import check_fits
from skmc._observed import entries_of

# Cells looked at one by one to count; more than that are sampled.
CELLS, SAMPLE = 1 << 25, 1 << 17
# Cells at a time.
BLOCK = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class Identifiable:
    """Tells of any entry whether the observed ones determine it, up to finitely many values.

    Call it with row and column numbers, or ask for all entries with `to_matrix`. Observed entries
    determine themselves.

    Attributes
    ----------
    pattern : Pattern
        Where entries are observed.
    motions : Motions
        Changes of the factors that no observed entry sees.
    """

    pattern: Pattern
    motions: Motions

    @property
    def shape(self):
        """Shape of the matrix.

        Returns
        -------
        shape : tuple of int
            Number of rows and of columns.
        """
        return self.pattern.shape

    def __call__(self, rows, cols):
        """Whether entries are determined.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers.

        Returns
        -------
        determined : ndarray of bool, shape (n_entries,)
            In O(n_entries rank).
        """
        rows, cols = (np.atleast_1d(np.asarray(x)) for x in (rows, cols))
        for numbers, size, name in zip((rows, cols), self.shape, ("rows", "cols"), strict=True):
            if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
                raise ValueError(f"{name} must be a 1-D array of integers.")
            if numbers.size and not (numbers.min() >= 0 and numbers.max() < size):
                raise ValueError(f"{name} has values outside 0 ... {size - 1}.")
        if rows.shape != cols.shape:
            raise ValueError(f"rows has {rows.size} entries, cols {cols.size}.")
        out = np.empty(rows.size, bool)
        step = max(1, BLOCK // (8 * self.motions.U.shape[1]))
        for start in range(0, rows.size, step):
            part = slice(start, start + step)
            i, j = rows[part], cols[part]
            out[part] = self.motions.is_still(i, j) | self.pattern.is_observed(i, j)
        return out

    def to_matrix(self):
        """Whether each entry is determined.

        Returns
        -------
        determined : ndarray of bool, shape (n, m)
            One byte for each entry of the matrix.

        Raises
        ------
        MemoryError
            If it does not fit, before it is computed.
        """
        n, m = self.shape
        check_fits(n * m, f"A matrix of {n} x {m} truth values", "Ask for some of the entries.")
        out = np.empty((n, m), bool)
        step = max(1, BLOCK // m)
        for start in range(0, n, step):
            part = slice(start, start + step)
            out[part] = self.motions.still_block(part, slice(None))
        out[self.pattern.rows, self.pattern.columns] = True
        return out

    def __repr__(self):
        n, m = self.shape
        return f"<identifiable(rows, cols) -> bool, entries of a {n} x {m} matrix>"

    def _free_blocks(self):
        """Which entries are not determined: some rows, some columns, and a matrix of truth values.

        All entries that are not in one of them are determined.
        """
        m, (still_rows, still_columns) = self.shape[1], self.motions.fixed
        everything, columns = np.arange(m), np.flatnonzero(~still_columns)
        indptr, indices = self.pattern.view(0)
        for kind, across in ((~still_rows, everything), (still_rows, columns)):
            rows, place = np.flatnonzero(kind), np.full(m, -1)
            place[across] = np.arange(across.size)
            step = max(1, BLOCK // max(across.size, 1))
            for start in range(0, rows.size if across.size else 0, step):
                part = rows[start : start + step]
                free = ~self.motions.still_block(part, across)
                # Entries that are observed move by rounding alone, where factors are far out.
                line = np.repeat(np.arange(part.size), self.pattern.counts[0][part])
                at = place[entries_of(indptr, indices, part)]
                free[line[at >= 0], at[at >= 0]] = False
                yield part, across, free

    def _free_counts(self, *, at_any_cost=False):
        """Entries of each row and column that are not determined; None if these are too many."""
        (n, m), (still_rows, still_columns) = self.shape, self.motions.fixed
        moving, columns = np.count_nonzero(~still_rows), np.count_nonzero(~still_columns)
        if moving * m + (n - moving) * columns > CELLS and not at_any_cost:
            return None
        counts = np.zeros(n, np.int64), np.zeros(m, np.int64)
        for rows, across, free in self._free_blocks():
            counts[0][rows] += free.sum(axis=1)
            counts[1][across] += free.sum(axis=0)
        return counts

    def _sampled_fraction(self):
        """Estimated fraction of all entries that are determined."""
        rng = np.random.default_rng(0)
        return float(self(*(rng.integers(0, size, SAMPLE) for size in self.shape)).mean())


def lost_lines(free, counts):
    """Rows and columns with missing entries, none of which is determined.

    Parameters
    ----------
    free : pair of ndarrays of int, shapes (n,) and (m,)
        Missing entries of each row and column that are not determined.
    counts : pair of ndarrays of int, shapes (n,) and (m,)
        Observed entries of each.

    Returns
    -------
    lost : tuple of ndarrays of int
        Their numbers.
    """
    sizes = counts[1].size, counts[0].size
    return tuple(
        np.flatnonzero((f == size - c) & (f > 0))
        for f, c, size in zip(free, counts, sizes, strict=True)
    )
