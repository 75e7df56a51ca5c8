"""Alternating least squares."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc.solvers._base import Solver, SolverState, rises
from skmc.solvers._init import fit_rows, revived

# Sweeps between two balancings of the factors.
BALANCE_EVERY = 10
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

    Nesterov extrapolation of (V, mu) with weight k / (k + 3), restarted when the objective rises,
    so the objective never does. Cost per sweep: nnz r^2 + (n + m) r^3 / 3 multiply-adds. Without a
    penalty the start follows minima of falling penalties where few entries leave local minima
    near the spectral one.

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
            factors = state.factors.balanced()
        return factors

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


def _has_few_entries(problem):
    unknowns = problem.rank * (problem.n_rows + problem.shape[1] - problem.rank)
    return 0.0 < problem.at_zero.loss and problem.total_weight < FEW_ENTRIES * unknowns


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
