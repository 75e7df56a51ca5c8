"""Alternating least squares."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from skmc._factors import Factors
from skmc.solvers._base import Solver, SolverState, rises
from skmc.solvers._init import fit_rows, revived

# Sweeps between two balancings of the factors, which sweeps bring about slowly under a small
# penalty.
BALANCE_EVERY = 3
# With fewer entries to a degree of freedom than this, the spectral start is too far from the
# solution without penalty to find it; falling penalties lead there. They halve that often, from
# half of the one that fits nothing, with that many sweeps at each.
FEW_ENTRIES = 5.0
HALVINGS, SWEEPS = 6, 3


@dataclass
class _State(SolverState):
    columns: np.ndarray | None = None
    rows: np.ndarray | None = None
    previous_V: np.ndarray | None = None
    previous_columns: np.ndarray | None = None
    momentum: int = 0
    sweep: int = 0


class AlternatingLeastSquares(Solver):
    """Exact minimisation over the rows of U (and b), then over the rows of V (and mu).

    Nesterov extrapolation of (V, mu) with weight k / (k + 3), restarted when a sweep turns back
    from where it led, and when the objective rises, so the objective never does. Cost per sweep:
    nnz r^2 + (n + m) r^3 / 3 multiply-adds. Without a penalty the start follows minima of falling
    penalties where few entries leave local minima near the spectral one.

    Parameters
    ----------
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of the column factors between sweeps; None is for comparison.
    """

    name = "als"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights", "penalty_power"})
    state_types = (_State,)

    def __init__(self, momentum="nesterov"):
        self.momentum = momentum

    def start(self, problem, init, random_state=None):
        if not isinstance(init, str):
            return revived(problem, super().start(problem, init))
        if not (init == "svd" and problem.alpha == 0 and _has_few_entries(problem)):
            return super().start(problem, init, random_state)
        penalties = problem.alpha_max() * 0.5 ** np.arange(1, HALVINGS + 1)
        factors = super().start(problem.with_alpha(penalties[0]), init)
        for alpha in penalties:
            penalised = problem.with_alpha(alpha)
            state = self.init_state(penalised, factors)
            for _ in range(SWEEPS):
                state = self.step(penalised, state)
            factors = problem.balanced(state.factors)
        return factors

    def init_state(self, problem, factors):
        residual = problem.residual(factors)
        # The start alone needed the residual at zero; the column view needs the room.
        problem.release()
        return _State(
            factors=factors,
            objective=residual.loss + problem.penalty(factors),
            loss=residual.loss,
            columns=residual.offsets.columns,
            rows=residual.offsets.rows,
        )

    def residual(self, problem, state):
        # The row offsets of the sweep, which are the best ones in the limit.
        return problem.residual(state.factors, rows=state.rows)

    def step(self, problem, state):
        k = state.momentum if self.momentum else 0
        V, columns = state.factors.V, state.columns
        if k > 0:
            beta = V.dtype.type(k / (k + 3.0))
            V = V + beta * (V - state.previous_V)
            columns = columns + beta * (columns - state.previous_columns)
        new = self._sweep(problem, state, V, columns)
        if k > 0 and rises(problem, new, state):
            new = self._sweep(problem, state, state.factors.V, state.columns)
        elif k == 0 or not _turns_back(problem, state.factors.V, V, new.factors.V):
            new.momentum = state.momentum + 1
        return new if new.sweep % BALANCE_EVERY else self._balance(problem, new)

    def _sweep(self, problem, state, V, columns):
        """State after a sweep from V and the column offsets, without momentum."""
        observed, offsets = problem.observed, problem.offsets
        U, rows = fit_rows(problem, V, columns)
        V, columns, value = observed.ridge_columns(
            U,
            problem.alpha,
            penalty_scale=problem.column_multiples,
            intercept=offsets.has_columns,
            design=offsets.row_scale,
            shift=rows,
        )
        loss_and_column_penalty = float(value.sum())
        row_penalty = problem.row_penalty(U)
        if rows is not None:
            row_penalty += 0.5 * offsets.row_penalty * float(rows.astype(np.float64) @ rows)
        old = state.factors
        new = Factors(U, V)
        change = _product_norm(U - old.U, old.V) + _product_norm(U, V - old.V)
        loss = loss_and_column_penalty - problem.column_penalty(V)
        return _State(
            factors=new,
            objective=loss_and_column_penalty + row_penalty,
            loss=max(loss, 0.0),
            change=change,
            norm=new.norm(),
            columns=columns,
            rows=rows,
            previous_V=old.V,
            previous_columns=state.columns,
            sweep=state.sweep + 1,
        )

    @staticmethod
    def _balance(problem, state):
        """Choose the factors of smallest norm with the same product."""
        before = problem.penalty(state.factors)
        V = state.factors.V
        state.factors = problem.balanced(state.factors)
        state.objective += problem.penalty(state.factors) - before
        # The last step, which the extrapolation goes on with, in the new basis.
        turn = linalg.lstsq(V, state.factors.V, check_finite=False, lapack_driver="gelsy")[0]
        state.previous_V = state.factors.V - (V - state.previous_V) @ turn
        return state


def _turns_back(problem, before, start, end):
    """Whether a sweep led back from its start, where column factors before it had led."""
    weight = problem.offsets.column_weight[:, None]
    return float(np.vdot(weight * (start - end), end - before)) > 0


def _has_few_entries(problem):
    unknowns = problem.rank * (problem.n_rows + problem.shape[1] - problem.rank)
    return 0.0 < problem.loss_at_zero and problem.total_weight < FEW_ENTRIES * unknowns


def _product_norm(A, B):
    """Frobenius norm of A B' through the two Gram matrices."""
    total = np.vdot((A.T @ A).astype(np.float64), (B.T @ B).astype(np.float64))
    return float(np.sqrt(max(total, 0.0)))
