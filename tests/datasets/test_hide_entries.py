import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmc.datasets import hide_entries, make_low_rank


def _table(n_rows, n_columns, missing, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns))
    X[rng.uniform(size=X.shape) < missing] = np.nan
    return X


@settings(deadline=None, max_examples=100)
@given(
    n_rows=st.integers(1, 12),
    n_columns=st.integers(1, 12),
    missing=st.floats(0, 1),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**16),
)
def test_properties(n_rows, n_columns, missing, fraction, seed):
    X = _table(n_rows, n_columns, missing, seed)
    observed = ~np.isnan(X)
    before = X.copy()
    try:
        X_hidden, hidden = hide_entries(X, fraction, random_state=seed)
    except ValueError as exc:
        assert "at most" in str(exc)  # noqa: PT017 - both outcomes are right
        return
    np.testing.assert_array_equal(X, before)
    assert hidden.sum() == round(fraction * observed.sum())
    assert np.all(observed[hidden])
    np.testing.assert_array_equal(np.isnan(X_hidden), ~observed | hidden)
    np.testing.assert_array_equal(X_hidden[observed & ~hidden], X[observed & ~hidden])
    left = observed & ~hidden
    np.testing.assert_array_equal(left.any(axis=0), observed.any(axis=0))
    np.testing.assert_array_equal(left.any(axis=1), observed.any(axis=1))


def test_uniform_where_nothing_can_be_emptied():
    X = np.ones((20, 30))
    counts = sum(hide_entries(X, 0.2, random_state=seed)[1].astype(int) for seed in range(400))
    # 400 draws with probability 0.2: mean 80, standard deviation 8.
    assert counts.mean() == 80
    assert np.abs(counts - 80).max() < 5 * 8


def test_too_many():
    with pytest.raises(ValueError, match=r"Cannot hide 4 of 4 .* at most 2 can be hidden"):
        hide_entries(np.ones((2, 2)), 0.9, random_state=0)


def test_only_entry_of_its_row_and_column_stays():
    X = np.diag([1.0, 2.0, 3.0])
    X[X == 0] = np.nan
    with pytest.raises(ValueError, match="at most 0"):
        hide_entries(X, 0.5)


def test_containers():
    X = make_low_rank(20, 10, rank=2, random_state=0).X
    expected, hidden = hide_entries(X, random_state=0)
    masked = np.ma.MaskedArray(np.nan_to_num(X, nan=9e9), mask=np.isnan(X))
    for data in X.tolist(), masked:
        result, same = hide_entries(data, random_state=0)
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(same, hidden)
    assert hide_entries(X.astype(np.float32))[0].dtype == np.float32


def test_integers_become_floats():
    X_hidden, hidden = hide_entries(np.arange(20).reshape(4, 5), random_state=0)
    assert X_hidden.dtype == np.float64
    assert np.isnan(X_hidden).sum() == hidden.sum() == 4


def test_masked_integers():
    X = np.ma.MaskedArray(np.arange(20).reshape(4, 5), mask=np.arange(20).reshape(4, 5) == 7)
    X_hidden, hidden = hide_entries(X, random_state=0)
    assert np.isnan(X_hidden[1, 2])
    assert not hidden[1, 2]


def test_data_frame():
    pd = pytest.importorskip("pandas")
    X = make_low_rank(20, 10, rank=2, random_state=0).X
    frame = pd.DataFrame(X).astype("Float64")
    expected = hide_entries(X, random_state=0)
    for one, other in zip(hide_entries(frame, random_state=0), expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2, "half"])
def test_bad_fraction(fraction):
    with pytest.raises(ValueError, match="'fraction' parameter"):
        hide_entries(np.ones((3, 3)), fraction)


def test_bad_data():
    with pytest.raises(ValueError, match="infinity"):
        hide_entries([[1.0, np.inf], [2.0, 3.0]])
    with pytest.raises(TypeError, match="got a sparse X"):
        hide_entries(sparse.csr_array((3, 3)))


def test_frames_stay_frames():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), index=list("abcd"), columns=list("xyz"))
    hidden_frame, hidden = hide_entries(frame, 0.25, random_state=0)
    expected, same = hide_entries(frame.to_numpy(), 0.25, random_state=0)
    pd.testing.assert_frame_equal(hidden_frame, pd.DataFrame(expected, frame.index, frame.columns))
    np.testing.assert_array_equal(hidden, same)
    assert not frame.isna().any(axis=None)
