"""The one outer loop: stopping rule, trace, time, callback, divergence check."""

import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from skmc._factors import Factors
from skmc._interpolating import InterpolatingFactors
from skmc._log import logger
from skmc._non_negative import NonNegativeFactors
from skmc._offsets import Offsets
from skmc._problem import Residual, zero_factors
from skmc._symmetric import SymmetricFactors
from skmc.solvers._init import initial_factors
from skmc.solvers._stopping import StoppingRule

# A fit whose loss is this many times that of Z = 0 has diverged.
DIVERGENCE = 1e3
# Why a loop ended that a callback has stopped.
STOPPED = "stopped by the callback"

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


@dataclass
class Progress:
    """Where the loop stands after an iteration, or before the first.

    Parameters
    ----------
    problem : CompletionProblem
        The problem, with the penalty and units of the schedule.
    schedule : NoiseSchedule or None
        The schedule.
    rule : object
        The stopping rule.
    state : SolverState or None
        The state.
    trace : dict of str to list of float
        The trace.
    stage : int
        Its last stage.
    iteration : int
        Iterations done.
    """

    problem: object
    schedule: object
    rule: object
    state: SolverState | None = None
    trace: dict = field(default_factory=dict)
    stage: int = 0
    iteration: int = 0


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
    # Dataclasses that the state is made of besides those of the package, if an iteration that is
    # given a state from a file goes on as if it had never stopped.
    state_types = ()

    @classmethod
    def storable(cls):
        """Dataclasses of the state, or none if it cannot be stored."""
        common = Factors, InterpolatingFactors, NonNegativeFactors, SymmetricFactors
        return (*common, Residual, Offsets, *cls.state_types) if cls.state_types else ()

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
        return StoppingRule(problem, tol)

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

    def solve(
        self,
        problem,
        factors,
        *,
        max_iter,
        tol,
        schedule=None,
        callback=None,
        verbose=0,
        watch=None,
    ):
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
        watch : object or None
            Its ``begin(solver, progress, max_iter)`` may set the progress to where another run has
            come; ``after(solver, progress)`` follows each iteration, and may stop the loop.

        Returns
        -------
        SolverResult
            Balanced factors and how they were reached.
        """
        if schedule is not None:
            problem = schedule.problem
        self.check_supports(problem)
        start = time.perf_counter()
        at = Progress(problem, schedule, self.stopping_rule(problem, tol))
        if watch is not None:
            watch.begin(self, at, max_iter)
        if at.state is None:
            with self._guarded(problem, 0) as check:
                at.state = check(self.init_state(problem, factors))
        else:
            start -= at.trace["time"][-1]
        # What a schedule changes can let the first problem go.
        del problem, factors
        stop_reason = None
        while at.iteration < max_iter and stop_reason is None:
            at.iteration += 1
            with self._guarded(at.problem, at.iteration) as check:
                at.state = check(self.step(at.problem, at.state))
            self._note(at, time.perf_counter() - start, verbose)
            if schedule is not None and not schedule.settled:
                self._follow(schedule, at)
            elif at.state.failure or at.rule.met(at.state):
                stop_reason = at.state.failure or at.rule.reason
            if stop_reason is None and callback is not None and callback(at.iteration, at.state):
                stop_reason = STOPPED
            if watch is not None and watch.after(self, at):
                stop_reason = stop_reason or STOPPED
        return self.result(at, stop_reason or f"reached max_iter={max_iter}")

    def _follow(self, schedule, at):
        """Let the schedule learn from the state, and take on what it changes."""
        schedule.advance(self, at.state, at.iteration)
        at.stage += schedule.problem is not at.problem
        if schedule.problem.observed is at.problem.observed:
            at.state.objective -= self.penalty(at.problem, at.state)
            at.problem = schedule.problem
            at.state.objective += self.penalty(at.problem, at.state)
        else:
            factors = self.balanced(at.problem, at.state).in_column_units(schedule.units)
            # The data in the units that are left can go before more is computed.
            at.problem, at.state = schedule.problem, None
            at.state = self.init_state(at.problem, factors)

    def result(self, at, stop_reason):
        """What the progress would return if the loop stopped there."""
        return SolverResult(
            factors=self.balanced(at.problem, at.state),
            residual=self.residual(at.problem, at.state),
            problem=at.problem,
            n_iter=at.iteration,
            converged=at.rule.reason is not None,
            stop_reason=stop_reason,
            trace=at.trace,
            units=None if at.schedule is None else at.schedule.units,
        )

    def _note(self, at, seconds, verbose):
        """Add an iteration to the trace, and log it if it is a `verbose`-th one."""
        trace, state = at.trace, at.state
        relative = state.change / state.norm if state.norm > 0 else 0.0
        noted = {
            "time": seconds,
            "objective": state.objective,
            "change": relative,
            "alpha": at.problem.alpha,
            "stage": at.stage,
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
    def _guarded(self, problem, iteration):
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
