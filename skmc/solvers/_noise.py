"""The noise in the data, found while solving: its level, its edge, and units that make it even."""

from dataclasses import replace

import numpy as np

from skmc._problem import zero_factors
from skmc.solvers._base import STOPPED, joined, offsets_only
from skmc.solvers._init import resized
from skmc.solvers._soft_impute import SoftImpute
from skmc.solvers._stopping import exact_loss

# Iterations between two updates of the noise level.
STAGE = 2
# A component counts as signal from this multiple of the edge of the noise.
SIGNAL_HEIGHT = 1.5
# A component is kept if the penalty has left this fraction of itself of it.
LEAST_LEFT = 0.1
# Noise below this fraction of the data counts as this fraction.
LEAST_NOISE = 1e-3
# The noise level of a column counts as if it were the common one in this many more entries,
UNITS_PRIOR = 20.0
# and differs from it by this factor at most: a column that others determine has none.
UNITS_RANGE = 5.0
# Fraction of the edge that is left as the penalty of the components that have passed it.
RELAXATION = 0.4


class NoiseSchedule:
    """Follows the penalty down to the edge of the noise in what a solver leaves unexplained.

    The singular values of noise of variance s^2 on Omega follow the Marchenko-Pastur law scaled to
    mean degrees d_row and d_column; their edge is s (sqrt(d_row) + sqrt(d_column)), with
    size-biased means of the degrees, and at least s sqrt(2 log nnz), about the largest entry. A
    fit with the edge for its penalty lets no noise through, so it shows s and the rank of the
    signal. The search starts at the edge of a fit by offsets alone, all of whose residual counts
    as noise, and follows the edge down until the noise level settles within twice `tol` or half
    of the iterations are spent. If the columns are to have the units of their noise they get them
    then, and the search settles once more.

    Parameters
    ----------
    problem : CompletionProblem
        The problem.
    max_iter : int
        Iterations of the solver.
    tol : float
        Half the relative change of the noise level that counts as settled.
    alpha : bool, default=True
        Whether to follow the penalty; otherwise that of the problem stays, and the units alone are
        looked for.
    units : bool, default=False
        Whether to look for units in which the noise is the same in all columns.

    Attributes
    ----------
    problem : CompletionProblem
        The problem at the current penalty and in the current units.
    units : ndarray of shape (m,), or None
        What the columns of the problem were divided by; None before they were.
    settled : bool
        Whether penalty and units are final.
    rank : int
        Number of components that stand out of the noise.
    is_exact : bool
        Whether there is so little noise that it counts as none.
    """

    def __init__(self, problem, max_iter, tol, *, alpha=True, units=False):
        self._target = problem
        self._follows = alpha
        self._seeks_units = units
        self._last = max_iter // 2
        self._tol = tol
        self._signal = 0.0
        self._edge_of_unit_noise = edge_of_unit_noise(problem)
        total = float(np.sqrt(problem.noise_variance(problem.loss_at_zero)))
        self._least_noise = max(LEAST_NOISE * total, np.finfo(problem.dtype).tiny)
        self._noise = max(total, self._least_noise)
        self.rank = 0
        self.units = None
        self.settled = False
        self.problem = self._current()

    @property
    def edge(self):
        """Largest singular value that the noise is expected to have."""
        return self._edge_of_unit_noise * self._noise

    @property
    def is_exact(self):
        return self._noise <= self._least_noise

    def memory(self):
        """What it has learned, for `recall`."""
        return {
            "signal": self._signal,
            "noise": self._noise,
            "rank": self.rank,
            "units": self.units,
            "settled": self.settled,
        }

    def recall(self, memory):
        """Go on from what another schedule of the same problem has learned."""
        self._signal, self._noise = memory["signal"], memory["noise"]
        self.rank, self.units, self.settled = (memory[k] for k in ("rank", "units", "settled"))
        if self.units is not None:
            self._target = self._target.in_column_units(self.units)
        self.problem = self._current()

    def _current(self):
        """The problem at the edge of the noise, with room for twice the signal found.

        Noise does not pass the edge, so only signal that a lower edge uncovers needs more room,
        and the next stage gives it.
        """
        if not self._follows:
            return self._target
        room = 2 * int(np.ceil(self._signal)) + 10
        return self._target.with_alpha(self.edge, rank=min(self._target.rank, room))

    def advance(self, solver, state, iteration):
        """Learn from the state after an iteration of the solver, every few iterations."""
        late = iteration >= self._last
        if iteration % STAGE and not late:
            return
        residual = solver.residual(self.problem, state)
        old = self._noise
        variance = self._look(solver.singular_values(state), residual)
        self._noise = max(float(np.sqrt(variance)), self._least_noise)
        settles = late or abs(self._noise - old) <= 2.0 * self._tol * old
        changes_units = settles and self._seeks_units and self.units is None
        if changes_units:
            self.units = self._noise_units(residual)
            del residual  # as large as the copy of the data that comes now
            self._target = self._target.in_column_units(self.units)
        self.settled = settles and (late or not changes_units)
        self.problem = self._current()

    def _look(self, singular_values, residual):
        """Noise variance, corrected for the shrinkage; sets the rank of the signal."""
        problem = self.problem
        s = singular_values.astype(np.float64)
        if problem.alpha == 0:
            return problem.noise_variance(residual.loss, s.size)
        on_omega = problem.observed.square_distance(problem.at_zero.entries, residual.entries)
        self._signal, self.rank = 0.0, 0
        if on_omega <= 0:
            return problem.noise_variance(residual.loss)
        fraction = on_omega / float(s @ s)
        left = fraction * s
        self.rank = int(np.count_nonzero(left > LEAST_LEFT * problem.alpha))
        # What a component was before shrinkage, against the edge of the noise; one that is
        # shrunk to nothing is none. However small the penalty is, its powers are not to vanish.
        height = np.maximum((left + problem.alpha) / (SIGNAL_HEIGHT * self.edge), 1e-30)
        share = (left / np.hypot(np.sqrt(0.1) * problem.alpha, left)) ** 2
        self._signal = float(np.sum(share / (1.0 + height**-8.0)))
        # Undoing the shrinkage of the signal takes alpha^2 / fraction per component off; a little
        # more in truth, but taking off too much would lower the penalty without end.
        gain = 0.5 * problem.alpha**2 * self._signal / fraction
        loss = max(residual.loss - gain, 0.1 * residual.loss)
        return problem.noise_variance(loss, self._signal)

    def _noise_units(self, residual):
        """Noise level of each column relative to the common one."""
        problem = self.problem
        weighted = problem.observed.weighted(residual.entries)
        squares = problem.observed.column_dots(weighted, residual.entries)
        counts = problem.offsets.column_weight.astype(np.float64)
        common = squares.sum() / counts.sum()
        if residual.loss <= exact_loss(problem):
            # An exact fit leaves rounding, which says nothing about noise.
            return np.ones_like(squares)
        ratio = (squares / common + UNITS_PRIOR) / (counts + UNITS_PRIOR)
        return np.clip(np.sqrt(ratio), 1.0 / UNITS_RANGE, UNITS_RANGE)


