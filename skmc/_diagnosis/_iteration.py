"""Derivatives of the step of a solver, by central differences."""

import numpy as np

from skmc._factors import Factors
from skmc._non_negative import NonNegativeFactors

# Components below this part of the largest are not part of the matrix.
GONE = 1e-4
# Length of a difference against the smallest component, or against the factors.
LENGTH = 1e-3


class StepMap:
    """One step of a solver, from factors to factors.

    Parameters
    ----------
    solver : Solver
        The solver.
    problem : CompletionProblem
        The problem.
    factors : Factors
        Where the derivative is taken.
    basis : ndarray or None
        Where the subspace iteration of a step starts, for solvers that have one.
    """

    def __init__(self, solver, problem, factors, basis):
        self.solver, self.problem, self.basis = solver, problem, basis
        self.n_evaluations = 0
        self.place(factors)

    def step(self, factors):
        """Balanced factors after a step."""
        self.n_evaluations += 1
        state = self.solver.init_state(self.problem, factors)
        if self.basis is not None:
            state.basis = self.basis
        state = self.solver.step(self.problem, state)
        return self.solver.balanced(self.problem, state)


class ProductMap(StepMap):
    """Derivative of the step as a map of Z = P diag(s) Q', on changes P a' + b Q' of Z."""

    def place(self, factors):
        """Take the derivative at these factors."""
        P, s, Q = factors.svd()
        kept = s > GONE * s[0]
        self.P, self.s, self.Q = P[:, kept], s[kept], Q[:, kept]
        self.length = LENGTH * self.s[-1]

    @property
    def size(self):
        """Number of coordinates, those of b and then those of a."""
        return self.P.size + self.Q.size

    def _split(self, x):
        b, a = x[: self.P.size].reshape(self.P.shape), x[self.P.size :].reshape(self.Q.shape)
        return self._visible(b, a)

    def _visible(self, b, a):
        """Coordinates of the change, without what unpenalised column offsets take up."""
        P, offsets = self.P, self.problem.offsets
        b = b - P @ (P.T @ b)
        if self.problem.alpha > 0 or not offsets.has_columns:
            return b, a
        # Changes by design t' Q' lead to other factors and offsets of the same fit.
        along = P.T @ offsets.design
        beyond = offsets.design - P @ along
        t = (b.T @ beyond + self.Q.T @ (a @ along)) / (offsets.design @ offsets.design)
        return b - np.outer(beyond, t), a - self.Q @ np.outer(t, along)

    def __call__(self, x):
        """Product of the derivative with a change."""
        b, a = self._split(x)
        size = np.sqrt(np.vdot(a, a) + np.vdot(b, b))
        if size == 0:
            return np.zeros_like(x)
        t, root = self.length / size, np.sqrt(self.s)
        moved = (
            Factors(self.P * root + h * b / root, self.Q * root + h * a / root) for h in (t, -t)
        )
        ends = [self.step(self.problem.balanced(factors)) for factors in moved]
        # Z after the one less Z after the other, from both sides.
        right = [F.U @ (F.V.T @ self.Q) for F in ends]
        left = [F.V @ (F.U.T @ self.P) for F in ends]
        b, a = self._visible((right[0] - right[1]) / (2 * t), (left[0] - left[1]) / (2 * t))
        return np.concatenate([b.ravel(), a.ravel()])


class FactorMap(StepMap):
    """Derivative of the step as a map of balanced non-negative factors, on positive entries."""

    def place(self, factors):
        """Take the derivative at these factors."""
        self.factors = factors
        scale = max(np.abs(factors.U).max(), np.abs(factors.V).max())
        self.free = [F > GONE * scale for F in (factors.U, factors.V)]
        positive = np.concatenate(
            [F[kept] for F, kept in zip((factors.U, factors.V), self.free, strict=True)]
        )
        self.length = LENGTH * scale
        self.size = positive.size
        # So that no entry turns negative.
        self.reach = np.minimum(positive, self.length)

    def __call__(self, x):
        """Product of the derivative with a change of the positive entries."""
        largest = np.abs(x / self.reach).max(initial=0.0)
        if largest == 0:
            return np.zeros_like(x)
        t = 0.5 / largest
        ends = [self._values(self.step(self._moved(h * x))) for h in (t, -t)]
        return (ends[0] - ends[1]) / (2 * t)

    def _moved(self, change):
        moved, start = [], 0
        for F, kept in zip((self.factors.U, self.factors.V), self.free, strict=True):
            stop = start + np.count_nonzero(kept)
            new = F.copy()
            new[kept] += change[start:stop]
            moved.append(new)
            start = stop
        return NonNegativeFactors(*moved)

    def _values(self, factors):
        return np.concatenate([F[kept] for F, kept in zip((factors.U, factors.V), self.free,
                                                          strict=True)])  # fmt: skip
