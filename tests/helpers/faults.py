"""Every estimator that completes matrices, and tables that suit it, for tests of bad input."""

import warnings
from contextlib import contextmanager

import numpy as np
from registry import supports
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning


def has(E, *names):
    """Whether the estimator has these parameters."""
    return set(names) <= E().get_params().keys()


def is_symmetric(E):
    return "symmetric" in supports(E)


def is_non_negative(E):
    return "non_negative" in supports(E)


def table(E, n=14, m=6, *, rank=2, seed=0, observed=0.7, noise=0.05):
    """A table with holes that the estimator takes: of any sign, non-negative, or symmetric."""
    rng = np.random.default_rng(seed)
    m = n if is_symmetric(E) else m
    mask = rng.random((n, m)) < observed
    mask[np.arange(n), np.arange(n) % m] = mask[np.arange(m) % n, np.arange(m)] = True
    U, V = rng.normal(size=(n, rank)), rng.normal(size=(m, rank))
    if is_symmetric(E):
        X, mask = U @ U.T + noise * np.eye(n), mask | mask.T
    elif is_non_negative(E):
        X = np.abs(U) @ np.abs(V).T + noise * rng.random((n, m))
    else:
        X = U @ V.T + rng.normal(size=m) + noise * rng.normal(size=(n, m))
    return np.where(mask, X, np.nan)


def to_sparse(X, form="csr"):
    """The sparse matrix that stores what is not NaN, zeros included."""
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).asformat(form)


@contextmanager
def unconverged(*others):
    """Let fits stop before they converge, and warn of `others`."""
    with warnings.catch_warnings():
        for category in (ConvergenceWarning, *others):
            warnings.simplefilter("ignore", category)
        yield


def refused(call, *arguments, error=(ValueError, TypeError), **keywords):
    """The message of the error that a call must raise, of this type and no other."""
    try:
        found = call(*arguments, **keywords)
    except error as raised:
        return str(raised)
    raise AssertionError(f"{call.__qualname__} accepted it and returned {found!r}")


def assert_says(message, *parts):
    """Whether a message has all these parts."""
    absent = [part for part in parts if part not in message]
    assert not absent, f"{absent} not in: {message}"


def assert_sound(model, X):
    """Whether all that a fitted model says of X is finite."""
    found = [model.transform(X), model.row_factors(X), model.components_, model.offsets_]
    found += [model.scale_, model.predict_entries([0], [0]), model.score(X)]
    for values in found:
        assert np.isfinite(values).all(), values
