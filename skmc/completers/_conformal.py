"""Intervals around the predictions of any completer."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skmc._base import BaseCompleter
from skmc._compat import Interval, RealNotInt, StrOptions, _fit_context
from skmc._conformal import (
    Calibration,
    count_beyond,
    fit_pattern,
    multiply_by_quantiles,
    row_effects,
)
from skmc._empty_columns import warn_of_empty
from skmc._intervals import check_alpha, ends, intervals_of_rows
from skmc._undetermined import warn_of_undetermined
from skmc.completers._als import ALSCompleter
from skmc.completers._conformal_checks import (
    refuse_coverage,
    refuse_one_draw,
    warn_of_unbounded,
    warn_of_units,
)
from skmc.completers._set_aside import choose_entries, fit_without
from skmc.completers._wrapping import CompleterHolder


class ConformalCompleter(CompleterHolder, TransformerMixin, BaseEstimator):
    """Intervals that hold what is missing, around the predictions of any completer.

    A part of the observed entries is set aside at random, the completer is fitted to the others,
    and the errors that it makes on the part set aside tell how wide intervals must be::

        |x_ij - prediction_ij| <= s_ij q_ij,    q_ij = smallest q with
        sum_{k: score_k <= q} h_k >= (1 - alpha) (sum_k h_k + h_ij)

    over the entries k set aside, with ``score_k = |x_k - prediction_k| / s_k`` and odds
    ``h = (1 - p) / p`` of being missing, from a model of the pattern of holes [1]_. On average over
    the missing entries the intervals hold at least ``1 - alpha`` of them, whether or not the matrix
    is of low rank, the completer well tuned, or the noise Gaussian: a bad completer gets wide
    intervals. What must be right is the model of the pattern.

    Parameters
    ----------
    completer : completer or None, default=None
        What completes the matrix; None stands for ``ALSCompleter()``. To search over its
        parameters, as ``completer__rank``, write it out: None has none.
    alpha : float, default=0.1
        Miscoverage, no penalty: the part of the missing entries that may lie outside their
        intervals, at most 0.5. 0.1 makes intervals that hold 90 %. The penalty `alpha` of the
        completer is ``completer__alpha``.
    calibration_size : float or int, default=0.2
        Fraction, rounded down, or number of the observed entries that are set aside. More of them
        make quantiles sharper, and predictions worse.
    conformity_score : {"scaled", "absolute"}, default="scaled"
        What errors are divided by, and widths are multiples of. ``"scaled"``: the predictive
        standard deviation, of a completer that has one (`BayesianCompleter`); of others `scale_`,
        the unit of each column, which is that of its noise with ``scale="noise"``.
        ``"absolute"``: 1, so that intervals of all entries with the same odds are equally wide, for
        columns of one unit: if the errors in some are ten times those in others, `fit` warns.
    propensity : {"row_column", "uniform"}, default="row_column"
        Model of the chance p that an entry is observed. ``"row_column"``: an effect of its row
        and one of its column, ``p = 1 / (1 + exp(-(c + a_i + b_j)))``, fitted to the
        pattern. ``"uniform"``: the same for all entries.
    random_state : int, RandomState instance or None, default=None
        Seed of what is set aside.

    Attributes
    ----------
    completer_ : completer
        The completer, fitted to the entries that were not set aside.
    n_calibration_ : int
        Number of entries set aside; a pair of a symmetric matrix is one.
    n_unbounded_ : int
        Number of missing entries of the training matrix with an unbounded interval: so unlike
        what is observed, or with so few entries set aside, that nothing bounds their error.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if they are strings.

    See Also
    --------
    BayesianCompleter : Intervals from a model of the noise, narrower where the model is right.

    Notes
    -----
    What holds for which entries: for missing entries of the training matrix the coverage of
    `predict_entries_interval` is at least ``1 - alpha`` less what the model of the pattern is wrong
    by, on average over entries and splits; not in each row, nor for what is missing because of its
    value. `predict_interval` folds in rows from all of their entries, those set aside included: for
    rows of the training matrix it predicts better than it was calibrated for. Rows that were not
    in `fit` have had no part in the components, which makes their errors larger: the intervals
    are approximate, the better the more rows there are to each component; those of a row
    without entries may be too narrow, as they are by the errors in rows with some.

    With ``propensity="row_column"`` intervals in tables of few columns are wide: the chance of a
    row is estimated from its few cells, and what differs between rows by accident counts as if it
    were their nature, and they hold more than they promise. If no row or column is observed more
    often than others but by accident, ``"uniform"`` is the better model.

    Do not choose a rank or penalty by the widths: entries that have been set aside may calibrate
    only what they have had no part in. Completers that choose by themselves do so within the
    other part. Bounds (`min_value`, `max_value`) of the completer cut intervals off. Intervals of
    ratings may be rounded outwards to what ratings there are.

    Cost: that of the completer, and a sort of the scores; log(k) for each interval, k entries set
    aside.

    References
    ----------
    .. [1] Gui, Y., Barber, R. F. and Ma, C. (2023). Conformalized matrix completion. NeurIPS.
       arXiv:2305.10637.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import ALSCompleter, ConformalCompleter
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 40)) + 0.3 * rng.normal(size=(100, 40))
    >>> holes = rng.random(X.shape) < 0.4
    >>> conformal = ConformalCompleter(ALSCompleter(rank=3), random_state=0)
    >>> rows, columns = np.nonzero(holes)
    >>> conformal = conformal.fit(np.where(holes, np.nan, X))
    >>> lower, upper = conformal.predict_entries_interval(rows, columns)
    >>> bool(0.87 < np.mean((lower <= X[holes]) & (X[holes] <= upper)) < 0.93)
    True
    """

    _parameter_constraints: dict = {  # noqa: RUF012 - scikit-learn's convention
        "completer": [BaseCompleter, None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "calibration_size": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            Interval(Integral, 1, None, closed="left"),
        ],
        "conformity_score": [StrOptions({"scaled", "absolute"})],
        "propensity": [StrOptions({"row_column", "uniform"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        completer=None,
        *,
        alpha=0.1,
        calibration_size=0.2,
        conformity_score="scaled",
        propensity="row_column",
        random_state=None,
    ):
        self.completer = completer
        self.alpha = alpha
        self.calibration_size = calibration_size
        self.conformity_score = conformity_score
        self.propensity = propensity
        self.random_state = random_state

    @staticmethod
    def _default_completer():
        return ALSCompleter()

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the completer to a part of the observed entries, and calibrate it on the others.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            The matrix with holes, in a form that the completer takes. Sparse: the stored entries
            are observed, the absent ones are missing.
        y : Ignored
            Not used, present for consistency.

        Returns
        -------
        self : object
            The fitted completer.
        """
        completer = self._unfitted()
        completer._validate_params()
        return self._calibrate(completer, completer._read(X), X)

    def _fit_entries(self, *entries, names=None):
        """Fit to compressed rows, as `BaseCompleter` does; weights are of the fit alone."""
        self._validate_params()
        completer = self._unfitted()
        observed = completer._read_entries(*entries, names=names)
        return self._calibrate(completer, observed, names=names)

    def _calibrate(self, completer, observed, X=None, names=None):
        """Fit the completer to some of the entries, and measure its errors on the others."""
        refuse_coverage(self.alpha)
        refuse_one_draw(completer, self.conformity_score)
        # What it returns is put into a container here, if into any.
        completer.set_output(transform="default")
        pairwise = get_tags(completer).input_tags.pairwise
        held_out, images = choose_entries(
            observed, pairwise, self.calibration_size, self.random_state
        )
        fit_without(completer, observed, (held_out, images), X)
        warn_of_empty(completer, observed.column_counts > 0)
        warn_of_undetermined(completer, observed, names=names)
        pattern = fit_pattern(self.propensity, observed)
        rows, columns = observed.rows_and_columns()
        i, j = rows[held_out], columns[held_out]
        predicted, unit = self._predictions(completer, i, j)
        scores = np.abs(observed.rows.values[held_out].astype(np.float64) - predicted) / unit
        calibration = Calibration.of(scores, pattern.odds(i, j), self.alpha)
        n_unbounded = count_beyond(pattern, calibration.largest_odds, rows, columns)
        # At once: the state of a fit that fails is that of the last one.
        self.n_features_in_ = completer.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(completer, "feature_names_in_"):
            self.feature_names_in_ = completer.feature_names_in_
        self.completer_, self._pattern, self._calibration = completer, pattern, calibration
        self.n_calibration_, self.n_unbounded_ = int(held_out.size), n_unbounded
        warn_of_unbounded(self, observed)
        if self.conformity_score == "absolute":
            warn_of_units(scores, j)
        return self

    def _predictions(self, completer, rows, cols):
        """Predictions of entries of the training matrix, and what their errors are measured by."""
        if self.conformity_score == "absolute":
            return completer.predict_entries(rows, cols), 1.0
        if "sampled" in completer._supports():
            return completer.predict_entries(rows, cols, return_std=True)
        return completer.predict_entries(rows, cols), completer.scale_[cols]

    def predict_entries(self, rows, cols):
        """Entries of the completed training matrix, without forming it.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.

        Returns
        -------
        values : ndarray of shape (n_entries,)
            Predictions from the entries that were not set aside.
        """
        check_is_fitted(self)
        return self.completer_.predict_entries(rows, cols)

    def predict_entries_interval(self, rows, cols, alpha=None):
        """Intervals of missing entries of the training matrix.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.
        alpha : float or None, default=None
            Part of the missing entries that may lie outside, in place of the parameter `alpha`: the
            entries that were set aside tell the widths of intervals at any level.

        Returns
        -------
        lower, upper : ndarrays of shape (n_entries,)
            Ends of the intervals, about `predict_entries`; infinite where the error has no bound.

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range, or `alpha` not between 0 and 1.
        """
        check_is_fitted(self)
        rows, cols = self.completer_._check_positions(rows, cols)
        values, width = self._entries_and_widths(rows, cols, self._level(alpha))
        return ends(self.completer_, values, width, cols)

    def predict_interval(self, X, alpha=None):
        """Intervals of the missing entries of rows, each folded in from its observed entries.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, of the training matrix or new ones.
        alpha : float or None, default=None
            Part of the missing entries that may lie outside, in place of the parameter `alpha`.

        Returns
        -------
        lower, upper : {ndarray, dataframe} of shape (n_samples, n_features_out)
            Ends of the intervals, in the columns and the container of `transform`; infinite where
            the error has no bound. Observed entries are their own intervals unless the completer
            has ``keep_observed=False``, which makes intervals about the predictions for them too.

        Raises
        ------
        ValueError
            If `alpha` is not between 0 and 1, or X has other columns than that of the fit.
        MemoryError
            If the dense result would not fit, before anything is allocated.
        """
        check_is_fitted(self)
        return intervals_of_rows(self, self.completer_, X, self._level(alpha))

    def _level(self, alpha):
        """The calibration at a level."""
        if alpha is None:
            return self._calibration
        check_alpha(alpha)
        return self._calibration.at(alpha)

    def _entries_and_widths(self, rows, cols, level):
        """Predictions of entries of the training matrix, and half the widths of intervals there."""
        values, unit = self._predictions(self.completer_, rows, cols)
        return values, unit * level.quantile(self._pattern.odds(rows, cols))

    def _means_and_widths(self, observed, level):
        """Predictions of all entries of rows, and half the widths of intervals there."""
        mean, width = self._means_and_units(observed, self.completer_._fold_in())
        effects = row_effects(self.propensity, self._pattern, observed.row_counts)
        multiply_by_quantiles(width, level, self._pattern, effects)
        return mean, width

    def _widths_elsewhere(self, columns, level, mean):
        """Half the widths of intervals in rows or columns that were not in the fit."""
        return np.full(columns.size, np.inf)

    def _means_and_units(self, observed, fold_in):
        """Predictions of all entries of rows, and what their errors are measured by."""
        scaled = self.conformity_score == "scaled"
        if scaled and "sampled" in self.completer_._supports():
            return self.completer_._means_and_deviations(observed, fold_in)
        mean = fold_in.complete(*fold_in.factors(observed))
        if not scaled:
            return mean, np.ones_like(mean)
        return mean, np.tile(self.completer_.scale_.astype(mean.dtype), (mean.shape[0], 1))

    def transform(self, X):
        """Complete the rows of X by the completer.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, in the form of `fit`.

        Returns
        -------
        X_completed : ndarray of shape (n_samples, n_features_out)
            The completed rows.
        """
        check_is_fitted(self)
        return self.completer_.transform(X)

    def score(self, X, y=None, sample_weight=None):
        """Coefficient of determination on entries that the prediction has not seen.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes.
        y : None, array-like of shape (n_samples,) or of the shape of X, default=None
            As of the completer: nothing, or true values of missing entries.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of the sums.

        Returns
        -------
        score : float
            R^2 of the completer.
        """
        check_is_fitted(self)
        return self.completer_.score(X, y, sample_weight)

    def get_feature_names_out(self, input_features=None):
        """Names of the output columns, those of the completer.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the input columns; None takes ``feature_names_in_`` or x0, x1, ...

        Returns
        -------
        names : ndarray of str
            The names.
        """
        check_is_fitted(self)
        return self.completer_.get_feature_names_out(input_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._default_completer() if self.completer is None else self.completer)
        tags.input_tags, tags.transformer_tags = inner.input_tags, inner.transformer_tags
        return tags
