"""Alternating least squares."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc.solvers._base import Solver, SolverState, rises
from skmc.solvers._init import fit_rows, revived

# Sweeps between two balancings of the factors.
BALANCE_EVERY = 10


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

    Nesterov extrapolation of (V, mu) with weight k / (k + 3), restarted when the objective rises,
    so the objective never does. Cost per sweep: nnz r^2 + (n + m) r^3 / 3 multiply-adds.

    Parameters
    ----------
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of the column factors between sweeps.
    """

    name = "als"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights"})

    def __init__(self, momentum="nesterov"):
        self.momentum = momentum

    def start(self, problem, init, random_state=None):
        factors = super().start(problem, init, random_state)
        return factors if isinstance(init, str) else revived(problem, factors)

    def init_state(self, problem, factors):
        residual = problem.residual(factors)
        return _State(
            factors=factors,
            objective=residual.loss + problem.penalty(factors),
            loss=residual.loss,
            columns=residual.offsets.columns,
            rows=residual.offsets.rows,
        )

    def step(self, problem, state):
        beta = state.momentum / (state.momentum + 3.0) if self.momentum else 0.0
        extrapolate = beta > 0 and state.previous_V is not None
        new = self._sweep(problem, state, beta if extrapolate else 0.0)
        if extrapolate and rises(problem, new, state):
            new = self._sweep(problem, state, 0.0)
            new.momentum = 0
        return new

    def _sweep(self, problem, state, beta):
        observed, offsets = problem.observed, problem.offsets
        V, columns = state.factors.V, state.columns
        if beta > 0:
            beta = V.dtype.type(beta)
            V = V + beta * (V - state.previous_V)
            columns = columns + beta * (columns - state.previous_columns)
        U, rows = fit_rows(problem, V, columns)
        V, columns, value = observed.ridge_columns(
            U,
            problem.alpha,
            intercept=offsets.has_columns,
            design=offsets.row_scale,
            shift=rows,
        )
        loss_and_column_penalty = float(value.sum())
        row_penalty = _squares(U) * 0.5 * problem.alpha
        if rows is not None:
            row_penalty += _squares(rows) * 0.5 * offsets.row_penalty
        old = state.factors
        new = Factors(U, V)
        change = _product_norm(U - old.U, old.V) + _product_norm(U, V - old.V)
        loss = loss_and_column_penalty - 0.5 * problem.alpha * _squares(V)
        next_state = _State(
            factors=new,
            objective=loss_and_column_penalty + row_penalty,
            loss=max(loss, 0.0),
            change=change,
            norm=new.norm(),
            columns=columns,
            rows=rows,
            previous_V=old.V,
            previous_columns=state.columns,
            momentum=state.momentum + 1,
            sweep=state.sweep + 1,
        )
        return self._balance(problem, next_state)

    @staticmethod
    def _balance(problem, state):
        """Every few sweeps choose the factors of smallest norm with the same product."""
        if state.sweep % BALANCE_EVERY:
            return state
        before = problem.penalty(state.factors)
        state.factors = state.factors.balanced()
        state.objective += problem.penalty(state.factors) - before
        # The old factors are in another basis: start the extrapolation afresh from here.
        state.previous_V, state.previous_columns = state.factors.V, state.columns
        return state


def _squares(x):
    return (
        float(np.vdot(x, x))
        if x.dtype == np.float64
        else float(np.einsum("i,i->", x.ravel(), x.ravel(), dtype=np.float64))
    )


def _product_norm(A, B):
    """Frobenius norm of A B' through the two Gram matrices."""
    total = np.vdot((A.T @ A).astype(np.float64), (B.T @ B).astype(np.float64))
    return float(np.sqrt(max(total, 0.0)))
