"""Accelerated proximal gradient steps on Z itself, kept as factors."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skmc._factors import Factors
from skmc._linalg import (
    SparsePlusLowRank,
    gram_svd,
    low_rank_norm,
    orthonormalize,
    random_subspace,
    subspace_svd,
)
from skmc.solvers._base import Solver, SolverState

# Matrices whose smaller side is at most this get exact decompositions.
EXACT_SIDE = 32
# Singular triplets carried beyond the current rank.
BUFFER = 5


@dataclass
class Iterate:
    """Z = P diag(s) Q' with its residual."""

    P: np.ndarray
    s: np.ndarray
    Q: np.ndarray
    residual: object

    @property
    def right(self):
        """B with Z = P B'."""
        return self.Q * self.s


@dataclass
class ProximalState(SolverState):
    """State of a proximal gradient method."""

    current: Iterate | None = None
    previous: Iterate | None = None
    basis: np.ndarray | None = None
    momentum: int = 0
    lipschitz: float = 1.0
    hold: int = 0


class ProximalGradient(Solver):
    """Z <- prox(Y - step * gradient(Y)) with Y extrapolated, sparse plus low rank throughout.

    The gradient of the data term lives on Omega, so every product costs nnz k + (n + m) k^2. The
    singular vectors come from one warm-started pass of subspace iteration per step.

    Parameters
    ----------
    step_size : "auto" or float, default="auto"
        Step in units of the inverse of the largest weight; 1.0 is always safe. ``"auto"`` takes
        the inverse of a running estimate of the curvature |D|_Omega^2 / |D|_F^2 along the last
        changes D; a step that turns out too long for its own change is taken again, so the
        majorisation that makes the objective fall always holds.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation k / (k + 3), restarted when the objective rises.
    """

    supports = frozenset({"weights"})
    divergence_cure = "Lower step_size; 1.0 always converges."

    def __init__(self, step_size="auto", momentum="nesterov"):
        self.step_size = step_size
        self.momentum = momentum

    @abstractmethod
    def shrink(self, problem, s, step):
        """Singular values after the proximal step, zeros dropped."""

    @abstractmethod
    def penalty(self, problem, s):
        """Penalty of a matrix with singular values s."""

    @abstractmethod
    def width(self, problem, rank):
        """Dimension of the subspace to carry when the iterate has this rank."""

    def init_state(self, problem, factors):
        P, s, Q = factors.svd()
        residual = problem.residual(factors)
        current = Iterate(P, s, Q, residual)
        observed = problem.observed
        largest = 1.0 if observed.weights is None else float(observed.weights.max(initial=0.0))
        return ProximalState(
            factors=factors,
            objective=residual.loss + self.penalty(problem, s),
            loss=residual.loss,
            current=current,
            previous=current,
            basis=Q,
            lipschitz=largest or 1.0,
        )

    def step(self, problem, state):
        beta = state.momentum / (state.momentum + 3.0) if self.momentum else 0.0
        largest = self._largest_weight(problem)
        while True:
            step = self._step_length(state, largest)
            new, basis, change, curvature = self._propose(problem, state, beta, step)
            objective = new.residual.loss + self.penalty(problem, new.s)
            if self.step_size == "auto" and curvature * step > 1.0 + 1e-6 and step * largest > 1.0:
                state.lipschitz = min(1.05 * curvature, largest)
                state.hold = 10
                continue
            if beta > 0 and not objective <= state.objective:
                state.momentum, beta = 0, 0.0
                continue
            break
        return ProximalState(
            factors=Factors(new.P * new.s, new.Q),
            objective=objective,
            loss=new.residual.loss,
            change=change,
            norm=float(np.linalg.norm(new.s)),
            current=new,
            previous=state.current,
            basis=basis,
            momentum=state.momentum + 1,
            lipschitz=self._relax(state, curvature),
            hold=max(state.hold - 1, 0),
        )

    @staticmethod
    def _largest_weight(problem):
        weights = problem.observed.weights
        return 1.0 if weights is None else float(weights.max())

    def _step_length(self, state, largest):
        if self.step_size == "auto":
            return 1.0 / state.lipschitz
        return float(self.step_size) / largest

    @staticmethod
    def _relax(state, curvature):
        """Let the curvature estimate sink towards what the last change showed."""
        if state.hold:
            return state.lipschitz
        return max(0.9 * state.lipschitz, min(1.2 * curvature, state.lipschitz), 1e-12)

    def _propose(self, problem, state, beta, step):
        observed = problem.observed
        current, previous = state.current, state.previous
        entries = current.residual.entries
        A, B = current.P, current.right
        if beta > 0:
            kind = problem.dtype.type
            entries = entries + kind(beta) * (entries - previous.residual.entries)
            A = np.hstack([A, previous.P])
            B = np.hstack([kind(1 + beta) * B, kind(-beta) * previous.right])
        operator = SparsePlusLowRank(observed, observed.weighted(entries), step, A, B)
        P, s, Q, basis = self._decompose(problem, operator, state, step)
        factors = Factors(P * s, Q)
        new = Iterate(P, s, Q, problem.residual(factors, current.residual.offsets))
        terms = [(1.0, new.P, new.right), (-(1.0 + beta), current.P, current.right)]
        if beta > 0:
            terms.append((beta, previous.P, previous.right))
        moved = low_rank_norm(terms)
        change = (
            moved
            if beta == 0
            else low_rank_norm([(1.0, new.P, new.right), (-1.0, current.P, current.right)])
        )
        difference = entries - new.residual.entries
        on_omega = observed.dot(observed.weighted(difference), difference)
        return new, basis, change, on_omega / moved**2 if moved > 0 else 0.0

    def _decompose(self, problem, operator, state, step):
        """Singular triplets that survive the proximal step, and the subspace for the next one."""
        n, m = problem.shape
        smaller = min(n, m)
        limit = min(self.width(problem, problem.rank), smaller)
        rank = state.current.s.shape[0]
        width = smaller if smaller <= EXACT_SIDE else min(self.width(problem, rank), limit)
        if 4 * width > smaller or state.basis.shape[1] < width:
            dense = operator.dense()
            if dense is not None:
                shrink = partial(self.shrink, problem, step=step)
                found = gram_svd(dense, shrink, self.width(problem, width) - width)
                if found is not None:
                    return found
        basis = self._resize(state.basis, width, m, problem.dtype)
        n_passes = 1 if state.basis.shape[1] >= width else 3
        while True:
            P, s, Q = subspace_svd(operator, basis, n_passes)
            kept = self.shrink(problem, s, step)
            if kept.shape[0] < s.shape[0] or width >= limit:
                break
            width = min(2 * width, limit)
            if operator.dense() is not None and 4 * width > smaller:
                return self._decompose(problem, operator, replace(state, basis=Q[:, :0]), step)
            basis, n_passes = self._resize(Q, width, m, problem.dtype), 2
        r = kept.shape[0]
        return P[:, :r], kept, Q[:, :r], Q

    @staticmethod
    def _resize(basis, width, m, dtype):
        missing = width - basis.shape[1]
        if missing <= 0:
            return basis[:, :width]
        extra = random_subspace(m, missing, dtype, np.random.RandomState(basis.shape[1]))
        return orthonormalize(np.hstack([basis, extra])) if basis.shape[1] else extra
