"""Rows from their observed entries: the one way in which every completer sees a row."""

from dataclasses import dataclass, replace

import numpy as np

from skmc._factors import Factors, penalty_multiples
from skmc._parallel import for_each_block

# Entries predicted at a time, so that what is gathered for them stays in the cache.
BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class FoldIn:
    """Ridge regression of a row on the components.

    u = argmin 1/2 sum_j w_j (z_j - u . c_j)^2 + alpha/2 |u|^2 over the observed entries of the
    row, z = (x - offsets) / scale, with a row offset as one more regressor where the model has
    one.

    Parameters
    ----------
    components : ndarray, shape (r, m)
        Components in standardised units.
    alpha : float
        Ridge.
    offsets, scale : ndarrays, shape (m,)
        Units of the columns.
    learned : ndarray of bool, shape (m,)
        Columns that had entries in the fit; the others say nothing about a row.
    row_penalty : float or None
        Penalty of the row offsets; None in a model without them.
    n_threads : int, default=1
        Threads for the kernels.
    penalty_power, mean_row_weight : float
        The ridge of a row with c entries is multiplied by (c / mean_row_weight) ^ penalty_power.
    """

    components: np.ndarray
    alpha: float
    offsets: np.ndarray
    scale: np.ndarray
    learned: np.ndarray
    row_penalty: float | None = None
    n_threads: int = 1
    penalty_power: float = 0.0
    mean_row_weight: float = 1.0

    def _multiples(self, observed, left_out=0):
        """Multiples of the ridge in rows with so many entries less; None where they are one."""
        if self.penalty_power == 0:
            return None
        learned = self.learned[:, None].astype(observed.dtype)
        counts = np.maximum(observed.weight_matmul(learned)[:, 0] - left_out, 0)
        return penalty_multiples(counts, self.mean_row_weight, self.penalty_power)

    def _design(self):
        V = self.components.T
        penalty = np.full(V.shape[1], self.alpha)
        if self.row_penalty is not None:
            V = np.hstack([V, self.learned[:, None].astype(V.dtype)])
            penalty = np.append(penalty, self.row_penalty)
        return np.ascontiguousarray(V), penalty

    def of_columns(self, keep):
        """Return the fold-in on the columns where the boolean array `keep` is True."""
        return replace(
            self,
            components=self.components[:, keep],
            offsets=self.offsets[keep],
            scale=self.scale[keep],
            learned=self.learned[keep],
        )

    def _standard(self, observed):
        """The rows in standardised units; compressed first, which is how the kernels take them."""
        return observed.compressed.standardized(self.offsets, self.scale)

    def factors(self, observed):
        """Factors (n, r) and row offsets (n,) of the rows of an observed set in user units."""
        design = None if self.row_penalty is None else self.learned
        return self._standard(observed).ridge_rows(
            self.components.T,
            self.alpha,
            penalty_scale=self._multiples(observed),
            offset_penalty=self.row_penalty,
            design=design,
        )

    def complete(self, U, rows):
        """All entries of rows with these factors, in user units."""
        Z = U @ self.components.astype(U.dtype, copy=False)
        Z += rows[:, None]
        Z *= self.scale.astype(U.dtype)
        Z += self.offsets.astype(U.dtype)
        return Z

    def entries(self, U, rows, i, j, number=None):
        """Entries (i, j) of rows with these factors, in user units.

        Row i has the factors ``U[i]``, or ``U[number[i]]`` where an array of numbers is given.
        """
        out = np.empty(i.shape[0], U.dtype)
        factors = Factors(U, np.ascontiguousarray(self.components.T, U.dtype))

        def kernel(start, stop):
            for first in range(start, stop, BLOCK):
                block = slice(first, min(first + BLOCK, stop))
                at = i[block] if number is None else number[i[block]]
                out[block] = self._entries(factors, rows, at, j[block])

        # Gathers and units take as long as some twenty operations.
        for_each_block(kernel, i.shape[0], self.n_threads, work_per_entry=2 * factors.rank + 20)
        return out

    def _entries(self, factors, rows, i, j):
        z = factors.entries(i, j)
        if self.row_penalty is not None:
            z += rows[i]
        z = z * self.scale[j]
        z += self.offsets[j]
        return z

    def leave_one_out(self, observed):
        """Residual of each observed entry, predicted from the rest of its row.

        A vector over the row view, in standardised units.
        """
        V, penalty = self._design()
        standard = self._standard(observed)
        if V.shape[1] == 0:
            return standard.rows.values
        multiples = self._multiples(observed, left_out=1)
        return standard.leave_one_out(V, penalty, multiples, self.components.shape[0])
