"""Whether a fitted completer is at the optimum of its problem, proved as far as it can be."""

from dataclasses import dataclass

import numpy as np

from skmc._diagnosis._operators import FactorOperator
from skmc._diagnosis._spectrum import extremes
from skmc._linalg import SparsePlusLowRank, spectral_norm
from skmc._non_negative import NonNegativeFactors
from skmc.diagnostics._point import check_positive, in_double, point_of
from skmc.diagnostics._report import DoesNotApply, Report
from skmc.solvers._stopping import exact_loss

GLOBAL, LOCAL, STATIONARY, NEITHER = (
    "globally optimal",
    "local minimum",
    "stationary only",
    "not stationary",
)
AT_THE_EDGE = (
    ". With alpha='auto' that is meant and no defect: the rank is found at the edge of the noise, "
    "and the factors are fitted with a fraction of that penalty. For a certificate give alpha as a "
    "number, with rank to spare"
)
# A curvature below this part of the largest is no curvature.
FLAT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(Report):
    """What `certificate` returns.

    Attributes
    ----------
    verdict : {"globally optimal", "local minimum", "stationary only", "not stationary"}
        What is proved, to `tol`.
    reason : str
        Why it is no more than that, or what proves it.
    objective : float
        Objective at the fitted factors, in the units of the problem.
    alpha : float
        Penalty in these units; 0 means the problem of hard rank.
    rank : int
        Rank of the factors.
    gap : float or None
        Relative duality gap: the objective is at most this part of itself above the minimum over
        matrices of all ranks. None without a penalty.
    dual_norm : float
        Spectral norm of the weighted residual against alpha, at most 1 at the optimum; without a
        penalty, against the smallest singular value, which it must not exceed at a fixed point of
        projected gradient with steps of 1.
    stationarity : float
        Norm of the gradient by balanced factors, scaled so that the largest component has norm 1,
        against that of the weighted residual.
    curvature : float or None
        Smallest eigenvalue of the Hessian by the factors against its largest, directions that
        change nothing left out; None with a penalty.
    tol : float
        What counts as zero.
    """

    verdict: str
    reason: str
    objective: float
    alpha: float
    rank: int
    gap: float | None
    dual_norm: float
    stationarity: float
    curvature: float | None
    tol: float

    _title = "Certificate"

    @property
    def is_global(self):
        """Whether global optimality is proved.

        Returns
        -------
        proved : bool
            True for the first of the verdicts.
        """
        return self.verdict == GLOBAL

    def _lines(self):
        against = "alpha" if self.alpha > 0 else "smallest singular value"
        lines = [
            ("verdict", self.verdict),
            ("because", self.reason),
            ("rank", self.rank),
            ("objective", self.objective),
            (f"norm of the residual / {against}", self.dual_norm),
            ("relative gradient", self.stationarity),
        ]
        if self.gap is not None:
            lines.append(("relative duality gap", self.gap))
        if self.curvature is not None:
            lines.append(("smallest / largest curvature", self.curvature))
        return lines


