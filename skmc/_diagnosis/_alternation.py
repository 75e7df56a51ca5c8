"""The linear map that a sweep of alternating least squares is, near its limit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg
from scipy.sparse.linalg import LinearOperator, eigsh

from skmc._factors import Factors
from skmc._tangent import grams_of, inverse_triangles

# Unknowns up to which the map is written out.
DENSE = 400


@dataclass(frozen=True, eq=False)
class AlternatingSweep:
    """Block Gauss-Seidel iteration on the Hessian in (U, b) and (V, mu).

    With the diagonal blocks brought to the identity, and C the block between rows and columns, a
    sweep multiplies the error of the columns by C'C.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    factors : Factors
        Its solution.
    """

    problem: object
    factors: Factors

    @cached_property
    def _designs(self):
        """Regressors of the columns and of the rows: factors, and offsets where there are any."""
        U, V, offsets = self.factors.U, self.factors.V, self.problem.offsets
        if offsets.has_columns:
            U = np.hstack([U, offsets.design[:, None]])
        if offsets.has_rows:
            V = np.hstack([V, np.ones_like(V[:, :1])])
        return U, V

    @cached_property
    def _whitening(self):
        observed, offsets = self.problem.observed, self.problem.offsets
        ones, (U, V) = observed.weights_or_ones, self._designs
        found = []
        for product, F, own in ((observed.matmul, V, "rows"), (observed.rmatmul, U, "columns")):
            penalty = np.full(F.shape[1], self.problem.alpha)
            if F.shape[1] > self.factors.rank:
                penalty[-1] = offsets.row_penalty if own == "rows" else 0.0
            found.append(inverse_triangles(grams_of(product, ones, F) + np.diag(penalty), 0.0))
        return found

    @cached_property
    def _residual(self):
        return self.problem.observed.weighted(self.problem.residual(self.factors).entries)

    @cached_property
    def _empty(self):
        return self.problem.observed.without_values()

    def matvec(self, b):
        """Product of C'C with a vector of the whitened changes of the columns."""
        observed, E, r = self.problem.observed, self._residual, self.factors.rank
        (U, V), (rows, columns) = self._designs, self._whitening
        B = np.matmul(columns, b.reshape(*columns.shape[:2], 1))[:, :, 0]
        image = observed.matmul(observed.weighted(-self._empty.residual(U, B)), V)
        image[:, :r] -= observed.matmul(E, B[:, :r])
        a = np.matmul(image[:, None, :], rows)[:, 0, :]
        A = np.matmul(rows, a[:, :, None])[:, :, 0]
        image = observed.rmatmul(observed.weighted(-self._empty.residual(A, V)), U)
        image[:, :r] -= observed.rmatmul(E, A[:, :r])
        return np.matmul(image[:, None, :], columns)[:, 0, :].ravel()

    @cached_property
    def _idle(self):
        """Orthonormal changes that a sweep leaves as they are: other factors of the same fit."""
        V, r = self.factors.V, self.factors.rank
        columns = self._whitening[1]
        m, width = columns.shape[:2]
        if self.problem.alpha > 0:
            i, j = np.triu_indices(r, 1)
            changes = np.zeros((i.size, m, width))
            changes[np.arange(i.size), :, i], changes[np.arange(i.size), :, j] = V.T[j], -V.T[i]
        else:
            changes = np.zeros((r, width, m, width))
            target = np.arange(width)
            changes[:, target, :, target] = V.T
            changes = changes.reshape(-1, m, width)
        if not len(changes):
            return np.zeros((m * width, 0))
        whitened = np.linalg.solve(columns, changes[..., None])[..., 0]
        return linalg.orth(whitened.reshape(len(changes), -1).T)

    @property
    def dimension(self):
        """Number of eigenvalues, those of what stays as it is left out."""
        size, idle = self._idle.shape
        return size - idle

    def rate(self):
        """Largest eigenvalue of C'C off what stays as it is."""
        Y, size = self._idle, self._whitening[1].shape[0] * self._whitening[1].shape[1]

        def apply(x):
            x = x.ravel()
            x = self.matvec(x - Y @ (Y.T @ x))
            return x - Y @ (Y.T @ x)

        if size <= DENSE:
            H = np.stack([apply(x) for x in np.eye(size)], axis=1)
            return float(linalg.eigvalsh(0.5 * (H + H.T))[-1])
        operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(size)
        found = eigsh(operator, k=1, which="LA", v0=start, tol=1e-8, return_eigenvectors=False)
        return float(found[0])
