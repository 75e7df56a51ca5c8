"""The one outer loop: stopping rule, trace, time, callback, divergence check."""

import logging
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from skmc._factors import Factors
from skmc._problem import zero_factors
from skmc.solvers._init import initial_factors

logger = logging.getLogger("skmc")

# A fit whose loss is this many times that of Z = 0 has diverged.
DIVERGENCE = 1e3
# Iterations in a row that must have lowered the objective before its remaining gain is estimated.
SETTLED = 10


# What a problem may ask for, in words.
CAPABILITIES = {
    "positive_alpha": "penalties (positive_alpha)",
    "zero_alpha": "fits without a penalty (zero_alpha)",
    "penalty_power": "penalties that grow with the number of entries (penalty_power)",
    "weights": "entry weights that differ (drop them, or take a completer that minimises squares)",
}


@dataclass
class SolverState:
    """Where an iteration stands; solvers add what they need.

    Parameters
    ----------
    factors : Factors
        Current U and V.
    objective : float
        Objective at the factors.
    loss : float
        Its data term.
    change : float
        Frobenius norm of the last change of Z = U V'.
    norm : float
        Frobenius norm of Z.
    pace : float
        Length of the last step against one that would do, at most 1: a short step changes little
        without being close to the limit.
    failure : str or None
        Why the iteration cannot go on, if it cannot.
    """

    factors: Factors
    objective: float
    loss: float
    change: float = np.inf
    norm: float = 0.0
    pace: float = 1.0
    failure: str | None = None


@dataclass(frozen=True, eq=False)
class SolverResult:
    """What a solver returns.

    Parameters
    ----------
    factors : Factors
        Balanced factors of the last iterate.
    residual : Residual
        Its residual and offsets.
    problem : CompletionProblem
        The problem that was solved, with the penalty and units of a schedule.
    n_iter : int
        Iterations done.
    converged : bool
        Whether the stopping rule was met.
    stop_reason : str
        Why the loop ended, in words.
    trace : dict of str to list of float
        Per iteration: ``time`` (seconds since the start), ``objective``, ``change`` (relative
        change of Z), ``alpha``, ``rank``, and the ``stage``, which counts changes of penalty and
        units: objectives of one stage can be compared. Solvers may add more.
    units : ndarray of shape (m,), or None
        What a schedule has divided the columns by.
    """

    factors: Factors
    residual: object
    problem: object
    n_iter: int
    converged: bool
    stop_reason: str
    trace: dict = field(repr=False)
    units: np.ndarray | None = None


def offsets_only(problem):
    """Result of fitting nothing but the offsets, which is what rank 0 leaves."""
    trace = {"time": [0.0], "objective": [problem.loss_at_zero], "change": [0.0]}
    return SolverResult(
        factors=zero_factors(problem),
        residual=problem.at_zero,
        problem=problem,
        n_iter=1,
        converged=True,
        stop_reason="there is nothing to solve at rank 0",
        trace=trace | {"alpha": [problem.alpha], "stage": [0], "rank": [0]},
    )


def joined(first, second):
    """Result of a solution that another one was the start of: iterations and trace are of both."""
    stage, time = first.trace["stage"][-1] + 1, first.trace["time"][-1]
    later = second.trace | {
        "stage": [stage + number for number in second.trace["stage"]],
        "time": [time + seconds for seconds in second.trace["time"]],
    }
    unknown = [np.nan] * first.n_iter
    return replace(
        second,
        n_iter=first.n_iter + second.n_iter,
        trace={key: first.trace.get(key, unknown) + later[key] for key in later},
        units=first.units,
    )


def exact_loss(problem):
    """Loss of a fit that is exact in floating point.

    The loss is a square: this is eps^0.6 of the values, where rounding in the factors stalls.
    """
    return float(np.finfo(problem.dtype).eps) ** 1.2 * problem.loss_at_zero


def rises(problem, new, old):
    """Whether the objective rises from one state to another by more than rounding."""
    slack = 10.0 * float(np.finfo(problem.dtype).eps)
    return not new.objective <= old.objective * (1.0 + slack)


class DivergenceError(ValueError):
    """The iterates grow without bound; the message names the cause and the cure."""


