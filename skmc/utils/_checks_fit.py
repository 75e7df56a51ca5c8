"""Checks of what `fit` learns from an incomplete matrix."""

from unittest import SkipTest

import numpy as np

from skmc.utils._check_tools import (
    SAME_FIT,
    assert_close,
    assert_identical,
    completed,
    expect_error,
    fresh,
    has_param,
    mark,
    need_any_table,
    need_fit_argument,
    need_param,
    noisy_low_rank,
    pairwise,
    patient,
    predicted,
    recorded_warnings,
    sampling_error,
)


def check_completer_attributes(name, estimator):
    """The attributes that tell what was learned are there and make sense."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    if completer.components_.shape != (completer.rank_, X.shape[1]):
        raise AssertionError(f"{name}.components_ has shape {completer.components_.shape}")
    if not completer.n_iter_ >= 1:
        raise AssertionError(f"{name}.n_iter_ is {completer.n_iter_}")
    if not isinstance(completer.converged_, bool | np.bool_):
        raise AssertionError(f"{name}.converged_ is {completer.converged_!r}")
    if not (isinstance(completer.stop_reason_, str) and completer.stop_reason_):
        raise AssertionError(f"{name}.stop_reason_ is {completer.stop_reason_!r}")
    for attribute in "offsets_", "scale_", "trace_":
        if not hasattr(completer, attribute):
            raise AssertionError(f"{name} has no attribute {attribute}")


def check_completer_rank_is_clipped(name, estimator):
    """A rank beyond the size of the data is clipped in `rank_`, never in `rank`."""
    need_param(estimator, "rank")
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator, rank=10_000).fit(mark(estimator, X))
    if completer.rank != 10_000:
        raise AssertionError(f"{name}.fit changes the parameter rank")
    if not 0 <= completer.rank_ <= min(X.shape):
        raise AssertionError(f"{name}.rank_ is {completer.rank_} for a matrix {X.shape}")


def check_completer_row_permutation(name, estimator, *, rtol=SAME_FIT):
    """The order of the training rows does not matter."""
    need_any_table(estimator)
    X, _ = noisy_low_rank(estimator)
    order = np.random.RandomState(0).permutation(len(X))
    one = patient(estimator).fit(mark(estimator, X))
    other = patient(estimator).fit(mark(estimator, X[order]))
    assert_close(
        predicted(other, X),
        predicted(one, X),
        sampling_error(estimator, rtol),
        f"{name}.fit depends on the order of the rows",
    )


def check_completer_column_permutation(name, estimator, *, rtol=SAME_FIT):
    """Permuted columns give the permuted result, with their rows where these are the same."""
    if has_param(estimator, "cv"):
        raise SkipTest("which entries are held out depends on the order of the columns")
    X, _ = noisy_low_rank(estimator)
    order = np.random.RandomState(0).permutation(X.shape[1])
    one = patient(estimator).fit(mark(estimator, X))
    rows = order if pairwise(estimator) else slice(None)
    other = patient(estimator).fit(mark(estimator, X[rows][:, order]))
    assert_close(
        predicted(other, X[:, order]),
        predicted(one, X)[:, order],
        sampling_error(estimator, rtol),
        f"{name}.fit depends on the order of the columns",
    )


def check_completer_shift(name, estimator, *, rtol=SAME_FIT):
    """Constants added to the columns are added to the result."""
    _need_enabled(estimator, "center")
    X, _ = noisy_low_rank(estimator)
    shift = 10.0 * np.random.RandomState(0).standard_normal(X.shape[1])
    one = patient(estimator).fit(mark(estimator, X))
    other = patient(estimator).fit(mark(estimator, X + shift))
    assert_close(
        predicted(other, X + shift) - shift,
        predicted(one, X),
        sampling_error(estimator, rtol),
        f"{name}: shifted columns are not completed alike",
    )


def check_completer_scale(name, estimator, *, rtol=SAME_FIT):
    """Columns in another unit are completed alike, in that unit."""
    _need_enabled(estimator, "scale")
    X, _ = noisy_low_rank(estimator)
    unit = np.geomspace(1e-3, 1e3, X.shape[1]) if _centers_columns(estimator) else 1000.0
    one = patient(estimator).fit(mark(estimator, X))
    other = patient(estimator).fit(mark(estimator, X * unit))
    assert_close(
        predicted(other, X * unit) / unit,
        predicted(one, X),
        sampling_error(estimator, rtol),
        f"{name}: the unit of a column matters",
    )


def check_completer_does_not_learn_from_y(name, estimator):
    """`fit` learns nothing from y: the values that scoring hides do not leak."""
    X, complete = noisy_low_rank(estimator)
    hidden = np.where(np.isnan(X), complete, np.nan)
    one = fresh(estimator).fit(mark(estimator, X), hidden)
    other = fresh(estimator).fit(mark(estimator, X), hidden * 1e6)
    assert_identical(completed(one, X), completed(other, X), f"{name}.fit learns from y")


def check_completer_sample_weight(name, estimator, *, rtol=SAME_FIT):
    """A weight k is a row given k times, a weight 0 a row left out."""
    need_fit_argument(estimator, "sample_weight")
    X, _ = noisy_low_rank(estimator)
    weight = np.random.RandomState(0).randint(0, 4, size=len(X))
    weighted = patient(estimator).fit(mark(estimator, X), sample_weight=weight)
    repeated = patient(estimator).fit(mark(estimator, np.repeat(X, weight, axis=0)))
    assert_close(
        predicted(weighted, X),
        predicted(repeated, X),
        rtol,
        f"{name}: sample_weight is not the repetition of rows",
    )


def check_completer_entry_weight(name, estimator, *, rtol=SAME_FIT):
    """An entry weight of 1 everywhere is none, and a weight of 0 makes the entry missing.

    Weights that differ are not ignored, though they may be refused.
    """
    need_fit_argument(estimator, "entry_weight")
    X, complete = noisy_low_rank(estimator)
    plain = patient(estimator).fit(mark(estimator, X))
    ones = patient(estimator).fit(mark(estimator, X), entry_weight=np.ones(X.shape))
    assert_close(
        predicted(ones, X), predicted(plain, X), rtol, f"{name}: entry_weight=1 changes the fit"
    )
    zeros = patient(estimator).fit(complete, entry_weight=(~np.isnan(X)).astype(float))
    assert_close(
        predicted(zeros, X),
        predicted(plain, X),
        rtol,
        f"{name}: entries of weight 0 are not missing",
    )
    weight = np.random.RandomState(0).uniform(0.1, 10.0, size=X.shape)
    if pairwise(estimator):
        weight += weight.T
    try:
        uneven = patient(estimator).fit(mark(estimator, X), entry_weight=weight)
    except ValueError as refusal:
        if "weight" not in str(refusal):
            raise
        return
    if np.allclose(predicted(uneven, X), predicted(plain, X), equal_nan=True, rtol=1e-9, atol=0):
        raise AssertionError(f"{name}.fit ignores entry_weight")


def check_completer_warm_start(name, estimator, *, rtol=SAME_FIT):
    """A second, warm-started fit takes no more iterations and gives the same answer."""
    need_param(estimator, "warm_start")
    X, _ = noisy_low_rank(estimator)
    X = mark(estimator, X)
    completer = patient(estimator, warm_start=True)
    if completer.get_params(deep=False).get("alpha") == "auto":
        # The search for the penalty starts anew in every fit.
        completer.set_params(alpha=completer.fit(X).alpha_, warm_start=False).fit(X)
        completer.set_params(warm_start=True)
    else:
        completer.fit(X)
    n_iter, first = completer.n_iter_, completer.transform(X)
    completer.fit(X)
    if completer.n_iter_ > n_iter:
        raise AssertionError(
            f"{name}: {completer.n_iter_} iterations after a warm start, {n_iter} before"
        )
    assert_close(completer.transform(X), first, rtol, f"{name}: a warm start gives another answer")


def check_completer_all_missing(name, estimator):
    """A matrix without any observed entry is an error."""
    with expect_error(ValueError, f"{name}.fit must raise ValueError if nothing is observed"):
        fresh(estimator).fit(mark(estimator, np.full((5, 4), np.nan)))


def check_completer_infinity(name, estimator):
    """Infinite entries are an error, in `fit` and in `transform`."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    bad = mark(estimator, X)
    bad[2, 1] = np.inf
    with expect_error(ValueError, f"{name}.fit must reject infinity", match=["inf"]):
        fresh(estimator).fit(bad)
    with expect_error(ValueError, f"{name}.transform must reject infinity", match=["inf"]):
        completer.transform(bad)


