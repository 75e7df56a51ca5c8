"""The estimator shared by all completers: where scikit-learn's interface meets the solvers."""

import copy
from abc import abstractmethod
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skmc._blas import single_threaded_blas
from skmc._compat import (
    Interval,
    InvalidParameterError,
    StrOptions,
    _fit_context,
    warn,
    with_callbacks,
)
from skmc._empty_columns import warn_of_empty
from skmc._fitted import FittedCompleter
from skmc._limits import LARGEST_RATIO, check_digits
from skmc._log import show_log
from skmc._memory import check_dense_fits
from skmc._observed import observed_from_csr
from skmc._parallel import effective_threads
from skmc._search import Plan, RankSearch, make_folds, quick_folds
from skmc._training import prepare
from skmc._undetermined import warn_of_undetermined
from skmc._validation import check_some_observed, row_weights
from skmc._watch import Watch
from skmc.solvers import STOPPED, NoiseSchedule, offsets_only, solve_at_edge

# Largest number of iterations of each fit in a search on held-out entries.
SEARCH_ITERATIONS = 100


class BaseCompleter(FittedCompleter):
    """Base of the completers: a subclass names its parameters, rank, penalty and solver."""

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "center": ["boolean", StrOptions({"both"})],
        "scale": ["boolean", StrOptions({"noise"})],
        "init": [StrOptions({"svd", "random"}), "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "missing_values": [Real, StrOptions({"nan"})],
        "keep_observed": ["boolean"],
        "keep_empty_features": ["boolean"],
        "min_value": [Real, "array-like", None],
        "max_value": [Real, "array-like", None],
        "add_indicator": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "check": [StrOptions({"fast", "exact", "off"})],
        "verbose": [Interval(Integral, 0, None, closed="left"), "boolean"],
    }
    # How penalties grow with what is observed; a parameter where a solver can do it.
    penalty_power = 0.0
    # For the tests of every completer: what suits a table of rank 3, and what else to try.
    _test_settings: ClassVar = {}
    _test_variants: ClassVar = ()

    @classmethod
    def _constraints_without(cls, *names):
        """Parameter constraints for a subclass without the parameters of these names."""
        constraints = cls._parameter_constraints
        return {name: allowed for name, allowed in constraints.items() if name not in names}

    @abstractmethod
    def _make_solver(self):
        """Solver of this completer with its parameters."""

    def _supports(self):
        """What it can do, by the names of capabilities of solvers."""
        return self._make_solver().supports

    def _solver_in(self, units):
        """The solver with what it takes in user units, if anything, in those of the problem."""
        return self._make_solver()

    @abstractmethod
    def _rank_and_alpha(self):
        """Largest rank, infinite for no bound, and penalty in user units; either may be "auto"."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None, entry_weight=None):
        """Fit factors and offsets to the observed entries of X.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The matrix with holes. Dense: `missing_values`, None, NA or a mask mark what is
            missing. Sparse: the stored entries are observed (a stored zero is a zero), the
            absent ones are missing.
        y : Ignored
            Not used, present for consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight k counts as k repetitions of the row, weight 0 as its absence.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Weight of the squared error of each observed entry; 0 means missing. A sparse matrix
            stores the entries that X stores. ``scale="noise"`` weighs the columns besides; weights
            that tell how noisy each column is go with ``scale=True``.

        Returns
        -------
        self : object
            The fitted completer.
        """
        self._fit(X, y, sample_weight, entry_weight)
        return self

    def _fit(self, X, y, sample_weight, entry_weight):
        observed = self._read(X, entry_weight)
        if sample_weight is not None:
            sample_weight = row_weights(sample_weight, observed.shape[0])
        with single_threaded_blas():
            self._fit_observed(observed, sample_weight, X, y)
            warn_of_empty(self, self._learned)
            warn_of_undetermined(self, observed, sample_weight)
        return observed

    def _read(self, X, entry_weight=None):
        """Observed entries of X for a fit, with all parameters checked."""
        self._check_parameters()
        observed = self._validate(X, reset=True, entry_weight=entry_weight)
        check_some_observed(observed)
        return observed

    def _check_parameters(self):
        """Raise InvalidParameterError for what the constraints of parameters cannot say."""
        for name in ("rank", "max_rank"):
            # True is an integer for Python, and for scikit-learn's validation.
            if isinstance(getattr(self, name, None), bool):
                raise InvalidParameterError(
                    f"The {name!r} parameter of {type(self).__name__} must be a whole number. Got "
                    f"{getattr(self, name)} instead."
                )

    @with_callbacks
    def _fit_entries(self, *entries, names=None):
        """Fit to compressed rows, those of `_read_entries`; messages have names of lines."""
        observed = self._read_entries(*entries, names=names)
        with single_threaded_blas():
            self._fit_observed(observed)
            warn_of_empty(self, self._learned)
            warn_of_undetermined(self, observed, names=names)
        return self

    def _read_entries(self, indptr, indices, values, shape, weights=None, *, names=None):
        """The same of compressed rows that are sorted, distinct and finite; they are not copied."""
        self._validate_params()
        self._check_parameters()
        self.n_features_in_ = shape[1]
        self._check_bounds(None if names is None else names[1])
        threads = effective_threads(self.n_jobs)
        return observed_from_csr(indptr, indices, values, shape, weights, threads)

    def _fit_observed(self, observed, sample_weight=None, X=None, y=None):
        check_digits(observed)
        watch = Watch(self, X, y)
        factor = None
        if self.scale == "noise" and self._is_warm(observed.shape[1]):
            factor = self.scale_ / self.spread_
        training = prepare(
            observed, sample_weight, center=self.center, scale=bool(self.scale), factor=factor,
            penalty_power=self.penalty_power,
        )  # fmt: skip
        plan = self._plan(observed, sample_weight, training)
        seek_units = self.scale == "noise" and factor is None
        result = self._solve(training, plan, seek_units, watch.of(training, plan))
        # Only the number and names of the features have been set so far; the rest of a fit that
        # fails is that of the last one.
        self._store_all(result, training, plan)
        watch.end()

    def _store_all(self, result, training, plan):
        self._set_features(training)
        self._store(result, training)
        self._store_search(plan)
        self._store_rows(training.observed)

    def _fitted_attributes(self, result, training, plan):
        """What a fit would leave if this were its result."""
        other = copy.copy(self)
        other._store_all(result, training, plan)
        mine = vars(self)
        return {k: v for k, v in vars(other).items() if k not in mine or mine[k] is not v}

    def _snapshot_types(self):
        """What the state of the solver is made of; nothing if it cannot be stored."""
        return self._make_solver().storable()

    def _store_rows(self, observed):
        """Factors of the training rows; rows without an entry share one of zeros, the last."""
        self._n_rows = observed.shape[0]
        present = observed.row_counts > 0
        self._row_number = None
        if not (present.all() and self._learned.all()):
            self._row_number = np.where(present, np.cumsum(present) - 1, np.count_nonzero(present))
        observed, fold_in = self._present(observed)
        U, rows = fold_in.factors(observed)
        if self._row_number is not None:
            U, rows = np.vstack([U, np.zeros_like(U[:1])]), np.append(rows, rows.dtype.type(0))
        self._row_factors, self._row_offsets = U, rows

    def _present(self, observed):
        """The training rows that have entries, and the fold-in on the columns that do."""
        fold_in = self._fold_in()
        if self._row_number is None:
            return observed, fold_in
        observed = observed.take(observed.row_counts > 0, self._learned)
        return observed, fold_in.of_columns(self._learned)

    def _plan(self, observed, sample_weight, training):
        """Rank and penalty to fit with, searched for by held-out entries if need be."""
        rank, alpha = self._rank_and_alpha()
        if rank != "auto":
            return Plan(rank, alpha)
        splits = self._splits(observed, sample_weight)
        if not splits:
            # Each entry is the only one of its row or column, and says nothing about another.
            return Plan(0, 0.0 if alpha == "auto" else alpha, search={"search_": {}})
        folds = self._folds(observed, sample_weight, splits, noise=alpha == "auto")
        choice = RankSearch(folds, self._make_solver(), alpha, **self._search_options()).run()
        return Plan(choice.rank, alpha, choice.relaxation, {"search_": choice.table})

    def _splits(self, observed, sample_weight):
        """Which entries a search for the rank holds out."""
        return quick_folds(observed, self.random_state, sample_weight)

    def _folds(self, observed, sample_weight, splits, *, noise=False):
        """Folds to search on, in the units of their noise if the fit is to have them."""
        folds = make_folds(
            observed, sample_weight, splits, center=self.center, scale=bool(self.scale),
            penalty_power=self.penalty_power,
        )  # fmt: skip
        units = self.scale == "noise"
        if not (noise or units):
            return folds
        return [fold.knowing_noise(**self._search_options(), units=units) for fold in folds]

    def _options(self):
        return {"max_iter": self.max_iter, "tol": min(self.tol, LARGEST_RATIO)}

    def _search_options(self):
        # A solution that is still crawling then is not the one to be chosen.
        return self._options() | {"max_iter": min(self.max_iter, SEARCH_ITERATIONS)}

    def _solve(self, training, plan, seek_units, watch=None):
        problem = training.pose()
        alpha = 0.0 if plan.alpha == "auto" else plan.alpha / training.units.common
        if alpha > LARGEST_RATIO**2:
            raise ValueError(
                f"alpha={plan.alpha:g} is more than {LARGEST_RATIO**2:g} times the scale of the "
                "data. Penalties far smaller leave nothing but offsets: lower alpha."
            )
        problem = problem.with_alpha(alpha, rank=min(plan.rank, problem.largest_rank))
        if problem.rank == 0:
            return offsets_only(problem)
        if self.verbose:
            show_log()
        solver = self._solver_in(training.units)
        init = self._start(problem, training, plan)
        random_state = check_random_state(self.random_state)
        options = self._options() | {"verbose": int(self.verbose), "watch": watch}
        if plan.alpha == "auto":
            # A rank that held-out entries have chosen stands.
            options |= {"select": plan.search is None, "relaxation": plan.relaxation}
            options |= {"units": seek_units}
            result = solve_at_edge(solver, problem, init, random_state=random_state, **options)
        else:
            factors = solver.start(problem, init, random_state)
            if seek_units:
                options["schedule"] = NoiseSchedule(
                    problem, self.max_iter, options["tol"], alpha=False, units=True
                )
                # The schedule has it, and can let it go when it changes units.
                problem = None
            result = solver.solve(problem, factors, **options)
        result = self._refit(result, plan)
        if not result.converged and result.stop_reason != STOPPED:
            warn(
                f"{type(self).__name__} stopped after {result.n_iter} iterations "
                f"({result.stop_reason}) with a last relative change of "
                f"{result.trace['change'][-1]:.2g}. {self._advice(result.problem)}",
                ConvergenceWarning,
            )
        return result

    def _refit(self, result, plan):
        """What follows the first solution, if anything."""
        return result

    @staticmethod
    def _advice(problem):
        if problem.alpha > 0 or problem.rank == 1:
            return "Raise max_iter or tol."
        return (
            "Without a penalty this happens if the observed entries do not determine a matrix of "
            f"rank {problem.rank}: lower the rank, or raise max_iter or tol."
        )

    def _is_warm(self, n_columns):
        """Whether there is a previous fit to start from."""
        previous = getattr(self, "components_", None) if self.warm_start else None
        return previous is not None and previous.shape[1] == n_columns

    def _previous(self):
        """Components and offsets that a warm start begins with."""
        return self.components_, self.offsets_

    def _start(self, problem, training, plan):
        """Where to start: `init`, or the last fit under `warm_start` if its shape fits."""
        units, learned = training.units, training.learned
        if self._is_warm(learned.size) and 0 < self.components_.shape[0] <= problem.rank:
            components, offsets = self._previous()
            init = components * (self.scale_ / units.scale)
            columns = (offsets - units.center) / units.scale
            return init[:, learned], columns[learned]
        init = self.init
        if isinstance(init, str):
            return init
        init = np.asarray(init, dtype=np.float64)
        bounded = plan.search is None and np.isfinite(plan.rank)
        rows = problem.rank if bounded else min(np.shape(init)[0], problem.rank)
        if init.shape != (rows, learned.size) or not (np.abs(init) <= LARGEST_RATIO).all():
            raise ValueError(
                f"init must be finite, at most {LARGEST_RATIO:g}, and of shape (rank, n_features) "
                f"= {(rows, learned.size)}; got {init.shape}."
            )
        return init[:, learned], np.zeros(np.count_nonzero(learned))

    def _store(self, result, training):
        fold_in = training.fold_in(result)
        self.rank_ = fold_in.components.shape[0]
        self.components_ = fold_in.components
        self.fold_in_alpha_ = fold_in.alpha
        self.offsets_, self.scale_ = fold_in.offsets, fold_in.scale
        self.row_offset_alpha_ = fold_in.row_penalty
        self._penalty_growth = fold_in.penalty_power, fold_in.mean_row_weight
        units = training.units
        self._column_means, self.spread_ = units.mean, units.spread
        self.alpha_ = float(result.problem.alpha * units.common)
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.stop_reason_ = result.stop_reason
        self.trace_ = {key: np.asarray(values) for key, values in result.trace.items()}
        self.trace_["alpha"] = self.trace_["alpha"] * units.common

    def _store_search(self, plan):
        if hasattr(self, "search_"):
            del self.search_
        for name, value in (plan.search or {}).items():
            setattr(self, name, value)

    def _set_features(self, training):
        """Which columns were learned, which are kept, which get an indicator."""
        self._learned = training.learned
        self._indicated = np.flatnonzero(training.partial) if self.add_indicator else None
        drop = not self.keep_empty_features and not self._learned.all()
        self._kept = np.flatnonzero(self._learned) if drop else None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None, sample_weight=None, entry_weight=None):
        """Fit to X and complete it: ``fit(X, ...).transform(X)``.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The matrix with holes.
        y : Ignored
            Not used, present for consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of the fit.
        entry_weight : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Entry weights of the fit.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed matrix.
        """
        if entry_weight is not None:
            # Weights are of the fit alone: `transform` folds the rows in without them.
            self._fit(X, y, sample_weight, entry_weight)
            return self.transform(X)
        check_dense_fits(X, X.shape[1] if self.add_indicator and sparse.issparse(X) else 0)
        observed = self._fit(X, y, sample_weight, None)
        U, rows = self._row_factors, self._row_offsets
        if self._row_number is not None:
            U, rows = U[self._row_number], rows[self._row_number]
        with single_threaded_blas():
            return self._complete(observed, self._fold_in(), U, rows)
