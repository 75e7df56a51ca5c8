"""Take out the rows and columns that say nothing about the others, and put them back."""

from dataclasses import replace

import numpy as np

from skmc._factors import Factors
from skmc._observed import entries_of
from skmc._offsets import OffsetModel

# Rows and columns with factors this many times the median in norm have run away.
RUNAWAY = 4.0
# Ridge against the largest penalty when a row is fitted to given factors.
TINY = 1e-15


class Core:
    """The part of a problem in which each line has more entries than unknowns.

    Parameters
    ----------
    problem : CompletionProblem
        The whole problem.
    left_rows, left_columns : ndarrays of bool
        Lines to leave out besides.
    """

    def __init__(self, problem, left_rows, left_columns):
        self.whole = problem
        offsets = problem.offsets
        # Penalised row offsets tie all rows together.
        self.separable = not offsets.has_rows
        self.rows, self.columns = ~left_rows, ~left_columns
        left = (left_columns, 1), (left_rows, 0)
        self.order = [(np.flatnonzero(lines), axis) for lines, axis in left if lines.any()]
        if self.separable:
            self._peel()
        self.problem = self._part(self.rows, self.columns)

    def _peel(self):
        problem = self.whole
        unknowns = problem.rank, problem.rank + problem.offsets.has_columns
        lines, _, order = peel(problem.observed, (self.rows, self.columns), unknowns)
        # What is left of a pattern without such a core determines nothing by itself.
        if min(np.count_nonzero(x) for x in lines) > 2 * problem.rank:
            self.rows, self.columns = lines
            self.order += order

    def _part(self, rows, columns):
        problem = self.whole
        if rows.all() and columns.all():
            return problem
        observed, scale = problem.observed.take(rows, columns), problem.offsets.row_scale
        offsets = OffsetModel(
            observed, problem.offsets.kind, None if scale is None else scale[rows]
        )
        return replace(problem, observed=observed, offsets=offsets)

    def restrict(self, factors):
        """Factors of the lines of the core."""
        return Factors(factors.U[self.rows], factors.V[self.columns])

    def extend(self, factors):
        """Factors of all lines: those that were taken out are fitted, the last one first."""
        whole, core = self.whole, self.problem
        if core is whole:
            return factors
        U, V = (np.zeros((k, whole.rank), whole.dtype) for k in whole.shape)
        U[self.rows], V[self.columns] = factors.U, factors.V
        shift = np.zeros(whole.shape[1], whole.dtype)
        shift[self.columns] = core.residual(factors).offsets.columns
        observed, offsets = whole.observed, whole.offsets
        scale = offsets.row_scale
        ridge = max(TINY, float(np.finfo(whole.dtype).eps) ** 2) * max(
            np.vdot(F, F) / max(F.shape[0], 1) for F in (factors.U, factors.V)
        )
        inside = [self.rows.copy(), self.columns.copy()]
        for numbers, axis in reversed(self.order):
            # A line is fitted to those of the other side that were there when it was taken out.
            taken, others = np.zeros_like(inside[axis]), inside[1 - axis]
            taken[numbers] = inside[axis][numbers] = True
            if axis == 0:
                part = observed.take(taken, others)
                U[taken], _ = part.ridge_rows(
                    V[others],
                    ridge,
                    shift=shift[others] if offsets.has_columns else None,
                    shift_scale=None if scale is None else scale[taken],
                )
            else:
                part = observed.take(others, taken)
                V[taken], shift[taken], _ = part.ridge_columns(
                    U[others],
                    ridge,
                    intercept=offsets.has_columns,
                    design=None if scale is None else scale[others],
                )
        return Factors(U, V)

    def set_aside_runaways(self, factors, left_rows, left_columns):
        """Mark the lines of the core whose factors have run away, or the one with the largest."""
        sizes = []
        for F in (factors.U, factors.V):
            norms = np.linalg.norm(F, axis=1)
            sizes.append(norms / max(np.median(norms), np.finfo(norms.dtype).tiny))
        largest = max(x.max() for x in sizes)
        for x, inside, left in zip(
            sizes, (self.rows, self.columns), (left_rows, left_columns), strict=True
        ):
            left[np.flatnonzero(inside)[x >= min(RUNAWAY, largest)]] = True


def peel(table, lines, unknowns):
    """Take out lines with no more entries than unknowns until none is left, in O(nnz).

    Each round costs as much as the lines that go in it have entries.

    Parameters
    ----------
    table : ObservedMatrix or Pattern
        All entries; their compressed columns are built only if columns with entries go.
    lines : tuple of ndarrays of bool, shapes (n,) and (m,)
        Rows and columns to begin with.
    unknowns : tuple of int
        Unknowns of a row and of a column.

    Returns
    -------
    lines : list of ndarrays of bool
        Rows and columns that are left.
    counts : list of ndarrays of int
        Entries of these among each other; those of other lines mean nothing.
    order : list of (ndarray of int, int)
        Lines taken out together, and 0 for rows or 1 for columns; the first ones first.
    """
    lines = [lines[0].copy(), lines[1].copy()]
    counts = [table.row_counts.copy(), table.column_counts.copy()]

    def leave(axis, taken):
        """Lines on the other side, each as often as it has lost an entry by that."""
        others = entries_of(*table.view(axis), taken) if counts[axis][taken].any() else taken[:0]
        np.subtract.at(counts[1 - axis], others, 1)
        return others

    missing = [np.flatnonzero(~inside) for inside in lines]
    for axis in (0, 1):
        leave(axis, missing[axis])
    waiting = [
        np.flatnonzero(inside & (number <= least))
        for inside, number, least in zip(lines, counts, unknowns, strict=True)
    ]
    order, axis = [], 0
    while waiting[0].size or waiting[1].size:
        taken, other = waiting[axis], 1 - axis
        if taken.size:
            waiting[axis] = taken[:0]
            lines[axis][taken] = False
            order.append((taken, axis))
            others = leave(axis, taken)
            others = others[lines[other][others] & (counts[other][others] <= unknowns[other])]
            waiting[other] = np.union1d(waiting[other], others)
        axis = other
    return lines, counts, order
