"""Which entries are held out: a partition that empties no line and depends on content alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import FORMS, low_rank_table, observe

from skmc._search import entry_folds, quick_folds


def pattern(n, m, fraction, seed):
    """Observed set of random values; rows and columns may be empty, but not all of them."""
    rng = np.random.default_rng(seed)
    mask = rng.random((n, m)) < fraction
    mask[rng.integers(n), rng.integers(m)] = True
    return rng.normal(size=(n, m)), mask


def held_out(observed, splits):
    """Fold of each cell as an n x m array, -1 where nothing is held out or observed."""
    fold = np.full(observed.shape, -1)
    rows, columns = observed.rows_and_columns()
    for k, (_, test) in enumerate(splits):
        fold[rows[test], columns[test]] = k
    return fold


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    fraction=st.floats(0.05, 1.0),
    n_folds=st.integers(2, 7),
    seed=st.integers(0, 10_000),
)
def test_folds_are_a_partition_that_empties_no_line(n, m, fraction, n_folds, seed):
    X, mask = pattern(n, m, fraction, seed)
    observed = observe(X, mask)
    rows, columns = observed.rows_and_columns()
    splits = entry_folds(observed, n_folds, seed)
    only = (mask.sum(axis=1)[rows] == 1) | (mask.sum(axis=0)[columns] == 1)
    tested = np.concatenate([test for _, test in splits] or [np.zeros(0, int)])
    # All that can be held out, each entry once, in folds of equal size.
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(~only))
    assert len(splits) == min(n_folds, np.count_nonzero(~only))
    if splits:
        sizes = [test.size for _, test in splits]
        assert max(sizes) - min(sizes) <= 1
    for train, test in splits:
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(rows.size))
        assert train.size + test.size == rows.size
        assert set(rows[train]) == set(rows)
        assert set(columns[train]) == set(columns)


def test_only_entries_of_their_line_are_never_held_out():
    X = np.arange(12.0).reshape(3, 4)
    for mask in (np.eye(3, 4, dtype=bool), np.arange(12).reshape(3, 4) < 4):
        assert entry_folds(observe(X, mask), 3, 0) == []


@pytest.mark.parametrize("form", FORMS)
def test_seed(form):
    X, mask = pattern(20, 12, 0.6, 0)
    observed = observe(X, mask, form=form)

    def folds(seed):
        return held_out(observed, entry_folds(observed, 3, seed))

    np.testing.assert_array_equal(folds(None), folds(0))
    np.testing.assert_array_equal(folds(5), folds(np.random.RandomState(5)))
    assert not np.array_equal(folds(0), folds(1))


def test_both_forms_have_the_same_folds():
    X, mask = pattern(20, 12, 0.6, 0)
    dense, sparse = (observe(X, mask, form=form) for form in FORMS)
    for one, other in zip(entry_folds(dense, 3, 0), entry_folds(sparse, 3, 0), strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_order_of_the_rows_does_not_matter():
    X, mask = pattern(30, 8, 0.6, 1)
    order = np.random.default_rng(0).permutation(30)
    one, other = observe(X, mask), observe(X[order], mask[order])
    expected = held_out(one, entry_folds(one, 3, 0))[order]
    np.testing.assert_array_equal(held_out(other, entry_folds(other, 3, 0)), expected)


def test_units_of_the_columns_do_not_matter():
    X, mask = pattern(30, 8, 0.6, 1)
    one = observe(X, mask)
    other = observe(3.0 * X * np.geomspace(0.01, 100, 8) - np.arange(8), mask)
    for (_, first), (_, second) in zip(
        entry_folds(one, 3, 0), entry_folds(other, 3, 0), strict=True
    ):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("form", FORMS)
def test_equal_rows_lose_the_same_entries(form):
    X, mask = pattern(12, 8, 0.7, 2)
    k = np.array([1, 3, 2, 1, 1, 4, 1, 1, 2, 1, 1, 2])
    one = observe(X, mask, form=form)
    many = observe(np.repeat(X, k, axis=0), np.repeat(mask, k, axis=0), form=form)
    found = held_out(many, entry_folds(many, 4, 0))
    first = np.cumsum(k) - k
    np.testing.assert_array_equal(found, np.repeat(found[first], k, axis=0))
    # Repetitions are a weight, and a row of weight 0 is none.
    weighted = held_out(one, entry_folds(one, 4, 0, sample_weight=k.astype(float)))
    np.testing.assert_array_equal(found[first], weighted)
    without = np.where(k == 2, 0.0, k)
    rest = observe(X[k != 2], mask[k != 2], form=form)
    weighted = held_out(one, entry_folds(one, 4, 0, sample_weight=without))
    np.testing.assert_array_equal(weighted[k == 2], -1)
    expected = held_out(rest, entry_folds(rest, 4, 0))
    np.testing.assert_array_equal(weighted[k != 2], expected)


def test_column_that_only_equal_rows_observe_stays():
    # Held out of one copy, it would be lost with all of them.
    X, mask = pattern(10, 6, 1.0, 3)
    mask[:, 5] = False
    mask[0, 5] = True
    X, mask = (np.vstack([a, a[:1], a[:1]]) for a in (X, mask))
    observed = observe(X, mask)
    for train, _ in entry_folds(observed, 2, 0):
        assert 5 in observed.rows_and_columns()[1][train]


@pytest.mark.parametrize(
    ("shape", "fraction", "n_used"),
    [((40, 30), 0.5, 10), ((100, 100), 0.999, 4), ((200, 100), 0.9, 2), ((200, 200), 0.9, 1)],
)
def test_quick_folds_are_as_many_as_give_3000_entries(shape, fraction, n_used):
    X, mask = pattern(*shape, fraction, 0)
    observed = observe(X, mask)
    splits = quick_folds(observed, 0)
    assert len(splits) == n_used
    for (train, test), (_, other) in zip(splits, entry_folds(observed, 10, 0), strict=False):
        np.testing.assert_array_equal(test, other)
        assert test.size == pytest.approx(observed.nnz / 10, abs=1)
        assert train.size == observed.nnz - test.size


def test_few_entries_give_few_folds():
    X, mask = low_rank_table(n=2, m=3, fraction=0.0)
    mask[:] = True
    mask[0, 2] = False
    splits = quick_folds(observe(X, mask), 0)
    assert [test.size for _, test in splits] == [1, 1, 1, 1]
