"""Factors of a matrix that matches the observed entries."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors


@dataclass(frozen=True, eq=False)
class InterpolatingFactors(Factors):
    """Z = U V' such that the smallest row factors which match the entries of a row are its own.

    If Z = S_tau(Y) = P S Q' matches X where Y is not zero, row i of Z is C y_i with
    C = Q S (S + tau)^-1 Q': what interpolates x_i at least cost u'u in factors V with V V' = C.
    These are the balanced ones in the limit of large tau.

    Parameters
    ----------
    U : ndarray, shape (n, r)
        Row factors.
    V : ndarray, shape (m, r)
        Column factors.
    multiplier : ndarray, or None
        Entry array of Y.
    """

    multiplier: np.ndarray | None = None

    @classmethod
    def of_svd(cls, P, s, Q, tau, multiplier):
        """Factors from the singular value decomposition of Z, the threshold, and Y."""
        # Up to a constant, with which V is about balanced.
        tau, root = s.dtype.type(tau), np.sqrt(s)
        raised = np.sqrt(s + tau) / np.sqrt(tau) if tau > 0 else np.ones_like(s)
        return cls(P * (root * raised), Q * (root / raised), multiplier)

    def balanced(self):
        """The factors themselves: others of the same Z would cost rows something else."""
        return self

    def ridge(self, noise_variance, n_rows):
        """Ridge of a row for residuals of this variance, with `n_rows` rows as large as U."""
        size = float(np.einsum("ik,ik->", self.U, self.U, dtype=np.float64))
        return noise_variance * n_rows * max(self.rank, 1) / size if size > 0 else noise_variance
