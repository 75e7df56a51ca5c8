"""Singular value thresholding: the smallest matrix that matches the observed entries."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._interpolating import InterpolatingFactors
from skmc._linalg import SparsePlusLowRank, leading_triplets, low_rank_norm
from skmc._problem import zero_factors
from skmc.solvers._base import Solver, SolverState, rises
from skmc.solvers._proximal import BUFFER, EXACT_SIDE, LONGEST, SPARE, Iterate
from skmc.solvers._stopping import exact_loss

# The automatic threshold against the largest singular value that the whole matrix is guessed to
# have: enough to all but forget |Z|_F^2 where the data have low rank.
HEIGHT = 4.0
# The automatic step starts at this over the observed fraction,
FIRST_STEP = 1.2
# and is halved when it fails, down to this: below 2 plain steps do not, below 4/3 no others.
SAFE_STEP = 1.0
# If momentum fails within so many steps, the next ones are shorter by this factor.
EARLY, SHORTER = 10, 0.7
# Passes of subspace iteration per step: singular values lie close together around the threshold.
PASSES = 2


@dataclass
class SVTState(SolverState):
    """State of `SVT`.

    Parameters
    ----------
    current : Iterate
        Z and its residual.
    multiplier : ndarray
        Entry array of Y, of which Z is the thresholded decomposition.
    ascent : ndarray
        Y as the last step left it, before its extrapolation.
    basis : ndarray, shape (m, k)
        Where the next subspace iteration starts.
    tau : float
        Threshold.
    step_size : float
        Length of the next step.
    momentum : int
        Steps since the last restart.
    """

    current: Iterate | None = None
    multiplier: np.ndarray | None = None
    ascent: np.ndarray | None = None
    basis: np.ndarray | None = None
    tau: float = 0.0
    step_size: float = 1.0
    momentum: int = 0


class SVT(Solver):
    """Dual ascent for the smallest matrix that matches the observed entries.

    minimise over Z and mu
        tau |Z|_* + 1/2 |Z|_F^2    subject to    z_ij + a_i mu_j = x_ij on Omega

    The multipliers Y of the constraints live on Omega. For given ones Z = S_tau(Y), the singular
    value decomposition with every value lowered by tau, and mu is finite only if the sums of
    a_i y_ij over each column vanish. The dual function <Y, X> - 1/2 |S_tau(Y)|_F^2 has the gradient
    X - Z on Omega, of which the best offsets leave the part in that subspace: the residual of the
    problem. A step adds `step_size` times the residual to Y, which is sparse, and decomposes it.
    The residual never grows under steps below 2.

    The problem is that of alpha = 0 with enough rank to match the observed entries, of whose
    solutions it takes one. Weights change nothing in it, and row offsets, which noise shrinks,
    have no penalty where there is none: neither is supported. A bound on the rank makes it a
    heuristic.

    Parameters
    ----------
    tau : "auto" or float, default="auto"
        Threshold, in the units of the problem. ``"auto"``: 4 times the spectral norm of the centred
        data, zero-filled and divided by the observed fraction.
    step_size : "auto" or float, default="auto"
        Step. ``"auto"``: 1.2 over the observed fraction, halved when the residual grows, and
        shortened to what momentum can stand.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of Y by k / (k + 3), restarted when the residual grows or the dual function
        falls.
    """

    name = "svt"
    supports = frozenset({"zero_alpha", "interpolates"})
    state_types = (SVTState, Iterate)
    divergence_cure = "Lower step_size, of which any below 2 converges without momentum, or tau."

    def __init__(self, tau="auto", step_size="auto", momentum="nesterov"):
        self.tau = tau
        self.step_size = step_size
        self.momentum = momentum

    def check_supports(self, problem):
        super().check_supports(problem)
        if problem.offsets.has_rows:
            raise ValueError(f"Solver {self.name!r} cannot solve this problem: it has row offsets.")

    def threshold(self, problem):
        """The threshold tau for a problem."""
        if self.tau == "auto":
            return HEIGHT * problem.alpha_max() / problem.fraction_observed
        return float(self.tau)

    def start(self, problem, init, random_state=None):
        # From zero the first steps are known, see `_first_multiplier`.
        if isinstance(init, str) and init == "svd":
            return zero_factors(problem)
        return super().start(problem, init, random_state)

    def init_state(self, problem, factors):
        tau, step_size = self.threshold(problem), self.step_size
        if step_size == "auto":
            step_size = FIRST_STEP / problem.fraction_observed
        multiplier = getattr(factors, "multiplier", None)
        if multiplier is None:
            multiplier = self._first_multiplier(problem, factors, tau, float(step_size))
        start = SVTState(
            factors, problem.loss_at_zero, problem.loss_at_zero, basis=factors.svd()[2],
            tau=tau, step_size=float(step_size),
        )  # fmt: skip
        state = self._state(problem, start, multiplier, multiplier)
        if (
            factors.norm() == 0
            and state.loss > 2.0 * problem.loss_at_zero
            and self.step_size == "auto"
        ):
            # Where few entries say nothing of each other, the step has left zero far behind.
            zero = np.zeros_like(multiplier)
            state = self._state(problem, start, zero, zero)
        return state

    @staticmethod
    def _first_multiplier(problem, factors, tau, step_size):
        """Multipliers to start from.

        From zero Z stays zero until the norm of Y exceeds tau, so those steps are taken at once.
        Other factors P S Q' are those of P (S + tau) Q', known on Omega.
        """
        at_zero = problem.at_zero.entries
        kind = problem.dtype.type
        if factors.norm() == 0:
            norm = problem.alpha_max()
            n_steps = np.ceil(tau / (step_size * norm)) if norm > 0 else 0.0
            return kind(n_steps * step_size) * at_zero
        P, s, Q = factors.svd()
        raised = Factors(P * (s + kind(tau)), Q)
        return (at_zero - problem.residual(raised).entries) / kind(problem.fraction_observed)

    def stopping_rule(self, problem, tol):
        # Rounding is that of Y, which is larger than Z.
        norm = problem.alpha_max() / problem.fraction_observed
        larger = 1.0 + self.threshold(problem) / norm if norm > 0 else 1.0
        exact = min(larger, 1e100) ** 2 * exact_loss(problem)
        # Beyond ten times the tolerance rounding is a failure: tau is too large for the precision.
        return _Matched(problem, tol, min(exact, (10.0 * tol) ** 2 * problem.loss_at_zero))

    def residual(self, problem, state):
        return state.current.residual

    def singular_values(self, state):
        return state.current.s

    def balanced(self, problem, state):
        current = state.current
        return InterpolatingFactors.of_svd(
            current.P, current.s, current.Q, state.tau, state.multiplier
        )

    def extra(self, state):
        return {"step_size": state.step_size}

    def step(self, problem, state):
        kind, entries = problem.dtype.type, state.current.residual.entries
        momentum, step_size = state.momentum if self.momentum else 0, state.step_size
        automatic, refined = self.step_size == "auto", False
        while True:
            ascent = state.multiplier + kind(step_size) * entries
            if problem.observed.dot(entries, ascent - state.ascent) < 0:
                # The dual function falls along the momentum, before the residual tells.
                momentum = 0
            beta = momentum / (momentum + 3.0)
            multiplier = ascent
            if beta > 0:
                multiplier = ascent + kind(beta) * (ascent - state.ascent)
            new = self._state(problem, state, multiplier, ascent)
            new.step_size, new.momentum = step_size, momentum + 1
            if not rises(problem, new, state):
                if self.momentum and automatic:
                    new.step_size = self._shortened(problem, state, new, step_size)
                return new
            # The singular vectors may have turned by more than the passes can follow.
            state.basis = new.basis
            if beta > 0:
                if automatic and momentum < EARLY:
                    # Below 4/3 over the curvature, momentum would have lasted.
                    step_size = max(SHORTER * step_size, SAFE_STEP)
                momentum = 0
            elif not refined:
                refined = True
            elif automatic and step_size > SAFE_STEP:
                step_size = max(0.5 * step_size, SAFE_STEP)
            else:
                return new

    @staticmethod
    def _shortened(problem, old, new, step_size):
        """The step, or the inverse of the curvature along the last change if it is longer.

        Up to twice that is no harm to plain steps, whose residual falls, but momentum keeps such
        changes going to and fro.
        """
        dot, change = problem.observed.dot, new.multiplier - old.multiplier
        bend = dot(change, old.current.residual.entries - new.current.residual.entries)
        square = dot(change, change)
        if step_size * bend <= LONGEST * square:
            return step_size
        return max(square / bend, SAFE_STEP)

    def _state(self, problem, state, multiplier, ascent):
        """The state at other multipliers; what is to be told of the step is that of `state`."""
        P, s, Q, basis = self._decompose(problem, state, multiplier)
        residual = problem.residual(Factors(P * s, Q))
        new = Iterate(P, s, Q, residual)
        change = np.inf
        if state.current is not None:
            old = state.current
            change = low_rank_norm([(1.0, P, new.right), (-1.0, old.P, old.right)])
        return SVTState(
            factors=Factors(P * s, Q),
            objective=residual.loss,
            loss=residual.loss,
            change=change,
            norm=float(np.linalg.norm(s)),
            current=new,
            multiplier=multiplier,
            ascent=ascent,
            basis=basis,
            tau=state.tau,
            step_size=state.step_size,
        )

    @staticmethod
    def _decompose(problem, state, multiplier):
        """Singular triplets of Y above tau, lowered by it, and the subspace for the next step."""

        def shrink(s):
            lowered = s - s.dtype.type(state.tau)
            return lowered[lowered > 0][: problem.rank]

        smaller = min(problem.shape)
        limit = min(problem.rank + BUFFER, smaller)
        rank = 0 if state.current is None else state.current.s.shape[0]
        width = smaller if smaller <= EXACT_SIDE else min(rank + max(2 * BUFFER, rank // 2), limit)
        operator = SparsePlusLowRank(problem.observed, multiplier)
        return leading_triplets(
            operator, shrink, state.basis, width=width, limit=limit, extra=SPARE, n_passes=PASSES
        )


class _Matched:
    """Whether the observed entries are matched.

    Z may stand still for long before another singular value of Y passes the threshold: its changes
    do not tell when to stop.
    """

    def __init__(self, problem, tol, exact):
        self.allowed = max(tol**2 * problem.loss_at_zero, exact, exact_loss(problem))
        self.tol = tol
        self.reason = None

    def met(self, state):
        """Whether to stop; then `reason` says why."""
        if state.loss <= self.allowed:
            self.reason = f"the observed entries are matched to tol={self.tol:g} or rounding"
        return self.reason is not None
