"""Symmetric operators whose extreme eigenvalues are local rates of convergence."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import linalg

from skmc._factors import Factors
from skmc._symmetric import nearest_symmetric
from skmc._tangent import TangentSystem
from skmc.solvers import SymmetricGradient


class NullSpace:
    """Changes (A, B) of factors that leave the fit alone: U G + a t' and -V G'.

    Parameters
    ----------
    U, V : ndarrays, shapes (n, r) and (m, r)
        The factors.
    design : ndarray, shape (n,), or None
        The vector a that unpenalised column offsets go with; None without them.
    skew : bool
        Whether G is skew-symmetric: a penalty tells the others apart.
    """

    def __init__(self, U, V, design=None, skew=False):
        self.U, self.V, self.design = U, V, None if skew else design
        r = U.shape[1]
        n_t = 0 if self.design is None else r
        self.basis = np.eye(r * r + n_t)
        if skew:
            i, j = np.triu_indices(r, 1)
            self.basis = np.zeros((r * r, i.size))
            self.basis[i * r + j, np.arange(i.size)] = 1.0
            self.basis[j * r + i, np.arange(i.size)] = -1.0
        eye = np.eye(r)
        gram = np.zeros((r * r + n_t,) * 2)
        gram[: r * r, : r * r] = np.kron(U.T @ U, eye) + np.kron(eye, V.T @ V)
        if n_t:
            cross = np.kron((U.T @ design)[:, None], eye)
            gram[: r * r, r * r :], gram[r * r :, : r * r] = cross, cross.T
            gram[r * r :, r * r :] = (design @ design) * eye
        gram = self.basis.T @ gram @ self.basis
        self.inverse = linalg.pinvh(gram) if gram.size else gram

    @property
    def dimension(self):
        """Dimension of the space."""
        return self.basis.shape[1]

    def project(self, A, B):
        """Orthogonal projection of a change on the space."""
        r = self.U.shape[1]
        inner = (self.U.T @ A - B.T @ self.V).ravel()
        if self.design is not None:
            inner = np.append(inner, self.design @ A)
        found = self.basis @ (self.inverse @ (self.basis.T @ inner))
        G = found[: r * r].reshape(r, r)
        A = self.U @ G
        if self.design is not None:
            A = A + np.outer(self.design, found[r * r :])
        return A, -(self.V @ G.T)


@dataclass(frozen=True, eq=False)
class FactorOperator:
    """Hessian of the objective by both factors, preconditioned or not.

    With E the weighted residual it maps (A, B) to (w Q(A V' + U B') V - E B + alpha A,
    (w Q(A V' + U B'))' U - E' A + alpha B), with the offsets taken out by Q. The preconditioner
    is the inverse of D = V'V + alpha / p (U'U is the same in balanced factors), p the mean weight
    of an entry of the whole matrix; what is examined is D^-1/2 H D^-1/2.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    factors : Factors
        Where; preconditioned, their balanced form.
    scaled : bool
        Whether there is a preconditioner.
    """

    problem: object
    factors: Factors
    scaled: bool = False

    @cached_property
    def shapes(self):
        """Shapes of A and B."""
        return self.factors.U.shape, self.factors.V.shape

    @cached_property
    def _place(self):
        """Factors times D^-1/2, and the diagonal of D."""
        if not self.scaled:
            return self.factors, 1.0
        P, s, Q = self.factors.svd()
        d = s + self.problem.alpha / self.problem.mean_weight
        root = np.sqrt(s / d)
        return Factors(P * root, Q * root), d

    @cached_property
    def _system(self):
        return TangentSystem(self.problem.with_alpha(0.0), self._place[0], whiten=False)

    @cached_property
    def _residual(self):
        return self.problem.observed.weighted(self.problem.residual(self.factors).entries)

    @cached_property
    def null(self):
        """What the operator maps to zero, at the least."""
        offsets, at = self.problem.offsets, self._place[0]
        design = offsets.design if offsets.has_columns else None
        return NullSpace(at.U, at.V, design, skew=self.problem.alpha > 0)

    def matvec(self, step):
        """Product with a change."""
        observed, E, alpha = self.problem.observed, self._residual, self.problem.alpha
        left, right = self._system.matvec(step)
        A, B = (F / self._place[1] for F in step)
        left = left - observed.matmul(E, B) + alpha * A
        return left, right - observed.rmatmul(E, A) + alpha * B

    @cached_property
    def _whitened(self):
        return TangentSystem(self.problem.with_alpha(0.0), self._place[0])

    def precondition(self, step):
        """Product with the inverses of the diagonal blocks, as alternating least squares has."""
        return self._whitened.step(self._whitened.coordinates(step))


@dataclass(frozen=True, eq=False)
class TangentOperator:
    """P_T P_Omega P_T on the tangent space of the matrices of rank r, weighted, offsets out.

    A tangent vector is A Q' + P B' with P'A = 0, in singular vectors P and Q.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty plays no part.
    factors : Factors
        Where.
    """

    problem: object
    factors: Factors

    @cached_property
    def shapes(self):
        """Shapes of A and B."""
        return self.factors.U.shape, self.factors.V.shape

    @cached_property
    def _operator(self):
        P, _, Q = self.factors.svd()
        return TangentSystem(self.problem.with_alpha(0.0), Factors(P, Q), whiten=False)

    @cached_property
    def null(self):
        """Coordinates that stand for no tangent vector, and what the offsets take out."""
        return self

    @property
    def dimension(self):
        """Dimension of that space."""
        r = self.factors.rank
        return r * r + (r if self.problem.offsets.has_columns else 0)

    def project(self, A, B):
        """Orthogonal projection on it."""
        P, Q = self._operator.factors.U, self._operator.factors.V
        inside = P @ (P.T @ A)
        if not self.problem.offsets.has_columns:
            return inside, np.zeros_like(B)
        # The tangent vectors a t' Q', which offsets of the columns would take up.
        a = self.problem.offsets.design
        along = P.T @ a
        beyond = a - P @ along
        t = (A.T @ beyond + Q.T @ (B @ along)) / (a @ a)
        return inside + np.outer(beyond, t), Q @ np.outer(t, along)

    def matvec(self, step):
        """Product with a tangent vector."""
        A, B = step
        P = self._operator.factors.U
        A, B = self._operator.matvec((A - P @ (P.T @ A), B))
        return A - P @ (P.T @ A), B

    @cached_property
    def _whitened(self):
        return TangentSystem(self._operator.problem, self._operator.factors)

    def precondition(self, step):
        """Product with the inverses of the diagonal blocks."""
        return self._whitened.step(self._whitened.coordinates(step))


@dataclass(frozen=True, eq=False)
class SymmetricOperator:
    """Hessian of half the objective by the one factor U of Z = U D U'.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    factors : Factors
        Where; those of a matrix that is not symmetric are refused.
    """

    problem: object
    factors: Factors

    @classmethod
    def of(cls, problem, factors):
        """Build from any factors of a symmetric matrix."""
        symmetric = nearest_symmetric(factors, factors.rank, signed=True)
        if symmetric.distance(factors) > 1e-6 * factors.norm():
            raise ValueError("method='symmetric_gd' needs factors of a symmetric matrix.")
        SymmetricGradient(signed=True).check_supports(problem)
        return cls(problem, symmetric)

    @cached_property
    def shapes(self):
        """Shapes of the change of U, and of nothing."""
        return self.factors.U.shape, (0, self.factors.rank)

    @cached_property
    def _residual(self):
        return self.problem.residual(self.factors)

    @cached_property
    def null(self):
        """Rotations U K D with K skew-symmetric, which leave Z alone."""
        return self

    @cached_property
    def _rotations(self):
        U, r = self.factors.U, self.factors.rank
        i, j = np.triu_indices(r, 1)
        K = np.zeros((i.size, r, r))
        k = np.arange(i.size)
        K[k, i, j], K[k, j, i] = 1.0, -1.0
        turns = np.einsum("ia,kab->kib", U, K * self.factors.signs)
        return linalg.orth(turns.reshape(i.size, -1).T) if i.size else np.zeros((U.size, 0))

    @property
    def dimension(self):
        """Dimension of that space."""
        return self._rotations.shape[1]

    def project(self, A, B):
        """Orthogonal projection on it."""
        Y = self._rotations
        return (Y @ (Y.T @ A.ravel())).reshape(A.shape), B

    def matvec(self, step):
        """Product with a change of U."""
        solver = SymmetricGradient(signed=True)
        return solver.hessian(self.problem, self.factors, step[0], self._residual), step[1]

    @cached_property
    def _whitened(self):
        return TangentSystem(self.problem, self.factors)

    def precondition(self, step):
        """Product with the inverses of the diagonal blocks of the rows."""
        A = step[0]
        C = self._whitened.whitening[0]
        g = np.matmul(A[:, None, :], C)[:, 0, :]
        return np.matmul(C, g[:, :, None])[:, :, 0], step[1]
