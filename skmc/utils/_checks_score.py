"""Checks of `score` and `leave_one_out`."""

import numpy as np

from skmc.utils._check_tools import (
    SAME_ROWS,
    assert_close,
    completed,
    expect_error,
    fresh,
    mark,
    need_any_table,
    noisy_low_rank,
    positive_only,
    split_rows,
)


def check_completer_leave_one_out(name, estimator, *, rtol=1e-6):
    """The closed form equals hiding one entry after the other and completing its row."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    fast = np.asarray(completer.leave_one_out(mark(estimator, X)))
    if fast.shape != X.shape:
        raise AssertionError(f"{name}.leave_one_out has shape {fast.shape} for data {X.shape}")
    rows, columns = np.nonzero(~np.isnan(X[:6]))
    hidden = X[rows].copy()
    hidden[np.arange(rows.size), columns] = np.nan
    slow = completed(completer, hidden)[np.arange(rows.size), columns]
    assert_close(
        fast[rows, columns], slow, rtol, f"{name}.leave_one_out is not what hiding entries gives"
    )


def check_completer_score_is_leave_one_out(name, estimator, *, rtol=1e-6):
    """`score(X)` is R2 of the entries left out one by one, against the training column means.

    Both are measured in units of ``spread_``, so that no column counts more for its unit.
    """
    X, _ = noisy_low_rank(estimator)
    train, test = split_rows(estimator, X, 30)
    completer = fresh(estimator).fit(mark(estimator, train))
    left_out = np.asarray(completer.leave_one_out(mark(estimator, test)))
    expected = _r2(completer, test, left_out, np.nanmean(train, axis=0))
    assert_close(
        completer.score(mark(estimator, test)), expected, rtol, f"{name}.score is not R2 left out"
    )


def check_completer_score_is_deterministic(name, estimator):
    """`score` is a Python float of at most 1, the same at every call, for any 1-D y."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    score = completer.score(mark(estimator, X))
    if type(score) is not float or not score <= 1:
        raise AssertionError(f"{name}.score returns {score!r}; a Python float <= 1 is expected")
    labels = np.arange(len(X)) % 3
    again = completer.score(mark(estimator, X)), completer.score(mark(estimator, X), labels)
    if again != (score, score):
        raise AssertionError(f"{name}.score gives {score}, then {again}, with the same data")


def check_completer_score_order_of_rows(name, estimator, *, rtol=SAME_ROWS):
    """The order of the rows does not change the score, nor does a weight of 1."""
    X, _ = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    score = completer.score(mark(estimator, X))
    assert_close(
        completer.score(mark(estimator, X[::-1])), score, rtol, f"{name}.score depends on the order"
    )
    weighted = completer.score(mark(estimator, X), sample_weight=np.ones(len(X)))
    assert_close(weighted, score, rtol, f"{name}.score: a weight of 1 changes the score")


def check_completer_score_held_out(name, estimator, *, rtol=1e-6):
    """`score(X, Y)` is R2 on the entries missing in X and present in Y, and on no others."""
    X, complete = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    means = np.nanmean(X, axis=0)
    held_out = np.where(np.isnan(X) & (np.arange(X.shape[1]) != 4), complete, np.nan)
    score = completer.score(mark(estimator, X), mark(estimator, held_out))
    expected = _r2(completer, held_out, completed(completer, X), means)
    assert_close(score, expected, rtol, f"{name}.score(X, Y) is not R2 on the held-out entries")
    if type(score) is not float:
        raise AssertionError(f"{name}.score(X, Y) returns {type(score).__name__}, not float")

    elsewhere = np.where(np.isnan(X), held_out, 1e6)
    assert_close(
        completer.score(mark(estimator, X), mark(estimator, elsewhere)),
        score,
        rtol,
        f"{name}.score(X, Y) uses entries of Y that are observed in X",
    )


def check_completer_score_shape_of_y(name, estimator):
    """A matrix y of another shape than X is an error."""
    X, complete = noisy_low_rank(estimator)
    completer = fresh(estimator).fit(mark(estimator, X))
    for y in complete[:, :-1], complete[:-1]:
        with expect_error(ValueError, f"{name}.score must reject y {y.shape} for X {X.shape}"):
            completer.score(mark(estimator, X), y)


def check_completer_score_sees_noise(name, estimator):
    """Independent columns cannot be predicted from each other, and the score says so."""
    need_any_table(estimator)
    rng = np.random.RandomState(0)
    offsets = 10.0 * rng.standard_normal(10)
    X = rng.standard_normal((60, 10)) + offsets
    if positive_only(estimator):
        X -= X.min()
    X[rng.uniform(size=X.shape) < 0.2] = np.nan
    completer = fresh(estimator).fit(mark(estimator, X[:40]))
    score = completer.score(mark(estimator, X[40:]))
    # Offsets of columns would make R2 against one common mean close to 1.
    if estimator.get_params(deep=False).get("center", False) is True and score > 0.3:
        raise AssertionError(f"{name}.score is {score:.2f} on noise; offsets must not count")


def _r2(completer, truth, prediction, baseline):
    """R2 over the entries of `truth` that are not NaN, in the units of the completer."""
    unit = getattr(completer, "spread_", getattr(completer, "scale_", 1.0))
    residual = np.nansum(((truth - prediction) / unit) ** 2)
    return 1 - residual / np.nansum(((truth - baseline) / unit) ** 2)


CHECKS = (
    check_completer_leave_one_out,
    check_completer_score_is_leave_one_out,
    check_completer_score_is_deterministic,
    check_completer_score_order_of_rows,
    check_completer_score_held_out,
    check_completer_score_shape_of_y,
    check_completer_score_sees_noise,
)
