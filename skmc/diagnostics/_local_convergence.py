"""How fast methods converge near a solution, from the spectrum of their linear part."""

from dataclasses import dataclass

import numpy as np

from skmc._diagnosis._alternation import AlternatingSweep
from skmc._diagnosis._operators import FactorOperator, SymmetricOperator, TangentOperator
from skmc._diagnosis._spectrum import Extremes, extremes
from skmc._factors import Factors
from skmc.diagnostics._point import check_positive, in_double, point_of
from skmc.diagnostics._rates import (
    Scheme,
    als_schemes,
    gradient_schemes,
    iterations,
    momentum_rate,
    over_relaxed_rate,
)
from skmc.diagnostics._report import DoesNotApply, Report

# Method of each solver whose iteration has a form of its own here, by name.
METHODS = {
    "projected_gd": "projected_gd",
    "factorized_gd": "factorized_gd",
    "symmetric_gd": "symmetric_gd",
    "als": "als",
}
KNOWN = (*METHODS, "scaled_gd")
# An eigenvalue below this part of the largest is zero.
ZERO = 1e-10
# So is a singular value.
VANISHED = 1e-7


@dataclass(frozen=True, eq=False, repr=False)
class LocalConvergence(Report):
    """What `local_convergence` returns.

    Attributes
    ----------
    method : str
        The method.
    smallest, largest : float
        Extreme eigenvalues l and L of its operator, gauge directions left out. For ALS, 1 minus
        the rate and 1.
    dimension : int
        Number of eigenvalues.
    schemes : tuple of Scheme
        Rates of the forms of the method.
    unique : bool
        Whether l is positive in floating point: then the solution is the only one near it, and all
        forms of the method converge to it at a linear rate. If not, l is given as 0, and all rates
        are 1.
    settled : bool
        Whether the iteration for l has settled; if not, l is an upper bound.
    """

    method: str
    smallest: float
    largest: float
    dimension: int
    schemes: tuple
    unique: bool
    settled: bool

    _title = "Local convergence"

    @property
    def condition(self):
        """L / l.

        Returns
        -------
        condition : float
            Infinite where l is zero.
        """
        return self.largest / self.smallest if self.unique else np.inf

    @property
    def best(self):
        """The fastest scheme without momentum and relaxation.

        Returns
        -------
        scheme : Scheme
            One of `schemes`.
        """
        if self.method == "als":
            return self.schemes[0]
        return min((s for s in self.schemes if s.momentum == 0), key=lambda s: s.rate)

    def rate(self, step, momentum=0.0, kind="heavy_ball"):
        """Rate with a step and a constant momentum of one's own.

        Parameters
        ----------
        step : float
            Step, or for ALS the relaxation, which has no other momentum.
        momentum : float, default=0.0
            Weight of the last change, in [0, 1).
        kind : {"heavy_ball", "nesterov"}, default="heavy_ball"
            Whether the gradient is taken where the last step led, or where the momentum leads.

        Returns
        -------
        rate : float
            Spectral radius of the iteration; from 1 on it does not converge.
        """
        step = check_positive(step, "step")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1); got {momentum!r}.")
        if kind not in ("heavy_ball", "nesterov"):
            raise ValueError(f"kind must be 'heavy_ball' or 'nesterov'; got {kind!r}.")
        if self.method == "als":
            if momentum:
                raise ValueError("ALS takes a relaxation (step), and no momentum.")
            return over_relaxed_rate(1.0 - self.smallest, step)
        return momentum_rate(self.smallest, self.largest, step, momentum, kind)

    def iterations_needed(self, tol, scheme=None):
        """Iterations until the error has shrunk by a factor, once the limit is near.

        Parameters
        ----------
        tol : float
            The factor, less than 1.
        scheme : Scheme, default=None
            One of `schemes`; None means `best`.

        Returns
        -------
        n_iter : int or float
            The next integer from log(tol) / log(rate); infinite where the rate is 1 or more.
        """
        return iterations(tol, (self.best if scheme is None else scheme).rate)

    def _lines(self):
        lines = [
            ("method", self.method),
            ("locally unique", self.unique),
            ("smallest eigenvalue", self.smallest),
            ("largest eigenvalue", self.largest),
            ("condition", self.condition),
        ]
        if not self.settled:
            lines.append(("note", "the smallest eigenvalue is an upper bound"))
        for s in self.schemes:
            momentum = f", momentum {s.momentum:.4g}" if s.momentum else ""
            lines.append((s.name, f"rate {s.rate:.6g} at step {s.step:.4g}{momentum}"))
        return lines

    def _columns(self):
        names = ("name", "step", "momentum", "rate")
        return {name: [getattr(s, name) for s in self.schemes] for name in names}


