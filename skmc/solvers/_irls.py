"""Iteratively reweighted least squares for the smoothed log-determinant."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, low_rank_norm, random_subspace, subspace_svd
from skmc.solvers._base import Solver, SolverState

# Vectors of the subspace that follows the singular vectors, beyond the rank.
EXTRA = 5
# Passes of the subspace iteration at the start and in a step.
FIRST_PASSES, PASSES = 10, 4
# The smoothing stops here, relative to the largest singular value.
LEAST_SMOOTHING = 1e-14


@dataclass
class _State(SolverState):
    P: np.ndarray | None = None
    s: np.ndarray | None = None
    Q: np.ndarray | None = None
    smoothing: float = 0.0
    basis: np.ndarray | None = None


class ReweightedLeastSquares(Solver):
    """MatrixIRLS: weighted least squares under an exact fit, with weights that favour low rank.

    Among the matrices that match the observed entries it looks for one with the smallest smoothed
    sum_k log s_k, by a sequence of quadratic models. With P diag(s) Q' the leading triplets of the
    last X, d_k = max(s_k, eps) and d = eps off them, the component p_i q_j' of X has the weight
    1 / (d_i d_j). The minimiser of the weighted square is X = Z + E with E = P_Omega(x - Z) and Z
    in the tangent space T at P, Q the solution of

        [eps^2 (D - eps^2)^-1 + P_T P_Omega P_T] Z = P_T P_Omega(x),

    D the diagonal of d_i d_j, by conjugate gradients that its diagonal preconditions. Then eps
    falls to s_(r+1)(X). X is held as sparse plus low rank. The factors are those of the truncation
    of X that fits best so far. Kuemmerle and Mayrink Verdun (2021), arXiv:2106.02119.

    The model has an exact fit, so it is for data without noise; no penalty, weights or offsets.

    Parameters
    ----------
    inner_iter : int, default=500
        Conjugate-gradient iterations of a step, at most.
    """

    name = "irls"
    supports = frozenset({"zero_alpha"})

    def __init__(self, inner_iter=500):
        self.inner_iter = inner_iter

    def check_supports(self, problem):
        super().check_supports(problem)
        if problem.offsets.has_columns or problem.offsets.has_rows:
            raise ValueError(f"Solver {self.name!r} cannot fit offsets.")

    def init_state(self, problem, factors):
        observed = problem.observed
        loss = problem.residual(factors).loss
        # All weights equal: the observed entries, zero elsewhere.
        operator = SparsePlusLowRank(observed, observed.values)
        width = min(problem.rank + EXTRA, *problem.shape)
        start = random_subspace(problem.shape[1], width, problem.dtype, np.random.RandomState(0))
        state = _State(factors, loss, loss, norm=factors.norm())
        return self._triplets(problem, state, operator, start, FIRST_PASSES)

    def step(self, problem, state):
        observed = problem.observed
        size = float(state.s[0]) if state.s.size else 0.0
        if not size > 0 or not state.smoothing > LEAST_SMOOTHING * size:
            new = _State(**vars(state))
            new.change = 0.0
            return new
        kept = state.s > state.smoothing * (1.0 + 1e-6)
        tangent = _Tangent(problem, state.P[:, kept], state.Q[:, kept])
        Z = tangent.solve(state.s[kept], state.smoothing, self.inner_iter)
        A, B = tangent.product(Z)
        entries = observed.residual(A, B)
        operator = SparsePlusLowRank(observed, entries, 1.0, A, B)
        new = _State(state.factors, state.objective, state.loss, norm=state.norm)
        new.smoothing = state.smoothing
        return self._triplets(problem, new, operator, state.basis, PASSES, state)

    @staticmethod
    def _triplets(problem, state, operator, basis, passes, old=None):
        r = problem.rank
        P, s, Q = subspace_svd(operator, basis, n_passes=passes)
        state.P, state.s, state.Q, state.basis = P[:, :r], s[:r], Q[:, :r], Q
        next_value = float(s[r]) if s.size > r else 0.0
        state.smoothing = min(state.smoothing, next_value) if old is not None else next_value
        root = np.sqrt(state.s)
        factors = Factors(state.P * root, state.Q * root)
        loss = problem.residual(factors).loss
        if old is not None:
            terms = [(1.0, state.P, state.Q * state.s), (-1.0, old.P, old.Q * old.s)]
            state.change = max(low_rank_norm(terms), 1e-6 * factors.norm())
            # The truncation may get worse before it gets better.
            state.pace = 1e-6
            if state.loss <= float(np.finfo(problem.dtype).eps) * problem.at_zero.loss:
                state.pace = 1.0
        if np.isfinite(loss) and (loss < state.loss or not np.isfinite(state.loss)):
            state.factors, state.loss, state.objective = factors, loss, loss
            state.norm = factors.norm()
        return state


class _Tangent:
    """Tangent space at P, Q: Z = P S Q' + P N' + G Q' with Q'N = 0 and P'G = 0."""

    def __init__(self, problem, P, Q):
        self.observed, self.P, self.Q = problem.observed, P, Q
        self.empty = self.observed.with_values(np.zeros_like(self.observed.values))
        self.fraction = problem.fraction_observed

    def product(self, Z):
        """Z as A B'."""
        S, N, G = Z
        return np.hstack([self.P, G]), np.hstack([self.Q @ S.T + N, self.Q])

    def project(self, entries):
        """Coordinates (S, N, G) of the projection of a matrix on Omega."""
        right, left = self.observed.matmul(entries, self.Q), self.observed.rmatmul(entries, self.P)
        S = self.P.T @ right
        return S, left - self.Q @ S.T, right - self.P @ S

    def solve(self, s, eps, max_iter):
        """Coordinates of the solution of the system of the class docstring."""
        off = eps / (s - eps)
        diagonal = eps**2 / (np.outer(s, s) - eps**2), off, off
        right = self.project(self.observed.values)
        inverse = tuple(1.0 / (d + self.fraction) for d in diagonal)
        x = tuple(np.zeros_like(b) for b in right)
        r = right
        p = y = tuple(w * b for w, b in zip(inverse, r, strict=True))
        square = first = _dot(r, y)
        for _ in range(max_iter):
            if not square > 1e-20 * first:
                break
            image = self.project(-self.empty.residual(*self.product(p)))
            image = tuple(d * c + z for d, c, z in zip(diagonal, p, image, strict=True))
            curvature = _dot(p, image)
            if not curvature > 0:
                break
            step = square / curvature
            x = tuple(xi + step * pi for xi, pi in zip(x, p, strict=True))
            r = tuple(ri - step * yi for ri, yi in zip(r, image, strict=True))
            y = tuple(w * b for w, b in zip(inverse, r, strict=True))
            square, old = _dot(r, y), square
            p = tuple(yi + (square / old) * pi for yi, pi in zip(y, p, strict=True))
        return x


def _dot(first, second):
    return sum(float(np.vdot(a, b)) for a, b in zip(first, second, strict=True))