def check_completer_empty_column(name, estimator):
    """A column without observed entries gives one warning that names it and a finite fill."""
    X, _ = noisy_low_rank(estimator)
    X[:, 7] = np.nan
    if pairwise(estimator):
        X[7] = np.nan
    keep = estimator.get_params(deep=False).get("keep_empty_features", True)
    with recorded_warnings() as record:
        completer = fresh(estimator).fit(mark(estimator, X))
    texts = [str(w.message) for w in record if w.category is UserWarning]
    if len(texts) != 1 or "7" not in texts[0]:
        raise AssertionError(f"{name}.fit must warn once of the empty column 7; it said {texts}")
    test = X[:5].copy()
    test[0, 7] = 1.5
    result = np.asarray(completer.transform(mark(estimator, test)))
    if estimator.get_params(deep=False).get("add_indicator", False):
        result = result[:, : X.shape[1] - (not keep)]
    if result.shape[1] != X.shape[1] - (not keep):
        raise AssertionError(
            f"{name}: {result.shape[1]} columns for keep_empty_features={keep} "
            f"and {X.shape[1]} columns, one of them empty"
        )
    if not np.all(np.isfinite(result)):
        raise AssertionError(f"{name} fills an empty column with what is not finite")


def check_completer_constant_column(name, estimator, *, rtol=1e-2):
    """A constant column is completed without warnings, and with the constant if centred."""
    need_any_table(estimator)
    X, _ = noisy_low_rank(estimator)
    X[:, 3] = np.where(np.isnan(X[:, 3]), np.nan, 2.5)
    with recorded_warnings() as record:
        result = completed(patient(estimator).fit(mark(estimator, X)), X)
    numeric = [str(w.message) for w in record if issubclass(w.category, RuntimeWarning)]
    if numeric:
        raise AssertionError(f"{name} warns about a constant column: {numeric}")
    if not np.all(np.isfinite(result)):
        raise AssertionError(f"{name}: a constant column gives what is not finite")
    if estimator.get_params(deep=False).get("center", False) is True:
        assert_close(
            result[:, 3], np.full(len(X), 2.5), rtol, f"{name} does not continue a constant column"
        )


