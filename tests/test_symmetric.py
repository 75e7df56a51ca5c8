"""The completer of symmetric matrices: what it reads, what it predicts, how it fits in."""

import numpy as np
import pandas as pd
import pytest
from problems import symmetric_table
from scipy import sparse
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skmc import EntryRegressor, SymmetricGDCompleter
from skmc._observed import observed_from_dense
from skmc._search import quick_pair_folds

GENERAL = (1, -1, 1)
each_kind = pytest.mark.parametrize("signed", [False, True])


def table(signed=False, **options):
    """A symmetric table with holes, and the complete one."""
    X, mask = symmetric_table(signs=GENERAL if signed else (1, 1, 1), **options)
    return np.where(mask, X, np.nan), X


def one_half(X, seed=0):
    """Keep x_ij or x_ji of each pair at random, or both."""
    rng = np.random.default_rng(seed)
    first = np.triu(rng.integers(0, 3, X.shape), 1)
    drop = (first == 1) | (first == 2).T
    return np.where(drop & ~np.eye(len(X), dtype=bool), np.nan, X)


def to_sparse(X):
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()


def model(completer):
    """The completed training matrix by all of `predict_entries`."""
    n = completer.n_features_in_
    rows, columns = (index.ravel() for index in np.indices((n, n)))
    return completer.predict_entries(rows, columns).reshape(n, n)


def fitted(X, **options):
    return SymmetricGDCompleter(**{"rank": 3, "keep_observed": False, **options}).fit(X)


@each_kind
@pytest.mark.parametrize("form", [np.asarray, to_sparse, pd.DataFrame])
def test_one_half_is_enough(signed, form):
    X, _ = table(signed)
    both = fitted(X, signed=signed, tol=1e-8, max_iter=5000)
    half = SymmetricGDCompleter(3, signed=signed, tol=1e-8, max_iter=5000, keep_observed=False)
    completed = half.fit_transform(form(one_half(X)))
    np.testing.assert_allclose(model(half), model(both), atol=1e-5)
    np.testing.assert_allclose(completed, both.transform(X), atol=1e-5)
    # Rows alone know nothing of the other half.
    assert not np.allclose(half.transform(form(one_half(X))), completed, atol=1e-3)


def test_observed_entries_of_both_halves_are_kept():
    X, _ = table()
    completed = SymmetricGDCompleter(3).fit_transform(one_half(X))
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(completed[seen], X[seen])


def test_sparse_is_dense_with_holes():
    X, _ = table(fraction=0.2)
    exact = {"alpha": 0.5, "tol": 1e-9, "max_iter": 5000}
    for data in (X, np.where(np.isnan(table(fraction=0.6)[0]), np.nan, table(fraction=1.0)[1])):
        dense, stored = fitted(data, **exact), fitted(to_sparse(data), **exact)
        np.testing.assert_allclose(model(stored), model(dense), atol=1e-6)
        np.testing.assert_allclose(
            stored.transform(to_sparse(data)), dense.transform(data), atol=1e-6
        )


def test_a_pair_that_differs_is_named():
    X, _ = table(n=12, fraction=1.0)
    X[3, 7], X[7, 3], X[8, 2] = 1.5, 2.5, 99.0
    message = (
        r"X is not symmetric: 2 pair\(s\) of observed entries differ, the first X\[2, 8\] = .* "
        r"and X\[8, 2\] = 99\. .*\(X \+ X\.T\) / 2"
    )
    for form in (np.asarray, to_sparse, pd.DataFrame):
        with pytest.raises(ValueError, match=message):
            SymmetricGDCompleter().fit(form(X))
    fitted((X + X.T) / 2)


def test_rounding_is_no_difference():
    X, _ = table(n=12)
    for kind in (np.float64, np.float32):
        rounded = X.astype(kind)
        upper = np.triu_indices(12, 1)
        rounded[upper] = rounded[upper] * kind(1 + 4 * np.finfo(kind).eps)
        completed = SymmetricGDCompleter(2).fit_transform(rounded)
        seen = ~np.isnan(X)
        np.testing.assert_array_equal(completed[seen], rounded[seen])


def test_weights_must_be_symmetric_and_x_square():
    X, _ = table(n=12, fraction=1.0)
    weights = np.ones(X.shape)
    weights[0, 1] = 3.0
    with pytest.raises(ValueError, match=r"entry_weight is not symmetric: 1 pair.*\[0, 1\] = 3"):
        SymmetricGDCompleter().fit(X, entry_weight=weights)
    with pytest.raises(ValueError, match=r"X must be square.*\(12, 9\)"):
        SymmetricGDCompleter().fit(X[:, :9])


@each_kind
def test_predictions_are_symmetric(signed):
    X, complete = table(signed)
    completer = fitted(X, signed=signed, alpha=0.5, tol=1e-9, max_iter=5000)
    Z = model(completer)
    np.testing.assert_array_equal(Z, Z.T)
    # With a penalty fold-in gives back the training rows.
    np.testing.assert_allclose(completer.transform(X), Z, atol=1e-6)
    U = completer.row_factors(X)
    np.testing.assert_allclose(completer.scale_ * (U @ completer.components_), Z, atol=1e-6)
    values = np.linalg.eigvalsh(Z)
    values = values[np.argsort(-np.abs(values))][:3]
    np.testing.assert_allclose(completer.eigenvalues_, values, rtol=1e-6)
    assert (completer.eigenvalues_ < 0).any() == signed
    hidden = np.isnan(X)
    assert np.sqrt(np.mean((Z - complete)[hidden] ** 2)) < 0.15
    for wrong in (([-1], [0]), ([0], [40]), ([0.5], [0])):
        with pytest.raises(ValueError):
            completer.predict_entries(*wrong)


@each_kind
@pytest.mark.parametrize("alpha", [0.0, "auto"])
def test_exact_data_are_recovered(signed, alpha):
    X, complete = table(signed, n=80, noise=0.0, fraction=0.4)
    completer = fitted(X, signed=signed, alpha=alpha, tol=1e-4)
    np.testing.assert_allclose(model(completer), complete, atol=1e-6)
    np.testing.assert_allclose(completer.transform(X), complete, atol=1e-5)
    # New objects by what they have in common with some of the old ones.
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(5, 80)) / 80
    new = weights @ complete
    np.testing.assert_allclose(
        completer.transform(np.where(rng.random(new.shape) < 0.4, new, np.nan)), new, atol=1e-5
    )


def test_without_signs_the_best_semidefinite_matrix_is_fitted():
    X, complete = table(signed=True, fraction=1.0)
    completer = fitted(X, alpha=0, tol=1e-8)
    values, P = np.linalg.eigh(X)
    values = np.where(np.argsort(np.argsort(-values)) < 3, np.maximum(values, 0), 0)
    np.testing.assert_allclose(model(completer), (P * values) @ P.T, atol=1e-4)
    with_signs = fitted(X, alpha=0, signed=True)
    assert np.abs(model(with_signs) - complete).max() < 0.5 < np.abs(model(completer) - X).max()


def test_negative_definite_data_leave_nothing():
    X, _ = table(fraction=1.0, noise=0.0)
    assert np.abs(model(fitted(-X, alpha=0))).max() < 1e-6
    assert (fitted(-X, alpha=0, signed=True).eigenvalues_ < 0).all()


@each_kind
def test_multiples_of_the_data_give_multiples_of_the_result(signed):
    X, _ = table(signed)
    one = fitted(X, signed=signed, tol=1e-8, max_iter=5000)
    for factor in (1e-6, 1e5, *([-3.0] if signed else [])):
        other = fitted(factor * X, signed=signed, tol=1e-8, max_iter=5000)
        np.testing.assert_allclose(model(other) / factor, model(one), atol=1e-6)


@each_kind
def test_the_order_of_objects_does_not_matter(signed):
    X, _ = table(signed)
    order = np.random.default_rng(0).permutation(len(X))
    one, other = (
        fitted(data, signed=signed, tol=1e-8, max_iter=5000)
        for data in (X, X[np.ix_(order, order)])
    )
    np.testing.assert_allclose(model(other), model(one)[np.ix_(order, order)], atol=1e-6)


