"""A completer as a regressor from row and column labels to values."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skmc._base import BaseCompleter
from skmc._compat import (
    Interval,
    StrOptions,
    _fit_context,
    check_sample_weight,
    warn,
)
from skmc.completers._als import ALSCompleter


class EntryRegressor(RegressorMixin, BaseEstimator):
    """Predict the entry of a matrix from the labels of its row and column.

    minimise over the parameters of the completer::

        1/2 sum_t w_t (y_t - prediction(row_t, column_t))^2 + penalty of the completer

    Each row of X is one observed entry, y its value: the long form of ratings. As a regressor it
    works with every splitter, scorer and search of scikit-learn, entry by entry. The entries go to
    the solver as they are; no matrix of all rows and columns is formed.

    Parameters
    ----------
    completer : completer or None, default=None
        What completes the matrix; None stands for ``ALSCompleter(center="both")``.
    row, column : int or str, default=0 and 1
        Position, or name in a data frame, of the columns of X with the labels of rows and columns.
        Other columns of X are ignored. Labels may be strings or numbers.
    duplicates : {"raise", "mean", "last"}, default="raise"
        What to do if an entry is given several times. ``"raise"``: equal values count as weight,
        different ones are an error. ``"mean"``: the weighted mean. ``"last"``: the last one.

    Attributes
    ----------
    completer_ : completer
        The fitted completer of the matrix whose rows and columns are the sorted labels.
    row_encoder_, column_encoder_ : OrdinalEncoder
        Map labels to rows and columns of the matrix.
    mean_ : float
        Weighted mean of y, the prediction where neither label is known.
    n_features_in_ : int
        Number of columns of X seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    ALSCompleter : The default completer.

    Notes
    -----
    Cost: that of the completer, plus sorting the entries. An entry with an unknown row is predicted
    by the offset of its column, one with an unknown column by the mean and the offset of its row.

    References
    ----------
    .. [1] Koren, Y., Bell, R. and Volinsky, C. (2009). Matrix factorization techniques for
       recommender systems. Computer 42(8), 30-37. :doi:`10.1109/MC.2009.263`.

    Examples
    --------
    >>> from skmc import ALSCompleter, EntryRegressor
    >>> X = [["ann", "tea"], ["ann", "jam"], ["bob", "tea"], ["bob", "jam"], ["eve", "tea"]]
    >>> y = [4.0, 2.0, 2.0, 1.0, 8.0]
    >>> completer = ALSCompleter(rank=1, alpha=0, center=False, scale=False)
    >>> regressor = EntryRegressor(completer).fit(X, y)
    >>> regressor.predict([["eve", "jam"]]).round(3)
    array([4.])
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "completer": [BaseCompleter, None],
        "row": [Interval(Integral, 0, None, closed="left"), str],
        "column": [Interval(Integral, 0, None, closed="left"), str],
        "duplicates": [StrOptions({"raise", "mean", "last"})],
    }

    def __init__(self, completer=None, *, row=0, column=1, duplicates="raise"):
        self.completer = completer
        self.row = row
        self.column = column
        self.duplicates = duplicates

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the completer to entries.

        Parameters
        ----------
        X : {array-like, dataframe} of shape (n_entries, n_columns)
            Labels of the row and the column of each entry, and what else there is.
        y : array-like of shape (n_entries,)
            Values of the entries.
        sample_weight : array-like of shape (n_entries,), default=None
            Weights of the entries; weight 0 is absence.

        Returns
        -------
        self : object
            The fitted regressor.
        """
        rows, columns = self._labels(X, reset=True)
        y = check_array(column_or_1d(y, warn=True), ensure_2d=False, dtype=(np.float64, np.float32))
        check_consistent_length(rows, y)
        weights = None
        if sample_weight is not None:
            weights = check_sample_weight(sample_weight, rows, dtype=y.dtype)
            kept = weights > 0
            rows, columns, y, weights = rows[kept], columns[kept], y[kept], weights[kept]
        self.row_encoder_, i = _encode(rows)
        self.column_encoder_, j = _encode(columns)
        shape = len(self.row_encoder_.categories_[0]), len(self.column_encoder_.categories_[0])
        i, j, y, weights = self._sorted(i, j, y, weights)
        self.mean_ = float(np.average(y, weights=weights))
        indptr = np.zeros(shape[0] + 1, dtype=np.int64)
        np.cumsum(np.bincount(i, minlength=shape[0]), out=indptr[1:])
        completer = ALSCompleter(center="both") if self.completer is None else self.completer
        self.completer_ = clone(completer)._fit_entries(indptr, j, y, shape, weights)
        return self

    def _sorted(self, i, j, y, weights):
        """Entries in the order of rows and columns, each once."""
        order = np.lexsort((j, i))
        i, j, y = i[order], j[order], y[order]
        weights = None if weights is None else weights[order]
        first = np.ones(i.size, dtype=bool)
        first[1:] = (i[1:] != i[:-1]) | (j[1:] != j[:-1])
        if first.all():
            return i, j, y, weights
        start = np.flatnonzero(first)
        group = np.cumsum(first) - 1
        weights = np.ones_like(y) if weights is None else weights
        different = y != y[start][group]
        if self.duplicates == "raise" and different.any():
            at = int(np.argmax(different))
            row = self.row_encoder_.categories_[0][i[at]]
            column = self.column_encoder_.categories_[0][j[at]]
            raise ValueError(
                f"{np.count_nonzero(different)} entries repeat an earlier one with another value, "
                f"the first of them row {row!r}, column {column!r}. Keep one value for each entry, "
                'or set duplicates="mean" or "last".'
            )
        if self.duplicates == "last":
            last = np.append(start[1:], i.size) - 1
            return i[start], j[start], y[last], weights[last]
        total = np.add.reduceat(weights, start)
        if different.any():
            y = np.add.reduceat(weights * y, start) / total
        else:
            y = y[start]
        return i[start], j[start], y, total

    def predict(self, X):
        """Predict entries.

        Parameters
        ----------
        X : {array-like, dataframe} of shape (n_entries, n_columns)
            Labels, in the form of `fit`.

        Returns
        -------
        y : ndarray of shape (n_entries,)
            Predicted values.
        """
        check_is_fitted(self, "completer_")
        rows, columns = self._labels(X, reset=False)
        i, j = _codes(self.row_encoder_, rows), _codes(self.column_encoder_, columns)
        model = self.completer_
        known = (i >= 0) & (j >= 0)
        unknown = np.count_nonzero(~known)
        if 2 * unknown > known.size:
            warn(
                f"{unknown} of {known.size} entries lie in rows or columns that were not in the "
                "fit, and are predicted from offsets alone. If this is cross-validation, shuffle: "
                "KFold(shuffle=True).",
                UserWarning,
            )
        out = np.full(known.size, self.mean_, dtype=model.components_.dtype)
        out[known] = model.predict_entries(i[known], j[known])
        new_row, new_column = (i < 0) & (j >= 0), (i >= 0) & (j < 0)
        out[new_row] = model.offsets_[j[new_row]]
        out[new_column] += model.row_offsets(i[new_column])
        return out

    def score(self, X, y, sample_weight=None):
        """Coefficient of determination of the predictions.

        Parameters
        ----------
        X : {array-like, dataframe} of shape (n_entries, n_columns)
            Labels, in the form of `fit`.
        y : array-like of shape (n_entries,)
            True values.
        sample_weight : array-like of shape (n_entries,), default=None
            Weights of the entries.

        Returns
        -------
        score : float
            R^2 against the mean of y. It rewards offsets; for ratings
            ``scoring="neg_root_mean_squared_error"`` says more.
        """
        return super().score(X, y, sample_weight)

    def _labels(self, X, *, reset):
        """Labels of rows and columns, each as an array of shape (n_entries,)."""
        if hasattr(X, "columns") and hasattr(X, "dtypes"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            names = list(X.columns)
            positions = [
                names.index(c) if isinstance(c, str) and c in names else c
                for c in (self.row, self.column)
            ]
            self._check_positions(positions, len(names))
            by_position = X.iloc if hasattr(X, "iloc") else X
            parts = [by_position[:, p].to_numpy() for p in positions]
            if not len(parts[0]):
                raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
            return [check_array(part.reshape(-1, 1), dtype=None)[:, 0] for part in parts]
        X = validate_data(self, X, reset=reset, dtype=None, ensure_min_features=2 if reset else 1)
        positions = [self.row, self.column]
        self._check_positions(positions, X.shape[1])
        return [X[:, p] for p in positions]

    def _check_positions(self, positions, n_columns):
        for name, position in zip(("row", "column"), positions, strict=True):
            if isinstance(position, str) or not 0 <= position < n_columns:
                raise ValueError(
                    f"{name}={position!r} is no column of X, which has {n_columns} columns."
                )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


def _encode(labels):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.int64)
    return encoder, encoder.fit_transform(labels.reshape(-1, 1))[:, 0]


def _codes(encoder, labels):
    return encoder.transform(labels.reshape(-1, 1))[:, 0]
