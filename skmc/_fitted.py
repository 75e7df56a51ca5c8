"""What every completer does once it is fitted; knows scikit-learn, not the solvers."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skmc._blas import single_threaded_blas
from skmc._bounds import Bounds, check_labels
from skmc._compat import CallbackSupportMixin, _check_feature_names_in
from skmc._fold_in import FoldIn
from skmc._memory import check_dense_fits
from skmc._parallel import effective_threads
from skmc._recommend import Pattern, best_columns, check_number
from skmc._reporting import Reporting
from skmc._units import r_squared
from skmc._validation import check_codes, row_weights, validate_matrix


class FittedCompleter(Reporting, CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Completion, factors, entries and scores from components, offsets and scales."""

    # How a row is seen; a subclass may have a narrower way.
    _fold_in_type = FoldIn

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
        check_is_fitted(self, "components_")
        check_dense_fits(X, 0 if self._indicated is None else self._indicated.size)
        observed, fold_in = self._validate(X), self._fold_in()
        with single_threaded_blas():
            return self._complete_rows(observed, fold_in)

    def _complete_rows(self, observed, fold_in):
        return self._complete(observed, fold_in, *fold_in.factors(observed))

    def _complete(self, observed, fold_in, U, rows):
        return self._finish(observed, fold_in.complete(U, rows))

    def _finish(self, observed, out):
        """The form that is handed out of predictions of all entries, which may be overwritten."""
        out = self._bounded(out)
        if self.keep_observed:
            observed.fill(out)
        if self._kept is not None:
            out = out[:, self._kept]
        if self._indicated is not None:
            out = np.hstack([out, self._indicators(observed, out.dtype)])
        return out

    def _indicators(self, observed, dtype):
        """1 where an entry is missing, for the columns that had missing entries in the fit."""
        number = np.full(observed.shape[1], -1)
        number[self._indicated] = np.arange(self._indicated.size)
        rows, columns = observed.rows_and_columns()
        columns = number[columns]
        missing = np.ones((observed.shape[0], self._indicated.size), dtype=dtype)
        missing[rows[columns >= 0], columns[columns >= 0]] = 0
        return missing

    def row_factors(self, X):
        """Factors of the rows of X, by fold-in.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.

        Returns
        -------
        U : ndarray of shape (n_samples, `rank_`)
            X is about ``offsets_ + scale_ * (U @ components_)``, plus the row offsets with
            ``center="both"``.
        """
        check_is_fitted(self, "components_")
        observed = self._validate(X)
        with single_threaded_blas():
            return self._fold_in().factors(observed)[0]

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
        rows, cols = self._check_positions(rows, cols)
        values = self._fold_in().entries(
            self._row_factors, self._row_offsets, rows, cols, self._row_number
        )
        return self._bounded(values, cols)

    def _check_positions(self, rows, cols):
        """Row and column numbers of entries of the training matrix, checked."""
        check_is_fitted(self, "components_")
        rows = check_codes(rows, self._n_rows, "rows")
        cols = check_codes(cols, self.n_features_in_, "cols")
        if rows.shape != cols.shape:
            raise ValueError(f"rows has {rows.size} entries, cols {cols.size}.")
        return rows, cols

    def row_offsets(self, rows):
        """Offsets of rows of the training matrix, in the user's units at the mean column scale.

        Parameters
        ----------
        rows : array-like of int, shape (n_rows,)
            Row numbers of the training matrix.

        Returns
        -------
        offsets : ndarray of shape (n_rows,)
            Zero unless ``center="both"``.
        """
        return self._row_offsets[self._row_numbers(rows)] * self.scale_.mean()

    def _training_factors(self):
        """Factors of the rows of the training matrix, in the coordinates of `components_`."""
        U = self._row_factors
        return U if self._row_number is None else U[self._row_number]

    def _row_numbers(self, rows):
        """Where the factors of rows of the training matrix are, given their numbers."""
        check_is_fitted(self, "components_")
        rows = check_codes(rows, self._n_rows, "rows")
        return rows if self._row_number is None else self._row_number[rows]

    def recommend(self, X, n=10, *, exclude_observed=True):
        """Columns with the largest predictions in each row of X.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, of the fit or new ones: each is seen by its own observed entries, as in
            `transform`.
        n : int, default=10
            Number of columns for each row; more than there are columns means all of them.
        exclude_observed : bool, default=True
            Whether to leave out the columns that a row has observed.

        Returns
        -------
        columns : ndarray of int, shape (n_samples, min(n, n_features))
            Column numbers of X, also if empty columns are dropped; the largest prediction first,
            equal ones by column number. Columns without training data are left out. -1 where a row
            has fewer than n columns left.
        values : ndarray of shape (n_samples, min(n, n_features))
            Predictions for them, NaN where there is no column. Bounds do not change the order.
            Cost: that of `row_factors`, and O(n_features rank) for each row. The predictions of a
            few rows at a time are held, never all of them.

        Raises
        ------
        MemoryError
            If the result would not fit, before it is computed.

        Examples
        --------
        >>> import numpy as np
        >>> from skmc import ALSCompleter
        >>> X = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 2.0, 3.0])
        >>> completer = ALSCompleter(rank=1, alpha=0, center=False, scale=False).fit(X)
        >>> columns, values = completer.recommend([[2.0, np.nan, np.nan, np.nan]], n=2)
        >>> columns, values.round(2)
        (array([[1, 3]]), array([[8., 6.]]))
        """
        check_is_fitted(self, "components_")
        observed, fold_in = self._validate(X), self._fold_in()
        n = check_number(n, *observed.shape)
        pattern = Pattern(observed.rows.indptr, observed.rows.indices) if exclude_observed else None
        with single_threaded_blas():
            U, rows = fold_in.factors(observed)
        return self._best_columns(fold_in, U, rows, n, pattern)

    def _recommend_rows(self, numbers, n, pattern):
        """Best columns of rows of the training matrix, given their numbers."""
        n = check_number(n, numbers.size, self.n_features_in_)
        numbers = numbers if self._row_number is None else self._row_number[numbers]
        U, rows = self._row_factors[numbers], self._row_offsets[numbers]
        return self._best_columns(self._fold_in(), U, rows, n, pattern)

    def _best_columns(self, fold_in, U, rows, n, pattern):
        columns, values = best_columns(fold_in, U, rows, n, pattern)
        return columns, self._bounded(values, columns)

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
        check_is_fitted(self, "components_")
        observed = self._validate(X)
        view = observed.rows
        values = self._left_out(observed).astype(observed.dtype)
        if sparse.issparse(X):
            return sparse.csr_array((values, view.indices, view.indptr), shape=observed.shape)
        out = np.full(observed.shape, np.nan, dtype=observed.dtype)
        out[observed.rows_and_columns()] = values
        return out

    def _left_out(self, observed):
        """Predictions of the entries, each from the rest of its row, in row-view order."""
        view = observed.rows
        residual = self._fold_in().leave_one_out(observed).astype(np.float64)
        return self._bounded(view.values - residual * self.scale_[view.indices], view.indices)

    def score(self, X, y=None, sample_weight=None):
        """Coefficient of determination on entries that the prediction has not seen.

        R^2 = 1 - sum (x_ij - prediction)^2 / sum (x_ij - mean_j)^2 with the column means of the
        training data: 0 is what ``SimpleImputer`` reaches, 1 is perfect. Unless ``scale=False``,
        each column is divided by its standard deviation first.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.
        y : None, array-like of shape (n_samples,) or of the shape of X, default=None
            None, or anything 1-D (a Pipeline passes its target): the observed entries of X,
            each predicted from the others of its row. Honest on rows not used in `fit`, as in
            cross-validation over rows; optimistic on training rows. A matrix of the shape of X:
            the entries that are missing in X and present in y, which must be in the units of X: a
            pipeline that scales X does not scale y.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of the sums.

        Returns
        -------
        score : float
            R^2; deterministic. Columns without training data do not count.
        """
        check_is_fitted(self, "components_")
        observed = self._validate(X)
        if y is None or _n_dimensions(y) == 1 or _is_column(y, observed.shape):
            check_consistent_length(X, y)
            rows, columns = observed.rows_and_columns()
            truth, predicted = observed.rows.values, self._left_out(observed)
        else:
            rows, columns, truth = self._held_out(observed, y)
            fold_in = self._fold_in()
            predicted = fold_in.entries(*fold_in.factors(observed), rows, columns)
            predicted = self._bounded(predicted.astype(np.float64), columns)
        residual = (truth - predicted) / self.spread_[columns]
        baseline = (truth - self._column_means[columns]) / self.spread_[columns]
        weight = self._learned[columns].astype(np.float64)
        if not weight.any():
            raise ValueError(
                "There are no entries to score: X observes nothing in the columns of the fit, or y "
                "has no values where X is missing."
            )
        if sample_weight is not None:
            weight *= row_weights(sample_weight, observed.shape[0])[rows]
        error, total = weight @ residual**2, weight @ baseline**2
        return r_squared(error, total)

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
        check_is_fitted(self, "components_")
        names = _check_feature_names_in(self, input_features)
        kept = names if self._kept is None else names[self._kept]
        if self._indicated is None:
            return kept
        extra = [f"missingindicator_{names[j]}" for j in self._indicated]
        return np.concatenate([kept, np.asarray(extra, dtype=object)])

    def _validate(self, X, *, reset=False, entry_weight=None):
        try:
            observed = validate_matrix(
                self,
                X,
                reset=reset,
                missing_values=self._missing_value(),
                entry_weight=entry_weight,
                n_threads=effective_threads(self.n_jobs),
            )
        except ValueError as error:
            if "features as input" not in str(error):
                raise
            shape, fitted = np.shape(X), (self._n_rows, self.n_features_in_)
            advice = " If rows and columns are swapped, pass X.T." if shape[0] == fitted[1] else ""
            raise ValueError(
                f"{error} X has shape {shape}, the matrix of the fit had {fitted}.{advice}"
            ) from error
        if reset:
            self._check_bounds(getattr(self, "feature_names_in_", None))
        return observed

    def _check_bounds(self, names):
        """Raise ValueError if the bounds are none of columns with these names, None for none."""
        for name in ("min_value", "max_value"):
            check_labels(name, getattr(self, name), self.n_features_in_, names)
        self._bounds(names)

    def _bounds(self, names=None):
        """Bounds of predictions, validated; None if there are none. Names are for messages."""
        return Bounds.of(self.min_value, self.max_value, self.n_features_in_, names)

    def _bounded(self, values, columns=None):
        """Predictions within the bounds: rows of all columns, or of some columns."""
        bounds = self._bounds()
        return values if bounds is None else bounds.clip(values, columns)

    def _missing_value(self):
        return np.nan if self.missing_values == "nan" else float(self.missing_values)

    def _fold_in(self):
        power, mean_row_weight = self._penalty_growth
        return self._fold_in_type(
            components=self.components_,
            alpha=self.fold_in_alpha_,
            offsets=self.offsets_,
            scale=self.scale_,
            learned=self._learned,
            row_penalty=self.row_offset_alpha_,
            n_threads=effective_threads(self.n_jobs),
            penalty_power=power,
            mean_row_weight=mean_row_weight,
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
