"""Rows and columns of mean 0 and variance 1, of a table with holes."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from skmc._compat import Interval, _fit_context, warn
from skmc._validation import check_some_observed, validate_matrix

# A line varies if its deviations are more than that many roundings of its values.
_ROUNDINGS = 100.0


class BiScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centre and scale rows and columns at once, over the observed entries.

    Finds offsets a_i, b_j and scales s_i, t_j > 0 such that the observed entries of every row and
    of every column of ::

        z_ij = (x_ij - a_i - b_j) / (s_i t_j)

    have mean 0 and variance 1 [1]_, by solving for rows and for columns in turn. Missing entries
    stay missing, and `inverse_transform` takes a completed table back to the units of X.

    The completers of this package have offsets and scales of columns in their model, and offsets of
    rows with ``center="both"``, and need no such preparation. It is for tables whose rows differ in
    scale too, and for other methods.

    Parameters
    ----------
    center_rows, center_columns : bool, default=True
        Whether rows and columns get offsets; without, all of them are 0.
    scale_rows, scale_columns : bool, default=True
        Whether they get scales; without, all of them are 1.
    max_iter : int, default=100
        Largest number of times that rows and columns are solved for.
    tol : float, default=1e-6
        Stop when means and variances of all columns are that close to 0 and 1; those of the rows
        are exact.

    Attributes
    ----------
    row_offsets_, row_scales_ : ndarray of shape (n_samples,)
        Offsets (their mean is 0) and scales (their geometric mean is 1) of the rows of the fit.
    column_offsets_, column_scales_ : ndarray of shape (n_features,)
        Those of the columns; 0 and 1 where nothing is observed.
    n_iter_ : int
        Iterations done.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    skmc.SoftImputeCompleter : Has offsets and scales of columns in its model.

    Notes
    -----
    Cost per iteration: O(nnz). Rows and columns whose entries do not vary, single entries above
    all, get the scale 1; if there are such rows, the variances of columns have a common value a
    little below 1. Where holes leave a row or column few entries the scales may need many
    iterations, or have no solution; then `fit` warns.

    References
    ----------
    .. [1] Hastie, T., Mazumder, R., Lee, J. D. and Zadeh, R. (2015). Matrix completion and low-rank
       SVD via fast alternating least squares. JMLR 16, 3367-3402. arXiv:1410.2596.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.preprocessing import BiScaler
    >>> X = make_low_rank(100, 40, 3, observed=0.6, noise=0.1, random_state=0).X
    >>> X = np.exp(np.arange(100) / 50)[:, None] * X + 7.0
    >>> scaler = BiScaler()
    >>> Z = scaler.fit_transform(X)
    >>> bool(np.abs(np.nanmean(Z, axis=0)).max() < 1e-6)
    True
    >>> bool(np.abs(np.nanstd(Z, axis=1) - 1).max() < 1e-6)
    True
    >>> np.allclose(scaler.inverse_transform(Z), X, equal_nan=True)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "center_rows": ["boolean"],
        "center_columns": ["boolean"],
        "scale_rows": ["boolean"],
        "scale_columns": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        center_rows=True,
        center_columns=True,
        scale_rows=True,
        scale_columns=True,
        max_iter=100,
        tol=1e-6,
    ):
        self.center_rows = center_rows
        self.center_columns = center_columns
        self.scale_rows = scale_rows
        self.scale_columns = scale_columns
        self.max_iter = max_iter
        self.tol = tol

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the offsets and scales of a table.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The table: NaN is missing in a dense one; in a sparse one stored entries are observed,
            and absent ones missing.
        y : Ignored
            Not used, present for consistency.

        Returns
        -------
        self : object
            The fitted scaler.
        """
        observed = validate_matrix(self, X, reset=True)
        check_some_observed(observed)
        rows, columns = _lines(observed)
        self.column_offsets_ = np.zeros(columns.count.size)
        self.column_scales_ = np.ones(columns.count.size)
        self.row_offsets_, self.row_scales_ = self._rows(rows, columns)
        for n_iter in range(1, self.max_iter + 1):
            self.column_offsets_, self.column_scales_ = columns.solve(
                rows, self.row_offsets_, self.row_scales_,
                center=self.center_columns, scale=self.scale_columns,
            )  # fmt: skip
            self._share(rows, columns)
            error = self._error(rows, columns)
            self.n_iter_ = n_iter
            if error <= self.tol:
                break
        else:
            warn(
                f"BiScaler: after {self.max_iter} iterations means and variances of the columns "
                f"are up to {error:.2g} from 0 and 1 (tol={self.tol:g}). Raise max_iter; or rows "
                "or columns have too few entries for scales: drop them, or set scale_rows=False.",
                ConvergenceWarning,
            )
        return self

    def transform(self, X):
        """Centre and scale the observed entries of rows.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows, of the fit or new ones: offset and scale of each are those that give its own
            observed entries mean 0 and variance 1.

        Returns
        -------
        Z : {ndarray, sparse array} of shape (n_samples, n_features)
            The table, missing entries as in X.
        """
        check_is_fitted(self)
        observed = validate_matrix(self, X, reset=False)
        rows, columns = _lines(observed)
        offsets, scales = self._rows(rows, columns)
        values = rows.values - offsets[rows.codes] - self.column_offsets_[columns.codes]
        values /= scales[rows.codes] * self.column_scales_[columns.codes]
        values = values.astype(observed.dtype)
        if sparse.issparse(X):
            kind = sparse.csr_array if isinstance(X, sparse.sparray) else sparse.csr_matrix
            view = observed.rows
            return kind((values, view.indices.copy(), view.indptr.copy()), shape=observed.shape)
        Z = np.full(observed.shape, np.nan, dtype=observed.dtype)
        Z[rows.codes, columns.codes] = values
        return Z

    def inverse_transform(self, Z, X=None):
        """Take a table back to the units of X.

        Parameters
        ----------
        Z : array-like of shape (n_samples, n_features)
            A table in standardised units, completed or not.
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features), default=None
            The table whose rows these are, of which only the observed entries count. None: that of
            the fit.

        Returns
        -------
        X_back : ndarray of shape (n_samples, n_features)
            ``a_i + b_j + s_i t_j z_ij``.
        """
        check_is_fitted(self)
        dense = validate_matrix(self, Z, reset=False)
        if X is None:
            offsets, scales = self.row_offsets_, self.row_scales_
        else:
            offsets, scales = self._rows(*_lines(validate_matrix(self, X, reset=False)))
        if dense.shape[0] != offsets.size:
            raise ValueError(
                f"Z has {dense.shape[0]} rows, {'the fit' if X is None else 'X'} has "
                f"{offsets.size}. Pass as X the table that was transformed to Z."
            )
        rows, columns = _lines(dense)
        values = rows.values * scales[rows.codes] * self.column_scales_[columns.codes]
        values += offsets[rows.codes] + self.column_offsets_[columns.codes]
        out = np.full(dense.shape, np.nan, dtype=dense.dtype)
        out[rows.codes, columns.codes] = values
        return out

    def _rows(self, rows, columns):
        return rows.solve(
            columns, self.column_offsets_, self.column_scales_,
            center=self.center_rows, scale=self.scale_rows,
        )  # fmt: skip

    def _error(self, rows, columns):
        """How far the columns are from mean 0 and variance 1, if they are to have them."""
        z = rows.values - self.row_offsets_[rows.codes] - self.column_offsets_[columns.codes]
        z /= self.row_scales_[rows.codes] * self.column_scales_[columns.codes]
        mean, square = columns.mean(z), columns.mean(z**2)
        size = columns.mean(np.abs(rows.values)) / self.column_scales_
        error = np.abs(mean).max() if self.center_columns else 0.0
        if self.scale_columns:
            varies = square > (_ROUNDINGS * np.finfo(np.float64).eps * size) ** 2
            # Rows that do not vary have none of the variance that columns with scales share.
            common = np.average(square, weights=columns.count * varies) if varies.any() else 1.0
            error = max(error, np.abs(square[varies] / common - 1.0).max(initial=0.0))
        return error

    def _share(self, rows, columns):
        """Solve for the rows, and fix what stays open: a constant and a factor of them all."""
        offsets, scales = self._rows(rows, columns)
        seen, empty = rows.count > 0, columns.count == 0
        if self.center_rows and self.center_columns:
            self.column_offsets_ += offsets[seen].mean()
        if self.scale_rows and self.scale_columns:
            self.column_scales_ *= np.exp(np.log(scales[seen]).mean())
        self.column_offsets_[empty], self.column_scales_[empty] = 0.0, 1.0
        self.row_offsets_, self.row_scales_ = self._rows(rows, columns)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@dataclass(frozen=True, eq=False)
