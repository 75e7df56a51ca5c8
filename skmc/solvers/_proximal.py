"""Accelerated proximal gradient steps on Z itself, kept as factors."""

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, gram_svd, leading_triplets, low_rank_norm
from skmc.solvers._base import Solver, SolverState, rises

# Matrices whose smaller side is at most this get exact decompositions.
EXACT_SIDE = 32
# Singular triplets carried beyond the current rank.
BUFFER = 5
# Vectors that a full decomposition leaves for later steps, should the rank grow.
SPARE = 20
# A step may exceed the inverse curvature along its own change by this factor.
LONGEST = 1.1


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
    """State of a proximal gradient method.

    Parameters
    ----------
    current, previous : Iterate
        The last two iterates.
    basis : ndarray, shape (m, k)
        Where the next subspace iteration starts.
    momentum : int
        Steps since the last restart.
    lipschitz : float
        Running estimate of the curvature.
    hold : int
        Steps for which the estimate may not sink.
    alpha : float
        Penalty of the problem at the state.
    spare : list of ndarray
        Entry arrays that are no longer needed: new ones, as large as the data, take long to fill.
    """

    current: Iterate | None = None
    previous: Iterate | None = None
    basis: np.ndarray | None = None
    momentum: int = 0
    lipschitz: float = 1.0
    hold: int = 0
    alpha: float = 0.0
    spare: list = field(default_factory=list, metadata={"transient": True})

    def release(self, iterate):
        """Let later steps write over the residual of an iterate."""
        # That of Z = 0 belongs to the problem, and may be the data.
        if iterate.s.size:
            self.spare.append(iterate.residual.entries)


class ProximalGradient(Solver):
    """Z <- prox(Y - step * gradient(Y)) with Y extrapolated, sparse plus low rank throughout.

    The gradient of the data term lives on Omega, so every product costs nnz k + (n + m) k^2. The
    singular vectors come from one warm-started pass of subspace iteration per step.

    Parameters
    ----------
    step_size : "auto" or float, default="auto"
        Step in units of the inverse of the largest weight; 1.0 is always safe. ``"auto"`` takes
        the inverse of a running estimate of the curvature |D|_Omega^2 / |D|_F^2 along the last
        changes D; a step that turns out too long for its own change is taken again.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation k / (k + 3), restarted when the objective rises.
    """

    supports = frozenset({"weights"})
    state_types = (ProximalState, Iterate)
    divergence_cure = "Lower step_size; 1.0 always converges."

    def __init__(self, step_size="auto", momentum="nesterov"):
        self.step_size = step_size
        self.momentum = momentum

    @abstractmethod
    def shrink(self, problem, s, step):
        """Singular values after the proximal step, zeros dropped."""

    @abstractmethod
    def width(self, problem, rank):
        """Dimension of the subspace to carry when the iterate has this rank."""

    def penalty(self, problem, state):
        # A subclass without alpha has no penalty.
        return 0.0

    def residual(self, problem, state):
        return state.current.residual

    def balanced(self, problem, state):
        current = state.current
        root = np.sqrt(current.s)
        return Factors(current.P * root, current.Q * root)

    def singular_values(self, state):
        return state.current.s

    def init_state(self, problem, factors):
        P, s, Q = factors.svd()
        current = Iterate(P, s, Q, problem.residual(factors))
        return self._state(
            problem, current, previous=current, basis=Q, lipschitz=problem.observed.largest_weight
        )

    def _state(self, problem, current, **fields):
        state = ProximalState(
            factors=Factors(current.P * current.s, current.Q),
            objective=current.residual.loss,
            loss=current.residual.loss,
            norm=float(np.linalg.norm(current.s)),
            alpha=problem.alpha,
            current=current,
            **fields,
        )
        state.objective += self.penalty(problem, state)
        return state

    def step(self, problem, state):
        beta = state.momentum / (state.momentum + 3.0) if self.momentum else 0.0
        largest = problem.observed.largest_weight
        if problem.alpha != state.alpha:
            # Another penalty lets other directions in, of a curvature not met yet.
            state.lipschitz = largest
        while True:
            step = self._step_length(state, largest)
            current, basis, change, curvature = self._propose(problem, state, beta, step)
            new = self._state(
                problem,
                current,
                change=change,
                previous=state.current,
                basis=basis,
                momentum=state.momentum + 1,
                pace=min(1.0, step * largest),
                lipschitz=self._relax(state, curvature, largest),
                hold=max(state.hold - 1, 0),
                spare=state.spare,
            )
            too_long = curvature * step > LONGEST and step * largest > 1.0
            if self.step_size == "auto" and too_long:
                state.lipschitz = min(1.05 * curvature, largest)
                state.hold = 10
            elif beta > 0 and rises(problem, new, state):
                state.momentum, beta = 0, 0.0
            else:
                if state.previous is not state.current:
                    state.release(state.previous)
                return new
            state.release(current)

    def _step_length(self, state, largest):
        if self.step_size == "auto":
            return 1.0 / state.lipschitz
        return float(self.step_size) / largest

    @staticmethod
    def _relax(state, curvature, largest):
        """Let the curvature estimate sink towards what the last change showed."""
        if state.hold or curvature > state.lipschitz:
            return min(max(curvature, state.lipschitz), largest)
        return max(0.9 * state.lipschitz, min(1.2 * curvature, state.lipschitz), 1e-12)

    def _propose(self, problem, state, beta, step):
        observed, kind = problem.observed, problem.dtype.type
        current, previous = state.current, state.previous
        entries = current.residual.entries
        A, B = current.P, current.right
        if beta > 0:
            entries = self._spare(state, entries)
            np.subtract(current.residual.entries, previous.residual.entries, out=entries)
            entries *= kind(beta)
            entries += current.residual.entries
            A = np.hstack([A, previous.P])
            B = np.hstack([kind(1 + beta) * B, kind(-beta) * previous.right])
        operator = SparsePlusLowRank(observed, observed.weighted(entries), step, A, B)
        P, s, Q, basis = self._decompose(problem, operator, state, step)
        factors = Factors(P * s, Q)
        out = entries if beta > 0 else self._spare(state, entries)
        new = Iterate(P, s, Q, problem.residual(factors, current.residual.offsets, out))
        change = low_rank_norm([(1.0, new.P, new.right), (-1.0, current.P, current.right)])
        on_omega = observed.square_distance(current.residual.entries, new.residual.entries)
        return new, basis, change, on_omega / change**2 if change > 0 else 0.0

    @staticmethod
    def _spare(state, entries):
        """An entry array to be written over."""
        return state.spare.pop() if state.spare else np.empty_like(entries)

    def _decompose(self, problem, operator, state, step):
        """Singular triplets that survive the proximal step, and the subspace for the next one."""
        n, m = problem.shape
        smaller = min(n, m)
        limit = min(self.width(problem, problem.rank), smaller)
        rank = state.current.s.shape[0]
        width = smaller if smaller <= EXACT_SIDE else min(self.width(problem, rank), limit)
        shrink = partial(self.shrink, problem, step=step)
        extra = max(self.width(problem, width) - width, SPARE)
        if rank == 0 and operator.A.shape[1] == 0 and problem.zero_spectrum is not None:
            found = gram_svd(
                operator.entries, lambda s: shrink(s * s.dtype.type(step)), extra,
                problem.zero_spectrum,
            )  # fmt: skip
            if found is not None:
                return found
        return leading_triplets(
            operator, shrink, state.basis, width=width, limit=limit, extra=extra
        )