def edge_of_unit_noise(problem):
    """Largest singular value expected of noise of variance one on Omega."""
    edge = sum(np.sqrt(problem.mean_degrees))
    # With few entries in a row the largest of all entries sticks out of the law.
    return float(max(edge, np.sqrt(2.0 * np.log(max(problem.total_weight, 1.0)))))


def find_noise(problem, init, *, units, max_iter, tol, solver=None, random_state=None, verbose=0,
               watch=None):  # fmt: skip
    """Solve the nuclear-norm problem at the edge of its noise.

    Parameters
    ----------
    problem : CompletionProblem
        The problem; its penalty is not used.
    init : str or tuple
        Where to start.
    units : bool
        Whether to look for units in which the noise is the same in all columns.
    max_iter : int
        Largest number of iterations.
    tol : float
        Accuracy relative to the residual.
    solver : SoftImpute or None
        What solves it; None takes the defaults.
    random_state : RandomState or None
        Used by a random start only.
    verbose : int
        Log each ``verbose``-th iteration; 0 logs nothing.
    watch : object or None
        As for `Solver.solve`.

    Returns
    -------
    result : SolverResult
        The solution, as far as the noise needs it.
    noise : NoiseSchedule
        What is known of the noise.
    """
    solver = solver or SoftImpute()
    free = problem.with_alpha(0.0, rank=problem.largest_rank, penalty_power=0.0)
    noise = NoiseSchedule(free, max_iter, tol, units=units)
    start = zero_factors(free)
    if not (isinstance(init, str) and init == "svd"):
        start = solver.start(noise.problem, init, random_state)
    del free
    result = solver.solve(
        None, start, max_iter=max_iter, tol=tol, schedule=noise, verbose=verbose,
        watch=watch, callback=lambda *_: noise.settled,
    )  # fmt: skip
    return result, noise


def relaxed_alpha(noise, relaxation, *, bounded):
    """Penalty for components that are known to stand out of the noise.

    A fraction of the edge: they have passed it, and now need no more than what keeps noise from
    adding to them. Without noise and with a bound on the rank, next to nothing.
    """
    if bounded and noise.is_exact:
        return float(np.finfo(noise.problem.dtype).eps) * noise.edge
    return relaxation * noise.edge


def solve_at_edge(solver, problem, init, *, select, relaxation, units, random_state, **options):
    """Select components by the edge of the noise, and fit those with a fraction of that penalty.

    Parameters
    ----------
    solver : Solver
        What fits the components.
    problem : CompletionProblem
        The problem, with the bound on the rank; its penalty is not used.
    init : str or tuple
        Where to start.
    select : bool
        Whether only components that stand out of the noise are fitted, or as many as the bound
        allows.
    relaxation : float
        Fraction of the edge that is the penalty of the fit.
    units : bool
        Whether to look for units in which the noise is the same in all columns.
    random_state : RandomState or None
        Used by a random start only.
    **options : dict
        `max_iter`, `tol`, `verbose` and `watch` of the solvers.

    Returns
    -------
    result : SolverResult
        The fit; its iterations and trace include those of the selection.
    """
    bound, bounded = problem.rank, problem.rank < problem.largest_rank
    power = problem.penalty_power
    found, noise = find_noise(
        problem, init, units=units, random_state=random_state,
        solver=solver if isinstance(solver, SoftImpute) else None, **options,
    )  # fmt: skip
    rank = min(noise.rank, bound) if select else bound
    del problem
    if rank == 0:
        return joined(found, offsets_only(found.problem.with_alpha(noise.edge, rank=0)))
    alpha = relaxed_alpha(noise, relaxation, bounded=bounded)
    problem = found.problem.with_alpha(alpha, rank=rank, penalty_power=power)
    start = resized(problem, found.factors, rank)
    most = options["max_iter"]
    exhausted = f"reached max_iter={most}"
    options["max_iter"] -= found.n_iter
    if options["max_iter"] == 0:
        return replace(found, stop_reason=exhausted)
    both = joined(found, solver.solve(problem, start, **options))
    if both.converged or both.n_iter < most:
        return both
    return both if both.stop_reason == STOPPED else replace(both, stop_reason=exhausted)
