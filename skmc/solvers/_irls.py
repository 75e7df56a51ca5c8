"""Iteratively reweighted least squares for the smoothed log-determinant."""

from collections import deque

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, low_rank_norm, random_subspace, subspace_svd
from skmc._tangent import conjugate_gradients
from skmc.solvers._polished import Polish, PolishedSearch

# Singular vectors that are followed beyond the rank. Those that rise above the smoothing for a
# while get weights of their own: with too few of them a search ends more often where it should not.
EXTRA = 10
# Passes of the subspace iteration at the start and in a step.
FIRST_PASSES, PASSES = 10, 4
# The smoothing stops at this multiple of the machine precision, relative to the largest singular
# value.
LEAST_SMOOTHING = 50.0
# Residual of the conjugate gradients against the relative smoothing, which is what is left to find,
# and its range.
INNER_TOL, INNER_RANGE = 1e-2, (1e-12, 1e-2)
# A search ends if a step moves by less than this part of the residual, or if the smoothing keeps
# this part of its value over that many steps. Those that succeed may stand still for a hundred.
SETTLED = 1e-3
STALL, STALL_STEPS = 0.9, 200


class ReweightedLeastSquares(PolishedSearch):
    """MatrixIRLS: weighted least squares under an exact fit, with weights that favour low rank.

    Among the matrices X that match the observed entries up to offsets it looks for one with the
    smallest smoothed sum_k log s_k, by a sequence of quadratic models. With P diag(s) Q' the
    leading triplets of the last X, d_k = max(s_k, eps) and d = eps off them, the component
    p_i q_j' of X costs 1 / (d_i d_j). With R the map that takes the best offsets out of the
    entries on Omega, the minimiser is X = Z + E with E = R(x - Z) and Z in the tangent space T at
    P, Q the solution of

        [eps^2 (D - eps^2)^-1 + P_T R P_T] Z = P_T R x,

    D the diagonal of d_i d_j: a ridge regression, in which large components are all but free. The
    first X has D = eps^2, so it is that of zero factors: the data less their offsets, zero
    elsewhere. After each step eps falls to s_(r+1)(X). X is held as sparse plus low rank. The
    derivation needs R = R^2, which holds for column offsets; shrunk row offsets cost kappa / eps^2
    |b|^2. Entry weights, divided by the largest, enter the loss of the regression and E, as if an
    entry of weight w had noise of variance eps^2 (1 / w - 1): on exact data they cancel.
    Gauss-Newton steps are tried as the residual of the truncation of X falls (`Polish`), and end
    the iteration. Kuemmerle and Mayrink Verdun (2021), arXiv:2106.02119.

    Parameters
    ----------
    inner_iter : int, default=500
        Conjugate-gradient iterations of a step, at most.
    """

    name = "irls"

    def __init__(self, inner_iter=500):
        self.inner_iter = inner_iter

    def start(self, problem, init, random_state=None):
        # From the spectral factors the search often ends where it does not from their directions.
        if isinstance(init, str) and init == "svd":
            return Factors(*(np.zeros((k, problem.rank), problem.dtype) for k in problem.shape))
        return super().start(problem, init, random_state)

    def search(self, problem, factors):
        r, size = problem.rank, np.sqrt(problem.loss_at_zero)
        width = min(r + EXTRA, *problem.shape)
        random_state = np.random.RandomState(0)
        basis = random_subspace(problem.shape[1], width, problem.dtype, random_state)
        least = LEAST_SMOOTHING * float(np.finfo(problem.dtype).eps)
        A, B = factors.U, factors.V
        smoothing, recent, old, polish = np.inf, deque(), None, Polish(problem)
        while True:
            P, s, Q = _triplets(problem, A, B, basis, PASSES if old else FIRST_PASSES)
            basis = Q
            smoothing = min(smoothing, float(s[r]) if s.size > r else 0.0)
            root = np.sqrt(s[:r])
            current = Factors(P[:, :r] * root, Q[:, :r] * root)
            new = 1.0, P[:, :r], Q[:, :r] * s[:r]
            change = low_rank_norm([new, (-1.0, *old[1:])] if old else [new])
            old = new
            yield change, current
            loss = problem.residual(current).loss
            if polish.due(np.sqrt(loss) / size):
                for change in polish.steps(current):
                    yield change, None
                if polish.factors is not None:
                    yield 0.0, polish.factors
                    return
            recent.append(smoothing)
            if len(recent) > STALL_STEPS and smoothing > STALL * recent.popleft():
                return
            if change <= SETTLED * np.sqrt(2.0 * loss / problem.mean_weight):
                return
            kept = s > smoothing * (1.0 + 1e-6)
            if not (kept.any() and smoothing > least * s[0]):
                return
            model = _Model(problem, P[:, kept], s[kept], Q[:, kept], smoothing)
            tol = float(np.clip(INNER_TOL * smoothing / s[0], *INNER_RANGE))
            A, B = model.minimum(tol, self.inner_iter)


def _triplets(problem, A, B, basis, passes):
    """Leading singular triplets of X = A B' + E."""
    observed = problem.observed
    entries = observed.weighted(problem.residual(Factors(A, B)).entries)
    operator = SparsePlusLowRank(observed, entries, 1.0 / observed.largest_weight, A, B)
    return subspace_svd(operator, basis, n_passes=passes)


class _Model:
    """The quadratic model in the tangent space Z = P S Q' + P N' + G Q', Q'N = 0, P'G = 0.

    Its coordinates are (S, N, G) times the root of the diagonal of the system, as preconditioner.
    """

    def __init__(self, problem, P, s, Q, smoothing):
        self.problem, self.P, self.Q = problem, P, Q
        observed = problem.observed
        self.empty = observed.without_values()
        self.unit = 1.0 / observed.largest_weight
        off = smoothing / (s - smoothing)
        self.ridge = smoothing**2 / (np.outer(s, s) - smoothing**2), off, off
        mean = problem.mean_weight * self.unit
        self.scale = tuple(1.0 / np.sqrt(d + mean) for d in self.ridge)

    def minimum(self, tol, max_iter):
        """The minimiser Z as A, B with Z = A B'."""
        right = self._coordinates(self.problem.at_zero.entries)
        return self._product(conjugate_gradients(self._matvec, right, tol, max_iter)[0])

    def _product(self, coordinates):
        S, N, G = (w * c for w, c in zip(self.scale, coordinates, strict=True))
        return np.hstack([self.P, G]), np.hstack([self.Q @ S.T + N, self.Q])

    def _coordinates(self, entries):
        """Gradient in the coordinates from that in the entries, whose offsets are out."""
        observed = self.problem.observed
        entries = observed.weighted(entries)
        right, left = observed.matmul(entries, self.Q), observed.rmatmul(entries, self.P)
        S = self.P.T @ right
        images = S, left - self.Q @ S.T, right - self.P @ S
        return tuple(w * self.unit * z for w, z in zip(self.scale, images, strict=True))

    def _matvec(self, coordinates):
        entries = -self.empty.residual(*self._product(coordinates))
        images = self._coordinates(self.problem.offsets.project(entries, overwrite=True)[0])
        return tuple(
            w**2 * d * c + y
            for w, d, c, y in zip(self.scale, self.ridge, coordinates, images, strict=True)
        )