class Solver(ABC):
    """Base of all solvers: a subclass writes `init_state` and `step`, nothing else.

    Class attributes `name` (key in the registry) and `supports` (capabilities, a subset of
    ``{"zero_alpha", "positive_alpha", "weights", "penalty_power", "non_negative", "symmetric",
    "interpolates"}``)
    say what it is for; the last three: its factors are non-negative, or those of a symmetric
    matrix, or of all Z which match the observed entries it finds the smallest. `divergence_cure`
    is the advice that a diverging fit gives.
    """

    name: str
    supports: frozenset
    divergence_cure = "Raise alpha."

    def start(self, problem, init, random_state=None):
        """Starting factors; see `initial_factors`."""
        return initial_factors(problem, init, random_state)

    @abstractmethod
    def init_state(self, problem, factors):
        """State at the starting factors."""

    @abstractmethod
    def step(self, problem, state):
        """State after one iteration."""

    def residual(self, problem, state):
        """Residual at the state, from what the state knows where it does."""
        return problem.residual(state.factors)

    def balanced(self, problem, state):
        """Balanced factors of the state."""
        return problem.balanced(state.factors)

    def singular_values(self, state):
        """Singular values of Z at the state, largest first."""
        return state.factors.singular_values()

    def penalty(self, problem, state):
        """The part of the objective at the state that is proportional to alpha."""
        return problem.penalty(state.factors)

    def stopping_rule(self, problem, tol):
        """What tells when to stop by its `met(state)`, and why by its `reason`: see `solve`."""
        return _StoppingRule(problem, tol)

    def extra(self, state):
        """What the trace keeps besides what it keeps of every solver, by name."""
        return {}

    def check_supports(self, problem):
        """Raise ValueError, naming what is missing, if the solver cannot solve the problem."""
        needed = {"positive_alpha" if problem.alpha > 0 else "zero_alpha"}
        if problem.observed.weights is not None:
            needed.add("weights")
        if problem.penalty_power != 0:
            needed.add("penalty_power")
        missing = sorted(needed - self.supports)
        if missing:
            raise ValueError(
                f"Solver {self.name!r} cannot solve this problem: it lacks "
                f"{', '.join(CAPABILITIES[name] for name in missing)}."
            )

    def solve(self, problem, factors, *, max_iter, tol, schedule=None, callback=None, verbose=0):
        """Iterate until Z no longer moves by what matters.

        With delta_t = |Z_t - Z_{t-1}|_F and q the ratio by which delta shrinks, the distance to
        the limit is about delta_t q / (1 - q). The loop stops when this distance, per entry, is
        below `tol` times the root mean square residual on Omega (a change below the noise is of
        no use to anyone), when what the objective can still gain is of the order of `tol`^2 of the
        squared residual, or when Z or its fit is exact in floating point. Changes are divided by
        the length of the step (`SolverState.pace`), and q is taken between 0.1 and 0.999.

        Parameters
        ----------
        problem : CompletionProblem or None
            What to solve; None if a schedule says it.
        factors : Factors
            Where to start.
        max_iter : int
            Largest number of iterations.
        tol : float
            Accuracy relative to the residual.
        schedule : PenaltySchedule or None
            Changes the penalty between iterations until it settles; the stopping rule counts from
            then on.
        callback : callable or None
            Called as ``callback(iteration, state)`` after each iteration; True stops the loop.
        verbose : int
            Log each ``verbose``-th iteration; 0 logs nothing.

        Returns
        -------
        SolverResult
            Balanced factors and how they were reached.
        """
        if schedule is not None:
            problem = schedule.problem
        self.check_supports(problem)
        start = time.perf_counter()
        with self._watch(problem, 0) as check:
            state = check(self.init_state(problem, factors))
        trace, stage = {}, 0
        rule = self.stopping_rule(problem, tol)
        stop_reason = f"reached max_iter={max_iter}"
        for iteration in range(1, max_iter + 1):
            with self._watch(problem, iteration) as check:
                state = check(self.step(problem, state))
            self._note(trace, problem, state, stage, time.perf_counter() - start, verbose)
            if schedule is not None and not schedule.settled:
                schedule.advance(self, state, iteration)
                stage += schedule.problem is not problem
                if schedule.problem.observed is problem.observed:
                    state.objective -= self.penalty(problem, state)
                    problem = schedule.problem
                    state.objective += self.penalty(problem, state)
                else:
                    factors = self.balanced(problem, state).in_column_units(schedule.units)
                    # The data in the units that are left can go before more is computed.
                    problem, state = schedule.problem, None
                    state = self.init_state(problem, factors)
            elif state.failure:
                stop_reason = state.failure
                break
            elif rule.met(state):
                stop_reason = rule.reason
                break
            if callback is not None and callback(iteration, state):
                stop_reason = "stopped by the callback"
                break
        return SolverResult(
            factors=self.balanced(problem, state),
            residual=self.residual(problem, state),
            problem=problem,
            n_iter=iteration,
            converged=rule.reason is not None,
            stop_reason=stop_reason,
            trace=trace,
            units=None if schedule is None else schedule.units,
        )

    def _note(self, trace, problem, state, stage, seconds, verbose):
        """Add an iteration to the trace, and log it if it is a `verbose`-th one."""
        relative = state.change / state.norm if state.norm > 0 else 0.0
        noted = {
            "time": seconds,
            "objective": state.objective,
            "change": relative,
            "alpha": problem.alpha,
            "stage": stage,
            "rank": state.factors.rank,
        }
        for key, value in (noted | self.extra(state)).items():
            trace.setdefault(key, []).append(value)
        iteration = len(trace["time"])
        if verbose and iteration % verbose == 0:
            logger.info(
                "%s iteration %d: objective %.6g, relative change %.3g",
                self.name, iteration, state.objective, relative,
            )  # fmt: skip

    @contextmanager
    def _watch(self, problem, iteration):
        """Raise DivergenceError if an iteration, or the start as number 0, leaves what is finite.

        Gives the function that a state has to pass.
        """
        what, cure = f"{self.name} diverged at iteration {iteration}", self.divergence_cure
        if not iteration:
            what = f"{self.name} cannot start"
            cure = f"A parameter, as step_size, is too large or too small for {problem.dtype}."

        def check(state):
            bound = DIVERGENCE * problem.loss_at_zero
            # A penalty of any size may weigh on the start; what grows with the iterate is the loss.
            if not np.isfinite(state.objective) or (iteration and state.loss > bound > 0):
                raise DivergenceError(
                    f"{what}: the objective is {state.objective:.3g}, {problem.loss_at_zero:.3g} "
                    f"at zero. {cure}"
                )
            return state

        try:
            with np.errstate(over="ignore", invalid="ignore"):
                yield check
        except np.linalg.LinAlgError as error:
            raise DivergenceError(f"{what}: {error}. {cure}") from error


