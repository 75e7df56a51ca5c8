"""The problem that a completer has solved, and its solution, rebuilt from the data."""

from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmc._factors import Factors
from skmc._fitted import FittedCompleter
from skmc._non_negative import NonNegativeFactors
from skmc._offsets import OffsetModel
from skmc._problem import CompletionProblem
from skmc._sampled import SampledCompleter
from skmc._symmetric import SymmetricFactors
from skmc._training import prepare
from skmc._validation import row_weights
from skmc.completers import NMFCompleter, SymmetricGDCompleter
from skmc.diagnostics._data import observed_entries
from skmc.diagnostics._report import DoesNotApply
from skmc.solvers import Solver
from skmc.solvers._init import fit_rows


@dataclass(frozen=True, eq=False)
class Point:
    """Factors of a matrix and the problem that they are to solve.

    Attributes
    ----------
    problem : CompletionProblem
        The problem, in its own units.
    factors : Factors
        The factors: those of the columns are the fitted ones, those of the rows the best for them.
    solver : Solver or None
        What has found them, if it is known.
    common : float
        Penalties of the user's units are divided by this in those of the problem.
    """

    problem: CompletionProblem
    factors: Factors
    solver: Solver | None = None
    common: float = 1.0


def point_of(model, X, sample_weight=None, entry_weight=None):
    """Rebuild the point at which a model has arrived on the training data X.

    Parameters
    ----------
    model : fitted completer, or pair of ndarrays
        A completer, or factors U (n, r) and V (m, r), which stand for X = U V' without offsets,
        scales and penalty.
    X : {array-like, dataframe, sparse matrix} of shape (n, m)
        The training data.
    sample_weight, entry_weight : array-like or None
        Weights of the fit.

    Returns
    -------
    point : Point
        Problem and factors.
    """
    if isinstance(model, SampledCompleter):
        raise DoesNotApply(
            f"A {type(model).__name__} has no single solution, of which this could tell something; "
            "its r_hat_ says whether it has converged."
        )
    if isinstance(model, FittedCompleter):
        return _of_completer(model, X, sample_weight, entry_weight)
    if sample_weight is not None or entry_weight is not None:
        raise ValueError("Weights go with a completer; factors are taken without weights.")
    factors = factors_of(model)
    observed = observed_entries(X)
    if factors.shape != observed.shape:
        raise ValueError(f"The factors are those of {factors.shape}, X has shape {observed.shape}.")
    problem = CompletionProblem(observed, factors.rank, 0.0, OffsetModel(observed, "none"))
    return Point(problem, factors)


def factors_of(model):
    """Factors from a pair of arrays, checked, in double precision.

    Parameters
    ----------
    model : pair of array-likes
        U of shape (n, r) and V of shape (m, r).

    Returns
    -------
    factors : Factors
        New arrays if they had another type.
    """
    try:
        U, V = (np.asarray(F, dtype=np.float64) for F in model)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Pass a fitted completer or a pair of factors (U, V); got {type(model).__name__}. "
            "Of an EntryRegressor or a pipeline, pass the completer inside."
        ) from error
    if U.ndim != 2 or V.ndim != 2 or U.shape[1] != V.shape[1] or U.shape[1] == 0:
        raise ValueError(f"U and V must be (n, r) and (m, r), r > 0; got {U.shape} and {V.shape}.")
    if not (np.isfinite(U).all() and np.isfinite(V).all()):
        raise ValueError("U and V must be finite.")
    return Factors(U, V)