def test_products_of_weights_count_objects():
    X, _ = table(n=20)
    times = np.random.default_rng(0).integers(1, 4, len(X))
    options = {"alpha": 0, "tol": 1e-10, "max_iter": 20_000}
    weighted = SymmetricGDCompleter(3, **options).fit(X, entry_weight=np.outer(times, times))
    again = np.repeat(np.arange(len(X)), times)
    repeated = SymmetricGDCompleter(3, **options).fit(X[np.ix_(again, again)])
    first = np.searchsorted(again, np.arange(len(X)))
    np.testing.assert_allclose(model(weighted), model(repeated)[np.ix_(first, first)], atol=1e-5)


def test_weights_multiply_the_loss():
    X, _ = table()
    options = {"tol": 1e-10, "max_iter": 20_000}
    weighted = SymmetricGDCompleter(3, alpha=2.0, **options)
    weighted.fit(X, entry_weight=np.full(X.shape, 4.0))
    plain = SymmetricGDCompleter(3, alpha=0.5, **options).fit(X)
    np.testing.assert_allclose(model(weighted), model(plain), atol=1e-6)


def test_weights_of_zero_and_of_one():
    X, complete = table()
    plain = SymmetricGDCompleter(3, tol=1e-8).fit(X)
    seen = (~np.isnan(X)).astype(float)
    zeros = SymmetricGDCompleter(3, tol=1e-8)
    completed = zeros.fit_transform(complete, entry_weight=seen)
    np.testing.assert_allclose(model(zeros), model(plain), atol=1e-6)
    # Entries of weight zero have no part in the fit, but they are observed.
    np.testing.assert_array_equal(completed, complete)
    half = SymmetricGDCompleter(3, tol=1e-8, keep_observed=False)
    completed = half.fit_transform(one_half(X), entry_weight=np.ones(X.shape))
    np.testing.assert_allclose(completed, half.transform(X), atol=1e-9)


def test_defaults_on_noise_and_on_signal():
    X, complete = table(n=100, noise=0.3)
    completer = SymmetricGDCompleter()
    completed = completer.fit_transform(X)
    assert completer.converged_
    assert completer.rank_ == 3
    hidden = np.isnan(X)
    assert np.sqrt(np.mean((completed - complete)[hidden] ** 2)) < 0.45
    E = np.triu(np.random.default_rng(0).normal(size=(60, 60)))
    noise = SymmetricGDCompleter().fit(E + np.triu(E, 1).T)
    assert np.abs(noise.eigenvalues_).max(initial=0) < 1.0


def test_rank_by_held_out_pairs(monkeypatch):
    monkeypatch.setattr("skmc._search._splits.TENTH", 3)
    X, _ = table(signed=True, n=60, noise=0.2)
    completer = SymmetricGDCompleter("auto", alpha=0, signed=True).fit(X)
    assert completer.rank_ == 3
    observed = observed_from_dense(X, ~np.isnan(X))
    rows, columns = observed.rows_and_columns()
    seen = np.zeros(rows.size, dtype=int)
    for train, test in quick_pair_folds(observed, 0):
        np.testing.assert_array_equal(np.union1d(train, test), np.arange(rows.size))
        assert train.size + test.size == rows.size
        pairs = set(zip(rows[test], columns[test], strict=True))
        assert pairs == {(j, i) for i, j in pairs}
        seen[test] += 1
    assert seen.max() == 1
    assert seen.mean() > 0.8


def test_cross_validation_over_objects():
    X, _ = table(n=60, noise=0.1)
    search = GridSearchCV(SymmetricGDCompleter(), {"rank": [1, 3], "alpha": [0.1]}, cv=3).fit(X)
    assert search.best_params_["rank"] == 3
    assert search.best_score_ > 0.9
    diverging = GridSearchCV(
        SymmetricGDCompleter(3, momentum=None), {"step_size": [50.0, "auto"]}, cv=2
    )
    with pytest.warns((FitFailedWarning, UserWarning), match="symmetric_gd diverged|non-finite"):
        diverging.fit(X)
    assert diverging.best_params_["step_size"] == "auto"


