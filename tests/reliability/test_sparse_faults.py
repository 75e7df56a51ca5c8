"""Sparse matrices that are damaged, repeat entries, or store what is no number (rows 1 to 6)."""

import numpy as np
import pytest
from faults import assert_says, refused, table, to_sparse, unconverged
from isolated import check_each
from registry import make
from scipy import sparse

from skmc import EntryRegressor
from skmc.model_selection import from_entries

METHODS = ("transform", "row_factors", "leave_one_out", "score", "recommend")


def fitted(E):
    """A fit, and its data as compressed rows."""
    X = to_sparse(table(E))
    with unconverged():
        return make(E).fit(X), X


def calls(E, model):
    """Everything that takes a matrix."""
    return [make(E).fit, make(E).fit_transform, *(getattr(model, name) for name in METHODS)]


def set_at(name, place, value):
    def damage(X):
        getattr(X, name)[place] = value
        return X

    return damage


def resize(name, change):
    def damage(X):
        setattr(X, name, change(getattr(X, name)))
        return X

    return damage


def in_form(form, damage):
    return lambda X: damage(X.asformat(form))


INDICES = {
    "negative": set_at("indices", 3, -1),
    "most negative": set_at("indices", 3, np.iinfo(np.int32).min),
    "one too large": lambda X: set_at("indices", 3, X.shape[1])(X),
    "far too large": set_at("indices", -1, 10_000_000),
    "fractions": resize("indices", lambda indices: indices + 0.5),
    "csc, negative": in_form("csc", set_at("indices", 2, -7)),
    "csc, too large": in_form("csc", set_at("indices", 2, 10_000_000)),
    "triplet row negative": in_form("coo", set_at("row", 2, -1)),
    "triplet row too large": in_form("coo", set_at("row", 2, 14)),
    "triplet column too large": in_form("coo", set_at("col", 2, 2**30)),
}
POINTERS = {
    "decrease": set_at("indptr", 4, 0),
    "too large in the middle": set_at("indptr", 4, 10**9),
    "end at 0": set_at("indptr", -1, 0),
    "csc, end at 0": in_form("csc", set_at("indptr", -1, 0)),
    "negative": set_at("indptr", 4, -5),
    "do not start at 0": set_at("indptr", 0, 2),
    "end behind the data": set_at("indptr", -1, 2**30),
    "too few": resize("indptr", lambda p: p[:-1]),
    "too many": resize("indptr", lambda p: np.append(p, p[-1])),
    "indices too few": resize("indices", lambda p: p[:-4]),
    "values too few": resize("data", lambda p: p[:-4]),
    "triplet values too few": in_form("coo", resize("data", lambda p: p[:-2])),
}


def refuses_damage(case):
    E, damages = case
    model, good = fitted(E)
    for name, damage in damages.items():
        for call in calls(E, model):
            # Nothing is spoiled for the next call.
            message = refused(call, damage(good.copy()), error=ValueError)
            assert "Sparse input X" in message, (name, message)


def refuses_indices(E):
    refuses_damage((E, INDICES))


def refuses_pointers(E):
    refuses_damage((E, POINTERS))


def test_row_01_indices_out_of_range(completers):
    check_each(refuses_indices, completers)


def test_row_02_damaged_row_pointers(completers):
    check_each(refuses_pointers, completers)


def takes_index_types(E):
    model, X = fitted(E)
    expected = model.transform(X)
    for kinds in (
        (np.int64, np.int64),
        (np.int64, np.int32),
        (np.int32, np.int64),
        (np.uint64,) * 2,
    ):
        other = X.copy()
        other.indptr, other.indices = other.indptr.astype(kinds[0]), other.indices.astype(kinds[1])
        kept = other.indptr.copy(), other.indices.copy()
        with unconverged():
            np.testing.assert_array_equal(make(E).fit(other).transform(other), expected, kinds)
        assert (other.indptr.dtype, other.indices.dtype) == kinds
        np.testing.assert_array_equal(other.indptr, kept[0])
        np.testing.assert_array_equal(other.indices, kept[1])


def test_row_03_index_types(completers):
    check_each(takes_index_types, completers)


def refuses_duplicates(E):
    model, X = fitted(E)
    triplets = X.tocoo()
    row, column = int(triplets.row[7]), int(triplets.col[7])
    place = f"the first at row {row}, column {column}"
    twice = sparse.coo_array(
        (
            np.append(triplets.data, 9.0),
            (np.append(triplets.row, row), np.append(triplets.col, column)),
        ),
        shape=X.shape,
    )
    by_row = sparse.csr_array(X.shape)
    counts = np.bincount(twice.row, minlength=X.shape[0])
    order = np.argsort(twice.row, kind="stable")
    by_row.indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    by_row.indices, by_row.data = twice.col[order].astype(np.int32), twice.data[order]
    for damaged in (twice, by_row):
        for call in calls(E, model):
            message = refused(call, damaged.copy(), error=ValueError)
            assert_says(message, "1 entries twice", place, "Keep one value")
        assert damaged.nnz == X.nnz + 1


def test_row_05_entries_that_are_stored_twice(completers):
    check_each(refuses_duplicates, completers)


def test_row_05_entries_that_are_given_twice():
    # Two ratings of 4 and 5 are never 9 unless that is asked for, and there is no way to ask.
    X, y = [["a", "x"], ["a", "y"], ["b", "x"], ["a", "x"]], [4.0, 1.0, 2.0, 5.0]
    for call in (EntryRegressor().fit, lambda X, y: from_entries(X, y)):
        assert_says(refused(call, X, y, error=ValueError), "1 entries repeat", "duplicates=")
    for how, value in (("mean", 4.5), ("last", 5.0)):
        assert from_entries(X, y, duplicates=how).loc["a", "x"] == value
    assert "duplicates" in refused(EntryRegressor(duplicates="sum").fit, X, y, error=ValueError)


def refuses_what_is_not_finite(E):
    model, X = fitted(E)
    dense = table(E)
    for value in (np.nan, np.inf, -np.inf):
        stored, full = X.copy(), dense.copy()
        stored.data[[7, 9]] = value
        row = int(np.searchsorted(X.indptr, 7, side="right") - 1)
        place = f"first at row {row}, column {int(X.indices[7])}"
        full[row, X.indices[7]] = value
        for call in calls(E, model):
            for form in ("csr", "coo"):
                assert_says(refused(call, stored.asformat(form)), "2 entries", "NaN or inf", place)
            if not np.isnan(value):
                assert_says(refused(call, full), "infinity", "1 of them", place)


def test_row_06_values_that_are_not_finite(completers):
    check_each(refuses_what_is_not_finite, completers)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_06_entries_that_are_not_finite(value):
    X, y = [["a", "x"], ["a", "y"], ["b", "x"], ["b", "y"]], np.array([4.0, 1.0, value, 5.0])
    message = refused(EntryRegressor().fit, X, y, error=ValueError)
    assert_says(message, "NaN" if np.isnan(value) else "infinity", "at position 2")