def certificate(completer, X, *, tol=1e-3, sample_weight=None, entry_weight=None):
    """Prove that a fit is globally optimal, or tell how much less is known.

    With a penalty alpha > 0 factors of enough columns solve::

        min over Z of  1/2 sum_Omega w_ij (x_ij - mu_j - z_ij)^2 + alpha |Z|_*,

    which is convex. The weighted residual E, scaled until its spectral norm is alpha, is feasible
    in the dual problem, and the difference of the two objectives bounds what any other matrix
    could gain: a proof whatever solver has found the factors. If the norm of E exceeds alpha, a
    component is missing, and the fit is at best stationary: its rank is below that of the convex
    solution. That is so as a rule with ``alpha="auto"`` and a bound on the rank, as of
    `ALSCompleter`: the rank is found at the edge of the noise and the factors are fitted with a
    fraction of that penalty. What is solved then is the problem of rank `rank_`, which predicts
    better and has no certificate. Without a penalty (hard rank) there is no dual problem. The fit
    is globally optimal if it matches the data, a local minimum if the gradient vanishes and the
    Hessian by the factors is positive but for the directions that change nothing, and else
    stationary or nothing.

    Parameters
    ----------
    completer : fitted completer
        Any but `NMFCompleter`, whose problem has constraints besides; or factors (U, V) of the
        hard-rank problem without offsets.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The training data.
    tol : float, default=1e-3
        Largest relative duality gap and relative gradient that count as zero. A fit is as close to
        its optimum as the `tol` of the completer says.
    sample_weight, entry_weight : array-like, default=None
        Weights of the fit.

    Returns
    -------
    report : Certificate
        The verdict and the numbers behind it.

    Raises
    ------
    ValueError
        If X is not the training data, or the penalty is no nuclear norm (``penalty_power``).

    Notes
    -----
    The column factors are the fitted ones, the row factors the best for them. A symmetric fit is
    compared with all matrices, symmetric and semidefinite or not. Cost: that of a few
    dozen products of the residual with vectors, nnz each, for its norm; without a penalty besides
    some 400 products with the Hessian, 4 nnz r each.

    References
    ----------
    R. Mazumder, T. Hastie, R. Tibshirani (2010). Spectral regularization algorithms for learning
    large incomplete matrices. Journal of Machine Learning Research 11.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ALSCompleter
    >>> from skmc.diagnostics import certificate
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 20)) + rng.normal(size=(60, 20))
    >>> X[rng.random(X.shape) < 0.3] = np.nan
    >>> certificate(ALSCompleter(rank=20, alpha=5, tol=1e-5).fit(X), X).verdict
    'globally optimal'
    >>> certificate(ALSCompleter(rank=1, alpha=5, tol=1e-5).fit(X), X).verdict
    'stationary only'
    """
    tol = check_positive(tol, "tol")
    point = point_of(completer, X, sample_weight, entry_weight)
    if isinstance(point.factors, NonNegativeFactors):
        raise DoesNotApply(
            "certificate knows no dual problem with signs: it takes any completer but NMFCompleter."
        )
    if point.problem.penalty_power != 0:
        raise DoesNotApply("certificate is that of the nuclear norm: penalty_power = 0.")
    point = in_double(point)
    problem, factors = point.problem, point.factors
    residual = problem.residual(factors)
    E = problem.observed.weighted(residual.entries)
    norm = spectral_norm(SparsePlusLowRank(problem.observed, E))
    objective = problem.objective(factors)
    stationarity = _stationarity(problem, factors, E)
    exact = residual.loss <= max(exact_loss(problem), 1e-12 * problem.loss_at_zero)
    gap = curvature = None
    if problem.alpha > 0:
        gap = max(problem.duality_gap(factors), 0.0) / objective if objective > 0 else 0.0
        dual_norm = norm / problem.alpha
        verdict, reason = _judge_penalised(gap, dual_norm, stationarity, tol)
        if verdict == STATIONARY and dual_norm > 1.0 and _counts_at_the_edge(completer):
            reason += AT_THE_EDGE
    else:
        smallest = float(factors.singular_values()[-1])
        dual_norm = norm / smallest if smallest > 0 else np.inf
        if smallest > 1e-12 * factors.norm():
            found = extremes(FactorOperator(problem, factors.balanced()))
            curvature = found.smallest / found.largest
        verdict, reason = _judge_hard(exact, curvature, stationarity, tol)
    return Certificate(
        verdict=verdict,
        reason=reason,
        objective=float(objective),
        alpha=float(problem.alpha),
        rank=factors.rank,
        gap=gap,
        dual_norm=float(dual_norm),
        stationarity=stationarity,
        curvature=curvature,
        tol=tol,
    )


def _stationarity(problem, factors, E):
    """Norm of the gradient by balanced factors, the largest of norm 1, against the residual's."""
    P, s, Q = factors.svd()
    if s[0] <= 0:
        return 0.0
    observed, root = problem.observed, np.sqrt(s / s[0])
    size = np.sqrt(observed.dot(E, E) + problem.alpha**2 * np.sum(root**2))
    left = (observed.matmul(E, Q) - problem.alpha * P) * root
    right = (observed.rmatmul(E, P) - problem.alpha * Q) * root
    return float(np.hypot(np.linalg.norm(left), np.linalg.norm(right)) / size) if size > 0 else 0.0


def _counts_at_the_edge(completer):
    """Whether the number of components belongs to another penalty than the one they have."""
    return isinstance(getattr(completer, "alpha", None), str)


def _judge_penalised(gap, dual_norm, stationarity, tol):
    if gap <= tol:
        return GLOBAL, f"no matrix of any rank has an objective lower by more than {gap:.1g} of it"
    # The gap is about the square of it.
    if stationarity > np.sqrt(tol):
        return NEITHER, "the gradient has not vanished: lower the tol of the completer"
    if dual_norm > 1.0:
        return STATIONARY, (
            f"the residual has norm {dual_norm:.3g} alpha: the rank is below that of the convex "
            "solution"
        )
    return STATIONARY, "the duality gap is open: lower the tol of the completer"


def _judge_hard(exact, curvature, stationarity, tol):
    if exact:
        return GLOBAL, "the observed entries are matched"
    if stationarity > tol:
        return NEITHER, "the gradient has not vanished: lower the tol of the completer"
    if curvature is None:
        return STATIONARY, "the factors have columns to spare"
    if curvature > FLAT:
        return LOCAL, "the Hessian by the factors is positive; hard rank has no global certificate"
    if curvature < -FLAT:
        return STATIONARY, "the objective sinks along a direction of negative curvature"
    return STATIONARY, "the Hessian is flat: the observed entries leave a direction open"
