"""Whether rows, columns and parts of a pattern have as many entries as unknowns."""

from dataclasses import dataclass

import numpy as np

from skmc._diagnosis._parts import parts_of
from skmc.solvers._peeling import peel


def degrees_of_freedom(rank, n, m, *, offsets=False):
    """Dimension of the n x m matrices of a rank, plus offsets of the columns or not.

    With offsets each column has r + 1 unknowns; other coordinates of the rows, u -> G u + c, give
    the same matrix.
    """
    if offsets:
        return rank * (n - 1 + m - rank) + m
    return rank * (n + m - rank)


def largest_rank(n, m, *, offsets=False):
    """Largest rank of an n x m matrix, of one that is made of offsets and factors."""
    return min(n - 1, m) if offsets else min(n, m)


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the lines of a table.

    Parameters
    ----------
    table : ObservedMatrix or Pattern
        Where entries are observed.
    lines : list of ndarrays of bool, shapes (n,) and (m,)
        Rows and columns.
    counts : list of ndarrays of int, shapes (n,) and (m,)
        Entries of these among each other; those of other lines mean nothing.
    """

    table: object
    lines: list
    counts: list

    @classmethod
    def of(cls, table, lines=None):
        """The part with these lines, or all of it."""
        if lines is None:
            lines = tuple(np.ones(size, bool) for size in table.shape)
        counts = table.row_counts, table.column_counts
        if any(c[~inside].any() for c, inside in zip(counts, lines, strict=True)):
            # No line has fewer entries than none: this only counts.
            counts = peel(table, lines, (-1, -1))[1]
        return cls(table, list(lines), list(counts))

    @property
    def shape(self):
        """Number of rows and of columns."""
        return tuple(int(np.count_nonzero(inside)) for inside in self.lines)

    @property
    def nnz(self):
        """Number of observed entries."""
        return int(self.counts[0][self.lines[0]].sum())

    def core(self, needed):
        """What is left when lines with too few entries in it are taken out until none has.

        Parameters
        ----------
        needed : tuple of int
            Entries that a row and a column need.
        """
        lines, counts, _ = peel(self.table, self.lines, [k - 1 for k in needed])
        return Part(self.table, lines, counts)

    def components(self):
        """Number of the connected component of each row and column, -1 for other lines."""
        return parts_of(self.table, self.lines)
