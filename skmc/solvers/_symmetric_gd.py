"""Gradient descent on the factor of a symmetric matrix."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, leading_svd
from skmc._observed import is_symmetric
from skmc._symmetric import SymmetricFactors, nearest_symmetric
from skmc.solvers._base import Solver, SolverState
from skmc.solvers._init import initial_factors
from skmc.solvers._scaled_steps import accelerated, damped_gram, gram, step_pace

# Size of the spectral start, for U. At full length weak components would start as what the holes
# make of the strong ones, and have to be unlearnt.
START = 1e-2
# Power iterations of the first estimate of the curvature, and of those that start from the last.
FIRST_PASSES = 20
PASSES = 5
# Steps after which the curvature is estimated again, and after a step that was too long.
REFRESH = 50
SOON = 10
# A step may exceed the inverse curvature along its own direction by this factor.
LONGEST = 1.1
# Multiples of the machine precision, relative to the objective, below which a gain is rounding.
ROUNDING = 100.0
# Extrapolation waits for changes of Z below this part of it: farther out it leads astray.
LOCAL = 0.01
# Products of columns that are computed at a time.
BLOCK = 32
# The signs are looked at after this many iterations, twice as many, four times as many ...
FIRST_LOOK = 50


@dataclass(frozen=True, eq=False)
class _Point:
    """Symmetric factors with their residual, and half the objective of the problem."""

    factors: SymmetricFactors
    residual: object
    value: float


@dataclass
class SymmetricState(SolverState):
    """State of `SymmetricGradient`.

    Parameters
    ----------
    point, previous : _Point, or None
        The last two iterates.
    momentum : int
        Steps since the last restart.
    curvature : float
        Estimate of the largest eigenvalue of the Hessian in size.
    vector : ndarray, shape (n, r), or None
        Estimate of its eigenvector.
    fresh : int
        Steps for which the estimate may still be used.
    iteration : int
        Steps done.
    unit : float
        What a step size is divided by.
    """

    point: _Point | None = None
    previous: _Point | None = None
    momentum: int = 0
    curvature: float = 0.0
    vector: np.ndarray | None = None
    fresh: int = 0
    iteration: int = 0
    unit: float = 1.0


class SymmetricGradient(Solver):
    """U <- U - t G, with G = alpha U - E U D and E the residual of Z = U D U' on Omega, weighted.

    This is gradient descent on

        1/4 sum_Omega w_ij (x_ij - z_ij)^2 + alpha/2 |U|_F^2

    which is half the objective of the problem at V = U D. The preconditioner replaces G by
    G (p U'U + (alpha + d) I)^-1, as in `FactorizedGradient`. D = diag(+-1) is the identity, so that
    Z is positive semidefinite, or has the signs of the eigenvalues of largest size that the data
    with holes at zero have. These may be wrong, so now and then it is tried whether the weakest
    component is better replaced by the leading eigenvector of the residual, with its own sign.

    Near a solution plain steps converge linearly, with factor max |1 - t l| over the eigenvalues l
    of the Hessian (`hessian`) but the r (r - 1) / 2 zeros that belong to rotations of U (Vu and
    Raich, 2021, arXiv:2102.02396, for the definite form).

    Cost per iteration: 2 nnz r multiply-adds, nnz r more with momentum, about nnz r / 2 for the
    curvature, and about 12 n r^2.

    Parameters
    ----------
    signed : bool, default=False
        Whether D may have negative signs.
    step_size : "auto" or float, default="auto"
        ``"auto"``: the inverse of the largest eigenvalue in size of the preconditioned Hessian, by
        power iteration at the start and every 50 steps; a step that turns out too long is taken
        again. A number is in units of the inverse spectral norm of the data with holes at zero, or,
        with the preconditioner, of 1.
    preconditioner : {"scaled", None}, default="scaled"
        Whether gradients are multiplied by the damped inverse Gram matrix of U.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of U with weight k / (k + 3), restarted when the objective rises and while Z
        still changes by a hundredth of its norm or more.
    """

    name = "symmetric_gd"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights", "symmetric"})
    state_types = (SymmetricState, _Point)
    divergence_cure = "Lower step_size; 'auto' always converges."

    def __init__(
        self, signed=False, step_size="auto", preconditioner="scaled", momentum="nesterov"
    ):
        self.signed = signed
        self.step_size = step_size
        self.preconditioner = preconditioner
        self.momentum = momentum

    def check_supports(self, problem):
        super().check_supports(problem)
        if problem.offsets.has_columns or problem.offsets.has_rows:
            raise ValueError(f"Solver {self.name!r} cannot solve this problem: it has offsets.")
        if not is_symmetric(problem.observed):
            raise ValueError(
                f"Solver {self.name!r} cannot solve this problem: entries or weights are not "
                "symmetric."
            )

    def start(self, problem, init, random_state=None):
        """Starting factors.

        Parameters
        ----------
        problem : CompletionProblem
            The problem.
        init : {"svd", "random"} or tuple of ndarrays
            ``"svd"``: eigenvectors of the data with holes at zero, with positive eigenvalues or,
            if signed, those of largest size, and a hundredth of their length. ``"random"``: small
            Gaussian factors with the signs of these. The first of a tuple, of shape (rank, n),
            gives vectors c_k, and Z = sum_k b_k c_k c_k' with the b that fit best.
        random_state : RandomState or None
            Used by ``"random"`` only.
        """
        if not isinstance(init, str):
            return self._of_vectors(problem, init[0])
        # Of the singular vectors half may have the wrong sign, or be mixed with such.
        wide = problem.with_alpha(problem.alpha, rank=min(2 * problem.rank, problem.shape[0]))
        factors = nearest_symmetric(initial_factors(wide, "svd"), problem.rank, self.signed)
        if init == "svd":
            return SymmetricFactors.of(problem.dtype.type(START) * factors.U, factors.signs)
        U = initial_factors(problem, init, random_state).U
        return SymmetricFactors.of(U, factors.signs)

    def _of_vectors(self, problem, components):
        observed = problem.observed
        C = np.ascontiguousarray(components.T, dtype=problem.dtype)
        r = C.shape[1]
        first, second = np.triu_indices(r)
        gram = np.zeros((r, r))
        for start in range(0, first.size, BLOCK):
            i, j = first[start : start + BLOCK], second[start : start + BLOCK]
            products = np.ascontiguousarray(C[:, i] * C[:, j])
            sums = observed.weight_matmul(products)
            gram[i, j] = gram[j, i] = np.einsum("ik,ik->k", products, sums, dtype=np.float64)
        data = observed.matmul(observed.weighted(observed.values), C)
        right = np.einsum("ik,ik->k", C, data, dtype=np.float64)
        b = np.linalg.lstsq(gram, right, rcond=None)[0]
        if problem.alpha > 0:
            # The penalty is alpha |b_k| |c_k|^2, against half the squares.
            right -= problem.alpha * np.sign(b) * np.einsum("ik,ik->k", C, C, dtype=np.float64)
            b = np.linalg.lstsq(gram, right, rcond=None)[0]
        factors = Factors(C * b.astype(problem.dtype), C)
        return nearest_symmetric(factors, problem.rank, self.signed)

    def init_state(self, problem, factors):
        if not isinstance(factors, SymmetricFactors) or (factors.signs < 0).any() > self.signed:
            factors = nearest_symmetric(factors, problem.rank, self.signed)
        point = self._point(problem, factors)
        return SymmetricState(
            factors=factors,
            objective=2.0 * point.value,
            loss=point.residual.loss,
            norm=factors.norm(),
            point=point,
            unit=1.0 if self.preconditioner else problem.alpha_max() or 1.0,
        )

    def residual(self, problem, state):
        return state.point.residual

    def extra(self, state):
        """The ``step``, in the units of `step_size`."""
        return {"step": state.unit / state.curvature if state.curvature > 0 else 0.0}

    def step(self, problem, state):
        if self.signed and self._looks_at_signs(state):
            self._exchange(problem, state)
        if self.step_size != "auto":
            state.curvature = state.unit / float(self.step_size)
        elif state.fresh <= 0:
            self._estimate_curvature(problem, state)
        return accelerated(self._step, problem, state, self.momentum)

    def _step(self, problem, state, beta):
        old = state.point
        start = self._point(problem, old.factors, old.residual)
        if beta > 0:
            U, before = old.factors.U, state.previous.factors.U
            moved = U + problem.dtype.type(beta) * (U - before)
            start = self._point(problem, SymmetricFactors.of(moved, old.factors.signs))
        G = self.gradient(problem, start)
        scaled = self._preconditioned(problem, start, G)
        direction = G if self.preconditioner is None else scaled
        new, curvature = self._descend(problem, start, G, direction, state.curvature)
        change, norm = new.factors.distance(old.factors), new.factors.norm()
        missed = curvature > state.curvature
        return SymmetricState(
            factors=new.factors,
            objective=2.0 * new.value,
            loss=new.residual.loss,
            change=change,
            norm=norm,
            pace=_pace(start.factors, new.factors, scaled, change),
            point=new,
            previous=old,
            momentum=state.momentum + 1 if change <= LOCAL * norm else 0,
            curvature=curvature,
            vector=state.vector,
            fresh=min(state.fresh, SOON) - 1 if missed else state.fresh - 1,
            iteration=state.iteration + 1,
            unit=state.unit,
        )

    def _descend(self, problem, point, G, direction, curvature):
        """Take a step, shorter if need be; returns where it leads and the curvature it has met."""
        slope = float(np.einsum("ik,ik->", G, direction, dtype=np.float64))
        if not (slope > 0 and curvature > 0):
            return point, curvature
        eps, first = float(np.finfo(problem.dtype).eps), curvature
        while True:
            step = 1.0 / curvature
            U = point.factors.U - problem.dtype.type(step) * direction
            new = self._point(problem, SymmetricFactors.of(U, point.factors.signs))
            gain = step * slope
            if self.step_size != "auto" or gain <= ROUNDING * eps * point.value:
                return new, curvature
            along = 2.0 * (self._rise(problem, point, new) + gain) / (step * gain)
            if along * step <= LONGEST:
                return new, curvature
            if not curvature < 1e12 * first:
                # No step is short enough for rounding.
                return point, first
            # Far from its quadratic model a step says little about the length of the right one.
            measured = 1.05 * along if np.isfinite(along) else np.inf
            curvature = min(max(measured, 1.2 * curvature), 4.0 * curvature)

    @staticmethod
    def _preconditioned(problem, point, G):
        M = damped_gram(problem, point.factors.U, point.residual.loss)
        if not np.isfinite(M).all():
            # An iteration that diverges has left nothing to solve.
            return G
        return np.ascontiguousarray(np.linalg.solve(M, G.T.astype(np.float64)).T, dtype=G.dtype)

    @staticmethod
    def _rise(problem, point, new):
        """Rise of half the objective; differences of residuals keep more digits than of sums."""
        observed, e, f = problem.observed, point.residual.entries, new.residual.entries
        rise = 0.25 * observed.dot(observed.weighted(f - e), f + e)
        U, W = point.factors.U, new.factors.U
        return rise + 0.5 * problem.alpha * float(np.vdot(W - U, W + U)) if problem.alpha else rise

    @staticmethod
    def gradient(problem, point):
        """Gradient of half the objective in U, at factors with their residual."""
        factors, observed = point.factors, problem.observed
        entries = observed.weighted(point.residual.entries)
        return problem.dtype.type(problem.alpha) * factors.U - observed.matmul(entries, factors.V)

    def hessian(self, problem, factors, direction, residual=None):
        """Product of the Hessian of half the objective in U with a direction.

        Parameters
        ----------
        problem : CompletionProblem
            The problem.
        factors : SymmetricFactors
            Where.
        direction : ndarray, shape (n, r)
            Change of U.
        residual : Residual or None
            The residual at the factors, if it is known.

        Returns
        -------
        product : ndarray, shape (n, r)
            P(W D U' + U D W') U D - P(E) W D + alpha W for a direction W, with P the restriction
            to Omega, weighted. Cost: 4 nnz r multiply-adds.
        """
        observed, signs = problem.observed, factors.signs.astype(problem.dtype)
        residual = problem.residual(factors) if residual is None else residual
        left, right = np.hstack([direction, factors.U]), np.hstack([factors.V, direction * signs])
        change = observed.values - observed.residual(left, right)
        product = observed.matmul(observed.weighted(change), factors.V)
        product -= observed.matmul(observed.weighted(residual.entries), direction * signs)
        return product + problem.dtype.type(problem.alpha) * direction

    def _estimate_curvature(self, problem, state):
        """Power iteration on the Hessian; far from a solution that may be indefinite."""
        vector, passes = state.vector, PASSES
        if vector is None:
            # In the direction of U itself the Hessian is nearly at its largest.
            noise = np.random.RandomState(0).standard_normal(state.factors.U.shape)
            vector = state.factors.U + 0.1 * _norm(state.factors.U) * noise / max(_norm(noise), 1)
            vector, passes = vector.astype(problem.dtype), FIRST_PASSES
        largest = 0.0
        for _ in range(passes):
            norm = _norm(vector)
            if not (np.isfinite(norm) and norm > 0):
                break
            unit = vector / problem.dtype.type(norm)
            product = self.hessian(problem, state.factors, unit, state.point.residual)
            vector = product
            if self.preconditioner is not None:
                vector = self._preconditioned(problem, state.point, product)
            largest = max(largest, _norm(vector))
        state.curvature, state.vector, state.fresh = largest, vector, REFRESH

    @staticmethod
    def _looks_at_signs(state):
        looks, rest = divmod(state.iteration, FIRST_LOOK)
        return rest == 0 and looks > 0 and looks & (looks - 1) == 0

    def _exchange(self, problem, state):
        """Replace the weakest component by the leading eigenvector of the residual if it pays."""
        observed, residual = problem.observed, state.point.residual
        balanced = state.factors.balanced()
        entries = observed.weighted(residual.entries)
        P, s, Q = leading_svd(SparsePlusLowRank(observed, entries), 1)
        sign = 1 if float(P[:, 0] @ Q[:, 0]) > 0 else -1
        if s.size == 0 or sign == balanced.signs[-1]:
            return
        product = observed.values - observed.residual(Q, Q)
        square = observed.dot(observed.weighted(product), product)
        size = (float(s[0]) - problem.alpha) / square if square > 0 else 0.0
        if size <= 0:
            return
        U = np.hstack([balanced.U[:, :-1], problem.dtype.type(np.sqrt(size)) * Q])
        signs = np.append(balanced.signs[:-1], sign)
        point = self._point(problem, SymmetricFactors.of(U, signs))
        if point.value < state.point.value:
            state.factors, state.point = point.factors, point
            state.objective, state.loss = 2.0 * point.value, point.residual.loss
            state.previous, state.momentum = None, 0
            state.vector, state.fresh = None, 0

    @staticmethod
    def _point(problem, factors, residual=None):
        residual = problem.residual(factors) if residual is None else residual
        return _Point(factors, residual, 0.5 * (residual.loss + problem.penalty(factors)))


def _pace(start, new, scaled, change):
    """Length of the step from `start`, for the stopping rule."""
    turned = scaled * start.signs.astype(scaled.dtype)
    full = 0.5 * Factors(np.hstack([scaled, start.U]), np.hstack([start.V, turned])).norm()
    outward = (start.U.T @ (new.U - start.U)).astype(np.float64)
    return step_pace(gram(start.U), outward, full, change, start.U.dtype)


def _norm(A):
    return float(np.sqrt(np.einsum("ik,ik->", A, A, dtype=np.float64)))
