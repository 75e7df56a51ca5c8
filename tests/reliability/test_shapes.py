"""Matrices with little in them: empty rows, one entry, one value, ranks that are too large."""

import warnings

import numpy as np
from faults import (
    assert_says,
    assert_sound,
    has,
    is_symmetric,
    refused,
    table,
    to_sparse,
    unconverged,
)
from isolated import check_each
from registry import make
from scipy import sparse

from skmc import EntryRegressor
from skmc._compat import InvalidParameterError

RANKS = ("rank", "max_rank", "ranks")


def fills_what_is_empty(E):
    for rows, columns in (([4], []), ([], [2]), ([4, 5], [0, 2])):
        X = table(E)
        if is_symmetric(E):
            rows = columns = rows or columns
        X[rows], X[:, columns] = np.nan, np.nan
        for data in (X, to_sparse(X)):
            model = make(E, keep_observed=True)
            with unconverged(), warnings.catch_warnings(record=True) as noted:
                warnings.simplefilter("always", UserWarning)
                found = model.fit_transform(data)
            told = [str(w.message) for w in noted if "no observed entry" in str(w.message)]
            assert len(told) == bool(columns), told
            if columns:
                assert_says(told[0], f"{len(columns)} column(s)", ", ".join(map(str, columns)))
            assert found.shape == X.shape
            assert np.isfinite(found).all()
            np.testing.assert_allclose(found[rows], np.tile(model.offsets_, (len(rows), 1)))
            np.testing.assert_array_equal(found[~np.isnan(X)], X[~np.isnan(X)])


def test_row_07_rows_and_columns_without_entries(completers):
    check_each(fills_what_is_empty, completers)


def refuses_nothing(E):
    for X in (np.full((4, 4), np.nan), sparse.csr_array((4, 4)), sparse.coo_array((4, 4))):
        message = refused(make(E).fit, X, error=ValueError)
        assert_says(message, "All 4 x 4 entries of X are missing", "missing_values")
    for shape in ((0, 4), (4, 0), (0, 0)):
        for X in (np.empty(shape), sparse.csr_array(shape)):
            assert_says(refused(make(E).fit, X, error=ValueError), "minimum of 1 is required")
    weights = np.zeros((4, 4))
    message = refused(make(E).fit, np.ones((4, 4)), entry_weight=weights, error=ValueError)
    assert_says(message, "have weight zero")


def test_row_08_nothing_observed(completers):
    check_each(refuses_nothing, completers)


def test_row_08_no_entries():
    for X in (np.empty((0, 2)), np.empty((0, 2), dtype=object)):
        message = refused(EntryRegressor().fit, X, [], error=ValueError)
        assert_says(message, "minimum of 1 is required")


def fits_the_smallest(E):
    shapes = [(1, 1), (2, 2)] if is_symmetric(E) else [(1, 1), (1, 6), (6, 1), (2, 2)]
    for shape in shapes:
        X = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
        X = X + X.T if is_symmetric(E) else X
        holey = X.copy()
        holey.flat[-1] = np.nan
        only = np.where(X == X.flat[0], X, np.nan)
        for data in (X, holey, only)[: 3 if X.size > 1 else 1]:
            for params in ({}, {"keep_empty_features": False}):
                with unconverged(UserWarning):
                    model = make(E, **params).fit(data)
                    assert_sound(model, data)
                    assert_sound(model, to_sparse(data))


def test_row_09_one_row_one_column_one_entry(completers):
    check_each(fits_the_smallest, completers)


def test_row_09_one_entry_of_a_regressor():
    for X, y in (([["a", "x"]], [3.0]), ([["a", "x"], ["a", "y"]], [3.0, 3.0])):
        found = EntryRegressor().fit(X, y).predict(X)
        np.testing.assert_allclose(found, y)


def continues_constants(E):
    for value in (3.5, 1e12, 1e-12, 0.0):
        X = np.full((9, 9), value)
        X[::3, 1] = X[1, ::3] = np.nan
        # Without offsets it takes a component, which a penalty shrinks.
        params = {} if has(E, "center") else {"alpha": 0, "tol": 1e-9}
        with unconverged():
            found = make(E, **params).fit_transform(X)
        np.testing.assert_allclose(found, value, rtol=1e-6, atol=1e-15)
    X = table(E)
    X[3] = np.where(np.isnan(X[3]), np.nan, 2.0)
    if is_symmetric(E):
        X[:, 3] = X[3]
    with unconverged():
        assert_sound(make(E).fit(X), X)


def test_row_10_constant_data(completers):
    check_each(continues_constants, completers)


def bounds_ranks(E):
    (name,) = [name for name in RANKS if has(E, name)]
    several = name == "ranks"
    # The data allow less than is asked for: the parameter stays, and the model has less.
    X, large = table(E), [1, 99] if several else 99
    with unconverged():
        model = make(E, **{name: large}).fit(X)
    assert model.get_params()[name] == large
    assert model.rank_ <= min(X.shape)
    assert_sound(model, X)
    for value in (0, -1, 2.5, True, np.nan, "2"):
        wrong = [value] if several else value
        message = refused(make(E, **{name: wrong}).fit, "no data", error=InvalidParameterError)
        assert_says(message, name, repr(wrong))


def test_row_11_ranks(completers):
    check_each(bounds_ranks, completers)
