"""The same numbers in every form: one fit, and input that is left as it was (rows 21 and 22)."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from faults import (
    assert_says,
    is_symmetric,
    refused,
    table,
    to_sparse,
    unconverged,
)
from isolated import check_each
from layouts import LAYOUTS, MARKED, WHOLE, frame, state
from registry import make
from sklearn.model_selection import GridSearchCV

from skmc import ALSCompleter, EntryRegressor

DATES = pd.date_range("2020-01-01", periods=14)


def quick(E, **params):
    return make(E, max_iter=15, **params)


def same_numbers_same_fit(E):
    for forms, X in ((LAYOUTS, table(E)), (WHOLE, whole(E))):
        with unconverged():
            expected = quick(E).fit(X)
        for name, convert in forms.items():
            data = convert(X)
            before = state(data)
            with unconverged():
                model = quick(E)
                found = model.fit_transform(data)
                np.testing.assert_allclose(found, expected.transform(X), atol=1e-9, err_msg=name)
                np.testing.assert_allclose(model.transform(data), found, atol=1e-9)
                assert abs(model.score(data) - expected.score(X)) < 1e-9, name
            assert state(data) == before, name
        for name in MARKED if forms is WHOLE else ():
            data = np.nan_to_num(X, nan=101).astype(name)
            with unconverged():
                found = quick(E, missing_values=101).fit_transform(data)
            np.testing.assert_allclose(found, expected.transform(X), atol=1e-9, err_msg=name)
        flags = np.nan_to_num(X) > np.nanmedian(X)
        with unconverged():
            found, numbers = (quick(E).fit_transform(F) for F in (flags, flags.astype(float)))
        np.testing.assert_array_equal(found, numbers)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            np.save(Path(folder, "X.npy"), X)
            mapped = np.load(Path(folder, "X.npy"), mmap_mode="r")
            with unconverged():
                found = quick(E).fit_transform(mapped)
            np.testing.assert_array_equal(found, expected.transform(X))


def whole(E):
    X = np.round(10 * np.abs(table(E)))
    return np.where(X > 100, 100, X)


def test_rows_21_and_22_forms_of_tables(completers):
    check_each(same_numbers_same_fit, completers, limit=120)


def sparse_forms_same_fit(E):
    X = to_sparse(whole(E))
    with unconverged():
        expected = quick(E).fit(X)
    for form in ("csr", "csc", "coo", "lil", "dok"):
        for dtype in ("float64", "int8", "uint64"):
            data = X.astype(dtype).asformat(form)
            with unconverged():
                found = quick(E).fit(data)
            np.testing.assert_allclose(found.transform(data), expected.transform(X), atol=1e-9)
    held = X.copy()
    held.data = held.data.astype(">f8")
    for array in (held.data, held.indices, held.indptr):
        array.flags.writeable = False
    with unconverged():
        np.testing.assert_array_equal(quick(E).fit(held).transform(held), expected.transform(X))
    # Single precision stays that, with empty rows and columns too.
    single = whole(E).astype(np.float32)
    single[4], single[:, 4] = np.nan, np.nan
    for data in (single, to_sparse(single)):
        with unconverged(UserWarning):
            model = quick(E).fit(data)
        assert model.transform(data).dtype == model.components_.dtype == np.float32
        assert model.row_factors(data).dtype == np.float32


def test_row_21_forms_of_sparse_matrices(completers):
    check_each(sparse_forms_same_fit, completers, limit=120)


@pytest.mark.slow
def test_row_21_large_data_in_other_processes():
    # Over 1 MB they come as a read-only map of memory.
    X = table(ALSCompleter, 4000, 40)
    search = GridSearchCV(ALSCompleter(alpha=1.0), {"rank": [1, 2]}, cv=2)
    alone = search.fit(X).cv_results_["mean_test_score"]
    both = search.set_params(n_jobs=2).fit(X).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(both, alone)


def hides_what_is_masked(E):
    # The mask of an array is not dropped: what lies under it has no influence.
    X = table(E)
    with unconverged():
        expected = quick(E).fit_transform(X)
        for hidden in (0.0, -7.0, 1e6, np.inf, np.nan):
            data = np.ma.array(np.nan_to_num(X, nan=hidden), mask=np.isnan(X))
            np.testing.assert_array_equal(quick(E).fit_transform(data), expected)
    data = np.ma.array(np.nan_to_num(X), mask=np.isnan(X))
    row, column = np.argwhere(~np.isnan(X))[4]
    data[row, column] = np.inf
    assert_says(refused(quick(E).fit, data), "infinity", f"row {row}, column {column}")


def test_row_22_masks(completers):
    check_each(hides_what_is_masked, completers)


COLUMNS = {
    "dates": [DATES, DATES - DATES[0], DATES.to_period("D"), list(DATES.date)],
    "categories": [pd.Categorical([1, 2] * 7), pd.Categorical(list("xy") * 7)],
    "text": [list("123456789abcde"), ["1"] * 14, pd.array(["1"] * 14, dtype="string")],
}


def refuses_what_is_no_number(E):
    X = table(E)
    odd = frame(X)
    for what, columns in COLUMNS.items():
        for column in columns:
            odd["c3"] = pd.Series(column) if not isinstance(column, list) else column
            for kind in ("given", "objects"):
                data = odd if kind == "given" else odd.astype({"c3": object})
                if kind == "objects" and what == "categories":
                    continue
                message = refused(quick(E).fit, data)
                assert_says(message, "'c3'", "not numeric")
    odd["c3"] = pd.arrays.SparseArray(np.zeros(14))
    assert_says(refused(quick(E).fit, odd, error=TypeError), "'c3' is a pandas Sparse", "scipy")
    dates = pl.DataFrame(X, schema=list(odd.columns)).with_columns(pl.Series("c3", list(DATES)))
    assert_says(refused(quick(E).fit, dates), "'c3'", "not numeric")
    assert_says(refused(quick(E).fit, X.astype(complex), error=ValueError), "Complex data")
    for dtype in ("datetime64[D]", "timedelta64[s]"):
        data = np.nan_to_num(X).astype(np.int64).astype(dtype)
        assert_says(refused(quick(E).fit, data, error=TypeError), "dates and durations")
    for value, data in (("'2.5'", X.astype(object)), ("datetime.date", X.astype(object))):
        data[2, 1] = "2.5" if value == "'2.5'" else DATES[0].date()
        message = refused(quick(E).fit, data, error=TypeError)
        assert_says(message, value, "1 such entries", "row 2, column 1", "Convert")
    texts = X.astype(str)
    for data in (texts, texts.astype(bytes), texts.tolist()):
        message = refused(quick(E).fit, data, error=TypeError)
        assert_says(message, "text", f"{X.size} such entries", "row 0, column 0")
    large = np.where(np.isnan(X), None, X)
    large[3, 2] = 10**400
    if is_symmetric(E):
        large[2, 3] = 10**400
    for data in (large, large.tolist()):
        assert_says(refused(quick(E).fit, data, error=ValueError), "too large for float64", "row")
    if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
        data = np.nan_to_num(X).astype(np.longdouble)
        data[1, 1] = np.longdouble("1e400")
        assert_says(refused(quick(E).fit, data, error=ValueError), "row 1, column 1")
    for data in (3.0, X[0], np.stack([X, X]), [[1.0], [1.0, 2.0]], None, "X"):
        refused(quick(E).fit, data)


def test_row_22_columns_that_are_no_numbers(completers):
    check_each(refuses_what_is_no_number, completers)


def test_row_22_values_of_entries():
    X, good = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]], [4.0, 1.0, 2.0, 5.0]
    expected = EntryRegressor().fit(X, good).predict(X)
    for y in (np.array(good, ">f8"), np.array(good, np.float16), pd.Series(good, dtype="Int64")):
        np.testing.assert_allclose(EntryRegressor().fit(X, y).predict(X), expected)
    for y in ([4.0, None, 2.0, 5.0], pd.Series([4, pd.NA, 2, 5], dtype="Int64")):
        message = refused(EntryRegressor().fit, X, y, error=ValueError)
        assert_says(message, "NaN", "1 such values", "at position 1", "Leave such entries out")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y in (
            ["u", "v", "w", "x"],
            ["1", "2", "3", "4"],
            [4.0, "1", 2.0, None],
            np.array(good, complex),
            DATES[:4].to_numpy(),
        ):
            refused(EntryRegressor().fit, X, y)