def test_a_kernel_with_holes_can_be_learned_from():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(90, 3))
    y = points[:, 0] > 0
    K = points @ points.T
    holes = np.triu(rng.random(K.shape) < 0.4, 1)
    X = np.where(holes | holes.T, np.nan, K)
    pipeline = make_pipeline(SymmetricGDCompleter(3), SVC(kernel="precomputed"))
    pipeline.fit(X[:60, :60], y[:60])
    assert pipeline.score(X[60:, :60], y[60:]) > 0.9


def test_labels_of_rows_and_columns_are_refused():
    labels = np.argwhere(np.ones((6, 6)))
    with pytest.raises(ValueError, match="SymmetricGDCompleter cannot be fitted by labels"):
        EntryRegressor(SymmetricGDCompleter()).fit(labels, np.ones(36))


def test_an_object_without_entries():
    X, _ = table()
    X[7], X[:, 7] = np.nan, np.nan
    with pytest.warns(UserWarning, match=r"1 column.*no observed entry: 7\. .*filled with zeros"):
        completer = fitted(X)
    Z = model(completer)
    np.testing.assert_array_equal(Z[7], 0)
    np.testing.assert_array_equal(completer.transform(X)[:, 7], 0)
    with pytest.warns(UserWarning, match="dropped"):
        assert SymmetricGDCompleter(3, keep_empty_features=False).fit_transform(X).shape == (40, 39)


@each_kind
@pytest.mark.parametrize("alpha", [0.0, 1.0, "auto"])
@pytest.mark.filterwarnings("ignore::skmc.exceptions.UndeterminedWarning")
def test_tiny_data(signed, alpha):
    swap = np.array([[0.0, 2.0], [2.0, 0.0]])
    for X in (np.array([[4.0]]), np.array([[0.0]]), swap, np.array([[np.nan, 1.0], [1.0, 2.0]])):
        completed = SymmetricGDCompleter(signed=signed, alpha=alpha).fit_transform(X)
        assert np.isfinite(completed).all()
    if signed and alpha == 0:
        np.testing.assert_allclose(model(fitted(swap, alpha=0, signed=True)), swap, atol=1e-6)


def test_warm_start_and_given_components():
    X, _ = table()
    completer = SymmetricGDCompleter(3, alpha=0.5, tol=1e-8, max_iter=5000, warm_start=True).fit(X)
    first, n_iter = model(completer), completer.n_iter_
    completer.fit(X)
    assert completer.n_iter_ <= n_iter / 4
    np.testing.assert_allclose(model(completer), first, atol=1e-6)
    again = fitted(X, alpha=0.5, tol=1e-8, max_iter=5000, init=completer.components_)
    np.testing.assert_allclose(model(again), first, atol=1e-6)
    with pytest.raises(ValueError, match="init must be"):
        fitted(X, init=np.ones((2, 40)))


@each_kind
def test_single_precision(signed):
    X, _ = table(signed)
    double, single = (fitted(X.astype(kind), signed=signed) for kind in (np.float64, np.float32))
    completed = single.transform(X.astype(np.float32))
    for values in (single.components_, single.eigenvalues_, model(single), completed):
        assert values.dtype == np.float32
    np.testing.assert_allclose(model(single), model(double), atol=2e-2)


def test_many_objects_take_no_dense_matrix():
    # A dense matrix of this size would take 320 GB.
    n = 200_000
    rng = np.random.default_rng(0)
    rows, columns = 5 * rng.integers(0, n // 5, (2, 400_000))
    rows, columns = np.minimum(rows, columns), np.maximum(rows, columns)
    u = 1.0 + rng.random(n)
    keys = np.unique(rows * n + columns)
    rows, columns = keys // n, keys % n
    X = sparse.coo_array((u[rows] * u[columns], (rows, columns)), shape=(n, n)).tocsr()
    completer = SymmetricGDCompleter(1, alpha=1.0, tol=0.1)
    with pytest.warns(UserWarning, match="no observed entry"):
        completer.fit(X)
    assert np.corrcoef(completer.predict_entries(rows, columns), X.data)[0, 1] > 0.9
    with pytest.raises(MemoryError, match="predict_entries"):
        completer.fit_transform(X)
