import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmc.datasets import make_ratings
from skmc.datasets._skewed_pattern import _draw_by_race, _draw_by_rejection


@pytest.fixture(scope="module")
def data():
    return make_ratings(1500, 900, 60_000, random_state=0)


def test_pattern(data):
    X = data.X
    assert X.format == "csr"
    assert X.shape == (1500, 900)
    assert X.nnz == 60_000
    pairs = np.repeat(np.arange(1500), np.diff(X.indptr)) * 900 + X.indices
    assert np.all(np.diff(pairs) > 0)  # sorted, hence distinct
    assert X.indices.dtype == X.indptr.dtype == np.int32


def test_activity_and_popularity_are_skewed(data):
    activity = np.diff(data.X.indptr)
    popularity = np.bincount(data.X.indices, minlength=900)
    assert activity.min() >= 20
    assert popularity.min() >= 1
    for counts, heavy in (activity, 4), (popularity, 6):
        assert counts.max() > heavy * counts.mean()
        assert np.median(counts) < 0.85 * counts.mean()


def test_no_skew_is_uniform():
    X = make_ratings(500, 400, 40_000, skew=0, random_state=0).X
    assert np.ptp(np.diff(X.indptr)) <= 1
    popularity = np.bincount(X.indices, minlength=400)
    assert popularity.std() < 1.5 * np.sqrt(100)


def test_both_ways_of_drawing_follow_the_same_law():
    # Three of 40 items for each of many users, by rejection and by race.
    popularity = np.geomspace(1, 50, 40)
    counts = np.full(20_000, 3)
    nothing = np.empty(0, dtype=np.int64)
    rng = np.random.default_rng(0)
    rejection, unfinished = _draw_by_rejection(nothing, counts, popularity, rng)
    race = _draw_by_race(nothing, np.arange(counts.size), counts, popularity, rng)
    assert unfinished.size == 0
    shares = [np.bincount(keys % 40) / counts.size for keys in (rejection, race)]
    np.testing.assert_allclose(*shares, atol=5 * np.sqrt(2 * 0.25 / counts.size))
    assert shares[0][-1] > 15 * shares[0][0]


@pytest.mark.parametrize("n_levels", [2, 5, 10])
def test_levels(n_levels):
    values = make_ratings(300, 200, 20_000, n_levels=n_levels, random_state=0).X.data
    np.testing.assert_allclose(np.unique(values), 5 / n_levels * np.arange(1, n_levels + 1))


def test_values_look_like_ratings(data):
    values = data.X.data
    assert 3.3 < values.mean() < 3.9
    assert 0.9 < values.std() < 1.25
    residual = values - data.truth
    assert 0.7 < residual.std() < 0.95


def test_truth_is_the_model(data):
    entries = data.X.tocoo()
    rows, columns = entries.row, entries.col
    expected = np.sum(data.U[rows] * data.V[columns], axis=1)
    expected += data.user_biases[rows] + data.item_biases[columns]
    np.testing.assert_allclose(data.truth, expected, rtol=1e-5)
    assert data.U.shape == (1500, 10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    data = make_ratings(50, 40, 500, dtype=dtype, random_state=0)
    for part in data.X.data, data.truth, data.U, data.V, data.user_biases, data.item_biases:
        assert part.dtype == dtype


def test_random_state():
    one, same, other = (make_ratings(50, 40, 500, random_state=seed).X for seed in (0, 0, 1))
    assert (one != same).nnz == 0
    assert (one != other).nnz > 0


@settings(deadline=None, max_examples=60)
@given(
    n_users=st.integers(1, 40),
    n_items=st.integers(1, 40),
    density=st.floats(0, 1),
    skew=st.floats(0, 6),
    seed=st.integers(0, 2**16),
)
def test_any_size(n_users, n_items, density, skew, seed):
    n_ratings = max(1, int(density * n_users * n_items))
    X = make_ratings(n_users, n_items, n_ratings, skew=skew, random_state=seed).X
    assert X.nnz == n_ratings
    assert sparse.csr_array(X).has_canonical_format
    counts = np.bincount(X.indices, minlength=n_items)
    assert counts.size == n_items
    assert np.count_nonzero(counts) >= min(n_items, n_ratings)
    assert np.diff(X.indptr).max() <= n_items


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_users": 3, "n_items": 4, "n_ratings": 13}, "n_ratings=13 exceeds the 12"),
        ({"n_users": 0}, "'n_users' parameter"),
        ({"n_levels": 1}, "'n_levels' parameter"),
        ({"skew": -1}, "'skew' parameter"),
        ({"dtype": np.int32}, "'dtype' parameter"),
        ({"rank": 1.5}, "'rank' parameter"),
    ],
)
def test_bad_parameters(params, match):
    with pytest.raises(ValueError, match=match):
        make_ratings(**params)


@pytest.mark.slow
def test_ten_million_in_time():
    start = time.perf_counter()
    X = make_ratings(69_878, 10_677, 10_000_054, n_levels=10, random_state=0).X
    assert X.nnz == 10_000_054
    assert time.perf_counter() - start < 60