def local_convergence(model, X, method="auto", *, sample_weight=None, entry_weight=None):
    """Asymptotic rates of convergence of a method at a solution.

    Near a solution the error of each method is multiplied by a fixed linear map, and shrinks by
    its spectral radius in each iteration. With l and L the extreme eigenvalues of

    - ``"projected_gd"``: P_T P_Omega P_T on the tangent space T of the matrices of rank r,
    - ``"factorized_gd"``: the Hessian by U and V, at these factors or the balanced ones,
    - ``"scaled_gd"``: the same with each gradient times the inverse Gram matrix of the other
      factor (plus alpha / p, with p the mean weight of an entry),
    - ``"symmetric_gd"``: the Hessian of half the objective by U in Z = U D U',

    changes of the factors that leave U V' alone being left out, a step t has the rate
    max(abs(1 - t l), abs(1 - t L)): best at t = 2 / (l + L), (L - l) / (L + l). Heavy-ball and
    Nesterov momentum have theirs from the roots of a quadratic. ``"als"`` is block Gauss-Seidel
    iteration on the Hessian, which with a penalty has to balance the factors too, unless that is
    done for it; its rate does not depend on the singular values, nor does that of
    ``"projected_gd"`` and, without penalty, ``"scaled_gd"``.

    Parameters
    ----------
    model : fitted completer, or pair of ndarrays
        A completer, examined with its offsets, scales, weights and penalty; or factors U of shape
        (n, r) and V of shape (m, r) without any.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The training data.
    method : {"auto", "projected_gd", "factorized_gd", "scaled_gd", "symmetric_gd", "als"}
        The method, any at any model. ``"auto"``: that of the completer, in its textbook form;
        completers themselves adapt steps and momentum as they go.
    sample_weight, entry_weight : array-like, default=None
        Weights of the fit.

    Returns
    -------
    report : LocalConvergence
        Eigenvalues, rates, and `iterations_needed`.

    Raises
    ------
    ValueError
        If X is not the training data, or the model has no such method.

    Notes
    -----
    Exact where the model matches the data. Where it does not, the methods on factors have their
    exact Hessian, as long as the model is a stationary point; projected gradient leaves out terms
    of the size of the residual against the smallest singular value. Components that a penalty has
    made vanish are left out. Steps are in the units of the
    problem that the completer solves. A product with an operator costs 4 nnz r + 4 (n + m) r^2
    multiply-adds, L some 40 products, l some 400 of them, the rate of ALS some 60.

    References
    ----------
    T. Vu, E. Chunikhina, R. Raich (2021). On local linear convergence rate of iterative hard
    thresholding for matrix completion. https://arxiv.org/abs/2112.14733

    T. Vu, R. Raich (2021). Exact linear convergence rate analysis for low-rank symmetric matrix
    completion via gradient descent. https://arxiv.org/abs/2102.02396

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.diagnostics import local_convergence
    >>> rng = np.random.default_rng(0)
    >>> U, V = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
    >>> X = np.where(rng.random((40, 30)) < 0.5, U @ V.T, np.nan)
    >>> report = local_convergence((U, V), X, method="als")
    >>> report.unique, report.iterations_needed(1e-6)
    (True, 14)
    """
    point = point_of(model, X, sample_weight, entry_weight)
    method = _check_method(method, point)
    if point.problem.penalty_power != 0:
        raise DoesNotApply("local_convergence has no form for penalty_power other than 0.")
    point = in_double(point)
    problem, factors = point.problem, _without_vanished(point.factors)
    if method == "als":
        sweep = AlternatingSweep(problem, factors)
        found = Extremes(1.0 - sweep.rate(), 1.0, sweep.dimension, True)
    else:
        operator = {
            "projected_gd": TangentOperator,
            "factorized_gd": FactorOperator,
            "scaled_gd": lambda *at: FactorOperator(*at, scaled=True),
            "symmetric_gd": SymmetricOperator.of,
        }[method](problem, factors)
        found = extremes(operator)
    unique = bool(found.smallest > ZERO * found.largest) and _has_enough(problem, factors.rank)
    smallest = found.smallest if unique else 0.0
    if method == "als":
        schemes = als_schemes(1.0 - smallest)
    else:
        schemes = gradient_schemes(smallest, found.largest)
        if method == "projected_gd":
            step = 1.0 / problem.observed.largest_weight
            rate = momentum_rate(smallest, found.largest, step, 0.0, "heavy_ball")
            schemes = (Scheme("step that is always safe", step, 0.0, rate), *schemes)
    return LocalConvergence(
        method=method,
        smallest=smallest,
        largest=found.largest,
        dimension=found.dimension,
        schemes=schemes,
        unique=unique,
        settled=found.settled,
    )


def _check_method(method, point):
    if method == "auto":
        name = None if point.solver is None else point.solver.name
        if name not in METHODS:
            others = f"name one of {', '.join(KNOWN)}"
            if name is None:
                raise ValueError(f"method='auto' needs a completer; for factors, {others}.")
            raise DoesNotApply(
                f"There is no formula for the rate of the solver {name!r}. There are two ways: "
                f"contraction measures how its own steps contract at this fit; for the rate of "
                f"another method at this solution, {others} as method."
            )
        method = METHODS[name]
        if method == "factorized_gd" and point.solver.preconditioner is not None:
            method = "scaled_gd"
    if method not in KNOWN:
        raise ValueError(f"method must be 'auto' or one of {', '.join(KNOWN)}; got {method!r}.")
    return method


def _without_vanished(factors):
    """The factors without components that are zero next to the largest, if there are such."""
    P, s, Q = factors.svd()
    kept = s > VANISHED * s[0]
    if not kept.any():
        raise DoesNotApply(
            "The factors are those of the zero matrix, near which nothing is linear."
        )
    if kept.all():
        return factors
    return Factors(P[:, kept] * np.sqrt(s[kept]), Q[:, kept] * np.sqrt(s[kept]))


def _has_enough(problem, rank):
    """Whether every row and column has as many entries as unknowns, unless there is a penalty."""
    observed = problem.observed
    fewest = observed.row_counts.min(), observed.column_counts.min() - problem.offsets.has_columns
    return problem.alpha > 0 or bool(min(fewest) >= rank)
