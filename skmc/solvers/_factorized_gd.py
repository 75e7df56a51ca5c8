"""Gradient descent on the factors."""

from dataclasses import dataclass

import numpy as np

from skmc._factors import Factors
from skmc._linalg import SparsePlusLowRank, orthonormalize
from skmc.solvers._base import Solver, SolverState
from skmc.solvers._init import resized
from skmc.solvers._scaled_steps import accelerated, damped_gram, gram, step_pace

# A step may exceed the inverse curvature along its own direction by this factor.
LONGEST = 1.1
# Steps for which an estimate of the curvature that was too low may not sink again.
HOLD = 10
# Decrease, relative to the objective, below which differences of objectives are mostly rounding.
ROUNDING = 1e-6
# Extrapolation waits for changes of Z below this part of it: farther out it leads astray.
LOCAL = 0.05


@dataclass(frozen=True, eq=False)
class _Point:
    """Factors with all that is known of them."""

    factors: Factors
    residual: object
    objective: float
    imbalance: np.ndarray


@dataclass(frozen=True, eq=False)
class _Move:
    """A step in one block of the variables.

    Parameters
    ----------
    new : _Point
        Where it leads.
    curvature : float
        Estimate of the curvature for the next step.
    missed : bool
        Whether the estimate had been too low.
    outward : ndarray, shape (r, r), or None
        Inner products of the columns of the factors with those of the step.
    full : float
        Frobenius norm of the change of Z in half a preconditioned step.
    """

    new: _Point
    curvature: float
    missed: bool = False
    outward: np.ndarray | None = None
    full: float = 0.0


@dataclass
class FactorizedState(SolverState):
    """State of gradient descent on the factors.

    Parameters
    ----------
    point, previous : _Point, or None
        The last two iterates.
    momentum : int
        Steps since the last restart.
    curvature : dict of str to float
        Running estimate of the curvature in each block of the variables.
    hold : int
        Steps for which the estimates may not sink.
    unit : float
        What a step size is divided by.
    """

    point: _Point | None = None
    previous: _Point | None = None
    momentum: int = 0
    curvature: dict | None = None
    hold: int = 0
    unit: float = 1.0


