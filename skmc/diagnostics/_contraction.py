"""Whether the iteration of a solver is drawn to the point at which it has arrived."""

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs
from sklearn.utils import check_random_state

from skmc._diagnosis._iteration import FactorMap, ProductMap
from skmc._non_negative import NonNegativeFactors
from skmc.diagnostics._point import in_double, point_of
from skmc.diagnostics._rates import iterations
from skmc.diagnostics._report import Report
from skmc.solvers import SVT
from skmc.solvers._polished import PolishedSearch

# Directions up to which the whole derivative is written out.
DENSE = 150
# Steps taken first, and the relative change at which they end.
STEPS, ARRIVED = 300, 1e-11
# Relative change in a step from which on the point is no fixed point of it.
ELSEWHERE = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class Contraction(Report):
    """What `contraction` returns.

    Attributes
    ----------
    solver : str
        Name of the solver whose step, without momentum, is examined.
    spectral_radius : float
        Largest eigenvalue in size of the derivative of a step: the factor by which errors shrink in
        the long run.
    lipschitz : float
        Spectral norm of the derivative: the factor by which an error may grow in one step.
    lipschitz_exact : bool
        Whether that is so, or only the largest growth that was seen.
    displacement : float
        Relative change of Z in a step from the point examined.
    n_evaluations : int
        Steps taken.
    settled : bool
        Whether the eigenvalue is accurate.
    """

    solver: str
    spectral_radius: float
    lipschitz: float
    lipschitz_exact: bool
    displacement: float
    n_evaluations: int
    settled: bool

    _title = "Contraction"

    @property
    def attracts(self):
        """Whether the point draws iterates near it, in the long run.

        Returns
        -------
        attracts : bool
            Whether the spectral radius is below 1.
        """
        return self.spectral_radius < 1.0

    @property
    def is_contraction(self):
        """Whether each single step brings iterates near the point closer to it.

        Returns
        -------
        contracts : bool
            Whether the Lipschitz constant, as far as it is known, is below 1.
        """
        return self.lipschitz < 1.0

    @property
    def one_step_gradient_error(self):
        """Relative error of differentiating through the last step alone, rho / (1 - rho) at most.

        With J the derivative of a step, the gradient through the limit is (I - J)^-1 times that
        through one step. The bound holds for J normal, as it is in some metric for gradient
        steps; with the Lipschitz constant for rho it always does.

        Returns
        -------
        error : float
            Infinite where rho is 1 or more.
        """
        rho = self.spectral_radius
        return rho / (1.0 - rho) if rho < 1.0 else np.inf

    def iterations_needed(self, tol):
        """Iterations until the error has shrunk by a factor.

        Parameters
        ----------
        tol : float
            The factor, less than 1.

        Returns
        -------
        n_iter : int or float
            The next integer from log(tol) / log(rho); infinite where rho is 1 or more.
        """
        return iterations(tol, self.spectral_radius)

    def _lines(self):
        lines = [
            ("solver", f"{self.solver}, steps without momentum"),
            ("attracts", self.attracts),
            ("spectral radius", self.spectral_radius),
            ("Lipschitz constant", self.lipschitz if self.lipschitz_exact
             else f"at least {self.lipschitz:.4g}"),
            ("error of one-step gradients", self.one_step_gradient_error),
            ("change of Z in a step", self.displacement),
        ]  # fmt: skip
        if not self.settled:
            lines.append(("note", "the spectral radius has not settled"))
        return lines