def _of_completer(completer, X, sample_weight, entry_weight):
    check_is_fitted(completer, "components_")
    if completer.components_.shape[0] == 0:
        raise DoesNotApply(f"{type(completer).__name__} has rank 0: there is nothing to examine.")
    observed = completer._validate(X, entry_weight=entry_weight)
    if sample_weight is not None:
        sample_weight = row_weights(sample_weight, observed.shape[0])
    options = {"center": completer.center, "penalty_power": completer.penalty_power}
    training = prepare(observed, sample_weight, scale=bool(completer.scale), **options)
    if completer.scale == "noise":
        factor = completer.scale_ / training.units.scale
        training = prepare(observed, sample_weight, scale=True, factor=factor, **options)
    _check_training(completer, training)
    units, learned = training.units.of_columns(training.learned), training.learned
    problem = training.pose()
    components, offsets = completer._previous()
    problem = problem.with_alpha(completer.alpha_ / units.common, rank=components.shape[0])
    V = np.ascontiguousarray(components.T[learned], dtype=problem.dtype)
    if isinstance(completer, SymmetricGDCompleter):
        factors = _symmetric(V, completer.eigenvalues_ / float(units.scale[0]))
    elif isinstance(completer, NMFCompleter):
        U = completer._fold_in().factors(training.observed)[0][training.used]
        factors = NonNegativeFactors(U.astype(problem.dtype), V).balanced()
    else:
        columns = ((offsets[learned] - units.center) / units.scale).astype(problem.dtype)
        factors = Factors(fit_rows(problem, V, columns)[0], V)
    if problem.alpha > 0 and not isinstance(completer, NMFCompleter):
        factors = problem.balanced(factors)
    return Point(problem, factors, completer._solver_in(training.units), units.common)


def _symmetric(V, eigenvalues):
    norms = np.linalg.norm(V, axis=0)
    U = V * (np.sqrt(np.abs(eigenvalues)) / np.where(norms > 0, norms, 1.0)).astype(V.dtype)
    return SymmetricFactors.of(U, np.where(eigenvalues < 0, -1, 1))


def check_same_table(completer, observed, sample_weight=None):
    """Raise ValueError if a table has not the shape and filled columns of that of a fit.

    Parameters
    ----------
    completer : fitted completer
        The completer.
    observed : ObservedMatrix
        The table.
    sample_weight : array-like of shape (n,), or None
        Row weights of the fit: entries in rows of weight zero had no part in it.
    """
    counts = observed.column_counts
    if sample_weight is not None:
        counts = observed.column_counts_in(row_weights(sample_weight, observed.shape[0]) > 0)
    same = observed.shape[0] == completer._n_rows
    if not (same and np.array_equal(counts > 0, completer._learned)):
        _refuse(completer)


def _check_training(completer, training):
    same = training.observed.shape[0] == completer._n_rows
    if same:
        tolerance = 1e-3 if training.observed.dtype == np.float32 else 1e-8
        scale, found = completer.scale_, training.units.scale
        means = np.abs(training.units.mean - completer._column_means)
        learned = training.learned
        same = np.array_equal(learned, completer._learned) and bool(
            (np.abs(found - scale) <= tolerance * scale)[learned].all()
            and (means <= tolerance * (scale + np.abs(training.units.mean)))[learned].all()
        )
    if not same:
        _refuse(completer)


def _refuse(completer):
    raise ValueError(
        f"X is not what this {type(completer).__name__} was fitted to: number of rows, "
        "column means or scales differ. Pass the training data, with the weights of the fit."
    )


def check_positive(value, name):
    """Check that a number is positive and finite.

    Parameters
    ----------
    value : object
        What the user gave.
    name : str
        What it is called in messages.

    Returns
    -------
    value : float
        The number.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def in_double(point):
    """The point in double precision, in which small eigenvalues can be told from zero.

    Parameters
    ----------
    point : Point
        In any precision.

    Returns
    -------
    point : Point
        The same if it is so already.
    """
    problem, factors = point.problem, point.factors
    observed = problem.observed
    if observed.dtype != np.float64:
        weights = observed.weights
        observed = observed.with_values(
            observed.values.astype(np.float64),
            None if weights is None else weights.astype(np.float64),
        )
        problem = replace(problem, observed=observed, offsets=problem.offsets.of_values(observed))
    if factors.U.dtype != np.float64:
        kind = NonNegativeFactors if isinstance(factors, NonNegativeFactors) else Factors
        factors = kind(factors.U.astype(np.float64), factors.V.astype(np.float64))
    return Point(problem, factors, point.solver, point.common)