class FactorizedGradient(Solver):
    """(U, V) <- (U, V) - t (G_U, G_V), with G the gradient of the objective.

    With the residual E on Omega, weighted, G_U = alpha U - E V and G_V = alpha V - E' U. The
    preconditioner replaces G_U by G_U (p V'V + (alpha + d) I)^-1 and G_V likewise, with p the mean
    weight of an entry of the whole matrix: the Hessian of either factor as it would be if the
    observed entries lay evenly. The damping d, the root mean square of a column (or row) of
    the residual, keeps directions that the data do not support from blowing up, and vanishes with
    the residual.

    Cost per iteration: 4 nnz r multiply-adds in the joint update, nnz r more with momentum and with
    alternation, and about 8 (n + m) r^2.

    Parameters
    ----------
    step_size : "auto" or float, default="auto"
        ``"auto"``: the inverse of a running estimate of the curvature along the last steps; a step
        that turns out too long is taken again, so that the objective never rises. A number is in
        units of the inverse spectral norm of the zero-filled centred data, or, with the
        preconditioner, of 1.
    update : {"joint", "alternating"}, default="alternating"
        Whether V moves by the gradient at the old U or at the new one.
    preconditioner : {"scaled", None}, default="scaled"
        Whether gradients are multiplied by the inverse Gram matrix of the other factor.
    momentum : {"nesterov", None}, default="nesterov"
        Extrapolation of both factors with weight k / (k + 3), restarted when the objective rises
        and while Z still changes by a twentieth of its norm or more.
    balancing : float, default=0.0
        Coefficient c of the term c p / 8 |U'U - V'V|_F^2 added to the objective.
    init_scale : float, default=1e-2
        Factor on the spectral start; spread of the entries of small random factors, in units of
        sqrt(s / max(n, m)), with s an estimate of the largest singular value.
    """

    name = "factorized_gd"
    supports = frozenset({"zero_alpha", "positive_alpha", "weights"})
    state_types = (FactorizedState, _Point)
    divergence_cure = "Lower step_size; 'auto' always converges."

    def __init__(
        self,
        step_size="auto",
        update="alternating",
        preconditioner="scaled",
        momentum="nesterov",
        balancing=0.0,
        init_scale=1e-2,
    ):
        self.step_size = step_size
        self.update = update
        self.preconditioner = preconditioner
        self.momentum = momentum
        self.balancing = balancing
        self.init_scale = init_scale

    def start(self, problem, init, random_state=None):
        """Starting factors.

        Parameters
        ----------
        problem : CompletionProblem
            The problem.
        init : {"svd", "random", "balanced", "unbalanced"} or tuple of ndarrays
            ``"svd"``: those of every solver, times `init_scale`. ``"random"``: Gaussian factors of
            spread `init_scale`. ``"balanced"``: the data on the range of their product with a
            random matrix, in balanced factors. ``"unbalanced"``: U that product, V zero. A tuple is
            that of every solver.
        random_state : RandomState or None
            Used by the random ones.
        """
        if not isinstance(init, str):
            # A component that is missing would never come.
            return resized(problem, super().start(problem, init), problem.rank)
        kind = problem.dtype.type
        if init == "svd":
            # Full length would be wrong: weak components start as what the holes make of the
            # strong ones, and have to be unlearnt.
            factors, scale = super().start(problem, init), kind(self.init_scale)
            return Factors(scale * factors.U, scale * factors.V)
        n, m = problem.shape
        rank = problem.rank
        draw = random_state.standard_normal
        largest = problem.alpha_max() / problem.mean_weight
        if init == "random":
            spread = kind(self.init_scale * np.sqrt(largest / max(n, m)))
            V = spread * draw((m, rank)).astype(problem.dtype)
            return Factors(spread * draw((n, rank)).astype(problem.dtype), V)
        data = problem.observed.weighted(problem.at_zero.entries)
        operator = SparsePlusLowRank(problem.observed, data, 1.0 / max(problem.mean_weight, 1e-300))
        U = operator.matmul(draw((m, rank)).astype(problem.dtype))
        if init == "balanced":
            Q = orthonormalize(U) if rank <= n else U
            return Factors(Q, operator.rmatmul(Q)).balanced()
        size = np.linalg.norm(U, 2)
        U = U * kind(np.sqrt(largest) / size) if size > 0 else U
        return Factors(np.ascontiguousarray(U), np.zeros((m, rank), problem.dtype))

    def init_state(self, problem, factors):
        point = self._point(problem, factors)
        scaled = self.preconditioner is not None
        unit = 1.0 if scaled else max(problem.alpha_max(), np.finfo(np.float64).tiny)
        # At balanced factors of all the data this is the largest curvature.
        first = 1.0 + (self.update == "joint")
        first = first * unit if scaled else first * unit + problem.alpha
        return FactorizedState(
            factors=factors,
            objective=point.objective,
            loss=point.residual.loss,
            point=point,
            curvature=dict.fromkeys(self._blocks(), first),
            unit=unit,
        )

    def residual(self, problem, state):
        return state.point.residual

    def extra(self, state):
        """The imbalance |U'U - V'V|_F of the factors."""
        return {"imbalance": float(np.linalg.norm(state.point.imbalance))}

    def step(self, problem, state):
        return accelerated(self._step, problem, state, self.momentum)

    def _step(self, problem, state, beta):
        old = state.point
        # The penalty may have changed since.
        start = self._point(problem, old.factors, old.residual)
        if beta > 0:
            kind, before = problem.dtype.type(beta), state.previous.factors
            U, V = old.factors.U, old.factors.V
            factors = Factors(U + kind * (U - before.U), V + kind * (V - before.V))
            start = self._point(problem, factors)
        new, moves = start, {}
        for block in self._blocks():
            moves[block] = self._descend(problem, state, new, block)
            new = moves[block].new
        missed = any(move.missed for move in moves.values())
        change, norm = new.factors.distance(old.factors), new.factors.norm()
        return FactorizedState(
            factors=new.factors,
            objective=new.objective,
            loss=new.residual.loss,
            change=change,
            norm=norm,
            pace=_pace(start.factors, moves.values(), change),
            point=new,
            previous=old,
            momentum=state.momentum + 1 if change <= LOCAL * norm else 0,
            curvature={block: move.curvature for block, move in moves.items()},
            hold=HOLD if missed else max(state.hold - 1, 0),
            unit=state.unit,
        )

    def _blocks(self):
        return ("UV",) if self.update == "joint" else ("U", "V")

    def _descend(self, problem, state, point, block):
        """Take a step in one block of the variables."""
        directions, slope, full = self._direction(problem, point, block)
        known = state.curvature[block]
        if not slope > 0:
            return _Move(point, known)
        factors = {"U": point.factors.U, "V": point.factors.V}
        outward = -sum(factors[name].T @ directions[name] for name in block).astype(np.float64)
        auto, missed = self.step_size == "auto", False
        while True:
            step = 1.0 / known if auto else float(self.step_size) / state.unit
            t = problem.dtype.type(step)
            moved = {name: factors[name] - t * directions[name] for name in block}
            new = self._point(problem, Factors(**(factors | moved)), start=point.residual.offsets)
            if not auto:
                return _Move(new, known, outward=step * outward, full=full)
            curvature = self._curvature(problem, point, new, directions, slope, step)
            if curvature * step <= LONGEST:
                if state.hold or missed or curvature > known:
                    known = max(curvature, known)
                else:
                    known = max(0.9 * known, min(1.2 * curvature, known))
                return _Move(new, known, missed, step * outward, full)
            if not known < 1e12 * state.curvature[block]:
                # No step is short enough for rounding.
                return _Move(point, state.curvature[block], True)
            missed = True
            known = max(1.05 * curvature if np.isfinite(curvature) else 0.0, 1.2 * known)

    def _direction(self, problem, point, block):
        """Steps in a block before they get their length.

        Returns
        -------
        directions : dict of str to ndarray
            Gradients, preconditioned or not.
        slope : float
            Sum of their products with the gradients.
        full : float
            Frobenius norm of the change of Z in half a preconditioned step.
        """
        observed, (U, V) = problem.observed, (point.factors.U, point.factors.V)
        entries = observed.weighted(point.residual.entries)
        alpha, pull = problem.dtype.type(problem.alpha), self._pull(problem)
        B = (0.5 * pull * point.imbalance).astype(problem.dtype)
        directions, slope, full = {}, 0.0, 0.0
        for name, F, other, product, sign in (
            ("U", U, V, observed.matmul, 1),
            ("V", V, U, observed.rmatmul, -1),
        ):
            if name not in block:
                continue
            gradient = alpha * F - product(entries, other)
            if pull > 0:
                gradient += sign * (F @ B)
            M = damped_gram(problem, other, point.residual.loss)
            direction = np.linalg.solve(M, gradient.T.astype(np.float64)).T
            direction = np.ascontiguousarray(direction, dtype=problem.dtype)
            full += 0.25 * np.vdot(gram(direction), gram(other))
            directions[name] = gradient if self.preconditioner is None else direction
            slope += float(np.einsum("ik,ik->", gradient, directions[name], dtype=np.float64))
        return directions, slope, float(np.sqrt(max(full, 0.0)))

    def _curvature(self, problem, point, new, directions, slope, step):
        """Second derivative along a step, against the slope.

        From the objectives it is exact, up to what is of higher order in the step; where they
        agree too far for that, from the change of the residual, which leaves out the residual
        itself times the second derivative of U V'.
        """
        gain = step * slope
        if gain > ROUNDING * abs(point.objective):
            return 2.0 * (new.objective - point.objective + gain) / (step * gain)
        observed = problem.observed
        difference = new.residual.entries - point.residual.entries
        square = observed.dot(observed.weighted(difference), difference) / step**2
        for direction in directions.values():
            squares = np.einsum("ik,ik->", direction, direction, dtype=np.float64)
            square += problem.alpha * float(squares)
        if self.balancing > 0:
            turn = (new.imbalance - point.imbalance) / step
            square += 0.25 * self._pull(problem) * float(np.vdot(turn, turn))
        return square / slope

    def _pull(self, problem):
        return self.balancing * problem.mean_weight if self.balancing > 0 else 0.0

    def _point(self, problem, factors, residual=None, start=None):
        if residual is None:
            residual = problem.residual(factors, start)
        imbalance = gram(factors.U) - gram(factors.V)
        objective = residual.loss + problem.penalty(factors)
        objective += 0.125 * self._pull(problem) * float(np.vdot(imbalance, imbalance))
        return _Point(factors, residual, objective, imbalance)


def _pace(factors, moves, change):
    """Length of the moves, for the stopping rule."""
    moves = [move for move in moves if move.outward is not None]
    full = np.sqrt(sum(move.full**2 for move in moves))
    squares = gram(factors.U) + gram(factors.V)
    outward = sum((move.outward for move in moves), np.zeros_like(squares))
    return step_pace(squares, outward, full, change, factors.U.dtype)
