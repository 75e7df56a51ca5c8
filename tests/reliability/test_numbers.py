"""Numbers near the ends of the range, problems without a unique answer, and zeros (13, 14, 18)."""

import numpy as np
from faults import (
    assert_says,
    assert_sound,
    has,
    is_non_negative,
    is_symmetric,
    refused,
    table,
    to_sparse,
    unconverged,
)
from isolated import check_each
from registry import at, make, same_fit, supports

from skmc import ALSCompleter, EntryRegressor
from skmc.completers import CROSS_VALIDATED
from skmc.model_selection import to_entries

FACTORS = (1e300, 1e150, 1e-150, 1e-300)
MAX = {np.float64: np.finfo(np.float64).max, np.float32: np.finfo(np.float32).max}


def stays_finite_without_a_penalty(E):
    if "zero_alpha" not in supports(E) or E in CROSS_VALIDATED:
        return
    # Half of the rows have fewer entries than the rank, and so do some columns.
    X = table(E, 20, 12, observed=0.5)
    if is_symmetric(E):
        X[:10, :10] = np.nan
        np.fill_diagonal(X, 1.0)
    else:
        X[:10, 2:] = np.nan
        X[0] = np.nan
    for data in (X, X.astype(np.float32), to_sparse(X)):
        with unconverged(UserWarning):
            model = at(E, rank=5, alpha=0, max_iter=100, tol=1e-12).fit(data)
        assert_sound(model, data)
        size = np.nanmax(np.abs(X))
        assert np.abs(model.transform(data)).max() < 1e3 * size


def test_row_13_rows_shorter_than_the_rank(completers):
    check_each(stays_finite_without_a_penalty, completers)


def test_row_13_the_smallest_of_all_solutions():
    # Without a penalty a row with fewer entries than components gets the least norm: what is least
    # squares in the limit of a penalty that goes to zero.
    X = table(ALSCompleter, 30, 10, observed=1.0, noise=0.0)
    model = ALSCompleter(rank=4, alpha=0, center=False, scale=False, tol=1e-10).fit(X)
    new = np.full((1, 10), np.nan)
    new[0, [1, 6]] = [1.0, -2.0]
    V = model.components_[:, [1, 6]].T
    least = np.linalg.lstsq(V, new[0, [1, 6]] / model.scale_[[1, 6]], rcond=None)[0]
    np.testing.assert_allclose(model.row_factors(new)[0], least, rtol=1e-5)


def is_free_of_units(E):
    X = table(E, 24, 10)
    for scale in (True, False) if has(E, "scale") else (None,):
        params = {} if scale is None else {"scale": scale}
        with unconverged():
            model = make(E, **params).fit(X)
        expected, score = model.transform(X), model.score(X)
        for factor in FACTORS:
            with unconverged():
                model.fit(X * factor)
            found = model.transform(X * factor)
            size = np.abs(expected).max()
            np.testing.assert_allclose(found / factor, expected, atol=same_fit(E, 1e-6) * size)
            assert abs(model.score(X * factor) - score) < same_fit(E, 1e-6)
            assert found.any()


def test_row_14_units_far_from_one(completers):
    check_each(is_free_of_units, completers)


def copes_with_one_huge_value(E):
    # The fit is that of the data divided by 2^900, in which the others are next to nothing.
    X = table(E)
    row, column = np.argwhere(~np.isnan(X))[3]
    X[row, column] = 1e300
    if is_symmetric(E):
        X[column, row] = 1e300
    for scale in (True, False) if has(E, "scale") else (None,):
        params = {} if scale is None else {"scale": scale}
        with unconverged():
            model, small = make(E, **params).fit(X), make(E, **params).fit(X * 2.0**-900)
        assert_sound(model, X)
        np.testing.assert_allclose(
            model.transform(X) * 2.0**-900, small.transform(X * 2.0**-900), rtol=1e-6, atol=1e23
        )


def test_row_14_one_huge_value(completers):
    check_each(copes_with_one_huge_value, completers)


