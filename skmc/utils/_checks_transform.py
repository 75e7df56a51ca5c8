"""Checks of what `transform` returns on incomplete rows."""

import pickle

import numpy as np

from skmc.utils._check_tools import (
    SAME_ROWS,
    assert_close,
    assert_identical,
    completed,
    determined,
    fresh,
    has_param,
    mark,
    missing_is_nan,
    need_nan,
    need_param,
    noisy_low_rank,
    patient,
    predicted,
    sampling_error,
)


def check_completer_fills_everything(name, estimator):
    """Nothing is missing in the result, not even in rows without any observed entry."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    test = np.vstack([X[:3], np.full((1, X.shape[1]), np.nan)])
    result = completed(completer, test)
    if result.shape != test.shape:
        raise AssertionError(f"{name}.transform made {test.shape} into {result.shape}")
    if not np.all(np.isfinite(result)):
        raise AssertionError(f"{name}.transform leaves entries that are not finite")


def check_completer_keeps_observed(name, estimator):
    """Observed entries come back bit by bit, except where the user asked for the model's."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    seen = ~np.isnan(X)
    same = completed(completer, X)[seen] == X[seen]
    if estimator.get_params(deep=False).get("keep_observed", True):
        if not np.all(same):
            raise AssertionError(f"{name}.transform changes {np.sum(~same)} observed entries")
    elif np.all(same):
        raise AssertionError(f"{name}.transform keeps observed entries; keep_observed is False")


def check_completer_beats_column_means(name, estimator):
    """The missing entries of a noisy matrix of low rank are predicted better than by means."""
    X, complete = noisy_low_rank(estimator, n_rows=80, n_columns=12)
    rank = {"rank": 2} if has_param(estimator, "rank") else {}
    completer = fresh(estimator, **rank).fit(mark(estimator, X))
    holes = np.isnan(X)
    error = np.mean((completed(completer, X) - complete)[holes] ** 2)
    baseline = np.mean((np.nanmean(X, axis=0) - complete)[holes] ** 2)
    if not error < 0.9 * baseline:
        raise AssertionError(
            f"{name} predicts missing entries with mean squared error {error:.3g}; "
            f"column means have {baseline:.3g}"
        )


def check_completer_leaves_input_alone(name, estimator):
    """Nothing is ever written into X; read-only arrays are fine."""
    X, _ = noisy_low_rank(estimator)
    X = mark(estimator, X)
    before = X.copy()
    result = fresh(estimator).fit(X).transform(X)
    assert_identical(X, before, f"{name} modifies its input")
    if np.shares_memory(result, X):
        raise AssertionError(f"{name}.transform returns memory of its input")
    X.setflags(write=False)
    fresh(estimator).fit(X).transform(X)


def check_completer_fit_transform(name, estimator, *, rtol=1e-10):
    """`fit_transform` is `fit` and then `transform`."""
    X, _ = noisy_low_rank(estimator)
    X = mark(estimator, X)
    both = fresh(estimator).fit_transform(X)
    assert_close(
        both,
        fresh(estimator).fit(X).transform(X),
        rtol,
        f"{name}.fit_transform is not fit.transform",
    )


def check_completer_subset_of_rows(name, estimator, *, rtol=SAME_ROWS):
    """A row alone is completed as in a batch."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    alone = np.vstack([completed(completer, row[None]) for row in X])
    assert_close(
        alone, completed(completer, X), rtol, f"{name}.transform: a row and its batch differ"
    )


def check_completer_order_of_rows(name, estimator, *, rtol=SAME_ROWS):
    """The order of the rows given to `transform` does not matter."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    order = np.random.RandomState(0).permutation(len(X))
    assert_close(
        completed(completer, X[order]),
        completed(completer, X)[order],
        rtol,
        f"{name}.transform depends on the order of the rows",
    )


def check_completer_rows_are_independent(name, estimator, *, rtol=SAME_ROWS):
    """Other rows of a batch have no influence, be they ever so large."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    others = X.copy()
    others[10:] *= 1e6
    assert_close(
        completed(completer, others)[:10],
        completed(completer, X)[:10],
        rtol,
        f"{name}.transform: rows of a batch influence each other",
    )


def check_completer_does_not_remember_rows(name, estimator):
    """`transform` does not change the estimator: the second call gives the same bits."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    first = completed(completer, X)
    completed(completer, 2 * X[::-1])
    assert_identical(completed(completer, X), first, f"{name}.transform changes the estimator")


