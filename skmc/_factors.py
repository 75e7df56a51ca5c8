"""Low-rank matrices held as factors."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from skmc import _kernels
from skmc._parallel import for_each_block


@dataclass(frozen=True, eq=False)
class Factors:
    """The n x m matrix Z = U V'.

    Parameters
    ----------
    U : ndarray, shape (n, r)
        Row factors.
    V : ndarray, shape (m, r)
        Column factors.
    """

    U: np.ndarray
    V: np.ndarray

    @property
    def rank(self):
        """Number of columns of the factors."""
        return self.U.shape[1]

    @property
    def shape(self):
        """(n, m)."""
        return self.U.shape[0], self.V.shape[0]

    def svd(self):
        """Singular value decomposition of Z, in O((n + m) r^2).

        Returns
        -------
        P, s, Q : ndarrays, shapes (n, k), (k,), (m, k)
            Z = P diag(s) Q', s decreasing, k = min(r, n, m). The largest entry in size of each
            column of Q is positive, which fixes the signs.
        """
        if self.rank == 0:
            return self.U, np.zeros(0, self.U.dtype), self.V
        Qu, Ru = linalg.qr(self.U, mode="economic", check_finite=False)
        Qv, Rv = linalg.qr(self.V, mode="economic", check_finite=False)
        W, s, Yt = linalg.svd(Ru @ Rv.T, full_matrices=False, check_finite=False)
        P, Q = Qu @ W, Qv @ Yt.T
        del Qu, Qv
        if Q.shape[1]:
            largest = Q[np.abs(Q).argmax(axis=0), np.arange(Q.shape[1])]
            signs = np.where(largest < 0, -1, 1).astype(Q.dtype)
            P *= signs
            Q *= signs
        return P, s, Q

    def balanced(self):
        """The same Z with U'U = V'V = diag(s), the factors of smallest |U|^2 + |V|^2."""
        P, s, Q = self.svd()
        root = np.sqrt(s)
        P *= root
        Q *= root
        return Factors(P, Q)

    def in_column_units(self, units):
        """Return the factors of Z with column j divided by units_j."""
        return Factors(self.U, self.V / units[:, None].astype(self.V.dtype))

    def unit_components(self, n_rows):
        """Components of Z for row factors of unit variance over `n_rows` rows, shape (m, k)."""
        _, s, Q = self.svd()
        return Q * (s / np.sqrt(n_rows))

    def singular_values(self):
        """Singular values of Z, largest first."""
        return self.svd()[1]

    def norm(self):
        """Frobenius norm of Z."""
        gram = (self.U.T @ self.U) * (self.V.T @ self.V)
        return float(np.sqrt(max(0.0, gram.sum(dtype=np.float64))))

    def distance(self, other):
        """Frobenius norm of Z - Z_other, with factors of the same number of columns.

        As that of (U - U_other) V_other' + U (V - V_other)', which loses no digits where the
        factors differ by little.
        """
        U = np.hstack([self.U - other.U, self.U])
        V = np.hstack([other.V, self.V - other.V])
        return Factors(U, V).norm()

    def entries(self, rows, columns, n_threads=1):
        """Entries u_i . v_j at the given positions, which must be in range."""
        out = np.zeros(rows.shape[0], dtype=self.U.dtype)
        if self.rank == 0:
            return out
        U, V = (np.ascontiguousarray(F, dtype=out.dtype) for F in (self.U, self.V))
        rows, columns = (np.ascontiguousarray(x, dtype=np.int64) for x in (rows, columns))

        def kernel(start, stop):
            _kernels.entries_pairs(start, stop, rows, columns, U, V, out)

        for_each_block(kernel, rows.shape[0], n_threads, work_per_entry=2 * self.rank)
        return out


def penalty_multiples(weights, mean, power):
    """Multiples (c / mean)^power of the penalty of rows or columns of which c is observed.

    None if the power is zero, where all are one.
    """
    return None if power == 0 else (weights / mean) ** power
