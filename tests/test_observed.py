import numpy as np
import pytest
from problems import FORMS, low_rank_table, observe

from skmc._observed import DenseObserved, SparseObserved, observed_from_dense
from skmc._observed._view import where_observed
from skmc._training import prepare


def both_forms(weighted=False):
    X, mask = low_rank_table(n=15, m=9, rank=2)
    weights = np.random.default_rng(5).uniform(0.5, 2, X.shape) if weighted else None
    return X, mask, weights, [observe(X, mask, weights, form) for form in FORMS]


def as_array(observed, entries):
    if entries.ndim == 2:
        return entries
    out = np.zeros(observed.shape)
    out[observed.rows_and_columns()] = entries
    return out


def test_entry_arrays_and_products_agree_between_forms():
    X, mask, weights, forms = both_forms(weighted=True)
    rng = np.random.default_rng(0)
    U, V, a, b = (rng.normal(size=s) for s in ((15, 3), (9, 3), 15, 9))
    R = np.where(mask, X - U @ V.T, 0)
    for observed in forms:
        entries = observed.residual(U, V)
        np.testing.assert_allclose(as_array(observed, entries), R, atol=1e-12)
        shifted = observed.subtract_outer(entries, a, b)
        np.testing.assert_allclose(
            as_array(observed, shifted), np.where(mask, R - np.outer(a, b), 0), atol=1e-12
        )
        for out in (np.empty_like(entries), entries.copy()):
            assert observed.residual(U, V, out) is out
            np.testing.assert_array_equal(out, entries)
            for first in (None, a):
                wanted = observed.subtract_outer(entries, first, b)
                assert observed.subtract_outer(entries.copy(), first, b, out) is out
                np.testing.assert_array_equal(out, wanted)
        in_place = entries.copy()
        observed.subtract_outer(in_place, a, b, in_place)
        np.testing.assert_array_equal(in_place, shifted)
        np.testing.assert_allclose(observed.matmul(entries, V), R @ V, atol=1e-12)
        np.testing.assert_allclose(observed.rmatmul(entries, U), R.T @ U, atol=1e-12)
        np.testing.assert_allclose(observed.column_sums(entries, a), a @ R, atol=1e-12)
        np.testing.assert_allclose(observed.row_sums(entries, b), R @ b, atol=1e-12)
        np.testing.assert_allclose(
            as_array(observed, observed.weighted(entries)), np.where(mask, weights * R, 0)
        )
        assert observed.matmul(entries, V[:, :0]).shape == (15, 0)
        assert observed.rmatmul(entries, U[:, :0]).shape == (9, 0)
        assert observed.dot(entries, entries) == pytest.approx(np.sum(R**2))
        assert observed.nnz == mask.sum()
        np.testing.assert_array_equal(observed.row_counts, mask.sum(axis=1))
        np.testing.assert_array_equal(observed.column_counts, mask.sum(axis=0))


def test_column_view_is_the_transposed_row_view():
    X, mask, weights, forms = both_forms(weighted=True)
    for observed in forms:
        view = observed.columns
        for j in range(9):
            part = slice(view.indptr[j], view.indptr[j + 1])
            np.testing.assert_array_equal(view.indices[part], np.flatnonzero(mask[:, j]))
            np.testing.assert_array_equal(view.values[part], X[mask[:, j], j])
            np.testing.assert_array_equal(view.weights[part], weights[mask[:, j], j])


def test_moments_and_standardisation():
    X, mask, weights, forms = both_forms(weighted=True)
    row_weight = np.arange(1.0, 16.0)
    W = np.where(mask, weights * row_weight[:, None], 0)
    mean = (W * X).sum(0) / W.sum(0)
    variance = (W * (X - mean) ** 2).sum(0) / W.sum(0)
    center, scale, a = np.arange(9.0), np.arange(1.0, 10.0), np.sqrt(row_weight)
    standard = np.where(mask, a[:, None] * (X - center) / scale, 0)
    for observed in forms:
        count, m, v, largest = observed.column_moments(row_weight)
        np.testing.assert_allclose(count, row_weight @ mask)
        np.testing.assert_allclose(m, mean)
        np.testing.assert_allclose(v, np.sqrt(variance))
        deviation = np.where(mask, np.abs(X - mean), 0)
        np.testing.assert_allclose(largest, deviation.max(axis=0))
        first = np.where(np.arange(15) == 0, 1.0, 0.0)
        # Rows of weight zero do not count: one row does not deviate from itself.
        np.testing.assert_allclose(observed.column_moments(first)[3], 0, atol=1e-12)
        result = observed.standardized(center, scale, a)
        np.testing.assert_allclose(as_array(result, result.values), standard, atol=1e-12)
        # The column view must follow, whether or not it was built before.
        np.testing.assert_allclose(result.columns.values, standard.T[mask.T], atol=1e-12)


