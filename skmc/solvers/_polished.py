"""Searches for an exact fit of given rank, which Gauss-Newton steps finish."""

from abc import abstractmethod
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from skmc.solvers._base import Solver, SolverState
from skmc.solvers._gauss_newton import GaussNewton
from skmc.solvers._init import data_norm, revived
from skmc.solvers._stopping import exact_loss

# Relative residuals at which Gauss-Newton steps are tried, and how many. Where they converge they
# do so quadratically.
POLISH_AT = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
POLISH_STEPS = 10
# Gauss-Newton steps on the problem as a whole, at most; one may cost a hundred sweeps.
FINAL_STEPS = 300
# Where the entries do not determine a matrix of the rank, some of its rows and columns run away on
# noisy data. Steps end before Z exceeds this multiple of the size of the data.
RUNAWAY = 3.0


@dataclass
class _State(SolverState):
    search: object = None
    polish: object = None
    n_final: int = 0
    data_norm: float = 0.0


class PolishedSearch(Solver):
    """Base of solvers that go about in search of an exact fit at hard rank.

    A subclass writes `search`. The factors of the smallest residual so far are kept, and
    Gauss-Newton steps on the problem as a whole end the iteration, so the result is a minimum of
    the problem on data with noise too.
    """

    supports = frozenset({"zero_alpha", "weights"})
    divergence_cure = "Lower the rank."

    def start(self, problem, init, random_state=None):
        factors = super().start(problem, init, random_state)
        return factors if isinstance(init, str) else revived(problem, factors)

    @abstractmethod
    def search(self, problem, factors):
        """Yield (change of the iterate, factors that may fit better or None) per iteration."""

    def init_state(self, problem, factors):
        factors = factors.balanced()
        loss = problem.residual(factors).loss
        search = self.search(problem, factors) if problem.loss_at_zero > 0 else None
        return _State(
            factors, loss, loss, norm=factors.norm(), search=search, data_norm=data_norm(problem)
        )

    def step(self, problem, state):
        if state.search is not None:
            found = next(state.search, None)
            if found is not None:
                return self._better(problem, state, *found)
        old = state.polish or GaussNewton().init_state(problem, state.factors)
        new = GaussNewton().step(problem, old)
        failure, n_final = new.failure, state.n_final + 1
        if new.norm > RUNAWAY * state.data_norm and new.loss > exact_loss(problem):
            new = replace(old, change=state.change)
            failure = "rows or columns ran away from the data"
        elif n_final == FINAL_STEPS:
            failure = f"did not settle in {FINAL_STEPS} Gauss-Newton steps"
        return _State(
            new.factors, new.objective, new.loss, new.change, new.norm,
            failure=failure, polish=new, n_final=n_final, data_norm=state.data_norm,
        )  # fmt: skip

    @staticmethod
    def _better(problem, state, change, factors):
        """The state after an iteration of the search, keeping the factors that fit best.

        What one iteration moves says nothing about how far the search goes on, hence the pace and
        the least change against the data, with which no rule ends a search.
        """
        new = replace(state, change=max(change, 1e-9 * state.data_norm), pace=1e-12)
        if factors is not None:
            loss = problem.residual(factors).loss
            if np.isfinite(loss) and loss < state.loss:
                new.factors, new.loss, new.objective = factors, loss, loss
                new.norm = factors.norm()
        return new


class Polish:
    """Gauss-Newton steps that are tried as the residual of a search falls.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    inner_iter : int, default=300
        Conjugate-gradient iterations of a step, at most.

    Attributes
    ----------
    factors : Factors or None
        Where the steps led if the fit is exact there.
    """

    def __init__(self, problem, inner_iter=300):
        self.problem = problem
        self.factors = None
        self._solver = GaussNewton(inner_iter)
        self._thresholds = deque(POLISH_AT)

    def due(self, relative):
        """Whether the relative residual has fallen below another threshold."""
        due = False
        while self._thresholds and relative < self._thresholds[0]:
            self._thresholds.popleft()
            due = True
        return due

    def steps(self, factors):
        """Yield the change of Z per step from some factors."""
        exact = exact_loss(self.problem)
        state = self._solver.init_state(self.problem, factors)
        for k in range(POLISH_STEPS):
            before = state.loss
            state = self._solver.step(self.problem, state)
            yield state.change
            if state.loss <= exact or (k >= 4 and state.loss > 0.3 * before):
                break
        if state.loss <= 1e3 * exact:
            self.factors = state.factors