def check_completer_row_factors(name, estimator, *, rtol=SAME_ROWS):
    """`row_factors` gives `rank_` finite numbers for each row, each row on its own."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    factors = np.asarray(completer.row_factors(mark(estimator, X)))
    if factors.shape != (len(X), completer.rank_):
        raise AssertionError(
            f"{name}.row_factors has shape {factors.shape}, rank {completer.rank_}"
        )
    if not np.all(np.isfinite(factors)):
        raise AssertionError(f"{name}.row_factors is not finite")
    alone = completer.row_factors(mark(estimator, X[5:6]))
    assert_close(alone, factors[5:6], rtol, f"{name}.row_factors: a row and its batch differ")


def check_completer_predicts_entries(name, estimator, *, rtol=1e-2):
    """`predict_entries` gives the entries of the training matrix that `transform` fills in."""
    X, _ = noisy_low_rank(estimator)
    completer = patient(estimator).fit(mark(estimator, X))
    rows, columns = np.nonzero(np.isnan(X))
    entries = completer.predict_entries(rows, columns)
    if np.shape(entries) != rows.shape:
        raise AssertionError(f"{name}.predict_entries returns shape {np.shape(entries)}")
    assert_close(
        entries,
        completed(completer, X)[rows, columns],
        rtol,
        f"{name}.predict_entries and transform differ",
    )
    for wrong in ([-1], [0]), ([len(X)], [0]), ([0], [-1]), ([0], [X.shape[1]]):
        try:
            completer.predict_entries(*wrong)
        except (IndexError, ValueError):
            continue
        raise AssertionError(f"{name}.predict_entries accepts {wrong}, which are out of range")


def check_completer_pickle(name, estimator):
    """A pickled completer gives the same bits."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    again = pickle.loads(pickle.dumps(completer))
    assert_identical(completed(again, X), completed(completer, X), f"{name} changes when pickled")


def check_completer_float32(name, estimator, *, rtol=1e-2):
    """float32 in, float32 out, and nearly the same numbers."""
    X, _ = noisy_low_rank(estimator)
    completer = determined(estimator).fit(mark(estimator, X))
    single = determined(estimator).fit(mark(estimator, X).astype(np.float32))
    result = single.transform(mark(estimator, X).astype(np.float32))
    if result.dtype != np.float32:
        raise AssertionError(f"{name}.transform makes float32 into {result.dtype}")
    assert_close(
        result[:, : X.shape[1]],
        completed(completer, X),
        sampling_error(estimator, rtol),
        f"{name}: float32 and float64 differ",
    )


def check_completer_threads(name, estimator):
    """The number of threads does not change a bit."""
    need_param(estimator, "n_jobs")
    X, _ = noisy_low_rank(estimator)
    one, two = (fresh(estimator, n_jobs=n).fit(mark(estimator, X)) for n in (1, 2))
    assert_identical(completed(one, X), completed(two, X), f"{name} depends on n_jobs")


def check_completer_missing_values(name, estimator):
    """Another marker for missing entries gives the same bits, and then NaN is an error."""
    need_param(estimator, "missing_values")
    need_nan(estimator)
    X, _ = noisy_low_rank(estimator)
    other = fresh(estimator, missing_values=-999.0)
    assert not missing_is_nan(other)
    expected = predicted(fresh(estimator).fit(X), X)
    assert_identical(
        predicted(other.fit(mark(other, X)), X), expected, f"{name} depends on the missing marker"
    )
    for data in X, X[:1]:
        try:
            other.transform(data) if data.shape[0] == 1 else fresh(other).fit(data)
        except ValueError:
            continue
        raise AssertionError(f"{name} accepts NaN although missing_values is a number")


def check_completer_add_indicator(name, estimator):
    """Indicators come after the completed columns, one for each column with holes."""
    need_param(estimator, "add_indicator")
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator, add_indicator=True).fit(mark(estimator, X))
    result = np.asarray(completer.transform(mark(estimator, X)))
    holes = np.isnan(X)[:, np.isnan(X).any(axis=0)]
    if result.shape[1] != X.shape[1] + holes.shape[1]:
        raise AssertionError(f"{name}: add_indicator=True gives {result.shape[1]} columns")
    assert_identical(result[:, X.shape[1] :].astype(bool), holes, f"{name}: wrong indicators")
    names = completer.get_feature_names_out()
    if len(names) != result.shape[1]:
        raise AssertionError(f"{name}: {len(names)} feature names for {result.shape[1]} columns")


CHECKS = (
    check_completer_fills_everything,
    check_completer_keeps_observed,
    check_completer_beats_column_means,
    check_completer_leaves_input_alone,
    check_completer_fit_transform,
    check_completer_subset_of_rows,
    check_completer_order_of_rows,
    check_completer_rows_are_independent,
    check_completer_does_not_remember_rows,
    check_completer_row_factors,
    check_completer_predicts_entries,
    check_completer_pickle,
    check_completer_float32,
    check_completer_threads,
    check_completer_missing_values,
    check_completer_add_indicator,
)
