"""Normals that belong to rows."""

import numpy as np
from scipy import stats

from skmc._bayes import row_keys, row_normals
from skmc._observed import observed_from_dense


def keys_of(X):
    return row_keys(observed_from_dense(np.where(np.isnan(X), 0, X), ~np.isnan(X)))


def table(n=500, m=6):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, m))
    return np.where(rng.random(X.shape) < 0.3, np.nan, X)


def test_they_are_standard_normal_and_independent():
    keys = keys_of(table())
    draws = np.stack([row_normals(keys, 7, s, 5, np.float64) for s in range(20)])
    assert stats.kstest(draws.ravel(), "norm").pvalue > 1e-3
    for axis in range(3):
        lines = np.moveaxis(draws, axis, 0).reshape(draws.shape[axis], -1)
        off = np.corrcoef(lines)[np.triu_indices(len(lines), 1)]
        assert np.abs(off).max() < 6 / np.sqrt(lines.shape[1])
    assert np.unique(draws).size == draws.size


def test_a_row_keeps_its_own_in_any_company():
    X = table()
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(keys_of(X[order]), keys_of(X)[order])
    np.testing.assert_array_equal(keys_of(X[7:8]), keys_of(X)[7:8])


def test_every_entry_and_its_column_matter():
    X = table(n=50)
    keys, other = keys_of(X), X.copy()
    i, j = np.argwhere(~np.isnan(X))[10]
    other[i, j] += 1e-3
    changed = keys_of(other) != keys
    assert changed[i]
    assert changed.sum() == 1
    assert (keys_of(X[:, ::-1]) != keys).mean() > 0.9


def test_seed_and_draw_matter():
    keys = keys_of(table(n=50))
    one = row_normals(keys, 7, 0, 3, np.float64)
    assert (row_normals(keys, 8, 0, 3, np.float64) != one).all()
    assert (row_normals(keys, 7, 1, 3, np.float64) != one).all()


def test_empty_rows_share_a_key():
    X = table(n=5)
    X[2] = np.nan
    assert keys_of(X)[2] == 0
