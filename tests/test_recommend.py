"""The best columns of rows: the same as from all predictions, which are never held at a time."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from problems import symmetric_table
from registry import make, supports
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skmc import ALSCompleter, EntryRegressor, NMFCompleter, _memory, _parallel, _recommend
from skmc._fold_in import FoldIn
from skmc.completers import COMPLETERS
from skmc.datasets import make_low_rank

SETTINGS = [(E, {}) for E in COMPLETERS] + [
    (ALSCompleter, {"center": "both"}),
    (ALSCompleter, {"center": False, "scale": False}),
]
each = pytest.mark.parametrize(("E", "params"), SETTINGS, ids=str)


def table(E=ALSCompleter, n_rows=60, dtype=np.float64):
    if "symmetric" in supports(E):
        X, mask = symmetric_table(n=30)
        return np.where(mask, X, np.nan).astype(dtype)
    options = {"observed": 0.6, "noise": 0.1, "offsets": 1.0, "random_state": 0}
    X = make_low_rank(n_rows, 30, 3, **options).X.astype(dtype)
    return np.abs(X) if "non_negative" in supports(E) else X


def to_sparse(X):
    rows, columns = np.nonzero(~np.isnan(X))
    return sparse.coo_array((X[rows, columns], (rows, columns)), shape=X.shape).tocsr()


def brute_force(Z, n):
    """Columns and values from all predictions, those left out being -inf."""
    n = min(n, Z.shape[1])
    columns = np.argsort(-Z, axis=1, kind="stable")[:, :n]
    values = np.take_along_axis(Z, columns, axis=1)
    none = np.isneginf(values)
    return np.where(none, -1, columns), np.where(none, np.nan, values)


def check(found, expected, rtol=1e-9):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=rtol, atol=rtol)


@each
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_best_of_all_predictions(E, params, dtype):
    X = table(E, dtype=dtype)
    model = make(E, **params).fit(X)
    Z = model.transform(X)
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    for n in (1, 5, 30):
        check(model.recommend(X, n, exclude_observed=False), brute_force(Z, n), rtol)
        found = model.recommend(X, n)
        check(found, brute_force(np.where(np.isnan(X), Z, -np.inf), n), rtol)
    assert found[0].dtype == np.int64
    assert found[1].dtype == dtype
    check(model.recommend(X, 99), found, rtol)
    assert model.recommend(X)[0].shape == (len(X), 10)


def test_any_container_and_new_rows():
    model = ALSCompleter(rank=3, center="both", keep_observed=True).fit(table())
    new = table(n_rows=80)[60:]
    expected = model.recommend(new, 4)
    for same in (to_sparse(new), pd.DataFrame(new), np.ma.masked_invalid(new), new.tolist()):
        check(model.recommend(same, 4), expected)
    for i in range(0, 20, 7):
        check(model.recommend(new[i : i + 1], 4), [part[i : i + 1] for part in expected])
    check(pickle.loads(pickle.dumps(model)).recommend(new, 4), expected, 0)


def test_rows_without_entries_and_complete_rows():
    X = table()
    model = ALSCompleter(rank=3).fit(X)
    columns, values = model.recommend(np.full((1, 30), np.nan), 30)
    np.testing.assert_array_equal(columns[0], np.argsort(-model.offsets_, kind="stable"))
    np.testing.assert_allclose(values[0], model.offsets_[columns[0]])
    # Where nothing is known of the columns either, they are equal.
    columns, values = NMFCompleter(rank=2).fit(table(NMFCompleter)).recommend(X[:2] * np.nan, 3)
    np.testing.assert_array_equal(columns, [[0, 1, 2]] * 2)
    np.testing.assert_array_equal(values, 0)
    complete = np.where(np.isnan(X), 0.0, X)[:2]
    complete[1, [4, 8]] = np.nan
    columns, values = model.recommend(complete, 3)
    np.testing.assert_array_equal(columns == -1, [[1, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(np.isnan(values), columns == -1)
    assert set(columns[1, :2]) == {4, 8}


@pytest.mark.parametrize("keep", [True, False])
def test_columns_without_training_data_are_left_out(keep):
    X = table()
    X[:, [2, 11]] = np.nan
    model = ALSCompleter(rank=3, keep_empty_features=keep, add_indicator=True)
    with pytest.warns(UserWarning, match="no observed entry: 2, 11"):
        model.fit(X)
    X[0, 2] = 1e3
    columns, values = model.recommend(X, 30, exclude_observed=False)
    assert (columns[:, -2:] == -1).all()
    assert np.isnan(values[:, -2:]).all()
    expected = np.setdiff1d(np.arange(30), [2, 11])
    np.testing.assert_array_equal(np.sort(columns[:, :28], axis=1), [expected] * 60)


@pytest.mark.parametrize("seed", range(5))
def test_ties_go_by_column_number(seed, monkeypatch):
    # Whole numbers, of which products are exact.
    monkeypatch.setattr(_recommend, "CHUNK", 4000)
    rng = np.random.default_rng(seed)
    n_rows, m, r = 70, rng.integers(1, 60), rng.integers(0, 3)
    U = rng.integers(-1, 2, (n_rows, r)).astype(np.float32)
    C = rng.integers(-1, 2, (r, m)).astype(np.float32)
    rows, offsets = rng.integers(0, 2, n_rows).astype(np.float32), rng.integers(0, 2, m)
    seen, learned = rng.random((n_rows, m)) < rng.random((n_rows, 1)), rng.random(m) < 0.9
    fold_in = FoldIn(C, 1.0, offsets.astype(float), np.ones(m), learned, n_threads=2)
    lines = rng.permutation(n_rows)
    stored = sparse.csr_array(seen[np.argsort(lines)])
    pattern = _recommend.Pattern(stored.indptr, stored.indices, lines)
    Z = np.where(seen | ~learned, -np.inf, U @ C + rows[:, None] + offsets)
    for n in {1, m // 2 + 1, m}:
        check(_recommend.best_columns(fold_in, U, rows, n, pattern), brute_force(Z, n), 0)


def test_chunks_and_threads_make_no_difference(monkeypatch):
    X = table(n_rows=300)
    model = ALSCompleter(rank=3, n_jobs=1).fit(X)
    expected = model.recommend(X, 5)
    monkeypatch.setattr(_parallel, "WORK_PER_BLOCK", 10)
    monkeypatch.setattr(_parallel, "WORK_PER_THREAD", 10)
    monkeypatch.setattr(_recommend, "ROWS", 1)
    for rows in (1, 7, 100):
        monkeypatch.setattr(_recommend, "CHUNK", 30 * 8 * rows)
        found = [model.set_params(n_jobs=k).recommend(X, 5) for k in (1, 2, 3)]
        for other in found:
            check(other, expected)
            for part, first in zip(other, found[0], strict=True):
                np.testing.assert_array_equal(part, first)


def test_no_dense_matrix():
    rng = np.random.default_rng(0)
    shape = (500, 200_000)
    rows, columns = np.repeat(np.arange(500), 40), rng.integers(0, shape[1], 20_000)
    X = sparse.coo_array((rng.normal(size=rows.size), (rows, columns)), shape=shape)
    X.sum_duplicates()
    model = ALSCompleter(rank=2, alpha=1.0, tol=1.0, n_jobs=1)
    with pytest.warns(UserWarning, match="no observed entry"):
        model.fit(X)
    tracemalloc.start()
    _, values = model.recommend(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.2 * 8 * shape[0] * shape[1]
    assert np.isfinite(values).all()
    assert (np.diff(values, axis=1) <= 0).all()


@pytest.mark.parametrize("n", [0, -1, 2.5, "3", None, True, np.nan])
def test_numbers_of_columns_that_are_none(n):
    X = table()
    with pytest.raises(ValueError, match="n must be a whole number of columns, at least 1; got"):
        ALSCompleter(rank=2).fit(X).recommend(X, n)


def test_refusals(monkeypatch):
    X = table()
    with pytest.raises(NotFittedError):
        ALSCompleter().recommend(X)
    model = ALSCompleter(rank=2).fit(X)
    with pytest.raises(ValueError, match="features"):
        model.recommend(X[:, :5])
    assert model.recommend(X, np.int32(2))[0].shape == (60, 2)
    monkeypatch.setattr(_memory, "UNASKED", 0)
    monkeypatch.setattr(_memory, "available_bytes", lambda: 60 * 10 * 16 - 1)
    with pytest.raises(MemoryError, match=r"60 rows and n=10 columns takes .* Lower n, or pass"):
        model.recommend(X)
    assert model.recommend(X, 9)[0].shape == (60, 9)


class TestLabels:
    """The same for entries with labels."""

    X = table()
    ROWS = np.array([f"user {i:02d}" for i in range(60)])
    COLUMNS = np.array([f"item {j:02d}" for j in range(30)])

    def fitted(self, rows=ROWS, columns=COLUMNS, as_frame=False, **params):
        i, j = np.nonzero(~np.isnan(self.X))
        order = np.random.default_rng(0).permutation(i.size)
        i, j = i[order], j[order]
        entries = pd.DataFrame({"row": rows[i], "column": columns[j]})
        entries = entries if as_frame else entries.to_numpy()
        completer = ALSCompleter(rank=3, center="both", **params)
        return EntryRegressor(completer).fit(entries, self.X[i, j])

    def test_the_best_of_all_predictions(self):
        model = self.fitted()
        cells = [[row, column] for row in self.ROWS for column in self.COLUMNS]
        Z = model.predict(cells).reshape(60, 30)
        unseen = np.where(np.isnan(self.X), Z, -np.inf)
        some = np.array([7, 3, 59, 3])
        columns, values = brute_force(unseen[some], 6)
        check(model.recommend(self.ROWS[some], 6), (self.COLUMNS[columns], values))
        columns, values = brute_force(Z[some], 6)
        found = model.recommend(self.ROWS[some].tolist(), 6, exclude_observed=False)
        check(found, (self.COLUMNS[columns], values))
        again = pickle.loads(pickle.dumps(model))
        check(again.recommend(self.ROWS[some], 6, exclude_observed=False), found, 0)

    @pytest.mark.parametrize("as_frame", [False, True])
    def test_numbers_as_labels(self, as_frame):
        model = self.fitted(np.arange(60) * 3 - 50, np.arange(30) + 7, as_frame)
        # Every row has three columns left; where one has not, labels are in an array of objects.
        expected = self.fitted().recommend(self.ROWS, 3)
        rows = np.arange(60) * 3 - 50
        for same in (rows, rows.tolist(), pd.Series(rows, index=rows + 5), pd.Index(rows)):
            found = model.recommend(same, 3)
            assert found[0].dtype.kind == "i"
            check((self.COLUMNS[found[0] - 7], found[1]), expected)

    def test_fewer_columns_than_asked_for(self):
        model = self.fitted()
        columns, values = model.recommend(["user 05"], 99)
        left = np.count_nonzero(np.isnan(self.X[5]))
        assert columns.shape == values.shape == (1, 30)
        assert set(columns[0, :left]) == set(self.COLUMNS[np.isnan(self.X[5])])
        assert set(columns[0, left:]) == {None}
        assert np.isnan(values[0, left:]).all()

    def test_no_rows(self):
        columns, values = self.fitted().recommend([])
        assert columns.shape == values.shape == (0, 10)

    def test_unknown_labels_are_named(self):
        model = self.fitted()
        message = "2 of 3 row labels were not in the fit, the first zoe at position 1.*completer_"
        for rows in (
            ["user 05", "zoe", "max"],
            pd.Series(["user 05", "zoe", "max"], index=[1, 2, 0]),
        ):
            with pytest.raises(ValueError, match=message):
                model.recommend(rows)
        with pytest.raises(ValueError, match=r"1 row label\(s\) are missing.*position 1"):
            model.recommend(["user 05", None])
        for wrong in ("user 05", [["user 05"]]):
            with pytest.raises(ValueError, match="rows must be a 1-D list of labels"):
                model.recommend(np.array(wrong))
        with pytest.raises(ValueError, match="n must be a whole number"):
            model.recommend(["user 05"], 0)
        with pytest.raises(NotFittedError):
            EntryRegressor().recommend(["user 05"])

    def test_labels_of_several_types(self):
        X = np.array(
            [["ann", "tea"], ["ann", 5], [(1, 2), "tea"], [3, 5], [3, "tea"]], dtype=object
        )
        labels = np.empty(5, object)
        labels[:] = ["ann", "ann", (1, 2), 3, 3]
        X[:, 0] = labels
        model = EntryRegressor(ALSCompleter(rank=1)).fit(X, [1.0, 2.0, 3.0, 4.0, 5.0])
        columns, _ = model.recommend([(1, 2), "ann"], 1)
        np.testing.assert_array_equal(columns, np.array([[5], [None]], dtype=object))
        with pytest.raises(ValueError, match="first zoe at position 0"):
            model.recommend(["zoe", 3])
        with pytest.raises(ValueError, match="1-D"):
            model.recommend("ann")

    def test_entries_of_weight_zero_were_not_seen(self):
        X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [1, 2]]), np.arange(6.0)
        model = EntryRegressor(ALSCompleter(rank=1)).fit(X, y, sample_weight=[1, 0, 1, 1, 1, 1])
        np.testing.assert_array_equal(model.recommend([0], 1)[0], [[1]])
