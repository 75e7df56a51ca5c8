"""A scorer that hides observed entries and compares what an imputer makes of them."""

from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.utils import check_random_state

from skmc._compat import Interval, StrOptions, validate_params
from skmc._entries import is_missing
from skmc._units import r_squared
from skmc.model_selection._hold_out import held_out_entries
from skmc.model_selection._removable import n_held_out
from skmc.model_selection._table import Table

# Cells of the slices in which sparse input is transformed, as the result is dense.
_SLICE_CELLS = 1 << 22


def _neg_root_mean_squared_error(truth, predicted):
    return -float(root_mean_squared_error(truth, predicted))


def _neg_mean_absolute_error(truth, predicted):
    return -float(mean_absolute_error(truth, predicted))


_METRICS = {
    "neg_root_mean_squared_error": _neg_root_mean_squared_error,
    "neg_mean_absolute_error": _neg_mean_absolute_error,
}


@validate_params(
    {
        "metric": [StrOptions({"r2", *_METRICS}), callable],
        "holdout": [Interval(Real, 0, 1, closed="neither")],
        "strategy": [StrOptions({"mcar", "pattern"})],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both")],
    },
    prefer_skip_nested_validation=True,
)
def make_held_out_scorer(metric="r2", *, holdout=0.2, strategy="mcar", n_repeats=1, random_state=0):
    """Make a scorer of imputers that hides part of the observed entries of the rows it is given.

    The scorer is for the `scoring` parameter of scikit-learn's searches and of
    :func:`~sklearn.model_selection.cross_val_score`, with folds of rows. It scores whatever fills
    NaN with `transform`, scikit-learn's imputers and pipelines that end in one included, so that
    they can be compared in one grid. No value but NaN may mark the holes of a dense table.

    Parameters
    ----------
    metric : str or callable, default="r2"
        What to compute from the hidden entries and their predictions, greater being better:

        - "r2": 1 - sum (truth - prediction)^2 / sum (truth - baseline)^2. The baseline is what
          the same estimator makes of a row without entries. 1 is perfect, and
          :class:`~sklearn.impute.SimpleImputer` scores 0.
        - "neg_root_mean_squared_error" and "neg_mean_absolute_error".
        - A callable ``metric(y_true, y_pred)`` of two 1-D arrays.

    holdout : float, default=0.2
        Fraction of the observed entries to hide. Every row keeps at least one; fewer are hidden
        if so many are not to be had.

    strategy : {"mcar", "pattern"}, default="mcar"
        Which entries are hidden: any with equal probability, or in random rows what another row
        of the same fold lacks, as in :func:`~skmc.model_selection.train_test_entries`.

    n_repeats : int, default=1
        Number of times to hide other entries; the score is the mean.

    random_state : int, default=0
        Determines which entries are hidden, together with where entries are observed and nothing
        else: all candidates of a search face the same ones. Hence it cannot be None.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None)`` returns a float; y is ignored. It can be pickled.

    See Also
    --------
    skmc.model_selection.train_test_entries : Hold out entries before the fit.

    Notes
    -----
    With T the transform of X, truth is T at the hidden entries and prediction the transform of X
    without them, so errors are in the units that the estimator returns. In a pipeline with a
    scaler in front these are standardised, which gives all columns the same say; without one
    the columns of largest variance rule.

    Observed entries that are not hidden have to come out the same as when nothing is hidden, or
    the scorer raises ValueError: the estimator has to keep observed entries, and no step of a
    pipeline may move columns or mix them. A ColumnTransformer that moves columns can be applied
    to X before the search; PCA or Normalizer behind the imputer have to be left out.

    Each estimator has its own baseline in "r2". If candidates fill rows without entries very
    differently, compare them by one of the other metrics.

    Examples
    --------
    >>> from sklearn.impute import KNNImputer, SimpleImputer
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmc import ALSCompleter
    >>> from skmc.datasets import make_low_rank
    >>> from skmc.metrics import make_held_out_scorer
    >>> X = make_low_rank(100, 20, rank=3, noise=0.1, random_state=0).X
    >>> pipeline = Pipeline([("scale", StandardScaler()), ("impute", None)])
    >>> candidates = [SimpleImputer(), KNNImputer(), ALSCompleter(rank=3)]
    >>> search = GridSearchCV(pipeline, {"impute": candidates}, scoring=make_held_out_scorer())
    >>> search.fit(X).best_params_
    {'impute': ALSCompleter(rank=3)}
    >>> float(search.cv_results_["mean_test_score"][0])
    0.0
    """
    return _HeldOutScorer(metric, holdout, strategy, n_repeats, random_state)


