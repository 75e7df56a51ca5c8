"""One split of the entries of a matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmc import ALSCompleter
from skmc.datasets import make_low_rank, make_ratings
from skmc.model_selection import train_test_entries

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
STRATEGIES = ["mcar", "pattern", "block"]


def _table(n=30, m=12, missing=0.3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, m))
    X[rng.random((n, m)) < missing] = np.nan
    return X


def _lines(observed):
    return observed.any(axis=0).tolist(), observed.any(axis=1).tolist()


@settings(deadline=None, max_examples=150)
@given(
    strategy=st.sampled_from(STRATEGIES),
    n=st.integers(1, 12),
    m=st.integers(1, 12),
    missing=st.floats(0, 0.95),
    test_size=st.floats(0.01, 0.99) | st.integers(1, 50),
    seed=st.integers(0, 2**16),
)
def test_properties(strategy, n, m, missing, test_size, seed):
    X = _table(n, m, missing, seed)
    X[0, 0] = 1.0
    before, observed = X.copy(), ~np.isnan(X)
    how = {"test_size": test_size, "strategy": strategy, "random_state": seed}
    try:
        train, test = train_test_entries(X, **how)
    except ValueError as exc:
        assert "can be held out" in str(exc)  # noqa: PT017 - both outcomes are right
        return
    np.testing.assert_array_equal(X, before)
    in_train, in_test = ~np.isnan(train), ~np.isnan(test)
    assert not (in_train & in_test).any()
    np.testing.assert_array_equal(in_train | in_test, observed)
    np.testing.assert_array_equal(np.where(in_train, train, test), X)
    n_test = test_size if test_size >= 1 else np.ceil(test_size * observed.sum())
    assert in_test.sum() == n_test
    assert _lines(in_train) == _lines(observed)

    # The values make no difference, and the container neither.
    other = np.where(in_test, X + 1e6, X)
    np.testing.assert_array_equal(np.isnan(train_test_entries(other, **how)[0]), ~in_train)
    rows, columns = np.nonzero(observed)
    S = sparse.coo_array((X[observed], (rows, columns)), shape=X.shape)
    for part, expected in zip(train_test_entries(S, **how), (train, test), strict=True):
        assert isinstance(part, sparse.csr_array)
        stored = part.tocoo()
        np.testing.assert_array_equal(stored.data, expected[~np.isnan(expected)])
        np.testing.assert_array_equal(
            np.column_stack(stored.coords), np.argwhere(~np.isnan(expected))
        )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_seed(strategy):
    X = _table()
    one, same, other = (
        train_test_entries(X, strategy=strategy, random_state=seed)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (np.isnan(one) != np.isnan(other)).any()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_containers(strategy):
    X = _table()
    how = {"strategy": strategy, "random_state": 0}
    expected = train_test_entries(X, **how)
    names = [f"c{j}" for j in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names, index=np.arange(len(X)) * 3)
    masked = np.ma.MaskedArray(np.nan_to_num(X, nan=9e9), mask=np.isnan(X))
    for data in (frame, frame.astype("Float64"), pl.DataFrame(X, schema=names), masked, X.tolist()):
        for part, right in zip(train_test_entries(data, **how), expected, strict=True):
            assert isinstance(part, type(data) if hasattr(data, "columns") else np.ndarray)
            np.testing.assert_array_equal(np.asarray(part, dtype=float), right)
            if isinstance(data, pd.DataFrame):
                assert part.index.equals(frame.index)
                assert part.columns.equals(frame.columns)
    polars_part = train_test_entries(pl.DataFrame(X, schema=names), **how)[0]
    assert polars_part.null_count().sum_horizontal()[0] == np.isnan(expected[0]).sum()
    assert isinstance(
        train_test_entries(sparse.csr_matrix(np.ones((5, 4))), **how | {"strategy": "mcar"})[0],
        sparse.csr_matrix,
    )
    assert train_test_entries(X.astype(np.float32), **how)[1].dtype == np.float32


def test_sparse_input_is_left_alone():
    S = make_ratings(200, 100, 4000, random_state=0).X
    copy = S.copy()
    train, test = train_test_entries(S, random_state=0)
    train.data[:] = test.data[:] = 0
    train.indices[:] = 0
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(S, name), getattr(copy, name))


def test_mcar_is_uniform():
    X = np.ones((20, 30))
    counts = sum(
        ~np.isnan(train_test_entries(X, random_state=seed)[1]).astype(int) + 2
        for seed in range(300)
    )
    # 300 draws with probability 0.2: mean 60, standard deviation 7.
    assert counts.mean() == 60
    assert np.abs(counts - 60).max() < 5 * 7


def test_pattern_hides_what_another_row_lacks():
    X = _table(missing=0)
    X[::2, 3:6] = np.nan
    X[5, 8] = np.nan
    test = ~np.isnan(train_test_entries(X, test_size=0.1, strategy="pattern", random_state=0)[1])
    assert set(np.flatnonzero(test.any(axis=0))) <= {3, 4, 5, 8}
    assert test[:, 3:6].any()
    # What is missing together is hidden together, save in the row that fills the number.
    whole = test[:, 3:6].sum(axis=1)
    assert np.count_nonzero((whole > 0) & (whole < 3)) <= 2
    with pytest.raises(ValueError, match=r"strategy='pattern'\).* only \d+ can be held out"):
        train_test_entries(X, test_size=0.5, strategy="pattern")
    with pytest.raises(ValueError, match="only 0 can be held out"):
        train_test_entries(np.ones((5, 4)), strategy="pattern")


def test_pattern_leaves_half_of_each_row_of_sparse_data():
    S = make_ratings(300, 200, 6000, random_state=0).X
    train, _ = train_test_entries(S, strategy="pattern", random_state=0)
    assert (np.diff(train.indptr) >= np.diff(S.indptr) / 2).all()


def test_rare_holes_are_enough_for_a_pattern():
    X = _table(400, 10, 0)
    X[np.arange(200), np.arange(200) % 10] = np.nan
    test = train_test_entries(X, test_size=0.45, strategy="pattern", random_state=0)[1]
    assert np.count_nonzero(~np.isnan(test)) == np.ceil(0.45 * 3800)


def test_blocks_are_contiguous():
    test = ~np.isnan(
        train_test_entries(np.ones((40, 30)), test_size=0.25, strategy="block", random_state=0)[1]
    )
    rows, columns = np.nonzero(test)
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert (height, width) == (20, 15)
    assert test.sum() == height * width


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_scores_a_completer(strategy):
    X = make_low_rank(150, 20, 2, observed=0.7, noise=0.01, random_state=0).X
    train, test = train_test_entries(X, strategy=strategy, random_state=0)
    assert ALSCompleter(rank=2).fit(train).score(train, test) > 0.95


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.ones((3, 3)), {"test_size": 1.0}, "'test_size' parameter"),
        (np.ones((3, 3)), {"test_size": 0}, "'test_size' parameter"),
        (np.ones((3, 3)), {"strategy": "random"}, "'strategy' parameter"),
        (np.ones((2, 2)), {"test_size": 3}, "Cannot hold out 3 of 4 entries .* only . can be"),
        (np.full((2, 2), np.nan), {}, "are missing"),
        (np.zeros((0, 2)), {}, "0 sample"),
    ],
)
def test_bad_input(X, options, message):
    with pytest.raises(ValueError, match=message):
        train_test_entries(X, **options)