class _StoppingRule:
    """Estimated distance to the limit against the residual, in Z and in the objective."""

    def __init__(self, problem, tol):
        self.tol = tol
        self.per_entry = 1.0 / np.sqrt(problem.fraction_observed)
        eps = float(np.finfo(problem.dtype).eps)
        self.accuracy = 100.0 * eps
        self.exact = exact_loss(problem)
        self.changes = []
        self.objectives = []
        self.reason = None

    def met(self, state):
        """Whether to stop; then `reason` says why."""
        self.changes.append(state.change)
        self.objectives.append(state.objective)
        if state.change <= self.accuracy * state.pace * state.norm:
            self.reason = "the iterate no longer changes in floating point"
        elif state.loss <= self.exact:
            self.reason = "the observed entries are matched in floating point"
        elif len(self.changes) > 1:
            allowed = self.tol * self.per_entry * np.sqrt(2.0 * max(state.loss, 0.0))
            # Not the changes that full steps would make: these jump where the pace does.
            if _remaining(self.changes) <= allowed * state.pace:
                self.reason = f"within tol={self.tol:g} of the limit, relative to the residual"
            elif self._objective_settled(state):
                self.reason = f"objective settled to the square of tol={self.tol:g}"
        return self.reason is not None

    def _objective_settled(self, state):
        """Whether what is left to gain is about what a move of `tol` residuals would change.

        Where the observed entries do not determine Z, as at too high a rank, Z wanders on for
        ever while the fit to them stands still.
        """
        recent = self.objectives[-SETTLED - 1 :]
        gains = [a - b for a, b in pairwise(recent)]
        # An iterate that jumps to and fro goes nowhere either, but it is not at its limit.
        if len(gains) < SETTLED or min(gains) <= 0 or self.changes[-1] > 0.1 * state.norm:
            return False
        slowest = 1.0 - min(max(self.tol, 1e-6), 0.1)
        remaining = _remaining(gains, slowest) / state.pace
        return remaining <= 10.0 * self.tol**2 * state.loss


def _remaining(changes, slowest=0.999):
    """Sum of the changes to come, if they go on shrinking as they did."""
    window = changes[-6:]
    rate = 0.0
    if window[0] > 0:
        rate = (window[-1] / window[0]) ** (1.0 / (len(window) - 1))
    if window[-2] > 0:
        rate = max(rate, window[-1] / window[-2])
    rate = min(max(rate, 0.1), slowest)
    return window[-1] * rate / (1.0 - rate)