class _HeldOutScorer:
    """Scorer made by `make_held_out_scorer`, which documents the parameters."""

    def __init__(self, metric, holdout, strategy, n_repeats, random_state):
        self.metric = metric
        self.holdout = holdout
        self.strategy = strategy
        self.n_repeats = n_repeats
        self.random_state = random_state

    def __repr__(self):
        options = (f"{name}={value!r}" for name, value in vars(self).items())
        return f"make_held_out_scorer({', '.join(options)})"

    def __call__(self, estimator, X, y=None):
        """Score a fitted estimator on the rows of X; y is ignored."""
        _check_estimator(estimator)
        table = Table.of(X)
        baseline = None
        if self.metric == "r2":
            baseline = _check_width(_transform(estimator, table.empty_row()), 1, table)[0]
        truth = _transformed_entries(
            estimator, table.with_entries(np.ones(table.rows.size, dtype=bool)), table
        )
        rng = check_random_state(self.random_state)
        n_hidden = n_held_out(self.holdout, table.rows.size)
        scores = []
        for _ in range(self.n_repeats):
            hidden = held_out_entries(table, n_hidden, self.strategy, rng, keep_columns=False)
            if hidden.size == 0:
                raise ValueError(
                    f"No entry of the {table.shape[0]} rows can be hidden with strategy="
                    f"{self.strategy!r}: each row must keep one, and 'pattern' hides only what "
                    "another row lacks."
                )
            kept = np.ones(table.rows.size, dtype=bool)
            kept[hidden] = False
            predicted = _transformed_entries(estimator, table.with_entries(kept), table)
            _check_kept(truth, predicted, kept, table)
            reference = None if baseline is None else baseline[table.columns[hidden]]
            scores.append(self._compare(truth[hidden], predicted[hidden], reference))
        return float(np.mean(scores))

    def _compare(self, truth, predicted, baseline):
        if baseline is None:
            metric = _METRICS[self.metric] if isinstance(self.metric, str) else self.metric
            return metric(truth, predicted)
        error, total = np.sum((truth - predicted) ** 2), np.sum((truth - baseline) ** 2)
        return r_squared(error, total)


def _check_estimator(estimator):
    if not hasattr(estimator, "transform"):
        raise TypeError(
            "The scorer needs an estimator that fills holes with transform, such as an imputer or "
            f"a pipeline that ends in one; got {type(estimator).__name__}."
        )
    for name, value in getattr(estimator, "get_params", dict)().items():
        parameter = name.rpartition("__")[2]
        if parameter == "missing_values" and not _is_nan(value):
            raise ValueError(
                f"The scorer hides entries by NaN, which is no hole with {name}={value!r}. Mark "
                f"the holes of X by NaN too, and leave {name} at its default, NaN."
            )
        if parameter == "keep_observed" and value is False:
            raise ValueError(
                f"The scorer takes what transform returns at observed entries for the truth, which "
                f"{name}=False replaces by the fit; set it to True."
            )


def _is_nan(value):
    """Whether this marks NaN as missing, by its name or as NaN or pandas.NA."""
    if value is None or isinstance(value, str):
        return value == "nan"
    return bool(is_missing(np.array([value], dtype=object))[0])


def _check_kept(truth, predicted, kept, table):
    """Raise ValueError if what is hidden changes other entries in more than their rounding."""
    at = np.flatnonzero(kept & (truth != predicted))
    if not at.size:
        return
    count = np.bincount(table.columns)
    mean = np.bincount(table.columns, truth) / np.maximum(count, 1)
    square = np.bincount(table.columns, (truth - mean[table.columns]) ** 2)
    spread = np.sqrt(square / np.maximum(count, 1))
    change, eps = np.abs(truth[at] - predicted[at]), np.finfo(table.values.dtype).eps
    # What is left of a constant column after rounding is no spread.
    rounding = np.sqrt(eps) * spread[table.columns[at]] + 16 * eps * np.abs(truth[at])
    worst = np.argmax(change - rounding)
    if change[worst] <= rounding[worst]:
        return
    j = table.columns[at[worst]]
    name = f" ({table.like.columns[j]!r})" if hasattr(table.like, "columns") else ""
    raise ValueError(
        f"Hiding some entries changes what transform makes of others, by up to {change[worst]:.3g} "
        f"in column {j}{name}, whose standard deviation is {spread[j]:.3g}: the columns that it "
        "returns are not those of X. Leave out steps behind the imputer that mix columns (PCA, "
        "Normalizer), apply a step that moves columns (ColumnTransformer) to X before the search, "
        "and let the imputer keep observed entries (keep_observed=True)."
    )


def _transformed_entries(estimator, X, table):
    """The transform of X at all observed entries of a table, in float64."""
    n, m = table.shape
    step = max(1, _SLICE_CELLS // m) if sparse.issparse(X) else n
    entries = np.empty(table.rows.size)
    for start in range(0, n, step):
        rows = X[start : start + step] if sparse.issparse(X) else X
        filled = _check_width(_transform(estimator, rows), min(step, n - start), table)
        part = slice(*np.searchsorted(table.rows, [start, start + step]))
        entries[part] = filled[table.rows[part] - start, table.columns[part]]
    return entries


def _transform(estimator, X):
    filled = estimator.transform(X)
    if sparse.issparse(filled):
        raise TypeError(
            f"transform of {type(estimator).__name__} returned a sparse matrix, in which absent "
            "entries are zeros; the scorer needs an imputer that returns a dense table."
        )
    return np.asarray(filled)


def _check_width(filled, n_rows, table):
    if filled.shape != (n_rows, table.shape[1]):
        raise ValueError(
            f"transform turned {n_rows} row(s) and {table.shape[1]} columns into an array of shape "
            f"{filled.shape}; the scorer has to find the hidden entries in it. Leave out "
            "indicators (add_indicator=False), keep empty columns (keep_empty_features=True), and "
            "do not select or combine columns."
        )
    return filled