class _Lines:
    """Observed entries as those of rows, or of columns.

    Parameters
    ----------
    values : ndarray of shape (nnz,)
        The entries.
    codes : ndarray of int, shape (nnz,)
        The line of each.
    count : ndarray of int, shape (n_lines,)
        How many each line has.
    """

    values: np.ndarray
    codes: np.ndarray
    count: np.ndarray

    def mean(self, values):
        """Mean over the entries of each line, 0 without any."""
        total = np.bincount(self.codes, values, minlength=self.count.size)
        return total / np.maximum(self.count, 1)

    def solve(self, others, offsets, scales, *, center, scale):
        """Offsets and scales of the lines, given those of the others."""
        crossing = scales[others.codes]
        values = (self.values - offsets[others.codes]) / crossing
        own_offsets = np.zeros(self.count.size)
        if center:
            # Without entries 0 / 0, which stays 0.
            weight = self.mean(1.0 / crossing)
            np.divide(self.mean(values), weight, out=own_offsets, where=weight > 0)
        own_scales = np.ones(self.count.size)
        if scale:
            deviation = np.sqrt(self.mean((values - own_offsets[self.codes] / crossing) ** 2))
            size = self.mean(np.abs(self.values) / crossing)
            varies = deviation > _ROUNDINGS * np.finfo(np.float64).eps * size
            own_scales[varies] = deviation[varies]
        return own_offsets, own_scales


def _lines(observed):
    """Rows and columns of the observed entries, in double precision."""
    values = observed.rows.values.astype(np.float64)
    pair = zip(observed.rows_and_columns(), observed.shape, strict=True)
    return [_Lines(values, codes, np.bincount(codes, minlength=size)) for codes, size in pair]
