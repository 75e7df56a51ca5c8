"""Take out the rows and columns that say nothing about the others, and put them back."""

from dataclasses import replace

import numpy as np

from skmc._factors import Factors
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
        self.order = [(left_rows.copy(), self.columns.copy(), 0)] if left_rows.any() else []
        if left_columns.any():
            self.order.insert(0, (left_columns.copy(), np.ones_like(left_rows), 1))
        if self.separable:
            self._peel()
        self.problem = self._part(self.rows, self.columns)

    def _peel(self):
        problem = self.whole
        i, j = problem.observed.rows_and_columns()
        unknowns = problem.rank, problem.rank + problem.offsets.has_columns
        lines, order = peel(i, j, (self.rows, self.columns), unknowns)
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
        for taken, others, axis in reversed(self.order):
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


def peel(i, j, lines, unknowns):
    """Take out lines with no more entries than unknowns until none is left.

    Parameters
    ----------
    i, j : ndarrays of int, shape (nnz,)
        Row and column of each entry.
    lines : tuple of ndarrays of bool, shapes (n,) and (m,)
        Rows and columns to begin with.
    unknowns : tuple of int
        Unknowns of a row and of a column.

    Returns
    -------
    lines : list of ndarrays of bool
        Rows and columns that are left.
    order : list of (ndarray of bool, ndarray of bool, int)
        Lines taken out together, the lines of the other side that were there then, and 0 for rows
        or 1 for columns; the first ones first.
    """
    lines = [lines[0].copy(), lines[1].copy()]
    order, axis, idle = [], 0, 0
    while idle < 2:
        inside = lines[0][i] & lines[1][j]
        index = (i, j)[axis][inside]
        counts = np.bincount(index, minlength=lines[axis].size)
        taken = lines[axis] & (counts <= unknowns[axis])
        idle = 0 if taken.any() else idle + 1
        if taken.any():
            lines[axis] &= ~taken
            order.append((taken, lines[1 - axis].copy(), axis))
            i, j = i[inside], j[inside]
        axis = 1 - axis
    return lines, order
