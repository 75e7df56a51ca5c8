"""A completer as a regressor from row and column labels to values."""

import copy

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skmc._base import BaseCompleter
from skmc._compat import StrOptions, _fit_context
from skmc._entries import (
    COLUMN_KEY,
    compress_entries,
    encode_labels,
    find_labels,
    is_frame,
    label_array,
    label_columns,
    labels_as_given,
    refuse_sparse,
    warn_of_others,
    warn_of_unknown,
)
from skmc._intervals import ends
from skmc._recommend import Pattern
from skmc._sampled import SampledCompleter
from skmc._validation import entry_values, row_weights
from skmc.completers._als import ALSCompleter
from skmc.completers._conformal import ConformalCompleter
from skmc.completers._wrapping import CompleterHolder

# What scikit-learn keeps of the X of a fit.
SEEN_OF_X = ("n_features_in_", "feature_names_in_")


class EntryRegressor(CompleterHolder, RegressorMixin, BaseEstimator):
    """Predict the entry of a matrix from the labels of its row and column.

    minimise over the parameters of the completer::

        1/2 sum_t w_t (y_t - prediction(row_t, column_t))^2 + penalty of the completer

    Each row of X is one observed entry, y its value: the long form of ratings. As a regressor it
    works with every splitter, scorer and search of scikit-learn, entry by entry. The entries go to
    the solver as they are; no matrix of all rows and columns is formed.

    Parameters
    ----------
    completer : completer, ConformalCompleter or None, default=None
        What completes the matrix; None stands for ``ALSCompleter(center="both")``. To search over
        its parameters, as ``completer__rank``, write it out: None has none. A `ConformalCompleter`
        or `BayesianCompleter` gives `predict_interval`.
    row, column : int or str, default=0 and 1
        Position, or name in a data frame, of the columns of X with the labels of rows and columns.
        Other columns of X are ignored; `fit` warns if a data frame has some and these are left at
        their defaults. Labels may be of any type that can be hashed.
    duplicates : {"raise", "mean", "last"}, default="raise"
        What to do if an entry is given several times with different values: ``"raise"`` an error,
        take the weighted ``"mean"``, or the ``"last"`` one. Equal values count as weight.

    Attributes
    ----------
    completer_ : completer
        The fitted completer of the matrix.
    row_labels_, column_labels_ : ndarray
        Labels of the rows and columns of the matrix, sorted if they can be.
    mean_ : float
        Weighted mean of y, the prediction where there is nothing else to go by.
    n_features_in_ : int
        Number of columns of X seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    ALSCompleter : The default completer.
    ConformalCompleter : Intervals of any completer.

    Notes
    -----
    Cost: that of the completer, plus two counting sorts of the entries. An entry with an unknown
    row is predicted by the offset of its column, one with an unknown column by the mean and the
    offset of its row. Without offsets (``center=False``) either is predicted by the mean, but for a
    `BayesianCompleter`, whose factors of rows have a mean that makes offsets. Bounds of
    the completer hold for these too; those for each column are in the order of `column_labels_`,
    which are the labels that a series of bounds must have, and an unknown column has the widest of
    them. Intervals in an unknown row or column are unbounded for a `ConformalCompleter`, which has
    seen no error like theirs. For a `BayesianCompleter` those in an unknown row are those of a row
    without entries, those in an unknown column those of any column of the fit: variance within and
    between columns. Sample weights weigh the fit, not the entries that a `ConformalCompleter`
    calibrates with.

    For `recommend` the positions of the entries are kept, four bytes for each.

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
    >>> columns, values = regressor.recommend(["eve"], n=1)
    >>> columns, values.round(3)
    (array([['jam']], dtype='<U3'), array([[4.]]))
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "completer": [BaseCompleter, ConformalCompleter, None],
        "row": COLUMN_KEY,
        "column": COLUMN_KEY,
        "duplicates": [StrOptions({"raise", "mean", "last"})],
    }

    def __init__(self, completer=None, *, row=0, column=1, duplicates="raise"):
        self.completer = completer
        self.row = row
        self.column = column
        self.duplicates = duplicates

    @staticmethod
    def _default_completer():
        return ALSCompleter(center="both")

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
        warn_of_others(X, self.row, self.column, type(self).__name__)
        # What X is like is kept when all else has succeeded, as is the rest of the state.
        reader = copy.copy(self)
        labels = reader._labels(X, reset=True)
        y = entry_values(y, "y")
        check_consistent_length(labels[0], y)
        if sample_weight is not None:
            sample_weight = row_weights(sample_weight, y.size, dtype=y.dtype)
            kept = sample_weight > 0
            if not kept.all():
                labels = [part[kept] for part in labels]
                y, sample_weight = y[kept], sample_weight[kept]
        names, entries = self._compressed(labels, y, sample_weight)
        # The completer needs room too: of the entries only their compressed form is left.
        del labels, y, sample_weight
        indptr, indices, values, weights = entries
        shape, mean = (names[0].size, names[1].size), float(np.average(values, weights=weights))
        completer = self._unfitted()
        completer = completer._fit_entries(indptr, indices, values, shape, weights, names=names)
        vars(self).pop("feature_names_in_", None)
        vars(self).update(
            (name, value) for name, value in vars(reader).items() if name in SEEN_OF_X
        )
        self.completer_, self._pattern = completer, (indptr, indices)
        self.row_labels_, self.column_labels_ = names
        self.mean_ = mean
        return self

    def _compressed(self, labels, y, weights):
        """Labels of the rows and columns of the matrix, and its entries as compressed rows."""
        user = type(self).__name__
        row_labels, i = encode_labels(labels[0], "row", user)
        column_labels, j = encode_labels(labels[1], "column", user)
        names = row_labels, column_labels
        shape = row_labels.size, column_labels.size
        entries = compress_entries(
            i, j, y, shape, self.duplicates, weights=weights, labels=names, weigh_equal=True
        )
        return names, entries

    def predict(self, X, return_std=False):
        """Predict entries.

        Parameters
        ----------
        X : {array-like, dataframe} of shape (n_entries, n_columns)
            Labels, in the form of `fit`.
        return_std : bool, default=False
            Whether to return standard deviations too, of a completer that samples
            (`BayesianCompleter`).

        Returns
        -------
        y : ndarray of shape (n_entries,)
            Predicted values.
        std : ndarray of shape (n_entries,)
            If `return_std`: predictive standard deviation of a new observation of each entry, noise
            included, without regard to bounds.

        Raises
        ------
        TypeError
            If `return_std`, and the completer has no standard deviations.
        ValueError
            If `return_std`, and the fit kept one draw alone, of which there is no deviation; if X
            has other columns than that of the fit, or a label is missing.
        """
        check_is_fitted(self, "completer_")
        if return_std and not isinstance(self.completer_, SampledCompleter):
            raise TypeError(
                f"{type(self.completer_).__name__} has no standard deviations: take "
                "EntryRegressor(BayesianCompleter()), or predict_interval with "
                "EntryRegressor(ConformalCompleter(...))."
            )
        i, j = self._positions(X)
        # Half an interval of one standard deviation on either side.
        values, std = self._predict(i, j, 1.0 if return_std else None)
        return (values, std) if return_std else values

    def predict_interval(self, X, alpha=None):
        """Intervals of entries, of a `ConformalCompleter` or a `BayesianCompleter`.

        Parameters
        ----------
        X : {array-like, dataframe} of shape (n_entries, n_columns)
            Labels, in the form of `fit`.
        alpha : float or None, default=None
            Part of the entries that may lie outside; None takes that of the `ConformalCompleter`,
            and 0.1 for a `BayesianCompleter`.

        Returns
        -------
        lower, upper : ndarrays of shape (n_entries,)
            Ends of the intervals, about `predict` and within the bounds of the completer; infinite
            where the error has no bound.

        Raises
        ------
        TypeError
            If the completer has no intervals.
        ValueError
            If `alpha` is not between 0 and 1, or the fit kept one draw alone; if X has other
            columns than that of the fit, or a label is missing.
        """
        check_is_fitted(self, "completer_")
        if not hasattr(self.completer_, "predict_interval"):
            inner = "" if self.completer is None else f"{type(self.completer).__name__}(...)"
            raise TypeError(
                f"{type(self.completer_).__name__} has no intervals: take EntryRegressor("
                f"ConformalCompleter({inner})), or EntryRegressor(BayesianCompleter())."
            )
        level = self.completer_._level(alpha)
        i, j = self._positions(X)
        return ends(self._model, *self._predict(i, j, level), j)

    @property
    def _model(self):
        """The completer that predicts, within another that knows intervals or not."""
        holds = isinstance(self.completer_, ConformalCompleter)
        return self.completer_.completer_ if holds else self.completer_

    def _positions(self, X):
        """Numbers of the row and column of each entry, -1 for those that are unknown."""
        user, labels = type(self).__name__, self._labels(X, reset=False)
        fitted = self.row_labels_, self.column_labels_
        positions = tuple(
            find_labels(known, given, name, user)
            for known, given, name in zip(fitted, labels, ("row", "column"), strict=True)
        )
        warn_of_unknown(positions, labels, fitted, user)
        return positions

    def _predict(self, i, j, level=None):
        """Predictions of entries and, at a level, half the widths of the intervals about them."""
        model, known = self._model, (i >= 0) & (j >= 0)
        out = np.full(known.size, self.mean_, dtype=model.components_.dtype)
        width = None
        if level is None:
            out[known] = model.predict_entries(i[known], j[known])
        else:
            width = np.empty_like(out)
            out[known], width[known] = self.completer_._entries_and_widths(
                i[known], j[known], level
            )
        new_row, new_column = (i < 0) & (j >= 0), (i >= 0) & (j < 0)
        if model.center or isinstance(model, SampledCompleter):
            out[new_row] = model.offsets_[j[new_row]]
        out[new_column] += model.row_offsets(i[new_column])
        if width is not None and not known.all():
            width[~known] = self.completer_._widths_elsewhere(j[~known], level, self.mean_)
        return model._bounded(out, j), width

    def recommend(self, rows, n=10, *, exclude_observed=True):
        """Columns with the largest predictions in each of some rows.

        Parameters
        ----------
        rows : array-like of shape (n_rows,)
            Labels of rows of the fit. New rows are for the method of `completer_`, which takes
            their entries.
        n : int, default=10
            Number of columns for each row; more than there are columns means all of them.
        exclude_observed : bool, default=True
            Whether to leave out the columns that a row had entries in when it was fitted.

        Returns
        -------
        columns : ndarray of shape (n_rows, min(n, n_columns))
            Labels of columns, the largest prediction first, equal ones in the order of
            `column_labels_`. None, in an array of objects, where a row has fewer than n left.
        values : ndarray of shape (n_rows, min(n, n_columns))
            Predictions for them, those of `predict`; NaN where there is no column.

        Raises
        ------
        ValueError
            If a label was not in the fit.
        MemoryError
            If the result would not fit, before it is computed.
        """
        check_is_fitted(self, "completer_")
        numbers = self._numbers_of(label_array(rows, self.row_labels_, "rows"))
        pattern = Pattern(*self._pattern, numbers) if exclude_observed else None
        columns, values = self._model._recommend_rows(numbers, n, pattern)
        labels = self.column_labels_[columns]
        none_left = columns < 0
        if none_left.any():
            labels = labels.astype(object)
            labels[none_left] = None
        return labels, values

    def _numbers_of(self, rows):
        """Numbers of the rows with these labels, all of which must be known."""
        if not rows.shape[0]:
            return np.zeros(0, dtype=np.int32)
        numbers = find_labels(self.row_labels_, rows, "row", type(self).__name__)
        unknown = np.flatnonzero(numbers < 0)
        if unknown.size:
            first = np.asarray(rows, dtype=object)[unknown[0]]
            raise ValueError(
                f"{unknown.size} of {numbers.size} row labels were not in the fit, the first "
                f"{first!s} at position {unknown[0]}. Leave them out, or ask completer_.recommend, "
                "which takes the entries of new rows."
            )
        return numbers

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
        # Before scikit-learn, which advises to make it dense: that would take values for labels.
        refuse_sparse(X, type(self).__name__)
        if not reset and is_frame(X) and isinstance(self.row, str) and isinstance(self.column, str):
            # Other columns had no part in the fit, and need not be there.
            return label_columns(X, self.row, self.column, type(self).__name__)
        X = labels_as_given(X)
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype=None,
            ensure_min_features=2 if reset else 1,
            # Columns without labels may hold anything, and a data frame is left in its types.
            ensure_all_finite=False,
            skip_check_array=is_frame(X),
        )
        return label_columns(X, self.row, self.column, type(self).__name__)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags
