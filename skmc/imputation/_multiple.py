"""Several completions of a table that differ by what is not known of it."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skmc._compat import HasMethods, Interval, validate_params
from skmc._entries import is_missing
from skmc._memory import check_fits
from skmc._sampled import SampledCompleter
from skmc.model_selection._table import Table


@validate_params(
    {
        "estimator": [HasMethods("fit_transform")],
        "X": ["array-like", "sparse matrix"],
        "m": [Interval(Integral, 2, None, closed="left")],
        "bootstrap": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def multiple_impute(estimator, X, m=20, *, bootstrap=False, random_state=None):
    """Complete a table several times, each time by a draw of what is missing.

    One completed table says of an estimate that is computed from it what it would be if the filled
    cells had been observed: standard errors are too small, and correlations are off, as predictions
    are smoother than data. Several draws, analysed one by one and pooled by Rubin's rules, give an
    estimate with a standard error that knows what was missing [1]_.

    Parameters
    ----------
    estimator : imputer
        What draws: a `BayesianCompleter`, which is fitted once (and not again if it is fitted) and
        sampled; any imputer or pipeline with a parameter `sample_posterior`, as
        `sklearn.impute.IterativeImputer`, which is fitted for each table with another seed; with
        ``bootstrap=True`` any completer.
    X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
        The table with holes, in a form that the estimator takes.
    m : int, default=20
        Number of tables. As many as the per cent of incomplete rows is a good number.
    bootstrap : bool, default=False
        For completers that do not draw; others draw whatever it says. Fit each table to rows drawn
        with replacement, and add to what is predicted residuals of the rows that were not drawn,
        each from the rest of its row, of the same column at random.
    random_state : int, RandomState instance or None, default=None
        Seed of all draws.

    Returns
    -------
    tables : list of m {ndarray, dataframe} of shape (n_samples, n_features)
        Completed tables; data frames if X is one of pandas. Observed entries are the same in all.

    Raises
    ------
    TypeError
        If the estimator would return the same table again and again.
    MemoryError
        If the tables would not fit, before the first is drawn.

    See Also
    --------
    pool : Combine the estimates from the tables.
    pool_regression : Fit a regression to each of them, and combine.

    Notes
    -----
    A model that knows more than the analysis does, that the table is of low rank, makes estimates
    more accurate than Rubin's rules can know: intervals of a regression then hold the truth more
    often than they say [2]_. Bootstrapped completers ignore that the errors of a row go together,
    and their residuals include what one more hole costs: their standard errors are approximate, and
    rather too large.

    Cost: of a `BayesianCompleter` that of one fit, and `m` samples; of others `m` fits.

    References
    ----------
    .. [1] Rubin, D. B. (1987). Multiple Imputation for Nonresponse in Surveys. Wiley.
       :doi:`10.1002/9780470316696`.
    .. [2] Meng, X.-L. (1994). Multiple-imputation inferences with uncongenial sources of input.
       Statistical Science 9, 538-558. :doi:`10.1214/ss/1177010269`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmc import BayesianCompleter, multiple_impute, pool
    >>> from skmc.datasets import make_low_rank
    >>> X = make_low_rank(100, 10, 2, observed=0.7, noise=0.3, random_state=0).X
    >>> tables = multiple_impute(BayesianCompleter(rank=4), X, m=10, random_state=0)
    >>> len(tables), tables[0].shape
    (10, (100, 10))
    >>> means = [table[:, 0].mean() for table in tables]
    >>> variances = [table[:, 0].var(ddof=1) / 100 for table in tables]
    >>> pooled = pool(means, variances, df=99)
    >>> bool(pooled.std_error > np.sqrt(pooled.within))
    True

    A completer that does not draw, with ``bootstrap=True``:

    >>> from skmc import ALSCompleter
    >>> tables = multiple_impute(ALSCompleter(), X, m=5, bootstrap=True, random_state=0)
    >>> hole = np.argwhere(np.isnan(X))[0]
    >>> len({float(table[tuple(hole)]) for table in tables})
    5
    """
    params = estimator.get_params() if isinstance(estimator, BaseEstimator) else {}
    for name, value in params.items():
        if name.rpartition("__")[2] == "keep_observed" and value is False:
            raise ValueError(f"Imputed tables keep what was observed: set {name}=True.")
    shape = X.shape if hasattr(X, "shape") else np.shape(X)
    check_fits(
        int(m) * int(np.prod(shape)) * 8,
        f"{m} tables of {' x '.join(map(str, shape))} entries",
        "Lower m, or analyse one table after the other.",
    )
    rng = check_random_state(random_state)
    if isinstance(estimator, SampledCompleter):
        tables = _sampled(estimator, X, m, rng)
    elif any(_last(name) == "sample_posterior" for name in params):
        tables = _refitted(estimator, params, X, m, rng)
    elif bootstrap and hasattr(estimator, "leave_one_out"):
        tables = _bootstrapped(estimator, X, m, rng)
    else:
        raise TypeError(_advice(estimator, bootstrap))
    return [_like(X, table) for table in tables]


def _advice(estimator, bootstrap):
    name = type(estimator).__name__
    way = "Take BayesianCompleter(), or IterativeImputer(sample_posterior=True)"
    if bootstrap:
        return f"bootstrap needs the method leave_one_out, which {name} does not have. {way}."
    return (
        f"{name} does not draw: it would return the same table each time, as if what is missing "
        f"were known. {way}, or for a completer of skmc bootstrap=True."
    )


def _last(name):
    return name.rpartition("__")[2]


def _sampled(completer, X, m, rng):
    seeds = rng.randint(np.iinfo(np.int32).max, size=2)
    try:
        check_is_fitted(completer)
    except NotFittedError:
        completer = clone(completer)
        if completer.random_state is None:
            completer.set_params(random_state=int(seeds[0]))
        completer.fit(X)
    return completer.sample(X, m, random_state=int(seeds[1]))


def _refitted(estimator, params, X, m, rng):
    tables = []
    for seed in rng.randint(np.iinfo(np.int32).max, size=m):
        drawn = {name: True for name in params if _last(name) == "sample_posterior"}
        drawn |= {name: int(seed) for name in params if _last(name) == "random_state"}
        tables.append(clone(estimator).set_params(**drawn).fit_transform(X))
    return tables


def _bootstrapped(completer, X, m, rng):
    mark = completer.get_params().get("missing_values", np.nan)
    if not is_missing(np.array([np.nan if mark == "nan" else mark], dtype=object))[0]:
        raise ValueError(
            f"bootstrap takes NaN for missing, not missing_values={mark!r}: replace that by NaN in "
            "X, and leave the parameter at its default."
        )
    # As an array: rows of it are taken with repetition.
    table = Table.of(X)
    like = np.full(table.shape, np.nan, table.values.dtype)
    like[table.rows, table.columns] = table.values
    missing = np.isnan(like)
    again = clone(completer)
    if "check" in completer.get_params():
        # What a table does not determine is said once.
        again.set_params(check="off")
    tables = []
    for seed in rng.randint(np.iinfo(np.int32).max, size=m):
        draw = np.random.default_rng(seed)
        chosen = draw.integers(table.shape[0], size=table.shape[0])
        fitted = clone(again if tables else completer).fit(like[chosen])
        left_out = np.ones(table.shape[0], dtype=bool)
        left_out[chosen] = False
        # A few rows would tell too little of the noise of a column.
        left_out |= np.count_nonzero(left_out) < 2
        residuals = like[left_out] - fitted.leave_one_out(like[left_out])
        completed = np.array(fitted.transform(like))
        for j in np.flatnonzero(missing.any(axis=0)):
            known = residuals[~np.isnan(residuals[:, j]), j]
            if known.size:
                holes = np.flatnonzero(missing[:, j])
                completed[holes, j] += draw.choice(known, holes.size)
        tables.append(completed)
    return tables


def _like(X, table):
    """The table in the container of X, if that is a frame of pandas of the same columns."""
    if not hasattr(X, "iloc") or hasattr(table, "iloc") or table.shape[1] != X.shape[1]:
        return table
    return type(X)(table, index=X.index, columns=X.columns)