def refuses_the_ends_of_the_range(E):
    good = table(E)
    model = make(E)
    with unconverged():
        model.fit(good)
    for kind, largest in MAX.items():
        row, column = np.argwhere(~np.isnan(good))[3]
        X = good.astype(kind)
        X[row, column] = largest
        if is_symmetric(E):
            X[column, row] = largest
        n = 1 + (is_symmetric(E) and row != column)
        limit = f"{largest / 16:.3g}"
        for call in (make(E).fit, model.transform, model.score):
            where = f"({n} of them, the first at row {row}, column {column})"
            assert_says(refused(call, X, error=ValueError), limit, where, "divide all by")
            message = refused(call, to_sparse(X), error=ValueError)
            assert_says(message, limit, f"{n} entries", f"row {row}, column {column}")
        # Just inside it all of the model can be told.
        X = np.sign(good).astype(kind) * kind(
            largest / 17 if not is_symmetric(E) else largest / 300
        )
        with unconverged():
            assert_sound(make(E).fit(X), X)
        # Where digits are lost there is nothing to fit.
        X = (good / np.nanmax(np.abs(good))).astype(kind) * np.finfo(kind).tiny / kind(2)
        assert_says(refused(make(E).fit, X, error=ValueError), "lost digits", "multiply the data")
        assert np.isfinite(model.transform(X)).all()


def test_row_14_ends_of_the_range(completers):
    check_each(refuses_the_ends_of_the_range, completers)


def test_row_14_entries():
    entries, y = to_entries(table(ALSCompleter, 24, 10), random_state=0)
    expected = EntryRegressor().fit(entries, y).predict(entries)
    for factor in FACTORS:
        found = EntryRegressor().fit(entries, y * factor).predict(entries)
        np.testing.assert_allclose(found / factor, expected, atol=1e-6)
    y[5] = 1.5e308
    message = refused(EntryRegressor().fit, entries, y, error=ValueError)
    assert_says(message, "1 such values", "at position 5", "1.12e+307")
    assert_says(refused(EntryRegressor().fit, entries, 0 * entries[:, 0] + 1e-310), "lost digits")


def takes_zeros_for_data(E):
    X = table(E)
    X[2] = np.where(np.isnan(X[2]), np.nan, 0.0)
    if is_symmetric(E):
        X[:, 2] = X[2]
    zeros = (X == 0).nonzero()
    assert zeros[0].size > 2
    stored = to_sparse(X)
    assert (stored.data == 0).sum() == zeros[0].size
    with unconverged():
        model, other = make(E).fit(X), make(E).fit(stored)
        # A zero that is missing is another matrix.
        fewer = make(E).fit(np.where(X == 0, np.nan, X) if not is_symmetric(E) else _without(X))
    atol = same_fit(E, 1e-9) * np.nanmax(np.abs(X))
    np.testing.assert_allclose(other.transform(stored), model.transform(X), atol=atol)
    assert np.abs(fewer.transform(X) - model.transform(X)).max() > 1e-6
    kept = make(E, keep_observed=True)
    with unconverged():
        found = kept.fit_transform(stored)
    np.testing.assert_array_equal(found[zeros], 0.0)
    assert_sound(model, X)
    if not is_non_negative(E):
        X = -np.abs(X) if not is_symmetric(E) else X
        with unconverged():
            assert_sound(make(E).fit(X), X)
    else:
        X[1, 0] = -3.0
        assert_says(refused(make(E).fit, X, error=ValueError), "Negative values", "row 1, column 0")


def _without(X):
    X = X.copy()
    X[2, :2] = X[:2, 2] = np.nan
    return X


def test_row_18_zeros_and_negative_values(completers):
    check_each(takes_zeros_for_data, completers)


def test_row_18_zero_ratings():
    X, y = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"], ["c", "x"]], [0.0, 0.0, 2.0, -1.0, 0.0]
    model = EntryRegressor(ALSCompleter(rank=1, alpha=0)).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert model.completer_._row_factors.shape[0] == 3