def check_completer_tiny_data(name, estimator):
    """One row, one column, one entry, one observed entry: the result is finite."""
    one_of_many = np.full((3, 4), np.nan)
    one_of_many[1, 2] = 2.0
    for X in (
        np.array([[1.0, np.nan, 3.0]]),
        np.array([[1.0], [np.nan], [3.0]]),
        np.array([[4.0]]),
        one_of_many,
    ):
        if pairwise(estimator) and X.shape[0] != X.shape[1]:
            continue
        with recorded_warnings() as record:
            completer = fresh(estimator).fit(mark(estimator, X))
            result = np.asarray(completer.transform(mark(estimator, X)), dtype=float)
        if not np.all(np.isfinite(result)):
            raise AssertionError(f"{name}: a matrix {X.shape} gives what is not finite")
        numeric = [str(w.message) for w in record if issubclass(w.category, RuntimeWarning)]
        if numeric:
            raise AssertionError(f"{name} warns about a matrix {X.shape}: {numeric}")


def _need_enabled(estimator, param):
    """Skip the check if the parameter is absent or switched off."""
    need_param(estimator, param)
    if not estimator.get_params(deep=False)[param]:
        raise SkipTest(f"{param} is switched off")


def _centers_columns(estimator):
    """Say whether columns in different units mean the same to the estimator."""
    return estimator.get_params(deep=False).get("center", True) is not False


CHECKS = (
    check_completer_attributes,
    check_completer_rank_is_clipped,
    check_completer_row_permutation,
    check_completer_column_permutation,
    check_completer_shift,
    check_completer_scale,
    check_completer_does_not_learn_from_y,
    check_completer_sample_weight,
    check_completer_entry_weight,
    check_completer_warm_start,
    check_completer_all_missing,
    check_completer_infinity,
    check_completer_empty_column,
    check_completer_constant_column,
    check_completer_tiny_data,
)
