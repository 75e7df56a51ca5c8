"""Factors of symmetric matrices."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from skmc._factors import Factors

# Size, against the largest, of a component that is to have the other sign: at zero it would stay.
LEAST_START = 1e-3


@dataclass(frozen=True, eq=False)
class SymmetricFactors(Factors):
    """The n x n matrix Z = U D U' with D = diag(signs), as U and V = U D.

    Parameters
    ----------
    signs : ndarray, shape (r,)
        1 or -1 for each column of U.
    """

    signs: np.ndarray

    @classmethod
    def of(cls, U, signs):
        """Build from U and the signs."""
        V = U if (signs > 0).all() else U * signs.astype(U.dtype)
        return cls(U, V, signs)

    def svd(self):
        """Singular value decomposition of Z with singular vectors that are equal up to sign."""
        values, P = self.eigen()
        Q = P * np.where(values < 0, -1, 1).astype(P.dtype)
        return P, np.abs(values), Q

    def balanced(self):
        """The same Z with orthogonal columns of U, largest first."""
        values, P = self.eigen()
        return SymmetricFactors.of(P * np.sqrt(np.abs(values)), np.where(values < 0, -1, 1))

    def eigen(self):
        """Eigenvalues of Z, the largest in size first, and eigenvectors, in O(n r^2)."""
        if self.rank == 0:
            return np.zeros(0, self.U.dtype), self.U
        Q, R = linalg.qr(self.U, mode="economic", check_finite=False)
        values, W = linalg.eigh((R * self.signs.astype(R.dtype)) @ R.T)
        if (self.signs > 0).all():
            # Rounding must not make a semidefinite matrix indefinite.
            values = np.maximum(values, 0)
        return _largest_first(values, Q @ W)


def nearest_symmetric(factors, rank, signed):
    """Symmetric factors of the matrix of a rank that is nearest to that of other factors.

    Parameters
    ----------
    factors : Factors
        Factors of a square matrix.
    rank : int
        Number of columns wanted, at most twice those of `factors`.
    signed : bool
        Whether negative eigenvalues are kept; if not, they start as small positive ones.
    """
    if isinstance(factors, SymmetricFactors):
        values, P = factors.eigen()
    else:
        Q, R = linalg.qr(np.hstack([factors.U, factors.V]), mode="economic", check_finite=False)
        left, right = R[:, : factors.rank], R[:, factors.rank :]
        values, W = linalg.eigh(0.5 * (left @ right.T + right @ left.T))
        P = Q @ W
    if not signed:
        values = np.maximum(values, LEAST_START * max(values.max(initial=0.0), 0.0))
    values, P = _largest_first(values, P)
    values, P = values[:rank], P[:, :rank]
    return SymmetricFactors.of(P * np.sqrt(np.abs(values)), np.where(values < 0, -1, 1))


def _largest_first(values, P):
    """Sort by size, and make the largest entry in size of each vector of |value| v v' positive."""
    order = np.argsort(-np.abs(values), kind="stable")
    values, P = values[order], P[:, order]
    largest = P[np.abs(P).argmax(axis=0), np.arange(P.shape[1])]
    return values, P * np.where(largest < 0, -1, 1).astype(P.dtype)
