"""Non-negative factors, by coordinate descent or by multiplication."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._non_negative import NonNegativeFactors, non_negative_rows
from skmc.solvers._base import Solver, SolverState
from skmc.solvers._init import resized

# Sweeps that fit the first component before others are taken from what it leaves.
FIRST_SWEEPS = 10
# What a start has for zeros, relative to the mean of the component: a product never leaves zero.
LEAST_START = 1e-2
# Multiples of the machine precision that a gain of the objective must exceed to be one.
ROUNDING = 100.0


@dataclass
class _State(SolverState):
    entries: np.ndarray | None = None
    previous: Factors | None = None
    momentum: int = 0


class NonNegativeALS(Solver):
    """Alternating minimisation over non-negative factors.

    One iteration updates all of U, then all of V, and never raises the objective.

    Parameters
    ----------
    update : {"hals", "multiplicative"}, default="hals"
        ``"hals"``: each column of a factor is minimised over exactly, one after the other, with
        the residual on Omega kept up to date. ``"multiplicative"``: each factor is multiplied by
        a ratio that is one where the gradient vanishes. Cost per iteration: about 8 nnz r
        multiply-adds each.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of both factors between sweeps of ``"hals"``, with weight k / (k + 3) and
        restarted when the objective does not fall; a product of ratios is not extrapolated.
    """

    name = "nmf"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights", "non_negative"})
    state_types = (_State,)

    def __init__(self, update="hals", momentum="nesterov"):
        self.update = update
        self.momentum = momentum

    def check_supports(self, problem):
        super().check_supports(problem)
        if problem.offsets.has_columns or problem.offsets.has_rows:
            raise ValueError(f"Solver {self.name!r} cannot solve this problem: it has offsets.")
        if problem.observed.values.min(initial=0.0) < 0:
            raise ValueError(f"Solver {self.name!r} cannot solve this problem: data are negative.")

    def start(self, problem, init, random_state=None):
        """Starting factors: see `initial_factors`; the signs are those of `_one_sign`.

        Components of ``"svd"`` after the first are taken from the residual of the first, where
        holes do not count as zeros.
        """
        if not isinstance(init, str):
            V = np.ascontiguousarray(init[0].T, dtype=problem.dtype)
            if V.min(initial=0.0) < 0:
                raise ValueError("Negative values in data passed to init: it must be non-negative.")
            U = non_negative_rows(problem.observed, V, problem.alpha)
            if self.update == "multiplicative":
                U = _without_zeros(U, problem.offsets.design)
            return NonNegativeFactors(U, V)
        if init == "random":
            factors = super().start(problem, init, random_state)
            return NonNegativeFactors(np.abs(factors.U), np.abs(factors.V))
        first = problem.with_alpha(problem.alpha, rank=1)
        # In parts of the pattern that nothing ties to the largest one the leading singular vectors
        # are zero but for rounding, and what is matched by their quotients is out of all bounds.
        factors = _raised(first, _one_sign(resized(first, None, 1)))
        for _ in range(FIRST_SWEEPS):
            factors = NonNegativeFactors(*self.iteration_map(first, factors.U, factors.V))
        # A penalty may have left nothing of it, which would have no successors.
        if factors.norm() == 0:
            factors = resized(first, None, 1)
        return _raised(problem, _one_sign(resized(problem, factors, problem.rank)))

    def init_state(self, problem, factors):
        factors = _one_sign(factors)
        residual = problem.residual(factors)
        return _State(
            factors=factors,
            objective=residual.loss + problem.penalty(factors),
            loss=residual.loss,
            entries=residual.entries,
        )

    def step(self, problem, state):
        beta = state.momentum / (state.momentum + 3.0) if self.momentum else 0.0
        if beta > 0 and state.previous is not None and self.update == "hals":
            old, before = state.factors, state.previous
            beta = problem.dtype.type(beta)
            U, V = (
                np.maximum(new + beta * (new - last), 0)
                for new, last in ((old.U, before.U), (old.V, before.V))
            )
            new = self._sweep(problem, state, U, V, problem.observed.residual(U, V))
            # Where the objective is flat to rounding it no longer says when to restart, and the
            # momentum would keep the iterate on the move.
            if new.objective < state.objective * (1.0 - ROUNDING * np.finfo(problem.dtype).eps):
                return new
            state.momentum = 0
        return self._sweep(problem, state, state.factors.U, state.factors.V, state.entries)

    def _sweep(self, problem, state, U, V, entries):
        new = NonNegativeFactors(*self._update(problem, U, V, entries))
        residual = problem.residual(new)
        return _State(
            factors=new,
            objective=residual.loss + problem.penalty(new),
            loss=residual.loss,
            change=new.distance(state.factors),
            norm=new.norm(),
            # A ratio moves a coefficient by its share in a sum over all components, at best.
            pace=1.0 if self.update == "hals" else 1.0 / max(new.rank, 2),
            entries=residual.entries,
            previous=state.factors,
            momentum=state.momentum + 1,
        )

    def iteration_map(self, problem, U, V):
        """One iteration without momentum, as a map whose fixed points are stationary points.

        Parameters
        ----------
        problem : CompletionProblem
            The problem.
        U, V : ndarrays, shapes (n, r) and (m, r)
            Non-negative factors; they are not modified.

        Returns
        -------
        U, V : ndarrays, shapes (n, r) and (m, r)
            The factors after the iteration; where alpha is 0, the scale of a pair of columns is
            free and only their product has a meaning.
        """
        observed = problem.observed
        return self._update(problem, U, V, observed.residual(U, V))

    def _update(self, problem, U, V, entries):
        observed = problem.observed
        if self.update == "multiplicative":
            U = _multiplied(problem, observed.matmul, U, V, entries)
            V = _multiplied(problem, observed.rmatmul, V, U, observed.residual(U, V))
            return U, V
        weights = observed.weights_or_ones
        U, entries = _descend(problem, observed.matmul, U, V, entries, weights)
        V, _ = _descend(problem, observed.rmatmul, V, U, entries, weights, columns=True)
        return U, V


def _descend(problem, product, F, other, entries, weights, columns=False):
    """Minimise over the columns of one factor in turn; returns it and the residual."""
    observed, alpha = problem.observed, problem.dtype.type(problem.alpha)
    curvature = product(weights, other * other) + alpha
    F = F.copy()
    for k in range(F.shape[1]):
        old, direction = F[:, k], np.ascontiguousarray(other[:, k])
        slope = product(observed.weighted(entries), direction[:, None])[:, 0] - alpha * old
        # Where the other factor is zero but for rounding at all entries of a line, any value is as
        # good, and the best one may be out of all bounds.
        least = np.finfo(F.dtype).eps * curvature[:, k].max(initial=0.0)
        step = np.divide(
            slope, curvature[:, k], out=np.zeros_like(slope), where=curvature[:, k] > least
        )
        new = np.maximum(old + step, 0)
        pair = (direction, new - old) if columns else (new - old, direction)
        entries = observed.subtract_outer(entries, *pair)
        F[:, k] = new
    return F, entries


def _multiplied(problem, product, F, other, entries):
    """Multiply one factor by the ratio of the two parts of its gradient, both non-negative."""
    observed, alpha = problem.observed, problem.dtype.type(problem.alpha)
    numerator = product(observed.weighted(observed.values), other)
    # What the factors make of the observed entries, and of no others.
    fitted = product(observed.weighted(observed.values - entries), other)
    denominator = np.maximum(fitted, 0) + alpha * F
    ratio = np.divide(numerator, denominator, out=np.zeros_like(F), where=denominator > 0)
    return F * ratio


def _raised(problem, factors):
    """Factors without zeros."""
    ones = np.ones(problem.shape[1], problem.dtype)
    U = _without_zeros(factors.U, problem.offsets.design)
    return NonNegativeFactors(U, _without_zeros(factors.V, ones))


def _without_zeros(F, design):
    """Raise zeros to a small part of the mean; lines count as often as their weight a^2 says."""
    mean = design @ F / (design @ design)
    return np.maximum(F, np.outer(design, F.dtype.type(LEAST_START) * mean))


def _one_sign(factors):
    """Non-negative factors near others of any sign.

    Of each product u v' the part u+ v+' or u- v-' is kept that is the larger, as its sign can be
    chosen; it has the norm of its own and equal norms of u and v.
    """
    if isinstance(factors, NonNegativeFactors):
        return factors
    U, V = factors.U, factors.V
    if min(U.min(initial=0.0), V.min(initial=0.0)) >= 0:
        return NonNegativeFactors(U, V)
    norm = [
        np.linalg.norm(np.maximum(s * U, 0), axis=0) * np.linalg.norm(np.maximum(s * V, 0), axis=0)
        for s in (1, -1)
    ]
    sign = np.where(norm[0] >= norm[1], 1, -1).astype(U.dtype)
    return NonNegativeFactors(np.maximum(sign * U, 0), np.maximum(sign * V, 0)).balanced()
