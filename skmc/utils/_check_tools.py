"""Data and small tools that the checks of completers share."""

import importlib
import warnings
from contextlib import contextmanager
from inspect import signature
from unittest import SkipTest

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

# Two computations of the same numbers in another order: a batch of rows and its parts.
SAME_ROWS = 1e-7
# Two fits of the same problem that may take other steps: the rows in another order.
SAME_FIT = 1e-4
# Largest difference between two means of draws from one posterior, against the data.
SAMPLING_ERROR = 0.1


def noisy_low_rank(estimator, n_rows=40, n_columns=10, *, missing=0.3, seed=0):
    """Return an incomplete matrix of rank 2 with column offsets and noise, and the complete one.

    Every row has at least three observed entries and every column at least five. For estimators
    that are tagged as taking positive data only, factors, offsets and sums are made positive. For
    those tagged as pairwise the matrix is a kernel of `n_rows` objects, without offsets.
    """
    if pairwise(estimator):
        return _noisy_kernel(n_rows, missing, seed)
    rng = np.random.RandomState(seed)
    sign = np.abs if positive_only(estimator) else np.asarray
    complete = sign(rng.standard_normal((n_rows, 2))) @ sign(rng.standard_normal((2, n_columns)))
    complete += sign(3.0 * rng.standard_normal(n_columns))
    complete = sign(complete + 0.1 * rng.standard_normal(complete.shape))
    holes = rng.uniform(size=complete.shape) < missing
    holes[np.arange(n_rows)[:, None], (np.arange(n_rows)[:, None] + [0, 1, 2]) % n_columns] = False
    return np.where(holes, np.nan, complete), complete


def _noisy_kernel(n, missing, seed):
    rng = np.random.RandomState(seed)
    points = rng.standard_normal((n, 2))
    noise = 0.1 * rng.standard_normal((n, n))
    complete = points @ points.T + np.triu(noise) + np.triu(noise, 1).T
    holes = np.triu(rng.uniform(size=(n, n)) < missing, 2)
    return np.where(holes | holes.T, np.nan, complete), complete


def pairwise(estimator):
    """Say whether rows and columns stand for the same objects to the estimator."""
    return get_tags(estimator).input_tags.pairwise


def split_rows(estimator, X, n_train):
    """Rows to fit and rows to test; columns that are objects belong to those of the fit."""
    if pairwise(estimator):
        X = X[:, :n_train]
    return X[:n_train], X[n_train:]


def whole_numbers(estimator):
    """Return a complete matrix of small integers, with 20 rows."""
    X = np.random.RandomState(0).randint(0, 9, size=(20, 20 if pairwise(estimator) else 5))
    return X + X.T if pairwise(estimator) else X


def need_any_table(estimator):
    """Skip the check for estimators of square matrices whose rows equal their columns."""
    if pairwise(estimator):
        raise SkipTest(f"{type(estimator).__name__} is for symmetric matrices")


def positive_only(estimator):
    """Say whether the estimator takes positive data only."""
    return get_tags(estimator).input_tags.positive_only


def has_param(estimator, name):
    """Say whether the estimator has a parameter of this name."""
    return name in estimator.get_params(deep=False)


def fresh(estimator, **params):
    """Clone an estimator, make it deterministic and set those of `params` that it has."""
    new = clone(estimator)
    params = {"random_state": 0, **params}
    return new.set_params(**{k: v for k, v in params.items() if has_param(new, k)})


def patient(estimator, **params):
    """Clone an estimator and let it iterate until the answer does not depend on the path.

    Neither does it with a rank that the data determine.
    """
    more = {"n_samples": 1000, "n_draws": 250}
    return determined(estimator, tol=1e-10, max_iter=2000, **more, **params)


def determined(estimator, **params):
    """Clone an estimator with a rank that the data determine.

    At full rank, a solver without penalty may fill in anything. A rank that is searched for depends
    on which entries are held out.
    """
    if has_param(estimator, "rank"):
        rank = estimator.get_params(deep=False)["rank"]
        params["rank"] = 2 if isinstance(rank, str) else min(rank, 2)
    return fresh(estimator, **params)


def sampling_error(estimator, rtol):
    """Return the tolerance for what is equal but for the error of sampling, if there is one."""
    return max(rtol, SAMPLING_ERROR) if has_param(estimator, "sample_posterior") else rtol


def need_param(estimator, name):
    """Skip the check for estimators without this parameter."""
    if not has_param(estimator, name):
        raise SkipTest(f"{type(estimator).__name__} has no parameter {name!r}")


def need_fit_argument(estimator, name):
    """Skip the check for estimators whose fit does not take this argument."""
    if name not in signature(estimator.fit).parameters:
        raise SkipTest(f"{type(estimator).__name__}.fit has no argument {name!r}")


def need_module(name):
    """Import an optional module, or skip the check."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise SkipTest(f"{name} is not installed") from exc


def need_nan(estimator):
    """Skip the check where missing entries are not marked by NaN."""
    if not missing_is_nan(estimator):
        raise SkipTest("missing entries are not marked by NaN")


def missing_is_nan(estimator):
    """Say whether NaN marks missing entries."""
    marker = estimator.get_params(deep=False).get("missing_values", np.nan)
    return isinstance(marker, float) and np.isnan(marker)


def mark(estimator, X):
    """Mark what is NaN in X the way the estimator expects, in a new array."""
    X = np.array(X)
    if not missing_is_nan(estimator):
        X[np.isnan(X)] = estimator.get_params(deep=False)["missing_values"]
    return X


def completed(estimator, X):
    """Transform a matrix with NaN for what is missing; leave out columns of an added indicator."""
    return np.asarray(estimator.transform(mark(estimator, X)))[:, : np.shape(X)[1]]


def predicted(estimator, X):
    """Transform like `completed`; NaN where entries are observed, as these may be kept."""
    return np.where(np.isnan(X), completed(estimator, X), np.nan)


def assert_close(actual, desired, rtol, message):
    """Compare up to `rtol` times the root mean square of the desired numbers; NaN equals NaN."""
    actual, desired = np.asarray(actual, dtype=float), np.asarray(desired, dtype=float)
    if actual.shape != desired.shape:
        raise AssertionError(f"{message}: shapes {actual.shape} and {desired.shape} differ")
    if not np.array_equal(np.isnan(actual), np.isnan(desired)):
        raise AssertionError(f"{message}: NaN in different places")
    if np.all(np.isnan(desired)):
        return
    scale = np.sqrt(np.nanmean(desired**2))
    difference = np.nanmax(np.abs(actual - desired))
    if not difference <= rtol * scale:
        raise AssertionError(
            f"{message}: largest difference {difference:.3g}, allowed {rtol * scale:.3g}"
        )


def assert_identical(actual, desired, message):
    """Compare bit by bit; NaN equals NaN."""
    if not np.array_equal(np.asarray(actual), np.asarray(desired), equal_nan=True):
        raise AssertionError(message)


@contextmanager
def expect_error(types, message, match=()):
    """Demand an error of one of the types whose text contains one of the strings in `match`."""
    try:
        yield
    except types as exc:
        text = str(exc).lower()
        if match and not any(word.lower() in text for word in match):
            raise AssertionError(f"{message}; the text of the error was: {exc}") from exc
    else:
        raise AssertionError(f"{message}; nothing was raised")


@contextmanager
def recorded_warnings():
    """Record the warnings of the block in a list."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        yield record
