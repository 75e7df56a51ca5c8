"""Intervals around the predictions of any completer."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skmc._base import BaseCompleter
from skmc._blas import single_threaded_blas
from skmc._compat import Interval, RealNotInt, StrOptions, _fit_context, warn, with_callbacks
from skmc._conformal import (
    Calibration,
    count_beyond,
    fit_pattern,
    multiply_by_quantiles,
    row_effects,
)
from skmc._memory import check_fits
from skmc._observed import mirror_images
from skmc._validation import check_some_observed
from skmc.completers._als import ALSCompleter

# Part of the missing entries that may have unbounded intervals without a warning.
UNBOUNDED = 0.05


class ConformalCompleter(TransformerMixin, BaseEstimator):
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
        Part of the missing entries that may lie outside their intervals.
    calibration_size : float or int, default=0.2
        Fraction, rounded down, or number of the observed entries that are set aside. More of them
        make quantiles sharper, and predictions worse.
    conformity_score : {"scaled", "absolute"}, default="scaled"
        What errors are divided by, and widths are multiples of. ``"scaled"``: the predictive
        standard deviation, of a completer that has one (`BayesianCompleter`); of others `scale_`,
        the unit of each column, which is that of its noise with ``scale="noise"``.
        ``"absolute"``: 1, so that intervals of all entries with the same odds are equally wide.
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
    are approximate, the better the more rows there are to each component.

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
        completer = ALSCompleter() if self.completer is None else clone(self.completer)
        # What it returns is put into a container here, if into any.
        completer.set_output(transform="default")
        observed, held_out = _fit_part(completer, X, self._held_out)
        self.n_features_in_ = completer.n_features_in_
        vars(self).pop("feature_names_in_", None)
        if hasattr(completer, "feature_names_in_"):
            self.feature_names_in_ = completer.feature_names_in_
        self.completer_ = completer
        self._pattern = fit_pattern(self.propensity, observed)
        rows, columns = observed.rows_and_columns()
        i, j = rows[held_out], columns[held_out]
        predicted, unit = self._predictions(i, j)
        scores = np.abs(observed.rows.values[held_out].astype(np.float64) - predicted) / unit
        self._calibration = Calibration.of(scores, self._pattern.odds(i, j), self.alpha)
        self.n_calibration_ = int(held_out.size)
        limit = self._calibration.largest_odds
        self.n_unbounded_ = count_beyond(self._pattern, limit, rows, columns)
        self._warn_of_unbounded(observed)
        return self

    def _held_out(self, observed, pairwise):
        """Numbers of the entries to set aside, and of what goes with them."""
        entries = np.arange(observed.nnz)
        if pairwise:
            # Of entry and mirror image one calibrates, and both are set aside.
            images = mirror_images(observed)
            entries = entries[images >= entries]
        size = self.calibration_size
        size = int(size * entries.size) if size < 1 else size
        if size >= entries.size:
            raise ValueError(
                f"calibration_size={size} of {entries.size} observed entries "
                "leaves nothing to fit the completer to: lower it."
            )
        rng = check_random_state(self.random_state)
        held_out = np.sort(rng.permutation(entries)[:size])
        return held_out, (images[held_out] if pairwise else held_out)

    def _warn_of_unbounded(self, observed):
        n_missing = observed.shape[0] * observed.shape[1] - observed.nnz
        if self.n_unbounded_ > UNBOUNDED * n_missing:
            warn(
                f"{self.n_unbounded_} of {n_missing} missing entries have unbounded intervals: "
                f"with alpha={self.alpha:g} the {self.n_calibration_} entries set aside say too "
                "little about entries that are so rarely observed. Raise calibration_size or "
                "alpha.",
                UserWarning,
            )

    def _predictions(self, rows, cols):
        """Predictions of entries of the training matrix, and what their errors are measured by."""
        completer = self.completer_
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

    def predict_entries_interval(self, rows, cols):
        """Intervals of missing entries of the training matrix.

        Parameters
        ----------
        rows, cols : array-like of int, shape (n_entries,)
            Row and column numbers of the training matrix.

        Returns
        -------
        lower, upper : ndarrays of shape (n_entries,)
            Ends of the intervals, about `predict_entries`; infinite where the error has no bound.

        Raises
        ------
        ValueError
            If an index is fractional, negative or out of range.
        """
        check_is_fitted(self)
        rows, cols = self.completer_._check_positions(rows, cols)
        values, unit = self._predictions(rows, cols)
        width = unit * self._calibration.quantile(self._pattern.odds(rows, cols))
        return self._within(values, width, cols)

    def _within(self, values, width, columns=None):
        """Ends of intervals, within the bounds of the completer."""
        width = width.astype(values.dtype)
        bounded = self.completer_._bounded
        return bounded(values - width, columns), bounded(values + width, columns)

    def predict_interval(self, X):
        """Intervals of the missing entries of rows, each folded in from its observed entries.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Rows with holes, of the training matrix or new ones.

        Returns
        -------
        lower, upper : ndarrays of shape (n_samples, n_features_out)
            Ends of the intervals, in the columns of `transform`; infinite where the error has no
            bound. Observed entries are their own intervals unless the completer has
            ``keep_observed=False``, which makes intervals about the predictions for them too.

        Raises
        ------
        MemoryError
            If the dense result would not fit, before anything is allocated.
        """
        check_is_fitted(self)
        completer = self.completer_
        if sparse.issparse(X):
            check_fits(
                4 * X.shape[0] * X.shape[1] * X.dtype.itemsize,
                f"The intervals of {X.shape[0]} x {X.shape[1]} entries",
                "Pass slices of the rows, or ask for single ones with predict_entries_interval.",
            )
        observed, fold_in = completer._validate(X), completer._fold_in()
        with single_threaded_blas():
            mean, width = self._means_and_units(observed, fold_in)
            effects = row_effects(self.propensity, self._pattern, observed.row_counts)
            multiply_by_quantiles(width, self._calibration, self._pattern, effects)
            lower, upper = self._within(completer._bounded(mean), width)
            return completer._finish(observed, lower), completer._finish(observed, upper)

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
        inner = get_tags(ALSCompleter() if self.completer is None else self.completer)
        tags.input_tags, tags.transformer_tags = inner.input_tags, inner.transformer_tags
        return tags


@with_callbacks
def _fit_part(completer, X, choose):
    """Fit a completer to entries that are not set aside.

    Returns all observed entries, and the numbers of those that calibrate.
    """
    completer._validate_params()
    completer._check_parameters()
    observed = completer._validate(X, reset=True)
    check_some_observed(observed)
    completer._warn_of_empty(observed.column_counts > 0)
    held_out, images = choose(observed, get_tags(completer).input_tags.pairwise)
    kept = np.ones(observed.nnz, dtype=bool)
    kept[held_out] = kept[images] = False
    with single_threaded_blas(), warnings.catch_warnings():
        # Columns of few entries may have none left; that their predictions are poor shows in the
        # scores of those that were set aside.
        warnings.filterwarnings("ignore", ".*have no observed entry", UserWarning)
        completer._fit_observed(observed.keep(kept), None, X)
    return observed, held_out
