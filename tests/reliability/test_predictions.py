"""Asking a fitted model for what it does not have (row 23)."""

import warnings

import numpy as np
import pandas as pd
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
from registry import make

from skmc import ALSCompleter, EntryRegressor
from skmc.model_selection import to_entries

CODES = {
    "negative": ([0, -3, -1], ["2 values outside 0 ...", "the first -3 at position 1"]),
    "too large": ([0, 10**6], ["1 values outside", "the first 1000000 at position 1"]),
    "beyond 2^53": ([2**53 + 1, 0], ["1 values outside", "9007199254740993 at position 0"]),
    "beyond 2^63": (np.array([2**64 - 1], np.uint64), ["18446744073709551615 at position 0"]),
    "fractional": ([0.0, 1.0, 0.5], ["must hold integers", "1 others", "0.5 at position 2"]),
    "NaN": ([np.nan, 0.0], ["must hold integers", "nan at position 0"]),
    "infinite": ([np.inf], ["1 values outside", "inf at position 0"]),
    "text": (["0"], ["must hold integers", "0 at position 0"]),
    "bool": ([True], ["must hold integers"]),
    "None": ([None], ["must hold integers", "None at position 0"]),
    "2-D": ([[0]], ["must be 1-D"]),
}


def refuses_codes(E):
    X = table(E)
    with unconverged():
        model = make(E).fit(X)
    for name, (codes, parts) in CODES.items():
        zeros = np.zeros(np.shape(codes)[:1], dtype=int)
        for given, wrong in (((codes, zeros), "rows"), ((zeros, codes), "cols")):
            message = refused(model.predict_entries, *given, error=ValueError)
            assert message.startswith(wrong), (name, message)
            assert_says(message, *parts)
        refused(model.row_offsets, codes, error=ValueError)
    assert_says(refused(model.predict_entries, [0, 1], [0], error=ValueError), "2 entries, cols 1")
    # None at all are no error, and codes of any whole type are the same.
    assert model.predict_entries([], []).shape == (0,)
    expected = model.predict_entries([1, 2], [3, 0])
    for dtype in (np.int8, np.uint64, np.float32):
        found = model.predict_entries(np.array([1, 2], dtype), np.array([3, 0], dtype))
        np.testing.assert_array_equal(found, expected)


def test_row_23_codes(completers):
    check_each(refuses_codes, completers)


def refuses_other_columns(E):
    X = table(E)
    n, m = X.shape
    with unconverged():
        model = make(E).fit(X)
    methods = ("transform", "row_factors", "leave_one_out", "score", "recommend")
    for name in methods:
        for data in (X[:, :4], to_sparse(X[:, :4]), X[:, :4].tolist()):
            message = refused(getattr(model, name), data, error=ValueError)
            assert_says(message, "X has 4 features", f"expecting {m} features", f"({n}, 4)")
            assert_says(message, f"the fit had ({n}, {m})")
            assert n == m or "X.T" not in message
        for data in (X.T, to_sparse(X.T)) if n != m else ():
            message = refused(getattr(model, name), data, error=ValueError)
            assert_says(message, f"({m}, {n})", f"({n}, {m})", "swapped, pass X.T")
    message = refused(model.score, X, X[:-1], error=ValueError)
    assert_says(message, f"({n - 1}, {m})", f"({n}, {m})")


def test_row_23_number_of_columns(completers):
    check_each(refuses_other_columns, completers)


def numbers_of_recommendations(E):
    X = table(E)
    with unconverged():
        model = make(E).fit(X)
    for n in (0, -1, 2.5, np.nan, "3", None):
        refused(model.recommend, X, n)
    columns, values = model.recommend(X, n=10**6)
    assert columns.shape == values.shape == X.shape
    assert np.isfinite(values[columns >= 0]).all()


def test_row_23_numbers_of_recommendations(completers):
    check_each(numbers_of_recommendations, completers)


def predicts_unknown_labels(E):
    if is_symmetric(E):
        return
    X = table(E)
    entries, y = to_entries(X, random_state=0)
    entries = entries.astype(np.int64)
    with unconverged():
        model = EntryRegressor(make(E)).fit(entries, y)
    known = entries[:20]
    new = [[-3, 0], [0, -3], [2**53 + 1, 2], [2, 2**62], [99, 99]]
    found = model.predict(np.vstack([known, new]))
    np.testing.assert_array_equal(found[:20], model.predict(known))
    assert np.isfinite(found).all()
    completer = model.completer_
    offset = completer.offsets_[0] if completer.center else model.mean_
    np.testing.assert_allclose(found[20], offset)
    np.testing.assert_allclose(found[24], model.mean_)
    # A label is never rounded to one that is known.
    halves = known.astype(float) + 0.5
    with pytest.warns(UserWarning, match="not in the fit"):
        np.testing.assert_allclose(model.predict(halves), model.mean_)
    halves[3, 0] = np.nan
    assert_says(refused(model.predict, halves, error=ValueError), "1 row label(s)", "position 3")
    refused(model.predict, known[:, :1], error=ValueError)


def test_row_23_unknown_labels(completers):
    check_each(predicts_unknown_labels, completers)


def test_row_23_labels_near_each_other():
    # Above 2^53 not every whole number is a float: they are compared as what they are.
    big = 2**53
    X = np.array([[big, 0], [big + 1, 0], [big, 1], [big + 1, 1]])
    model = EntryRegressor(ALSCompleter(rank=1, alpha=0)).fit(X, [1.0, 2.0, 3.0, 4.0])
    assert model.row_labels_.tolist() == [big, big + 1]
    found = model.predict(X)
    assert found[0] < found[1]


@pytest.mark.parametrize("label", [None, np.nan, pd.NA, pd.NaT, np.inf])
def test_row_23_missing_labels(label):
    X = np.array([["a", "x"], ["a", "y"], [label, "x"], ["b", "y"]], dtype=object)
    message = refused(EntryRegressor().fit, X, [1.0, 2.0, 3.0, 4.0], error=ValueError)
    assert_says(message, "1 row label(s) are missing", "position 2", "to_entries")
    good = EntryRegressor().fit(X[[0, 1, 3]], [1.0, 2.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_says(refused(good.predict, X, error=ValueError), "1 row label(s)", "position 2")
    message = refused(good.recommend, ["a", "nobody"], error=ValueError)
    assert_says(message, "1 of 2 row labels were not in the fit", "nobody at position 1")
