"""Entries as compressed rows, and what becomes of several entries of one cell."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmc._entries import compress_entries, distinct_cells

ENTRIES = dict(
    n_entries=st.integers(1, 60),
    n=st.integers(1, 8),
    m=st.integers(1, 8),
    # With many columns to an entry the sort is another one.
    spread=st.sampled_from([1, 100]),
    seed=st.integers(0, 2**16),
)


def _entries(n_entries, n, m, spread, seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(n, size=n_entries), spread * rng.integers(m, size=n_entries)
    values = rng.choice([0.1, 0.3, 1e6, -2.5], n_entries)
    return rows, columns, values, (n, spread * m), rng.integers(1, 4, n_entries).astype(float)


def _dense(indptr, indices, values, shape):
    out = np.full(shape, np.nan)
    out[np.repeat(np.arange(shape[0]), np.diff(indptr)), indices] = values
    return out


@settings(deadline=None, max_examples=200)
@given(how=st.sampled_from(["raise", "mean", "last"]), weighted=st.booleans(), **ENTRIES)
def test_cells(how, weighted, **entries):
    rows, columns, values, shape, weights = _entries(**entries)
    weights = weights if weighted else None
    cells = {}
    for k, cell in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        cells.setdefault(cell, []).append(k)
    if how == "raise" and any(np.ptp(values[k]) for k in cells.values()):
        with pytest.raises(ValueError, match="with another value"):
            compress_entries(rows, columns, values, shape, how, weights=weights, weigh_equal=True)
        return
    indptr, indices, found, found_weights = compress_entries(
        rows, columns, values, shape, how, weights=weights, weigh_equal=True
    )
    assert indptr.dtype == np.int64
    assert indptr.size == shape[0] + 1
    for start, stop in pairwise(indptr):
        assert (np.diff(indices[start:stop]) > 0).all()
    expected, expected_weights = np.full(shape, np.nan), np.full(shape, np.nan)
    w = np.ones(values.size) if weights is None else weights
    for cell, k in cells.items():
        expected[cell] = values[k[-1]] if how == "last" else np.average(values[k], weights=w[k])
        counted = values[k] == values[k[-1]] if how == "last" else np.ones(len(k), dtype=bool)
        expected_weights[cell] = w[k][counted].sum()
        if not np.ptp(values[k]):
            assert _dense(indptr, indices, found, shape)[cell] == values[k[0]]
    mean = _dense(indptr, indices, found, shape)
    np.testing.assert_allclose(mean, expected, rtol=1e-12, atol=1e-15)
    found_weights = np.ones_like(found) if found_weights is None else found_weights
    np.testing.assert_array_equal(_dense(indptr, indices, found_weights, shape), expected_weights)


def test_equal_values_are_duplicates_too_unless_they_add_weight():
    positions = np.array([1, 0, 1]), np.array([2, 0, 2])
    values = np.array([3.0, 1.0, 3.0], dtype=np.float32)
    with pytest.raises(ValueError, match=r"1 entries repeat an earlier one, .* row 1, column 2"):
        compress_entries(*positions, values, (2, 3), "raise")
    with pytest.raises(ValueError, match="row u, column k"):
        compress_entries(*positions, values, (2, 3), "raise", labels=(["t", "u"], ["i", "j", "k"]))
    *_, found, weights = compress_entries(*positions, values, (2, 3), "raise", weigh_equal=True)
    assert found.tolist() == [1.0, 3.0]
    assert weights.tolist() == [1.0, 2.0]
    assert found.dtype == weights.dtype == np.float32


@settings(deadline=None, max_examples=100)
@given(**ENTRIES)
def test_cells_are_numbered_as_they_come(**entries):
    rows, columns, *_ = _entries(**entries)
    first, cell = distinct_cells(rows, columns)
    numbers = {}
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    assert cell.tolist() == [numbers.setdefault(pair, len(numbers)) for pair in pairs]
    assert first.tolist() == [pairs.index(pair) for pair in numbers]
