"""The estimator shared by all completers: the only file that knows scikit-learn and solvers."""

import logging
import warnings
from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmc._compat import (
    Interval,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
    check_sample_weight,
)
from skmc._fold_in import FoldIn
from skmc._memory import check_dense_fits
from skmc._offsets import OffsetModel
from skmc._parallel import blas_threads, effective_threads
from skmc._problem import CompletionProblem
from skmc._units import fit_units
from skmc._validation import check_some_observed, validate_matrix
from skmc.solvers import solve_pivotal

logger = logging.getLogger("skmc")


class BaseCompleter(TransformerMixin, BaseEstimator):
    """Base of the completers: a subclass names its parameters, rank, penalty and solver."""

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "center": ["boolean", StrOptions({"both"})],
        "scale": ["boolean"],
        "init": [StrOptions({"svd", "random"}), "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "missing_values": [Real, StrOptions({"nan"})],
        "keep_observed": ["boolean"],
        "keep_empty_features": ["boolean"],
        "add_indicator": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
        "verbose": [Interval(Integral, 0, None, closed="left"), "boolean"],
    }

    _doc_link_module = "skmc"

    @abstractmethod
    def _make_solver(self):
        """Solver of this completer with its parameters."""

    @abstractmethod
    def _rank_and_alpha(self):
        """Largest rank, infinite for no bound, and the penalty in user units or "auto"."""

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
            stores the entries that X stores.

        Returns
        -------
        self : object
            The fitted completer.
        """
        self._fit(X, sample_weight, entry_weight)
        return self

    def _fit(self, X, sample_weight, entry_weight):
        observed = self._validate(X, reset=True, entry_weight=entry_weight)
        check_some_observed(observed)
        if sample_weight is not None:
            rows = np.broadcast_to(np.zeros(()), (observed.shape[0], 1))
            sample_weight = check_sample_weight(sample_weight, rows, dtype=np.float64)
        with blas_threads(observed.blas_threads):
            self._fit_observed(observed, sample_weight)
        return observed

    def _fit_observed(self, observed, sample_weight=None):
        used = np.ones(observed.shape[0], dtype=bool)
        if sample_weight is not None:
            used = sample_weight > 0
            check_some_observed(observed.take(used, np.ones(observed.shape[1], dtype=bool)))
        self._set_features(observed, used)
        units = fit_units(observed, sample_weight, center=self.center is not False, scale=self.scale)
        # Rows and columns without an entry have no part in the problem.
        used &= observed.row_counts > 0
        training = observed
        if not (used.all() and self._learned.all()):
            training = observed.take(used, self._learned)
        row_scale = None if sample_weight is None else np.sqrt(sample_weight[used])
        problem = self._make_problem(training, units.of_columns(self._learned), row_scale)
        _, alpha = self._rank_and_alpha()
        result = self._solve(problem, units, automatic=alpha == "auto")
        self._store(problem.with_alpha(result.alpha), result, units)
        self._store_rows(observed)

    def _store_rows(self, observed):
        """Factors of the training rows; rows without an entry share one of zeros, the last."""
        self._n_rows = observed.shape[0]
        present = observed.row_counts > 0
        self._row_number = None
        fold_in = self._fold_in()
        if not (present.all() and self._learned.all()):
            self._row_number = np.where(present, np.cumsum(present) - 1, np.count_nonzero(present))
            observed = observed.take(present, self._learned)
            fold_in = fold_in.of_columns(self._learned)
        U, rows = fold_in.factors(observed)
        if self._row_number is not None:
            U, rows = np.vstack([U, np.zeros_like(U[:1])]), np.append(rows, rows.dtype.type(0))
        self._row_factors, self._row_offsets = U, rows

    def _make_problem(self, training, units, row_scale):
        standard = training.standardized(units.center, units.scale, row_scale)
        kind = {True: "column", False: "none", "both": "both"}[self.center]
        n, m = training.shape
        # A row of weight k has to count as k rows here too.
        repeated = n if row_scale is None else max(n, int(np.ceil(np.sum(row_scale**2))))
        rank, alpha = self._rank_and_alpha()
        return CompletionProblem(
            observed=standard,
            rank=min(rank, repeated, m),
            alpha=0.0 if alpha == "auto" else alpha / units.common,
            offsets=OffsetModel(standard, kind, row_scale),
        )

    def _solve(self, problem, units, automatic):
        solver = self._make_solver()
        factors = solver.start(
            problem, self._start(problem, units), check_random_state(self.random_state)
        )
        options = {"max_iter": self.max_iter, "tol": self.tol, "verbose": int(self.verbose)}
        if self.verbose and not logger.hasHandlers():
            logger.addHandler(logging.StreamHandler())
            logger.setLevel(logging.INFO)
        if automatic:
            result = solve_pivotal(solver, problem, factors, **options)
        else:
            result = solver.solve(problem, factors, **options)
        if not result.converged:
            warnings.warn(
                f"{type(self).__name__} stopped after {result.n_iter} iterations "
                f"({result.stop_reason}) with a last relative change of "
                f"{result.trace['change'][-1]:.2g}. Raise max_iter or tol"
                f"{', or lower the rank' if problem.rank > 1 else ''}.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return result

    def _start(self, problem, units):
        """Where to start: `init`, or the last fit under `warm_start` if its shape fits."""
        columns = np.zeros(units.scale.shape[0])
        init = self.init
        if self.warm_start and hasattr(self, "components_"):
            if self.components_.shape == (problem.rank, columns.shape[0]):
                init = self.components_ * (self.scale_ / units.scale)
                columns = (self.offsets_ - units.center) / units.scale
        if isinstance(init, str):
            return init
        init = np.asarray(init, dtype=np.float64)
        expected = problem.rank, columns.shape[0]
        if init.shape != expected or not np.isfinite(init).all():
            raise ValueError(
                f"init must be finite and of shape (rank, n_features) = {expected}; got "
                f"{init.shape}."
            )
        return init[:, self._learned], columns[self._learned]

    def _store(self, problem, result, units):
        P, s, Q = result.factors.svd()
        residual = problem.residual(result.factors)
        if result.alpha > 0:
            components, ridge = Q * np.sqrt(s), result.alpha
        else:
            # With row factors of unit variance the ridge of least expected error is the noise
            # variance; plain least squares explodes on rows with about `rank` entries.
            components = Q * (s / np.sqrt(problem.n_rows))
            dof = s.size * (problem.n_rows + problem.shape[1] - s.size)
            dof = min(dof, 0.9 * problem.total_weight)
            ridge = problem.noise_variance(residual.loss, dof)
        self.rank_ = components.shape[1]
        self.components_ = np.zeros((self.rank_, units.scale.shape[0]), problem.dtype)
        self.components_[:, self._learned] = components.T
        self.alpha_ = float(result.alpha * units.common)
        self.fold_in_alpha_ = float(ridge)
        self.offsets_ = units.center.copy()
        self.offsets_[self._learned] += units.scale[self._learned] * residual.offsets.columns
        self.scale_ = units.scale
        self.row_offset_alpha_ = problem.offsets.row_penalty if self.center == "both" else None
        self._column_means = units.mean
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self.stop_reason_ = result.stop_reason
        self.trace_ = {key: np.asarray(values) for key, values in result.trace.items()}
        self.trace_["objective"] = self.trace_["objective"] * units.common**2
        self.trace_["alpha"] = self.trace_["alpha"] * units.common

    def _set_features(self, observed, used):
        """Which columns can be learned, which are kept, which get an indicator."""
        counts = observed.column_counts
        if not used.all():
            counts = np.bincount(
                observed.rows.indices[np.repeat(used, observed.row_counts)],
                minlength=observed.shape[1],
            )
        self._learned = counts > 0
        partial = counts < np.count_nonzero(used)
        self._indicated = np.flatnonzero(partial) if self.add_indicator else None
        self._kept = None
        if not self.keep_empty_features and not self._learned.all():
            self._kept = np.flatnonzero(self._learned)
        if self._learned.all():
            return
        empty = np.flatnonzero(~self._learned)
        names = getattr(self, "feature_names_in_", None)
        names = [str(j if names is None else names[j]) for j in empty[:10]]
        warnings.warn(
            f"{empty.size} column(s) of X have no observed entry: {', '.join(names)}"
            f"{', ...' if empty.size > 10 else ''}. They are "
            f"{'filled with the grand mean' if self._kept is None else 'dropped'}.",
            UserWarning,
            stacklevel=4,
        )

    def transform(self, X):
        """Complete the rows of X, each from its own observed entries.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, in the form of `fit`.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed rows. Observed entries are returned as they are unless
            ``keep_observed=False``. A row without any gets the column offsets.

        Raises
        ------
        MemoryError
            If the dense result would not fit, before anything is allocated.
        """
        check_is_fitted(self)
        check_dense_fits(X)
        observed = self._validate(X)
        with blas_threads(observed.blas_threads):
            return self._complete(observed, *self._fold_in().factors(observed))

    def _complete(self, observed, U, rows):
        out = self._fold_in().complete(U, rows)
        if self.keep_observed:
            observed.fill(out)
        if self._kept is not None:
            out = out[:, self._kept]
        if self._indicated is not None:
            missing = np.ones(observed.shape, dtype=out.dtype)
            missing[observed.rows_and_columns()] = 0
            out = np.hstack([out, missing[:, self._indicated]])
        return out

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
            return self.fit(X, y, sample_weight, entry_weight).transform(X)
        check_dense_fits(X)
        observed = self._fit(X, sample_weight, None)
        U, rows = self._row_factors, self._row_offsets
        if self._row_number is not None:
            U, rows = U[self._row_number], rows[self._row_number]
        return self._complete(observed, U, rows)

    def row_factors(self, X):
        """Factors of the rows of X, by fold-in.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.

        Returns
        -------
        U : ndarray of shape (n_samples, rank_)
            X is about ``offsets_ + scale_ * (U @ components_)``.
        """
        check_is_fitted(self)
        return self._fold_in().factors(self._validate(X))[0]

    def predict_entries(self, rows, cols):
        """Entries of the completed training matrix, without forming it.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.

        Returns
        -------
        values : ndarray of shape (n_entries,)
            Predictions of the model, for observed entries too. Cost: O(n_entries rank).

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range.
        """
        check_is_fitted(self)
        rows = _check_codes(rows, self._n_rows, "rows")
        cols = _check_codes(cols, self.n_features_in_, "cols")
        if rows.shape != cols.shape:
            raise ValueError(f"rows has {rows.size} entries, cols {cols.size}.")
        if self._row_number is not None:
            rows = self._row_number[rows]
        return self._fold_in().entries(self._row_factors, self._row_offsets, rows, cols)

    def leave_one_out(self, X):
        """Predict each observed entry from the other observed entries of its row.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes. On rows that were not used in `fit` the result is a held-out
            prediction; on training rows it is optimistic, as the components saw the entry.

        Returns
        -------
        predictions : {ndarray, csr_array} of shape (n_samples, n_features)
            Predictions at the observed entries; NaN elsewhere, or not stored if X is sparse.
            One ridge regression per row gives all of them, by r_j / (1 - h_j).
        """
        check_is_fitted(self)
        observed = self._validate(X)
        view = observed.rows
        residual = self._fold_in().leave_one_out(observed)
        values = view.values - (residual * self.scale_[view.indices]).astype(observed.dtype)
        if sparse.issparse(X):
            return sparse.csr_array((values, view.indices, view.indptr), shape=observed.shape)
        out = np.full(observed.shape, np.nan, dtype=observed.dtype)
        out[observed.rows_and_columns()] = values
        return out

    def score(self, X, y=None, sample_weight=None):
        """Coefficient of determination on entries that the prediction has not seen.

        R^2 = 1 - sum (x_ij - prediction)^2 / sum (x_ij - mean_j)^2 in the units of the model
        (each column divided by its `scale_`), with the column means of the training data: 0 is
        what ``SimpleImputer`` reaches, 1 is perfect.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.
        y : None, array-like of shape (n_samples,) or of the shape of X, default=None
            None, or anything 1-D (a Pipeline passes its target): the observed entries of X,
            each predicted from the others of its row. Honest on rows not used in `fit`, as in
            cross-validation over rows; optimistic on training rows. A matrix of the shape of X:
            the entries that are missing in X and present in y.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of the sums.

        Returns
        -------
        score : float
            R^2; deterministic. Columns without training data do not count.
        """
        check_is_fitted(self)
        observed = self._validate(X)
        if y is None or _n_dimensions(y) == 1 or _is_column(y, observed.shape):
            residual = self._fold_in().leave_one_out(observed).astype(np.float64)
            rows, columns = observed.rows_and_columns()
            truth = observed.rows.values
        else:
            rows, columns, truth = self._held_out(observed, y)
            fold_in = self._fold_in()
            predicted = fold_in.entries(*fold_in.factors(observed), rows, columns)
            residual = (truth - predicted.astype(np.float64)) / self.scale_[columns]
        baseline = (truth - self._column_means[columns]) / self.scale_[columns]
        weight = self._learned[columns].astype(np.float64)
        if not weight.any():
            raise ValueError("There are no entries to score.")
        if sample_weight is not None:
            dummy = np.broadcast_to(np.zeros(()), (observed.shape[0], 1))
            weight *= check_sample_weight(sample_weight, dummy, dtype=np.float64)[rows]
        error, total = weight @ residual**2, weight @ baseline**2
        if total == 0:
            return 1.0 if error == 0 else 0.0
        return float(1.0 - error / total)

    def _held_out(self, observed, y):
        """Entries of the matrix y that are missing in X."""
        shape = getattr(y, "shape", None) or np.shape(y)
        if tuple(shape) != observed.shape:
            raise ValueError(
                f"y has shape {tuple(shape)}; pass a matrix of the shape of X, "
                f"{observed.shape}, with the true values of missing entries, or nothing."
            )
        truth = self._validate(y)
        m = observed.shape[1]
        known, wanted = (o.rows_and_columns() for o in (observed, truth))
        new = ~np.isin(wanted[0] * m + wanted[1], known[0] * m + known[1])
        return wanted[0][new], wanted[1][new], truth.rows.values[new].astype(np.float64)

    def get_feature_names_out(self, input_features=None):
        """Names of the output columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the input columns; None takes ``feature_names_in_`` or x0, x1, ...

        Returns
        -------
        names : ndarray of str
            Columns kept, then ``missingindicator_<name>`` for each indicator.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        kept = names if self._kept is None else names[self._kept]
        if self._indicated is None:
            return kept
        extra = [f"missingindicator_{names[j]}" for j in self._indicated]
        return np.concatenate([kept, np.asarray(extra, dtype=object)])

    def _validate(self, X, *, reset=False, entry_weight=None):
        return validate_matrix(
            self,
            X,
            reset=reset,
            missing_values=self._missing_value(),
            entry_weight=entry_weight,
            n_threads=effective_threads(self.n_jobs),
        )

    def _missing_value(self):
        return np.nan if self.missing_values == "nan" else float(self.missing_values)

    def _fold_in(self):
        return FoldIn(
            components=self.components_,
            alpha=self.fold_in_alpha_,
            offsets=self.offsets_,
            scale=self.scale_,
            learned=self._learned,
            row_penalty=self.row_offset_alpha_,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = bool(np.isnan(self._missing_value()))
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _n_dimensions(y):
    shape = getattr(y, "shape", None)
    return len(shape) if shape is not None else np.ndim(y)


def _is_column(y, shape):
    return tuple(getattr(y, "shape", None) or np.shape(y)) == (shape[0], 1) and shape[1] > 1


def _check_codes(codes, size, name):
    codes = np.asarray(codes)
    if codes.ndim != 1:
        raise ValueError(f"{name} must be 1-D; got {codes.ndim} dimensions.")
    if codes.dtype.kind not in "iu":
        whole = codes.dtype.kind == "f" and np.array_equal(codes, np.floor(codes))
        if not whole:
            raise ValueError(f"{name} must hold integers; got {codes.dtype}.")
    bad = (codes < 0) | (codes >= size)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"{name} has {np.count_nonzero(bad)} values outside 0 ... {size - 1}, the first "
            f"{codes[at]} at position {at}."
        )
    return codes.astype(np.int64)
