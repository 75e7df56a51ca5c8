"""Gauss-Newton iteration in the tangent space."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._tangent import TangentSystem, conjugate_gradients
from skmc.solvers._base import Solver, SolverState, rises

# Damping of the first step against the diagonal of the system, and its range.
FIRST_DAMPING = 1e-2
LEAST_DAMPING = 1e-12
MOST_DAMPING = 1e4
# Steps tried before an iteration gives up.
TRIALS = 12


@dataclass
class GaussNewtonState(SolverState):
    """State of `GaussNewton`: `damping` for the next step, `residual` at the factors."""

    damping: float = FIRST_DAMPING
    residual: object = None


class GaussNewton(Solver):
    """Damped Gauss-Newton iteration on the factors.

    At balanced factors (U, V) with residual e a step (A, B) solves

        minimise 1/2 |e - A V' - U B'|_w^2 + alpha/2 (|U + A|^2 + |V + B|^2) + mu/2 |(A, B)|_D^2

    with offsets eliminated, by conjugate gradients in coordinates that whiten the diagonal blocks
    D (`TangentSystem`), so neither the scale of rows and columns nor the singular values enter
    the condition. The damping mu falls by ten after a step that does what its model promised and
    grows by ten after one that does not; only steps that lower the objective are made. Near an
    exact fit the convergence is quadratic, where alternating least squares needs ever more sweeps
    as the entries approach the number of degrees of freedom. The linearisation about balanced
    factors is that of Zilber and Nadler (2022, arXiv:2106.12933); damping
    and scale are those of Marquardt (1963, doi:10.1137/0111030).

    Parameters
    ----------
    inner_iter : int, default=500
        Conjugate-gradient iterations of a step, at most.
    """

    name = "damped_gauss_newton"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights"})

    def __init__(self, inner_iter=500):
        self.inner_iter = inner_iter

    def init_state(self, problem, factors):
        factors = factors.balanced()
        residual = problem.residual(factors)
        return GaussNewtonState(
            factors=factors,
            objective=residual.loss + problem.penalty(factors),
            loss=residual.loss,
            norm=factors.norm(),
            residual=residual,
        )

    def residual(self, problem, state):
        return state.residual

    def step(self, problem, state):
        observed, old = problem.observed, state.factors
        system = TangentSystem(problem, old)
        entries = observed.weighted(state.residual.entries)
        alpha = problem.dtype.type(problem.alpha)
        descent = (
            observed.matmul(entries, old.V) - alpha * old.U,
            observed.rmatmul(entries, old.U) - alpha * old.V,
        )
        right = system.coordinates(descent)
        gradient = sum(float(np.vdot(g, g)) for g in right)
        # A step need not be more exact than its model: one digit far away, many at the end.
        zero = problem.loss_at_zero
        tol = min(0.1, max((state.loss / zero) ** 0.5, 1e-8)) if zero > 0 else 0.1
        damping = state.damping
        for _ in range(TRIALS if gradient > 0 else 0):
            solution, _ = conjugate_gradients(
                lambda c, mu=damping: system.matvec(c, mu), right, tol, self.inner_iter
            )
            A, B = system.step(solution)
            new = Factors(old.U + A, old.V + B)
            residual = problem.residual(new)
            candidate = GaussNewtonState(
                factors=new,
                objective=residual.loss + problem.penalty(new),
                loss=residual.loss,
                residual=residual,
            )
            if np.isfinite(candidate.objective) and not rises(problem, candidate, state):
                return self._accept(problem, state, candidate, (A, B), damping, right, solution)
            damping = min(10.0 * max(damping, 1e-3 * FIRST_DAMPING), MOST_DAMPING)
        # No step lowers the objective any more: the state stands still. Where lines have hardly
        # more entries than unknowns that may be far from a minimum, as the coordinates stretch
        # directions that the entries all but leave open.
        settled = _is_stationary(descent, entries, old)
        return GaussNewtonState(
            factors=old, objective=state.objective, loss=state.loss, change=0.0,
            norm=state.norm, damping=damping, residual=state.residual,
            failure=None if settled else "no Gauss-Newton step lowers the objective",
        )  # fmt: skip

    @staticmethod
    def _accept(problem, state, new, step, damping, right, solution):
        # A solution x of (H + mu) x = g promises g'x - x'Hx/2 = g'x/2 + mu |x|^2/2, nearly.
        promise = 0.5 * sum(
            float(np.vdot(g, x)) + damping * float(np.vdot(x, x))
            for g, x in zip(right, solution, strict=True)
        )
        kept = (state.objective - new.objective) / promise if promise > 0 else 0.0
        if kept > 0.75:
            damping = max(0.1 * damping, LEAST_DAMPING)
        elif kept < 0.25:
            damping = min(10.0 * damping, MOST_DAMPING)
        A, B = step
        old = state.factors
        # A V' + U B' + A B' as A (V + B)' + U B'.
        change = Factors(np.hstack([A, old.U]), np.hstack([new.factors.V, B])).norm()
        before = problem.penalty(new.factors)
        new.factors = new.factors.balanced()
        new.objective += problem.penalty(new.factors) - before
        new.change, new.norm, new.damping = change, new.factors.norm(), damping
        return new


def _is_stationary(gradients, entries, factors):
    """Whether the gradient is zero but for what rounding of the objective hides.

    Where the objective f is flat to eps f the gradient in U is at most sqrt(eps) |w e| |V|, up to
    a small factor.
    """
    least = float(np.finfo(entries.dtype).eps) ** (1 / 3) * float(np.linalg.norm(entries))
    others = factors.V, factors.U
    return all(
        np.linalg.norm(g) <= least * np.linalg.norm(F)
        for g, F in zip(gradients, others, strict=True)
    )