def contraction(completer, X, *, sample_weight=None, entry_weight=None, random_state=0):
    """Measure how fast the steps of a solver contract near its solution.

    With F the map from Z = U V' to the Z after one step of the solver that has fitted the completer
    (momentum off, steps as they are at first), and J its derivative at the solution, the error
    after k steps is about J^k times that at the start: it dies out if the spectral radius of J is
    below 1. The spectral norm of J, the Lipschitz constant of F, may exceed 1 all the same. J is
    known by central differences of F alone, so that any solver will do; its largest eigenvalue
    comes from Arnoldi iteration on the tangent space of the matrices of the rank of Z or, for
    non-negative factors, on those of their entries that are not zero.

    Parameters
    ----------
    completer : fitted completer
        Any whose solver steps from factors to factors: not `SVTCompleter`, whose iterates are
        multipliers of the observed entries, nor `GaussNewtonCompleter`, `IRLSCompleter` and
        `ContinuationCompleter`, whose steps depend on those before.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The training data.
    sample_weight, entry_weight : array-like, default=None
        Weights of the fit.
    random_state : int, RandomState instance or None, default=0
        Draws the start of the iteration.

    Returns
    -------
    report : Contraction
        Spectral radius, Lipschitz constant and what follows from them.

    Raises
    ------
    ValueError
        If X is not the training data, or the fitted matrix is not a fixed point of single steps.

    See Also
    --------
    local_convergence : Exact rates of the textbook methods, with their best steps.

    Notes
    -----
    First up to 300 steps are taken, to be where F stands still. Each product with J costs two
    steps of the solver; 30 to 300 are usual.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ALSCompleter
    >>> from skmc.diagnostics import contraction
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 20)) + 0.1 * rng.normal(size=(40, 20))
    >>> X[rng.random(X.shape) < 0.3] = np.nan
    >>> report = contraction(ALSCompleter(rank=2, alpha=0).fit(X), X)
    >>> report.attracts, report.iterations_needed(1e-6)
    (True, 11)
    """
    point = point_of(completer, X, sample_weight, entry_weight)
    if point.solver is None:
        raise ValueError("contraction examines the solver of a fitted completer, not factors.")
    if isinstance(point.solver, SVT | PolishedSearch):
        raise ValueError(
            f"contraction follows steps from factors to factors; those of solver "
            f"{point.solver.name!r} depend on more than the factors."
        )
    point = in_double(point)
    solver = copy(point.solver)
    if hasattr(solver, "momentum"):
        solver.momentum = None
    state, displacement = _arrive(solver, point)
    factors = solver.balanced(point.problem, state)
    signed = isinstance(factors, NonNegativeFactors)
    kind = FactorMap if signed else ProductMap
    derivative = kind(solver, point.problem, factors, getattr(state, "basis", None))
    radius, norm, exact, settled = _spectrum(derivative, check_random_state(random_state))
    return Contraction(
        solver=solver.name,
        spectral_radius=radius,
        lipschitz=norm,
        lipschitz_exact=exact,
        displacement=displacement,
        n_evaluations=derivative.n_evaluations,
        settled=settled,
    )


def _arrive(solver, point):
    """State after so many steps that another one changes nothing, or after enough of them.

    Steps that lead away are not followed.
    """
    problem, changes = point.problem, []
    start = state = solver.init_state(problem, point.factors)
    for _ in range(STEPS):
        new = solver.step(problem, state)
        changes.append(new.change / max(new.factors.norm(), np.finfo(float).tiny))
        if new.failure or not changes[-1] <= 2.0 * changes[0]:
            state, changes = start, changes[:1]
            break
        state = new
        if changes[-1] <= ARRIVED:
            break
    if not changes[-1] < ELSEWHERE:
        raise ValueError(
            f"The fitted matrix is no fixed point of single steps of solver {solver.name!r}: one "
            f"of them changes it by {changes[-1]:.2g} of its norm. Fit with a smaller tol."
        )
    return state, float(changes[-1])


def _spectrum(derivative, random_state):
    """Spectral radius, norm, whether the norm is exact, whether the radius has settled."""
    size = derivative.size
    if size <= DENSE:
        J = np.stack([derivative(x) for x in np.eye(size)], axis=1)
        return (
            float(np.abs(np.linalg.eigvals(J)).max()),
            float(np.linalg.norm(J, 2)),
            True,
            True,
        )
    growth = [0.0]

    def apply(x):
        y = derivative(x)
        growth.append(np.linalg.norm(y) / max(np.linalg.norm(x), np.finfo(float).tiny))
        return y

    operator = LinearOperator((size, size), matvec=lambda x: apply(x.ravel()), dtype=np.float64)
    # The first application brings the start into the tangent space.
    start = derivative(random_state.standard_normal(size))
    if not np.linalg.norm(start) > 0:
        return 0.0, 0.0, True, True
    settled = True
    try:
        values = eigs(operator, k=1, v0=start, tol=1e-5, maxiter=60, return_eigenvectors=False)
    except ArpackNoConvergence as error:
        values, settled = error.eigenvalues, False
        if not values.size:
            values = np.array([growth[-1]])
    radius = float(np.abs(values).max())
    # No norm is below the spectral radius.
    return radius, float(max(*growth, radius)), False, settled