def test_take_and_fill():
    X, mask, _, forms = both_forms()
    rows, columns = np.arange(15) % 3 != 0, np.arange(9) != 4
    for observed in forms:
        part = observed.take(rows, columns)
        out = np.full(part.shape, np.nan)
        part.fill(out)
        expected = np.where(mask, X, np.nan)[np.ix_(rows, columns)]
        np.testing.assert_array_equal(out, expected)


def test_take_shares_the_entries_if_only_empty_lines_go():
    X, mask, _, _ = both_forms()
    mask[3], mask[:, 4] = False, False
    observed = observe(X, mask, form="sparse")
    part = observed.take(np.arange(15) != 3, np.arange(9) != 4)
    assert np.shares_memory(part.values, observed.values)
    out = np.full(part.shape, np.nan)
    part.fill(out)
    np.testing.assert_array_equal(out, np.delete(np.delete(np.where(mask, X, np.nan), 3, 0), 4, 1))


@pytest.mark.parametrize("shape", [(15, 9), (3, 50_000), (20_000, 3)])
def test_entries_where_a_mask_is_true(shape):
    rng = np.random.default_rng(0)
    X, mask = rng.normal(size=shape), rng.random(shape) < 0.4
    indices, nothing, values = where_observed(mask, None, X)
    np.testing.assert_array_equal(indices, np.nonzero(mask)[1])
    np.testing.assert_array_equal(values, X[mask])
    assert nothing is None


@pytest.mark.parametrize("weighted", [False, True])
def test_square_distance(weighted):
    _, mask, weights, forms = both_forms(weighted)
    for observed in forms:
        other = np.cos(observed.values) * (observed.values != 0)
        w = 1.0 if weights is None else np.where(mask, weights, 0)
        difference = as_array(observed, observed.values) - as_array(observed, other)
        found = observed.square_distance(observed.values, other)
        assert found == pytest.approx((w * difference**2).sum())


def test_column_dots():
    X, mask, _, forms = both_forms()
    expected = (np.where(mask, X, 0) * np.where(mask, np.cos(X), 0)).sum(axis=0)
    for observed in forms:
        other = observed.with_values(np.cos(observed.values) * (observed.values != 0))
        found = observed.column_dots(observed.values, other.values)
        np.testing.assert_allclose(found, expected)


def test_entries_of_some_rows_are_counted():
    _, mask, _, forms = both_forms()
    for rows in (np.arange(15) % 3 != 0, np.ones(15, dtype=bool), np.zeros(15, dtype=bool)):
        for observed in forms:
            found = observed.column_counts_in(rows)
            np.testing.assert_array_equal(found, mask[rows].sum(axis=0))


def test_sample_weights_copy_no_data(monkeypatch):
    weights = np.arange(15.0)
    for form in both_forms()[3]:
        expected = form.take(weights > 0, np.ones(9, dtype=bool)).column_counts
        monkeypatch.setattr(type(form), "take", None)
        training = prepare(form, weights, center=True, scale=True)
        np.testing.assert_array_equal(training.learned, expected > 0)
        np.testing.assert_array_equal(training.partial, expected < training.used.sum())
        monkeypatch.undo()


def test_keep_takes_entries_out():
    X, mask, weights, forms = both_forms(weighted=True)
    kept = np.arange(np.count_nonzero(mask)) % 4 != 1
    expected = mask.copy()
    expected[mask] = kept
    for observed in forms:
        part = observed.keep(kept)
        assert part.nnz == np.count_nonzero(kept)
        assert part.shape == observed.shape
        np.testing.assert_array_equal(part.rows.values, X[expected])
        np.testing.assert_array_equal(part.rows.weights, weights[expected])
        np.testing.assert_array_equal(part.rows_and_columns(), np.nonzero(expected))
        np.testing.assert_array_equal(part.column_counts, expected.sum(axis=0))
        # What it was taken from is as it was.
        np.testing.assert_array_equal(observed.rows.values, X[mask])


@pytest.mark.parametrize("form", FORMS)
def test_ridge_columns_with_intercept_solves_its_normal_equations(form):
    X, mask = low_rank_table(n=15, m=9)
    observed = observe(X, mask, form=form)
    rng = np.random.default_rng(2)
    U, b, a = rng.normal(size=(15, 3)), rng.normal(size=15), rng.uniform(1, 2, 15)
    V, c, value = observed.ridge_columns(U, 0.3, intercept=True, design=a, shift=b)
    for j in range(9):
        seen = mask[:, j]
        residual = X[seen, j] - b[seen] - a[seen] * c[j] - U[seen] @ V[j]
        np.testing.assert_allclose(U[seen].T @ residual, 0.3 * V[j], atol=1e-10)
        assert a[seen] @ residual == pytest.approx(0, abs=1e-10)
        assert value[j] == pytest.approx(0.5 * residual @ residual + 0.15 * V[j] @ V[j])


def test_the_form_follows_the_density():
    X, mask = low_rank_table(n=50, m=40, fraction=0.05)
    assert isinstance(observed_from_dense(X, mask), SparseObserved)
    assert isinstance(observed_from_dense(X, np.ones_like(mask)), DenseObserved)
